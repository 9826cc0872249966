"""Wire timestamps to media time: unwrap, repair, discontinuities, and media that comes twice. Pure."""

from engine.timeline.clock import Timeline
from engine.timeline.repair import Repair, What

__all__ = ["Repair", "Timeline", "What"]
