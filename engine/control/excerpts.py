"""A time of a stream, made a playlist of its own from the segments that were recorded of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from engine.catalog import Catalog, files, recordings
from engine.catalog.files import FileQuery
from engine.catalog.schema import File, Recording
from engine.control.ids import file_id, recording_id, session_id
from engine.control.streams import StreamKey
from engine.errors import MalformedPlaylist
from engine.media.codecs import Format
from engine.mux.excerpt import Excerpt, excerpt
from engine.mux.recover.playlist_text import LARGEST_BYTES, PlaylistText, read_playlist
from engine.store import GrowingFile, NameTemplate, StreamName
from engine.store.journal import ENDING, final_of

INDEX = "index"
"""The cause of a recording that is none, but an excerpt of others."""

_MOST = 1000  # files of a time

_log = structlog.get_logger()


class Excerpts:
    """Makes them, in the folder that the stream's recordings are in. Segments are shared, not copied."""

    def __init__(self, catalog: Catalog, root: Path, now: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self._root = root
        self._now = now

    async def make(
        self,
        key: StreamKey,
        start: datetime,
        end: datetime,
        *,
        name: str,
        members: dict[str, Any],
        one_more: bool = False,
    ) -> File | None:
        """What was recorded as HLS from `start` to `end`, also by recordings that go on, as a file called
        `name`; None when there is nothing. `members` are what the vendor's object says of it.

        Raises:
            StorageError: the disk refuses the playlist.
        """
        query = FileQuery(
            domains=(key.domain,),
            apps=(key.app,),
            streams=(key.stream,),
            formats=(Format.HLS.value,),
            ended_after=start,
            started_before=end,
            by="started",
            order="asc",
            limit=_MOST,
        )
        async with self._catalog.read() as session:
            found, _ = await files.search(session, query)
            open_rows = await recordings.open_of(session, key.domain, key.app, key.stream)
        id = recording_id()
        usual = StreamName(key.domain, key.app, key.stream).folder
        patterns = {f"{usual}/*", *(NameTemplate(row.spec["name"]).glob for row in open_rows)}
        path = self._root / usual / f"{INDEX}-{id}.m3u8"
        known = [self._root / file.path for file in found if not _is_excerpt(file)]
        made = await asyncio.to_thread(_make, path, self._root, known, patterns, start, end, one_more)
        if made is None:
            return None
        whole, size = made
        recording = self._recording(key, id, whole, members)
        file = self._file(recording, path, whole, name, size, found)
        async with self._catalog.begin() as session:
            await recordings.add(session, recording)
            await files.add(session, file)
        _log.info("clip.created", file=file.id, path=file.path, segments=len(whole.uris))
        return file

    def _recording(self, key: StreamKey, id: str, whole: Excerpt, members: dict[str, Any]) -> Recording:
        return Recording(
            id=id,
            session_id=session_id(),
            cause=INDEX,
            domain=key.domain,
            app=key.app,
            stream=key.stream,
            url="",
            spec={},
            options={"formats": {Format.HLS.value: members}},
            state="ended",
            began_at=whole.starts_at,
            ended_at=whole.ends_at,
        )

    def _file(
        self, recording: Recording, path: Path, whole: Excerpt, name: str, size: int, of: Sequence[File]
    ) -> File:
        place = path.relative_to(self._root).as_posix()
        return File(
            id=file_id(recording.id, place),
            recording_id=recording.id,
            domain=recording.domain,
            app=recording.app,
            stream=recording.stream,
            format=Format.HLS.value,
            path=place,
            name=name,
            size_bytes=size,
            duration_ms=whole.duration_ms,
            first_dts_ms=0,
            tracks=next((file.tracks for file in of if file.tracks), []),
            started_at=whole.starts_at,
            ended_at=whole.ends_at,
            created_at=self._now(),
            expires_at=min((file.expires_at for file in of if file.expires_at), default=None),
        )


def _is_excerpt(file: File) -> bool:
    return Path(file.path).name.startswith(f"{INDEX}-")


def _make(
    path: Path,
    root: Path,
    known: Sequence[Path],
    patterns: Iterable[str],
    start: datetime,
    end: datetime,
    one_more: bool,
) -> tuple[Excerpt, int] | None:
    """The excerpt, which is on the disk now, and how many bytes its segments have. It is made of playlists
    that are final, and of those that grow under names of some patterns."""
    folder = path.parent
    growing = sorted(
        final_of(journal) for pattern in patterns for journal in root.glob(f"{pattern}.m3u8{ENDING}")
    )
    playlists = list(_playlists(folder, dict.fromkeys([*known, *growing])))
    whole = excerpt(playlists, start, end, one_more=one_more, is_there=lambda uri: (folder / uri).is_file())
    if whole is None:
        return None
    size = sum((folder / uri).stat().st_size for uri in whole.uris)
    file = GrowingFile(path)
    try:
        file.write(whole.text.encode())
    except BaseException:
        file.discard()
        raise
    file.finish()
    return whole, size


def _playlists(folder: Path, paths: Iterable[Path]) -> Iterator[tuple[str, PlaylistText]]:
    """Those that can be read, each with the folder of its segments as seen from another folder."""
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST_BYTES + 1)
            if len(data) <= LARGEST_BYTES:
                segments = os.path.relpath(path.with_suffix(""), folder)
                yield segments, read_playlist(data.decode(), path.stem)
        except (OSError, UnicodeDecodeError, MalformedPlaylist) as error:
            _log.info("playlist.read_failed", path=str(path), error=str(error))
