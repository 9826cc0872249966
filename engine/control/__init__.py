"""Control: which streams are recorded, when and how. Knows no HTTP."""

from engine.control.control import Control
from engine.control.orders import Group, settings_groups
from engine.control.quotas import Quotas
from engine.control.streams import Routes, StreamKey
from engine.control.surroundings import Accepted, AskOnDemand, Drop, Messages
from engine.control.windows import TaskOrder

__all__ = [
    "Accepted",
    "AskOnDemand",
    "Control",
    "Drop",
    "Group",
    "Messages",
    "Quotas",
    "Routes",
    "StreamKey",
    "TaskOrder",
    "settings_groups",
]
