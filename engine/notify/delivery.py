"""Delivers the outbox: each message until its receiver has it, or was asked as often as its vendor asks.

A message's row says when it is due, so that a new process goes on where the last one was ended. An attempt
has its row before it is made: one that was cut off leaves a trace, and is made again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, Self

import structlog

from engine.catalog import Catalog, outbox
from engine.catalog.schema import Callback, CallbackAttempt
from engine.clock import wall_now
from engine.errors import CatalogFailed, CatalogUnavailable, InternalError, UnknownCallback
from engine.notify.receivers import Outcome, Receivers
from engine.notify.requests import request_of

CUT_OFF = "cut off: the server was ended"
"""What an attempt says until its outcome is known."""

_POLL_S = 0.5  # new messages are found by looking, whoever wrote them
_CLOSE_S = 2.0  # what is under way when the server stops has as long to end
_ANSWER_BYTES = 4096  # of an answer are kept

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often and how long a vendor tries."""

    retry_s: float
    retries: int
    """After the first attempt."""
    timeout_s: float
    private_addresses: bool = True
    """Whether loopback and private addresses may be told."""


SCHEDULES: Mapping[str, Schedule] = {
    "tencent": Schedule(retry_s=60, retries=12, timeout_s=20),
    "aliyun": Schedule(retry_s=1, retries=5, timeout_s=5),
}
"""The vendors' own."""


class Delivery:
    """An async context manager: it delivers while the block lasts.

    Args:
        schedules: By vendor, in place of the vendor's own.
        in_flight: How many messages are under way at most.
        in_flight_per_receiver: How many of them to one host and port: a slow one holds up no other.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        schedules: Mapping[str, Schedule] | None = None,
        in_flight: int = 64,
        in_flight_per_receiver: int = 8,
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._catalog = catalog
        self._schedules = {**SCHEDULES, **(schedules or {})}
        self._most = in_flight
        self._most_per_receiver = in_flight_per_receiver
        self._now = now
        self._receivers = Receivers()
        self._woken = asyncio.Event()
        self._under_way: dict[int, Callback] = {}
        self._load: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._receivers.__aenter__()
        self._looking = asyncio.create_task(self._look(), name="callback delivery")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._receivers.__aexit__()

    async def wait_failed(self) -> NoReturn:
        """Wait until nothing is looked for any more.

        Raises:
            CatalogFailed: the outbox can be read no longer.
            Exception: a defect.
        """
        await asyncio.shield(self._looking)
        raise InternalError("the delivery of callbacks ended")

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken.set()

    async def replay(self, id: int) -> None:
        """As `replay`, at once."""
        await replay(self._catalog, id, self._now())
        self.wake()

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._take_due()
            except CatalogFailed:
                raise
            except CatalogUnavailable:
                pass  # the catalog says so, and is looked at again
            except Exception:  # the database may come back
                _log.exception("outbox.read_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._woken.wait()

    async def _take_due(self) -> None:
        """Begin what is due, as far as there is room for it and for its receiver.

        Each turn begins something or finds another URL whose receiver has no room.
        """
        full = {
            one.url
            for one in self._under_way.values()
            if self._load[_receiver(one.url)] >= self._most_per_receiver
        }
        while (room := self._most - len(self._under_way)) > 0:
            async with self._catalog.read() as session:
                found = await outbox.due(
                    session, self._now(), limit=room, besides=self._under_way, besides_urls=full
                )
            if not found:
                return
            for callback in found:
                if self._load[_receiver(callback.url)] >= self._most_per_receiver:
                    full.add(callback.url)
                else:
                    self._begin(callback)

    def _begin(self, callback: Callback) -> None:
        self._under_way[callback.id] = callback
        self._load[_receiver(callback.url)] += 1
        task = asyncio.create_task(self._deliver(callback), name=f"callback {callback.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, callback: Callback) -> None:
        schedule = self._schedules[callback.vendor]
        try:
            await self._attempt(callback, schedule)
        except CatalogUnavailable:  # the catalog says so; it stays due
            await asyncio.sleep(schedule.retry_s)
        except Exception:  # it stays due, and its receiver is not to be asked again and again
            _log.exception("callback.store_failed", callback=callback.id)
            await asyncio.sleep(schedule.retry_s)
        finally:
            del self._under_way[callback.id]
            self._load[_receiver(callback.url)] -= 1
            self.wake()

    async def _attempt(self, callback: Callback, schedule: Schedule) -> None:
        now = self._now()
        headers, body = request_of(callback, now)
        attempt = CallbackAttempt(
            callback_id=callback.id,
            at=now,
            took_ms=0,
            status=None,
            answer="",
            error=CUT_OFF,
            headers=headers,
            body=body,
        )
        async with self._catalog.begin() as session:
            await outbox.add_attempt(session, attempt)
        outcome = await self._receivers.exchange(
            "POST",
            callback.url,
            headers=headers,
            body=body.encode(),
            timeout_s=schedule.timeout_s,
            most_bytes=_ANSWER_BYTES,
            private_addresses=schedule.private_addresses,
        )
        await self._store(attempt.id, outcome, schedule)

    async def _store(self, attempt_id: int, outcome: Outcome, schedule: Schedule) -> None:
        now = self._now()
        async with self._catalog.begin() as session:
            attempt = await session.get_one(CallbackAttempt, attempt_id)
            attempt.took_ms, attempt.status = outcome.took_ms, outcome.status
            attempt.answer, attempt.error = _text(outcome.answer), outcome.error
            callback = await session.get_one(Callback, attempt.callback_id)
            callback.attempts += 1
            if outcome.is_ok:
                callback.state, callback.delivered_at = "delivered", now
            elif callback.attempts > schedule.retries:
                callback.state = "failed"
            else:
                callback.next_at = now + timedelta(seconds=schedule.retry_s)
        _log_attempt(callback, outcome)


def _log_attempt(callback: Callback, outcome: Outcome) -> None:
    """Its URL is left out: it may hold a secret of the receiver's."""
    log = _log.bind(
        callback=callback.id,
        vendor=callback.vendor,
        kind=callback.event,
        receiver=_receiver(callback.url),
        attempt=callback.attempts,
        status=outcome.status,
        took_ms=outcome.took_ms,
        **callback.subject,
    )
    if callback.state == "delivered":
        log.info("callback.delivered")
    elif callback.state == "failed":
        log.warning("callback.abandoned", error=outcome.error)
    else:
        log.warning("callback.attempt_failed", error=outcome.error, next_at=callback.next_at.isoformat())


async def replay(catalog: Catalog, id: int, now: datetime) -> None:
    """Have a message delivered again, whatever became of it: it is due now, and all attempts are before it.

    Raises:
        UnknownCallback: there is none of that id.
    """
    async with catalog.begin() as session:
        callback = await outbox.get(session, id)
        if callback is None:
            raise UnknownCallback(f"there is no callback {id}")
        callback.state, callback.attempts, callback.next_at = "waiting", 0, now


def _receiver(url: str) -> str:
    """The host and port of a URL, whatever else is wrong with it."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].lower()


def _text(answer: bytes) -> str:
    return answer.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
