"""What happened, put into the outbox in the transaction that stores it.

Recordings that an Aliyun configuration ordered are told of as Aliyun does, to its domain's NotifyUrl; all
others, and pushes, as Tencent does, to the URLs of the callback template that the stream's rule names. Where
nobody is named, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog import aliyun as configs
from engine.catalog import outbox
from engine.catalog.schema import (
    AliyunNotifyConfig,
    Callback,
    CallbackTemplate,
    File,
    Push,
    Recording,
    Task,
)
from engine.catalog.templates import CALLBACK
from engine.clock import wall_now
from engine.control.log_ids import push_ids, recording_ids
from engine.media.events import Warned
from engine.notify import aliyun, tencent
from engine.notify.exceptions import kind_of

MERGE_S = 120
"""How long exceptions that are equal are counted before they are told."""

_log = structlog.get_logger()


class Messages:
    """Control's `Messages`.

    Args:
        appid: The account number that Tencent's messages carry.
        public_url: The URL that files are served under, without a slash at its end.
        node: The origin's address, as Tencent's push messages name it.
    """

    def __init__(
        self,
        *,
        appid: int,
        public_url: str,
        node: str = "127.0.0.1",
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._appid = appid
        self._public_url = public_url
        self._node = node
        self._now = now

    async def file_finished(
        self, session: AsyncSession, recording: Recording, file: File, task: Task | None, push: Push | None
    ) -> None:
        """A file is final: it is told once, whoever finished it."""
        params = recording.options.get("stream_param", "") if push is None else push.params
        once = f"file:{file.id}"
        if _is_aliyuns(recording):
            config = await configs.notify(session, recording.domain)
            if config is not None:
                message = aliyun.file_notice(file, params)
                await self._to_config(session, config, recording, once, aliyun.FILE, message, file.id)
            return
        template = await CALLBACK.template_for(session, recording.domain, recording.app)
        url = f"{self._public_url}/{quote(file.path)}"
        message = tencent.file_message(self._appid, recording, file, task, url, params)
        await self._to_template(session, template, recording, once, tencent.FILE, message, file_id=file.id)

    async def recording_status(
        self,
        session: AsyncSession,
        recording: Recording,
        what: tencent.Status,
        at: datetime,
    ) -> None:
        """A recording began, broke off, went on or ended."""
        if _is_aliyuns(recording):
            await self._aliyun_status(session, recording, what)
            return
        template = await CALLBACK.template_for(session, recording.domain, recording.app)
        if not _url(template, tencent.STATUS):
            return
        task = None if recording.task_id is None else await session.get(Task, recording.task_id)
        for format in tencent.formats(recording):
            series = f"status:{recording.session_id}:"
            count, _ = await _told(session, recording, series)
            message = tencent.status_message(self._appid, recording, task, format, what, at, count + 1)
            once = f"{series}{count + 1}"
            await self._to_template(session, template, recording, once, tencent.STATUS, message)

    async def push(self, session: AsyncSession, push: Push, began: bool) -> None:
        """A publisher came or left."""
        template = await CALLBACK.template_for(session, push.domain, push.app)
        event = tencent.PUSH_BEGAN if began else tencent.PUSH_ENDED
        message = tencent.push_message(self._appid, self._node, push, began)
        await self._to_template(session, template, push, f"push:{push.id}:{event}", event, message)

    async def exception(self, session: AsyncSession, recording: Recording, warning: Warned) -> None:
        """Something was repaired, left out, or failed without ending the recording.

        What is equal (recording, format and kind) is counted for `MERGE_S` and told once.
        """
        kind = kind_of(warning)
        if kind is None or _is_aliyuns(recording):
            return
        template = await CALLBACK.template_for(session, recording.domain, recording.app)
        if template is None or (template.exception_levels and kind.level not in template.exception_levels):
            return
        for format in tencent.formats(recording) if warning.format is None else (warning.format.value,):
            series = f"exception:{recording.session_id}:{format}:{kind.level}:{kind.type}:"
            count, last = await _told(session, recording, series)
            if last is not None and _is_held_back(last, self._now()):
                occurred = last.message["exception"]
                again = {**occurred, "occurs": occurred["occurs"] + 1}
                last.message = {**last.message, "exception": again}
                continue
            message = tencent.exception_message(
                self._appid, recording, format, kind.level, kind.type, warning.message, warning.at
            )
            once = f"{series}{count + 1}"
            await self._to_template(
                session, template, recording, once, tencent.EXCEPTION, message, wait_s=MERGE_S
            )

    # Aliyun

    async def _aliyun_status(self, session: AsyncSession, recording: Recording, what: tencent.Status) -> None:
        config = await configs.notify(session, recording.domain)
        event = aliyun.STATUS_EVENTS.get(what)
        if config is None or event is None:
            return
        _settle_key(recording, config)
        if not config.need_status:
            return
        # One session may have several recordings, one for each cycle; the stream's state is told once.
        series = f"status:{recording.session_id}:"
        count, last = await _told(session, recording, series)
        if last is not None and last.event == event:
            return
        message = aliyun.status_notice(recording, event)
        await self._to_config(session, config, recording, f"{series}{count + 1}", event, message)

    async def _to_config(
        self,
        session: AsyncSession,
        config: AliyunNotifyConfig,
        recording: Recording,
        once: str,
        event: str,
        message: dict[str, Any],
        file_id: str = "",
    ) -> None:
        key = recording.options.get("notify", {}).get("key", _auth_key(config))
        await self._add(
            session, recording, once, "aliyun", event, config.notify_url, message, key, file_id=file_id
        )

    # Tencent

    async def _to_template(
        self,
        session: AsyncSession,
        template: CallbackTemplate | None,
        of: Recording | Push,
        once: str,
        event: int,
        message: dict[str, Any],
        wait_s: float = 0,
        file_id: str = "",
    ) -> None:
        url = _url(template, event)
        if template is not None and url:
            await self._add(
                session, of, once, "tencent", str(event), url, message, template.key, wait_s, file_id
            )

    async def _add(
        self,
        session: AsyncSession,
        of: Recording | Push,
        once: str,
        vendor: str,
        event: str,
        url: str,
        message: dict[str, Any],
        key: str,
        wait_s: float = 0,
        file_id: str = "",
    ) -> None:
        subject = push_ids(of) if isinstance(of, Push) else recording_ids(of)
        if file_id:
            subject["file"] = file_id
        now = self._now()
        is_new = await outbox.add(
            session,
            Callback(
                once=once,
                vendor=vendor,
                event=event,
                url=url,
                message=message,
                key=key,
                subject=subject,
                domain=of.domain,
                app=of.app,
                stream=of.stream,
                state="waiting",
                attempts=0,
                next_at=now + timedelta(seconds=wait_s),
                created_at=now,
                delivered_at=None,
            ),
        )
        _log.debug("callback.queued" if is_new else "callback.repeated", once=once, kind=event, **subject)


def _is_aliyuns(recording: Recording) -> bool:
    return recording.cause == "aliyun"


def _url(template: CallbackTemplate | None, event: int) -> str:
    """Where an event is told; empty: nowhere."""
    return "" if template is None else template.urls.get(tencent.URLS[event]) or ""


async def _told(session: AsyncSession, of: Recording, series: str) -> tuple[int, Callback | None]:
    return await outbox.series(session, of.domain, of.app, of.stream, series)


def _is_held_back(last: Callback, now: datetime) -> bool:
    """It was never tried, and is not to be yet."""
    return last.state == "waiting" and last.attempts == 0 and last.next_at > now


def _auth_key(config: AliyunNotifyConfig) -> str:
    return config.auth_key if config.needs_auth else ""


def _settle_key(recording: Recording, config: AliyunNotifyConfig) -> None:
    """Keep the key that signs what is told of this push: another one counts from the next push on."""
    if recording.options.get("notify", {}).get("push") != recording.push_id:
        settled = {"push": recording.push_id, "key": _auth_key(config)}
        recording.options = {**recording.options, "notify": settled}
