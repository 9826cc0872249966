"""DescribeLiveRecordNotifyRecords: what was told to whom, and what they answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.aliyun.faults import malformed
from engine.api.aliyun.parameters import Parameters
from engine.api.aliyun.values import Domain, IsoTime, Name
from engine.api.dialect import Action, Caller
from engine.api.paging import pages
from engine.api.services import Services
from engine.api.values import Integer, Text, one_of, within
from engine.catalog import outbox
from engine.catalog.outbox import CallbackQuery
from engine.catalog.schema import Callback
from engine.media.civil_time import iso_text

_STORAGE = "oss"
_STATES = {"": (), "success": ("delivered",), "failed": ("waiting", "failed")}


class NotifyRecordsList(Parameters):
    """A page of a domain's notices of a time."""

    domain_name: Domain
    start_time: IsoTime
    end_time: IsoTime
    page_number: Annotated[Integer, within(1, 100_000)]
    page_size: Annotated[Integer, within(1, 500)]
    app_name: Name | None = None
    stream_name: Name | None = None
    status: Annotated[Text, one_of("success", "failed")] = ""
    storage_type: Annotated[Text, one_of(_STORAGE, "vod", "all")] = "all"


class NotifyRecords:
    """The action."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [Action("DescribeLiveRecordNotifyRecords", NotifyRecordsList, self.describe, 50)]

    async def describe(self, asked: NotifyRecordsList, caller: Caller) -> Mapping[str, object]:
        """Notices that were sent, the youngest first, each as it was sent last. None is of VOD."""
        caller.check_domain(asked.domain_name)
        if asked.end_time <= asked.start_time:
            raise malformed("EndTime", "must be later than StartTime")
        shown: list[dict[str, object]] = []
        total = 0
        if asked.storage_type != "vod":
            async with self._services.catalog.read() as session:
                found, total = await outbox.page(session, _query(asked))
                shown = [await _shown(session, callback) for callback in found]
        return {
            "CallbackList": shown,
            "Code": 200,
            "Msg": "success",
            "PageNum": asked.page_number,
            "PageSize": asked.page_size,
            "TotalNum": total,
            "TotalPage": pages(total, asked.page_size),
        }


def _query(asked: NotifyRecordsList) -> CallbackQuery:
    return CallbackQuery(
        vendor="aliyun",
        domain=asked.domain_name,
        app=asked.app_name or "",
        stream=asked.stream_name or "",
        states=_STATES[asked.status],
        is_tried=True,
        created_after=asked.start_time,
        created_before=asked.end_time,
        offset=(asked.page_number - 1) * asked.page_size,
        limit=asked.page_size,
    )


async def _shown(session: AsyncSession, callback: Callback) -> dict[str, object]:
    last = (await outbox.attempts(session, callback.id))[-1]
    is_delivered = callback.state == "delivered"
    return {
        "NotifyType": callback.event,
        "NotifyUrl": callback.url,
        "NotifyContent": last.body,
        "NotifyHeader": json.dumps(last.headers),
        "NotifyResponse": last.answer,
        "NotifyResult": "success" if is_delivered else "failed",
        "NotifyTime": iso_text(last.at),
        "Description": "success" if is_delivered else last.error or f"HTTP status {last.status}",
        "StorageType": _STORAGE,
        "DomainName": callback.domain,
        "AppName": callback.app,
        "StreamName": callback.stream,
    }
