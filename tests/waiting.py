"""Waiting for what must come to pass, however busy the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

GIVE_UP_S = 90


async def until(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(GIVE_UP_S):
        while not holds():
            await asyncio.sleep(0.05)
