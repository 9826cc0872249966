"""A stage for each test, on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from api.tencent.stage import Stage, staged
from control.house import House


@pytest_asyncio.fixture
async def stage(house: House) -> AsyncIterator[Stage]:
    async with staged(house) as stage:
        yield stage
