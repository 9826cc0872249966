"""How much may be ordered. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotas:
    """The vendor's limits; 0 is none."""

    daily: int = 4000
    """Scheduled tasks created in one China-time day, those that were deleted not counted."""
    running: int = 400
    """Scheduled tasks in their window at the same moment."""
    per_stream: int = 3
    """Tasks of CreateRecordTask that record one stream at once; later ones wait for an earlier one's end."""
    templates: int = 50
    rules: int = 50
