"""Signed messages of what was recorded, delivered from the outbox of the catalog."""

from engine.notify.delivery import Delivery, Schedule, replay
from engine.notify.messages import Messages
from engine.notify.on_demand import OnDemand

__all__ = ["Delivery", "Messages", "OnDemand", "Schedule", "replay"]
