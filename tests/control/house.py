"""A control plane with a real catalog, and a fleet that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from waiting import GIVE_UP_S, until

from engine.catalog import Catalog, aliyun
from engine.catalog.schema import (
    AliyunRecordConfig,
    File,
    Push,
    Recording,
    RecordRule,
    RecordTemplate,
    Task,
)
from engine.catalog.templates import RECORD
from engine.control.control import Control
from engine.control.orders import Group
from engine.control.quotas import Quotas
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.control.windows import TaskOrder
from engine.errors import ReelError, UsageError
from engine.fleet import WorkerStatus
from engine.media import events
from engine.media.codecs import Format
from engine.record import RecordSpec

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
KEY = StreamKey("push.example.com", "live", "s")


@dataclass
class Clock:
    """The wall clock, and a steady one beside it."""

    at: datetime = START
    steady_s: float = 0.0
    looks: int = 0

    def __call__(self) -> datetime:
        return self.at

    def steady(self) -> float:
        self.looks += 1
        return self.steady_s

    def forward(self, seconds: float) -> None:
        """Time passes."""
        self.at += timedelta(seconds=seconds)
        self.steady_s += seconds

    def step(self, seconds: float) -> None:
        """The wall clock is set."""
        self.at += timedelta(seconds=seconds)


class ScriptedFleet:
    """Remembers what it is told; recordings do what the test says, and end when they are told to."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.control: Control
        self.specs: dict[str, RecordSpec] = {}
        self.urls: dict[str, str] = {}
        self.running: dict[str, RecordSpec] = {}
        self.told: list[tuple[str, str]] = []
        self.recovered: list[Path] = []
        self.untold = 0
        self.refusal: ReelError | None = None

    async def start(self, spec: RecordSpec, url: str) -> None:
        assert spec.id is not None
        if spec.id in self.running:
            raise UsageError(f"{spec.id} is being recorded")
        if self.refusal is not None:
            raise self.refusal
        self.told.append(("start", spec.id))
        self.specs[spec.id] = self.running[spec.id] = spec
        self.urls[spec.id] = url

    async def stop(self, id: str) -> None:
        self.told.append(("stop", id))
        await self.end(id)

    async def finish(self, id: str) -> None:
        self.told.append(("finish", id))
        await self.end(id)

    async def pause(self, id: str) -> None:
        self.told.append(("pause", id))
        await self.gap(id, "paused")

    async def resume(self, id: str) -> None:
        self.told.append(("resume", id))

    async def recover(self, root: Path) -> None:
        self.recovered.append(root)

    def status(self) -> Sequence[WorkerStatus]:
        return []

    def of(self, format: str) -> list[str]:
        """The ids of what runs and writes a format."""
        return [id for id, spec in self.running.items() if Format(format) in spec.format]

    # What recordings say

    async def live(self, *ids: str) -> None:
        for id in ids or list(self.running):
            event = events.Live(at=self.clock(), recording=id, tracks=[], first_dts_ms=0)
            await self.control.on_event(event)

    async def gap(self, id: str, reason: events.GapReason = "interrupted") -> None:
        at = self.clock()
        await self.control.on_event(events.GapOpened(at=at, recording=id, reason=reason, start=at))

    async def goes_on(self, id: str) -> None:
        at = self.clock()
        event = events.GapClosed(at=at, recording=id, reason="interrupted", start=at, end=at)
        await self.control.on_event(event)

    async def end(self, id: str) -> None:
        if self.running.pop(id, None) is not None:
            event = events.Finished(at=self.clock(), recording=id, reason="stopped", files=1, gaps=0)
            self.untold += 1
            try:
                await self.control.on_event(event)
            finally:
                self.untold -= 1

    async def fail(self, id: str, code: str = "stream_not_found") -> None:
        del self.running[id]
        event = events.Failed(
            at=self.clock(), recording=id, code=code, message="it failed", exit_code=3, files=0
        )
        await self.control.on_event(event)

    async def file(self, id: str, name: str, *, recovered: bool = False) -> events.FileFinished:
        spec = self.specs[id]
        path = spec.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        event = events.FileFinished(
            at=self.clock(),
            recording=id,
            format=spec.format[0],
            path=str(path),
            size_bytes=1000,
            duration_ms=5000,
            video_packets=1,
            audio_packets=1,
            first_dts_ms=0,
            last_dts_ms=5000,
            started_at=self.clock() - timedelta(seconds=5),
            recovered=recovered,
        )
        await self.control.on_event(event)
        return event


class Told:
    """Remembers what is to be told."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, str]] = []
        self.pushes: list[bool] = []
        self.files: list[str] = []
        self.warnings: list[str] = []
        self.messages: list[str] = []

    async def file_finished(
        self, session: AsyncSession, recording: Recording, file: File, task: Task | None, push: Push | None
    ) -> None:
        self.files.append(file.id)

    async def recording_status(
        self, session: AsyncSession, recording: Recording, what: str, at: datetime, detail: str = ""
    ) -> None:
        self.statuses.append((recording.id, what))

    async def push(self, session: AsyncSession, push: Push, began: bool) -> None:
        self.pushes.append(began)

    async def exception(self, session: AsyncSession, recording: Recording, warning: events.Warned) -> None:
        self.warnings.append(warning.code)
        self.messages.append(warning.message)

    def of(self, id: str) -> list[str]:
        return [what for one, what in self.statuses if one == id]


@dataclass
class Origin:
    """Where streams are."""

    reuses: bool = False

    def url(self, key: StreamKey, mixed: bool) -> str:
        return f"rtmp://10.0.0.5/{key.app}/{key.stream}" + ("?mix=1" if mixed else "")

    def mix_reuses_name(self, key: StreamKey) -> bool:
        return self.reuses


@dataclass
class House:
    """Control and those around it."""

    catalog: Catalog
    root: Path
    clock: Clock = field(default_factory=Clock)
    told: Told = field(default_factory=Told)
    origin: Origin = field(default_factory=Origin)
    quotas: Quotas = field(default_factory=Quotas)
    fallback: tuple[Group, ...] = ()
    answer: Accepted | None = None
    asked: int = 0
    dropped: list[StreamKey] = field(default_factory=list)
    fleet: ScriptedFleet = field(init=False)
    control: Control = field(init=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        """Runs control; again after it was left is a new process, whose fleet runs nothing."""
        self.fleet = ScriptedFleet(self.clock)
        self.control = self.fleet.control = Control(
            self.catalog,
            self.fleet,
            routes=self.origin,
            quotas=self.quotas,
            root=self.root,
            messages=self.told,
            on_demand=self._on_demand,
            drop=self._drop,
            fallback=self.fallback,
            now=self.clock,
            steady=self.clock.steady,
        )
        async with self.control:
            yield self

    async def _on_demand(self, key: StreamKey, config: AliyunRecordConfig) -> Accepted | None:
        self.asked += 1
        return self.answer

    async def _drop(self, key: StreamKey) -> None:
        self.dropped.append(key)

    async def runs(self, *formats: str) -> list[str]:
        """Waits until exactly so many recordings run, one for each of the texts `flv+mp4`; their ids.

        Of those that ended before control knows then.
        """
        wanted = sorted(formats)
        fleet = self.fleet
        await until(lambda: not fleet.untold and sorted(map(_formats, fleet.running.values())) == wanted)
        by_formats = {_formats(spec): id for id, spec in self.fleet.running.items()}
        return [by_formats[one] for one in formats]

    async def looked(self) -> None:
        """Waits until control has looked at the clock, and done what was due."""
        looks = self.clock.looks
        await until(lambda: self.clock.looks >= looks + 2)

    async def push(self, key: StreamKey = KEY, params: str = "", source: str = "srs") -> None:
        await self.control.push_began(key, params=params, source=source)

    async def leave(self, key: StreamKey = KEY) -> None:
        await self.control.push_ended(key)

    async def task(self, id: int) -> Task:
        async with self.catalog.read() as session:
            return await session.get_one(Task, id)

    async def state(self, task: Task) -> str:
        return (await self.task(task.id)).state

    async def becomes(self, task: Task, state: str) -> None:
        """Waits for a task's state."""
        async with asyncio.timeout(GIVE_UP_S):
            while await self.state(task) != state:
                await asyncio.sleep(0.05)

    async def records(self, *tasks: Task) -> None:
        """Waits until what is recorded on task is recorded for exactly these."""
        wanted = {task.id for task in tasks}
        async with asyncio.timeout(GIVE_UP_S):
            while {row.task_id for row in await self.rows() if row.task_id and not row.ended_at} != wanted:
                await asyncio.sleep(0.05)

    async def rows(self) -> list[Recording]:
        async with self.catalog.read() as session:
            query = select(Recording).order_by(Recording.began_at, Recording.id)
            return list((await session.scalars(query)).all())

    async def files(self) -> list[File]:
        async with self.catalog.read() as session:
            return list((await session.scalars(select(File).order_by(File.path))).all())

    # Orders

    async def template(self, splice_s: int = 0, **formats: dict[str, Any]) -> RecordTemplate:
        template = RecordTemplate(
            name="t",
            formats=formats,
            splice_s=splice_s,
            created_at=self.clock(),
            updated_at=self.clock(),
        )
        async with self.catalog.begin() as session:
            await RECORD.add(session, template)
        return template

    async def rule(self, template: RecordTemplate, app: str = "", stream: str = "") -> RecordRule:
        rule = RecordRule(
            domain=KEY.domain,
            app=app,
            stream=stream,
            template_id=template.id,
            created_at=self.clock(),
            updated_at=self.clock(),
        )
        async with self.catalog.begin() as session:
            await RECORD.add_rule(session, rule)
        return rule

    async def config(self, on_demand: int = 0, **members: Any) -> AliyunRecordConfig:
        config = AliyunRecordConfig(
            **{
                "domain": KEY.domain,
                "app": "*",
                "stream": "*",
                "oss_endpoint": "e",
                "oss_bucket": "b",
                "on_demand": on_demand,
                "delay_s": 180,
                "start_at": None,
                "end_at": None,
                "formats": [{"Format": "flv"}],
                "transcode_templates": [],
                "transcode_formats": [],
                "created_at": self.clock(),
                "updated_at": self.clock(),
                **members,
            }
        )
        async with self.catalog.begin() as session:
            await aliyun.add_config(session, config)
        return config

    def order(
        self, family: Any = "live", begins_s: float = 0, lasts_s: float = 3600, **more: Any
    ) -> TaskOrder:
        """A scheduled order, from so many seconds from now on."""
        start_at = self.clock() + timedelta(seconds=begins_s)
        end_at = start_at + timedelta(seconds=lasts_s)
        return TaskOrder(family=family, key=KEY, start_at=start_at, end_at=end_at, **more)


def _formats(spec: RecordSpec) -> str:
    return "+".join(spec.format)


ON = {"Enable": 1}
