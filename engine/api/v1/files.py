"""Finished files: found by stream and time, deleted with all that belongs to them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from engine.api.services import Services
from engine.api.v1.answers import answer
from engine.api.v1.bodies import read_query
from engine.api.v1.shapes import FilesAsked, RecordedFile, page
from engine.catalog.files import FileQuery
from engine.catalog.schema import File
from engine.control.recorded_files import RecordedFiles
from engine.errors import UnknownFile


class Files:
    """List, show and delete. A file that is being recorded is none yet: it is listed when it is final."""

    def __init__(self, services: Services) -> None:
        self._public_url = services.public_url
        self._recorded = RecordedFiles(services.catalog, services.root, services.now)

    def add_routes(self, app: web.Application) -> None:
        """Serve `/files` and `/files/{id}`."""
        app.router.add_get("/files", self.list)
        app.router.add_get("/files/{id}", self.show)
        app.router.add_delete("/files/{id}", self.delete)

    async def list(self, request: web.Request) -> web.Response:
        """A page of files, the youngest first."""
        asked = read_query(request, FilesAsked)
        query = FileQuery(
            domains=_some(asked.domain),
            apps=_some(asked.app),
            streams=_some(asked.stream),
            recordings=_some(asked.recording),
            formats=_some(asked.format),
            ended_after=asked.start,
            started_before=asked.end,
            by="started",
            offset=asked.cursor,
            limit=asked.limit,
        )
        found, total = await self._recorded.search(query)
        return answer(page([self._shown(file) for file in found], total, asked.cursor))

    async def show(self, request: web.Request) -> web.Response:
        """Show one file.

        Raises:
            UnknownFile: there is none of that id.
        """
        id = request.match_info["id"]
        found = await self._recorded.get([id])
        if not found:
            raise UnknownFile(f"there is no file {id}")
        return answer(self._shown(found[0]))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a file, a playlist's segments, the manifest and the row.

        Raises:
            UnknownFile: there is none of that id.
            StorageError: the disk refuses.
        """
        await self._recorded.delete(request.match_info["id"])
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _shown(self, file: File) -> RecordedFile:
        return RecordedFile(
            id=file.id,
            recording=file.recording_id,
            domain=file.domain,
            app=file.app,
            stream=file.stream,
            format=file.format,
            path=file.path,
            url=f"{self._public_url}/{quote(file.path)}",
            size_bytes=file.size_bytes,
            duration_ms=file.duration_ms,
            started_at=file.started_at,
            ended_at=file.ended_at,
            expires_at=file.expires_at,
            tracks=file.tracks,
        )


def _some(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()
