"""`reel serve`: API, control, workers and the embedded origin, wired together."""

from engine.serve.server import Serving, serve
from engine.serve.summary import summary

__all__ = ["Serving", "serve", "summary"]
