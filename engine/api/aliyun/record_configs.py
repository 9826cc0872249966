"""Recording configurations: what is recorded of a domain, an app or a stream, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.aliyun.faults import config_exists, malformed, missing, no_config
from engine.api.aliyun.parameters import Parameters
from engine.api.aliyun.record_members import AddConfig, UpdateConfig, described, stored_formats
from engine.api.aliyun.values import Domain, Order, PageNumber, PageSize, Pattern
from engine.api.dialect import Action, Caller
from engine.api.paging import pages
from engine.api.services import Services
from engine.catalog import aliyun
from engine.catalog.aliyun import ANY
from engine.catalog.schema import AliyunRecordConfig

_LONGEST = timedelta(days=7)


class OneConfig(Parameters):
    """The configuration of exactly these."""

    domain_name: Domain
    app_name: Pattern
    stream_name: Pattern = ANY


class Configs(Parameters):
    """A domain's, or those of exactly an app and a stream."""

    domain_name: Domain
    app_name: Pattern | None = None
    stream_name: Pattern | None = None
    page_num: PageNumber = 1
    page_size: PageSize = 10
    order: Order = "asc"


class RecordConfigs:
    """The four actions. Changes count for pushes that begin later."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("AddLiveAppRecordConfig", AddConfig, self.add, 30),
            Action("UpdateLiveAppRecordConfig", UpdateConfig, self.update, 30),
            Action("DeleteLiveAppRecordConfig", OneConfig, self.delete, 30),
            Action("DescribeLiveRecordConfig", Configs, self.describe, 30),
        ]

    async def add(self, asked: AddConfig, caller: Caller) -> Mapping[str, object]:
        """One for each domain, app and stream."""
        caller.check_domain(asked.domain_name)
        if asked.app_name == ANY and asked.stream_name != ANY:
            raise malformed("StreamName", "must be * where AppName is")
        if not asked.record_format and not asked.transcode_record_format:
            raise missing("RecordFormat")
        now = self._services.now()
        start_at, end_at = window(asked.stream_name, asked.start_time, asked.end_time, now)
        config = AliyunRecordConfig(
            domain=asked.domain_name,
            app=asked.app_name,
            stream=asked.stream_name,
            oss_endpoint=asked.oss_endpoint,
            oss_bucket=asked.oss_bucket,
            on_demand=asked.on_demand,
            delay_s=asked.delay_time,
            start_at=start_at,
            end_at=end_at,
            formats=stored_formats("RecordFormat", asked.record_format, ()),
            transcode_templates=list(asked.transcode_templates),
            transcode_formats=stored_formats("TranscodeRecordFormat", asked.transcode_record_format, ()),
            created_at=now,
            updated_at=now,
            request_id=caller.request_id,
        )
        try:
            async with self._services.catalog.begin() as session:
                await aliyun.add_config(session, config)
        except IntegrityError:
            raise config_exists(_called(config)) from None
        return {}

    async def update(self, asked: UpdateConfig, caller: Caller) -> Mapping[str, object]:
        """Members that are absent keep their value; a list of formats that is given is all there are."""
        caller.check_domain(asked.domain_name)
        given = asked.model_fields_set
        now = self._services.now()
        async with self._services.catalog.begin() as session:
            config = await _found(session, asked)
            config.oss_endpoint = asked.oss_endpoint
            if "on_demand" in given:
                config.on_demand = asked.on_demand
            if "delay_time" in given:
                config.delay_s = asked.delay_time
            if given & {"start_time", "end_time"}:
                start_at, end_at = asked.start_time or config.start_at, asked.end_time or config.end_at
                config.start_at, config.end_at = window(config.stream, start_at, end_at, now)
            if "record_format" in given:
                config.formats = stored_formats("RecordFormat", asked.record_format, config.formats)
            if "transcode_record_format" in given:
                config.transcode_formats = stored_formats(
                    "TranscodeRecordFormat", asked.transcode_record_format, config.transcode_formats
                )
            if "transcode_templates" in given:
                config.transcode_templates = list(asked.transcode_templates)
            config.updated_at = now
        return {}

    async def delete(self, asked: OneConfig, caller: Caller) -> Mapping[str, object]:
        """What is recorded by it goes on to the end of its push."""
        caller.check_domain(asked.domain_name)
        async with self._services.catalog.begin() as session:
            await aliyun.remove_config(session, await _found(session, asked))
        return {}

    async def describe(self, asked: Configs, caller: Caller) -> Mapping[str, object]:
        """A page of them, by creation."""
        caller.check_domain(asked.domain_name)
        async with self._services.catalog.read() as session:
            found, total = await aliyun.configs(
                session,
                asked.domain_name,
                asked.app_name,
                asked.stream_name,
                order=cast("Literal['asc', 'desc']", asked.order),
                offset=(asked.page_num - 1) * asked.page_size,
                limit=asked.page_size,
            )
        return {
            "Order": asked.order,
            "PageNum": asked.page_num,
            "PageSize": asked.page_size,
            "TotalNum": total,
            "TotalPage": pages(total, asked.page_size),
            "LiveAppRecordList": {"LiveAppRecord": [described(config) for config in found]},
        }


def window(
    stream: str, start_at: datetime | None, end_at: datetime | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """When a configuration records: always, or in a window of seven days at most, which is cut to that. Only
    a configuration of one stream has one.

    Raises:
        ApiFault: it ends before it begins.
    """
    if stream == ANY or (start_at is None and end_at is None):
        return None, None
    begins_at = start_at or now
    if end_at is not None and end_at <= begins_at and start_at is not None:
        raise malformed("EndTime", "must be later than StartTime")
    last = begins_at + _LONGEST
    return start_at, last if end_at is None else min(end_at, last)


async def _found(session: AsyncSession, asked: OneConfig | UpdateConfig) -> AliyunRecordConfig:
    config = await aliyun.config(session, asked.domain_name, asked.app_name, asked.stream_name)
    if config is None:
        raise no_config(f"{asked.domain_name}/{asked.app_name}/{asked.stream_name}")
    return config


def _called(config: AliyunRecordConfig) -> str:
    return f"{config.domain}/{config.app}/{config.stream}"
