"""The `/v1` interface: JSON over HTTP, for operators and their scripts."""

from engine.api.v1.application import add_v1
from engine.api.v1.status import ServerFacts

__all__ = ["ServerFacts", "add_v1"]
