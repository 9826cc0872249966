"""A process that delivers an outbox until it is killed: `python deliver.py URL RETRY_S`."""

from __future__ import annotations

import asyncio
import sys

from engine.catalog import Catalog
from engine.notify import Delivery, Schedule


async def main(url: str, retry_s: float) -> None:
    schedule = Schedule(retry_s=retry_s, retries=3, timeout_s=60)
    async with Catalog(url) as catalog, Delivery(catalog, schedules={"tencent": schedule}):
        await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
