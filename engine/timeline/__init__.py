"""Wire timestamps to media time: unwrap, repair, discontinuities, and media that comes twice. Pure."""

from engine.timeline.clock import Timeline
from engine.timeline.memory import Memory
from engine.timeline.rejoin import Fresh, Joined, Rejoin
from engine.timeline.repair import Repair, What

__all__ = ["Fresh", "Joined", "Memory", "Rejoin", "Repair", "Timeline", "What"]
