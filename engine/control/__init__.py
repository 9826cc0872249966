"""Control: which streams are recorded, when and how. Knows no HTTP."""

from engine.control.control import Control
from engine.control.quotas import Quotas
from engine.control.streams import Routes, StreamKey
from engine.control.surroundings import Accepted, AskOnDemand, Drop, Messages
from engine.control.windows import TaskOrder

__all__ = [
    "Accepted",
    "AskOnDemand",
    "Control",
    "Drop",
    "Messages",
    "Quotas",
    "Routes",
    "StreamKey",
    "TaskOrder",
]
