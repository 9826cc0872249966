"""Asks a domain's OnDemandUrl whether a push is to be recorded, and how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

import structlog
from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError
from pydantic.alias_generators import to_pascal
from yarl import URL

from engine.catalog import Catalog
from engine.catalog import aliyun as configs
from engine.catalog.schema import AliyunRecordConfig
from engine.clock import wall_now
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.notify.receivers import Receivers
from engine.notify.signing import aliyun_headers

ANSWER_BYTES = 2048
"""A longer answer is cut, and then is none."""

_log = structlog.get_logger()

_LEAST_S, _MOST_S = 5, 21600


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    need_record: StrictBool
    interval: dict[str, Any] | None = None
    format: list[str] | None = None


class OnDemand:
    """Control's `AskOnDemand`; an async context manager.

    No answer in time, another status than 200 and what is not an answer are a no.
    The codec and the bit rate are not known when a push begins: receivers are told H.264 and 0.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        timeout_s: float = 5,
        private_addresses: bool = True,
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._catalog = catalog
        self._timeout_s = timeout_s
        self._private_addresses = private_addresses
        self._now = now
        self._receivers = Receivers()

    async def __aenter__(self) -> Self:
        await self._receivers.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._receivers.__aexit__()

    async def __call__(self, key: StreamKey, config: AliyunRecordConfig) -> Accepted | None:
        """None: it is not to be recorded."""
        async with self._catalog.read() as session:
            notify = await configs.notify(session, key.domain)
        if notify is None or not notify.on_demand_url:
            return None
        auth_key = notify.auth_key if notify.needs_auth else ""
        outcome = await self._receivers.exchange(
            "GET",
            question(notify.on_demand_url, key),
            headers=aliyun_headers(notify.on_demand_url, auth_key, self._now()),
            timeout_s=self._timeout_s,
            most_bytes=ANSWER_BYTES,
            private_addresses=self._private_addresses,
        )
        accepted = read_answer(outcome.answer) if outcome.is_ok else None
        _log.info(
            "on_demand.asked",
            stream=str(key),
            status=outcome.status,
            error=outcome.error,
            accepted=accepted is not None,
        )
        return accepted


def question(url: str, key: StreamKey) -> str:
    """What is asked: the OnDemandUrl with the stream in its query."""
    stream = {"app": key.app, "domain": key.domain, "stream": key.stream}
    return str(URL(url).update_query({**stream, "vbitrate": "0", "codec": "h264"}))


def read_answer(body: bytes) -> Accepted | None:
    """What was answered. None: no, or it cannot be read. An interval out of bounds says nothing."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        _log.info("on_demand.answer_rejected", error=str(error))
        return None
    if not answer.need_record:
        return None
    return Accepted(
        intervals={
            format.lower(): seconds
            for format, seconds in (answer.interval or {}).items()
            if type(seconds) is int and _LEAST_S <= seconds <= _MOST_S
        },
        formats=None if answer.format is None else frozenset(format.lower() for format in answer.format),
    )
