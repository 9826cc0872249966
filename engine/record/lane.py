"""What a recording needs of the thread that writes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Lane(Protocol):
    """A recording's place on a writer thread: work is done in the order it is put."""

    @property
    def is_full(self) -> bool:
        """More is put and not yet written than this recording, or its worker, may hold."""

    @property
    def queued_bytes(self) -> int:
        """Media of this recording that is put and not yet written."""

    def put(self, work: Callable[[], None], size_bytes: int = 0) -> None:
        """Have `work` done on the writer thread."""

    async def drain(self) -> None:
        """Wait until everything put so far is done."""
