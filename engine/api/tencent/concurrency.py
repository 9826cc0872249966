"""DescribeConcurrentRecordStreamNum: how many streams were recorded at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from engine.api.dialect import Action, Caller
from engine.api.faults import invalid_value
from engine.api.services import Services
from engine.api.tencent.names import Domain
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.times import AnyTime
from engine.api.values import Text, at_most, one_of
from engine.catalog import recordings
from engine.catalog.recordings import Span

_STEP = timedelta(minutes=5)
_LONGEST = timedelta(days=31)
_ORDINARY = "NormalLive"


class ConcurrentRecordings(Parameters):
    """Nothing here is slow live, and all of it is in one place."""

    live_type: Annotated[Text, one_of(_ORDINARY, "SlowLive")]
    start_time: AnyTime
    end_time: AnyTime
    mainland_or_oversea: Annotated[Text, one_of("Mainland", "Oversea")] = ""
    push_domains: Annotated[tuple[Domain, ...], at_most(100)] = ()


class Concurrency:
    """The action."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [Action("DescribeConcurrentRecordStreamNum", ConcurrentRecordings, self.describe, 200)]

    async def describe(self, asked: ConcurrentRecordings, caller: Caller) -> Mapping[str, object]:
        """A number for each five minutes, both ends included; a stream that is recorded twice counts once."""
        start, end = asked.start_time.at, asked.end_time.at
        if end <= start:
            raise invalid_value("EndTime", "must be later than StartTime")
        if end - start > _LONGEST:
            raise invalid_value("EndTime", "may be 31 days after StartTime")
        for domain in asked.push_domains:
            caller.check_domain(domain)
        async with self._services.catalog.read() as session:
            found = await recordings.spans(session, start, end)
        counted = [
            span
            for span in found
            if asked.live_type == _ORDINARY
            and caller.may(span.domain)
            and (not asked.push_domains or span.domain in asked.push_domains)
        ]
        last = min(end, self._services.now())
        return {
            "DataInfoList": [
                {"Time": asked.start_time.text(at), "Num": number}
                for at, number in concurrent(counted, start, last)
            ]
        }


def concurrent(spans: Sequence[Span], start: datetime, last: datetime) -> Iterator[tuple[datetime, int]]:
    """How many streams were being recorded, every five minutes from `start` to `last`."""
    waiting = sorted(spans, key=lambda span: span.began_at, reverse=True)
    running: list[Span] = []
    at = start
    while at <= last:
        while waiting and waiting[-1].began_at <= at:
            running.append(waiting.pop())
        running = [span for span in running if span.ended_at is None or span.ended_at > at]
        yield at, len({(span.domain, span.app, span.stream) for span in running})
        at += _STEP
