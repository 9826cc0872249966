"""The embedded RTMP and HTTP-FLV origin: the default when no other is configured."""

from engine.origin.limits import OriginLimits
from engine.origin.pushes import Push, PushEnd, PushWatch
from engine.origin.server import Origin

__all__ = ["Origin", "OriginLimits", "Push", "PushEnd", "PushWatch"]
