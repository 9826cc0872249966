"""From the embedded origin's publishers to control, in order."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from engine.api.hooks import push_domain
from engine.control.control import Control
from engine.control.streams import StreamKey
from engine.errors import CatalogUnavailable
from engine.origin import Push, PushEnd
from engine.serve.patience import Patience

_log = structlog.get_logger()


class EmbeddedPushes:
    """Hears of pushes at once, and hands them on when control has time. An `engine.origin.PushWatch`.

    Args:
        domain: The push domain of publishers that name none.
        patience: For a database that does not answer.
    """

    def __init__(self, domain: str, patience: Patience) -> None:
        self._domain = domain
        self._patience = patience
        self._heard: asyncio.Queue[tuple[Push, PushEnd | None]] = asyncio.Queue()

    def began(self, push: Push) -> None:
        """As `PushWatch.began`."""
        self._heard.put_nowait((push, None))

    def ended(self, push: Push, end: PushEnd) -> None:
        """As `PushWatch.ended`."""
        self._heard.put_nowait((push, end))

    async def hand_on(self, control: Control) -> None:
        """Tell control, until cancelled. What control cannot take is logged, and lost.

        Raises:
            CatalogFailed: nothing can be stored any more.
        """
        while True:
            push, end = await self._heard.get()
            app, _, stream = push.path.rpartition("/")
            key = StreamKey(push_domain(push.params, push.host, self._domain), app, stream)
            if end is None:
                tell = partial(control.push_began, key, params=push.params, client_ip=push.client_ip)
            else:
                tell = partial(control.push_ended, key, code=int(end))
            try:
                await self._patience.store(tell)
            except CatalogUnavailable:
                raise
            except Exception:  # the pushes behind it are to be heard of
                _log.exception("push.lost", stream=str(key), began=end is None)
