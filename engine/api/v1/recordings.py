"""Recordings: listed, and stopped by hand."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.services import Services
from engine.api.v1.answers import answer
from engine.api.v1.bodies import read_query
from engine.api.v1.shapes import RecordingInfo, RecordingsAsked, page
from engine.catalog import files, recordings
from engine.catalog.recordings import RecordingQuery
from engine.catalog.schema import Recording
from engine.errors import UnknownRecording


class Recordings:
    """List, show and stop."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_routes(self, app: web.Application) -> None:
        """Serve `/recordings`, `/recordings/{id}` and `/recordings/{id}/stop`."""
        app.router.add_get("/recordings", self.list)
        app.router.add_get("/recordings/{id}", self.show)
        app.router.add_post("/recordings/{id}/stop", self.stop)

    async def list(self, request: web.Request) -> web.Response:
        """A page of recordings, the youngest first."""
        asked = read_query(request, RecordingsAsked)
        query = RecordingQuery(
            domain=asked.domain,
            app=asked.app,
            stream=asked.stream,
            is_open=asked.is_open,
            offset=asked.cursor,
            limit=asked.limit,
        )
        async with self._services.catalog.read() as session:
            found, total = await recordings.search(session, query)
            shown = await infos(session, found)
        return answer(page(shown, total, asked.cursor))

    async def show(self, request: web.Request) -> web.Response:
        """Show one recording.

        Raises:
            UnknownRecording: there is none of that id.
        """
        id = request.match_info["id"]
        async with self._services.catalog.read() as session:
            row = await recordings.get(session, id)
            if row is None:
                raise UnknownRecording(f"there is no recording {id}")
            [shown] = await infos(session, [row])
        return answer(shown)

    async def stop(self, request: web.Request) -> web.Response:
        """End a recording and close its files; its stream is recorded again from the next push on.

        Raises:
            UnknownRecording: there is none of that id, or it has ended.
        """
        await self._services.control.stop_recording(request.match_info["id"])
        return web.Response(status=HTTPStatus.ACCEPTED)


async def infos(session: AsyncSession, rows: Sequence[Recording]) -> list[RecordingInfo]:
    """Recordings, each with the sum of its finished files."""
    sums = await files.sums_by_recording(session, [row.id for row in rows])
    shown = []
    for row in rows:
        count, size_bytes = sums.get(row.id, (0, 0))
        shown.append(
            RecordingInfo(
                id=row.id,
                ordered_by=row.cause,
                template_id=row.template_id,
                task_id=row.task_id,
                push_id=row.push_id,
                domain=row.domain,
                app=row.app,
                stream=row.stream,
                formats=list(row.options.get("formats", {})),
                state=row.state,
                began_at=row.began_at,
                ended_at=row.ended_at,
                files=count,
                size_bytes=size_bytes,
            )
        )
    return shown
