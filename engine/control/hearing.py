"""What recordings say: stored, and put into the outbox, in one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from engine.catalog import files, recordings
from engine.catalog.schema import File, Push, Recording, Task
from engine.control.board import Board, Change
from engine.control.changes import warning_of
from engine.control.desk import Running
from engine.control.ids import file_id
from engine.control.log_ids import recording_ids
from engine.control.naming import VOD_DEFAULT, Named, file_name
from engine.control.presence import Presence
from engine.control.reconcile import Reconciler
from engine.control.streams import StreamKey
from engine.control.surroundings import Status
from engine.errors import ProtocolError
from engine.log import StormLog
from engine.media.events import (
    CodecChanged,
    Event,
    Failed,
    FileFinished,
    Finished,
    GapClosed,
    GapOpened,
    Live,
    TrackInfo,
    Warned,
)
from engine.media.manifest import Manifest
from engine.store import read_manifest

_log = structlog.get_logger()
_streams_log = StormLog()  # of what a publisher's stream can cause at each of its frames

_HOPELESS = frozenset({"usage", "unsupported_codec"})
"""What trying again does not mend while the push lasts."""


class Hearing:
    """What is done with events."""

    def __init__(self, board: Board, reconciler: Reconciler, presence: Presence) -> None:
        self._board = board
        self._reconciler = reconciler
        self._presence = presence

    async def hear(self, event: Event) -> None:
        """As `Control.on_event`."""
        if isinstance(event, FileFinished):
            await self._file(event)
            return
        key = self._board.where.get(event.recording)
        if key is None or not _matters(event, self._board.desk(key).running.get(event.recording)):
            return
        async with self._board.change(key) as change:
            running = change.desk.running.get(event.recording)
            if running is not None:
                await self._apply(change, running, event)

    async def _apply(self, change: Change, running: Running, event: Event) -> None:
        match event:
            case Live():
                change.desk.running[running.id] = running = replace(running, tracks=tuple(event.tracks))
                await self._live(change, running, event.at)
            case GapClosed():
                await self._live(change, running, event.at)
            case CodecChanged():
                await self._changed(change, running, event)
            case GapOpened():
                await self._broke_off(change, running, event)
            case Warned():
                _streams_log.warning(
                    "recording.warned",
                    recording=running.id,
                    format=event.format,
                    code=event.code,
                    error=event.message,
                )
                row = await recordings.get(change.session, running.id)
                if row is not None:
                    await self._board.messages.exception(change.session, row, event)
            case Finished():
                await self._reconciler.ended(change, running.id, may_retry=True)
                await self._presence.recording_ended(change, running)
            case Failed():
                row = await recordings.get(change.session, running.id)
                ids = {"recording": running.id} if row is None else recording_ids(row)
                _log.warning("recording.failed", **ids, code=event.code, error=event.message)
                may_retry = event.code not in _HOPELESS
                await self._reconciler.ended(change, running.id, event.code, may_retry=may_retry)
                if may_retry:
                    await self._presence.recording_ended(change, running)
            case _:
                return

    async def _live(self, change: Change, running: Running, at: datetime) -> None:
        row = await recordings.get(change.session, running.id)
        if row is None or running.is_live:
            return
        what: Status = "resumed" if running.was_live else "started"
        row.state = "live"
        change.desk.running[running.id] = replace(running, is_live=True, was_live=True)
        change.desk.tries.pop((running.slot, running.group.label), None)
        change.log("recording.live", **recording_ids(row), status=what)
        await self._board.messages.recording_status(change.session, row, what, at)
        await self._reconciler.note_states(change)

    async def _changed(self, change: Change, running: Running, event: CodecChanged) -> None:
        row = await recordings.get(change.session, running.id)
        change.desk.running[running.id] = replace(running, tracks=tuple(event.tracks))
        if row is not None and running.tracks:
            warning = warning_of(running.tracks, event)
            await self._board.messages.exception(change.session, row, warning)

    async def _broke_off(self, change: Change, running: Running, event: GapOpened) -> None:
        row = await recordings.get(change.session, running.id)
        if row is None or not running.is_live:
            return
        row.state = "paused" if running.is_paused else "interrupted"
        change.desk.running[running.id] = replace(running, is_live=False)
        change.log("recording.interrupted", **recording_ids(row), reason=event.reason)
        await self._board.messages.recording_status(change.session, row, "paused", event.at)
        await self._reconciler.note_states(change)

    # Files

    async def _file(self, event: FileFinished) -> None:
        manifest = await asyncio.to_thread(manifest_beside, Path(event.path))
        key = self._board.where.get(event.recording)
        if key is None:
            async with self._board.catalog.read() as session:
                row = await recordings.get(session, event.recording)
            if row is None:
                _log.warning("file.orphaned", path=event.path, recording=event.recording)
                return
            key = StreamKey(row.domain, row.app, row.stream)
        async with self._board.change(key) as change:
            await self.store(change, event, manifest)

    async def store(self, change: Change, event: FileFinished, manifest: Manifest | None) -> None:
        """Catalog a file and tell of it, unless that was done."""
        row = await recordings.get(change.session, event.recording)
        assert row is not None
        path = Path(event.path).relative_to(self._board.root).as_posix()
        id = file_id(row.id, path)
        if await files.is_known(change.session, id):
            return
        file = await self._row(change, event, manifest, row, id, path)
        await files.add(change.session, file)
        task = None if row.task_id is None else await change.session.get(Task, row.task_id)
        push = None if row.push_id is None else await change.session.get(Push, row.push_id)
        await self._board.messages.file_finished(change.session, row, file, task, push)
        change.log(
            "file.finished",
            **recording_ids(row),
            file=id,
            path=path,
            size_bytes=event.size_bytes,
            duration_ms=event.duration_ms,
            **({"recovered": True} if event.recovered else {}),
        )

    async def _row(
        self,
        change: Change,
        event: FileFinished,
        manifest: Manifest | None,
        row: Recording,
        id: str,
        path: str,
    ) -> File:
        format = event.format.value
        ended_at = ended_when(event, manifest)
        named = Named(
            domain=row.domain,
            app=row.app,
            stream=row.stream,
            session_id=row.session_id,
            file_id=id,
            sequence=sum(file.format == format for file in await files.of_recording(change.session, row.id)),
            started_at=event.started_at,
            ended_at=ended_at,
        )
        storage_s = row.options.get("storage_s", {}).get(format, 0)
        return File(
            id=id,
            recording_id=row.id,
            domain=row.domain,
            app=row.app,
            stream=row.stream,
            format=format,
            path=path,
            name=file_name(row.options.get("patterns", {}).get(format, VOD_DEFAULT), named),
            size_bytes=event.size_bytes,
            duration_ms=event.duration_ms,
            first_dts_ms=event.first_dts_ms,
            tracks=[] if manifest is None else [_track(track) for track in manifest.tracks],
            started_at=event.started_at,
            ended_at=ended_at,
            created_at=change.now,
            expires_at=change.now + timedelta(seconds=storage_s) if storage_s else None,
            is_recovered=event.recovered,
        )


def _matters(event: Event, running: Running | None) -> bool:
    """Whether anything is to be stored: most of what is said is not."""
    if running is None:
        return False
    match event:
        case Live():
            return not running.is_live or running.tracks != tuple(event.tracks)
        case GapClosed(format=None, at_end=False):
            return not running.is_live
        case GapOpened(format=None):
            return running.is_live and not running.is_ending
        case CodecChanged() | Warned() | Finished() | Failed():
            return True
    return False


def ended_when(event: FileFinished, manifest: Manifest | None) -> datetime:
    """When the last of a file was recorded, on the wall clock."""
    if manifest is not None and manifest.recorded:
        return max(manifest.recorded[-1].end, event.started_at)
    return event.started_at + timedelta(milliseconds=event.duration_ms)


def manifest_beside(path: Path) -> Manifest | None:
    """What is said of a file beside it; None when that cannot be had."""
    try:
        return read_manifest(path)
    except (OSError, ProtocolError) as error:
        _log.info("manifest.read_failed", path=str(path), error=str(error))
        return None


def _track(track: TrackInfo) -> dict[str, object]:
    return track.model_dump(mode="json")
