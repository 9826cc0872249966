"""`reel serve`: API, control, workers and the embedded origin, wired together."""

from engine.serve.server import Serving, serve

__all__ = ["Serving", "serve"]
