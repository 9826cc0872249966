"""DescribeCallbackRecordsList: what was told to whom, and what they answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.dialect import Action, Caller
from engine.api.faults import invalid_value
from engine.api.paging import pages
from engine.api.services import Services
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.times import AnyTime, WrittenTime
from engine.api.values import Integer, Text, within
from engine.catalog import outbox
from engine.catalog.outbox import CallbackQuery
from engine.catalog.schema import Callback, CallbackAttempt

_LONGEST = timedelta(days=1)
_KEPT = timedelta(days=14)
_MOST = 10_000  # of a day, for a caller that may not see all of them
_UNANSWERED = -1


class CallbackRecordsList(Parameters):
    """`result_code` of 0 is what was delivered, any other what was not."""

    start_time: AnyTime
    end_time: AnyTime
    stream_name: Text = ""
    page_num: Annotated[Integer, within(1, 2**31)] = 1
    page_size: Annotated[Integer, within(1, 100)] = 20
    event_type: Integer | None = None
    result_code: Integer | None = None


class CallbackRecords:
    """The action."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [Action("DescribeCallbackRecordsList", CallbackRecordsList, self.describe)]

    async def describe(self, asked: CallbackRecordsList, caller: Caller) -> Mapping[str, object]:
        """A page of messages, the youngest first, each with its last attempt."""
        start, end = asked.start_time.at, asked.end_time.at
        if end <= start:
            raise invalid_value("EndTime", "must be later than StartTime")
        if end - start > _LONGEST:
            raise invalid_value("EndTime", "may be a day after StartTime")
        if start < self._services.now() - _KEPT:
            raise invalid_value("StartTime", "may be 14 days ago")
        first = (asked.page_num - 1) * asked.page_size
        async with self._services.catalog.read() as session:
            if caller.may_all:
                page, total = await outbox.page(session, query(asked, first, asked.page_size))
            else:
                found, _ = await outbox.page(session, query(asked, 0, _MOST))
                seen = [callback for callback in found if caller.may(callback.domain)]
                page, total = seen[first : first + asked.page_size], len(seen)
            shown = [await self._shown(session, callback, asked.start_time) for callback in page]
        return {
            "DataInfoList": shown,
            "PageNum": asked.page_num,
            "PageSize": asked.page_size,
            "TotalNum": total,
            "TotalPage": pages(total, asked.page_size),
        }

    async def _shown(
        self, session: AsyncSession, callback: Callback, written: WrittenTime
    ) -> dict[str, object]:
        attempts = await outbox.attempts(session, callback.id)
        return _info(callback, attempts[-1] if attempts else None, written)


def query(asked: CallbackRecordsList, offset: int, limit: int) -> CallbackQuery:
    """What the catalog is asked."""
    states = {None: (), 0: ("delivered",)}.get(asked.result_code, ("waiting", "failed"))
    return CallbackQuery(
        vendor="tencent",
        stream=asked.stream_name,
        states=states,
        events=() if asked.event_type is None else (str(asked.event_type),),
        created_after=asked.start_time.at,
        created_before=asked.end_time.at,
        offset=offset,
        limit=limit,
    )


def _info(callback: Callback, last: CallbackAttempt | None, written: WrittenTime) -> dict[str, object]:
    answered_at = written.text(last.at + timedelta(milliseconds=last.took_ms)) if last else ""
    return {
        "EventTime": written.text(callback.created_at),
        "EventType": int(callback.event),
        "Request": last.body if last else json.dumps(callback.message, ensure_ascii=False),
        "Response": last.answer if last else "",
        "ResponseTime": answered_at,
        "ResultCode": _result(callback, last),
        "StreamId": callback.stream,
    }


def _result(callback: Callback, last: CallbackAttempt | None) -> int:
    if callback.state == "delivered":
        return 0
    return _UNANSWERED if last is None or last.status is None else last.status
