"""The five signatures, each a pure function of what was received, a secret and the time."""
