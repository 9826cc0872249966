"""Signed messages of what was recorded, delivered from the outbox of the catalog."""

from engine.notify.messages import Messages

__all__ = ["Messages"]
