"""An origin without hooks is asked: is somebody publishing what tasks and rules name?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from engine.control.control import Control
from engine.control.streams import Routes, StreamKey
from engine.errors import CatalogFailed, CatalogUnavailable, ReelError
from engine.ingest import SourceOptions, open_source

_log = structlog.get_logger()

_AT_ONCE = 16
_PATIENCE_S = 5.0


async def poll(
    control: Control,
    routes: Routes,
    wanted: Callable[[], Awaitable[Collection[StreamKey]]],
    period_s: float,
) -> None:
    """Asks for each wanted stream again and again, until it is cancelled. Streams that are being recorded
    are not asked for: their recording says when they end.

    Raises:
        CatalogFailed: nothing can be stored any more.
    """
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def look_at(key: StreamKey) -> None:
        async with at_once:
            is_live = await _is_live(routes.url(key, mixed=False))
        if is_live:
            await control.push_began(key, source="poll")
        elif control.is_live(key):
            await control.push_ended(key)

    while True:
        try:
            await asyncio.gather(*(look_at(key) for key in await wanted()))
        except CatalogFailed:
            raise
        except CatalogUnavailable:
            pass  # the catalog says so
        except Exception:  # the next round may go better
            _log.exception("poll.failed")
        await asyncio.sleep(period_s)


async def _is_live(url: str) -> bool:
    """Whether the origin gives out media under a URL."""
    source = open_source(url, SourceOptions())
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await source.open()
            while (batch := await source.read()) is not None:
                if len(batch):
                    return True
    except (ReelError, TimeoutError):
        return False
    finally:
        source.close()
    return False
