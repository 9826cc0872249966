"""A fleet: recordings placed on workers, and kept going when one dies."""

from engine.fleet.fleet import Fleet, OnEvent, WorkerStatus
from engine.fleet.local import LocalFleet

__all__ = ["Fleet", "LocalFleet", "OnEvent", "WorkerStatus"]
