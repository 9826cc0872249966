"""`reel serve`: API, control, workers and the embedded origin, wired together."""

from engine.serve.server import serve

__all__ = ["serve"]
