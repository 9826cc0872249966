"""`reel serve`: API, control, workers and the embedded origin, wired together."""
