"""The server at a glance, and whether it can record."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from engine import __version__
from engine.api.services import Services
from engine.api.v1.answers import answer
from engine.api.v1.recordings import infos
from engine.api.v1.shapes import Health, PushInfo, RecordingInfo, Status, WorkerInfo
from engine.catalog import recordings
from engine.catalog.schema import Push
from engine.errors import ReelError
from engine.fleet import WorkerStatus
from engine.store.space import Space

CHECK_S = 5.0
"""How long a part may take to answer before it counts as not working."""

KEPT_S = 1.0
"""How long an answer of `/healthz` is given again: anybody may ask, as often as they like."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Facts about the running server."""

    started_at: datetime
    settings_file: Path | None
    push_url: str | None
    """Up to the app; None: an outside origin is pulled."""
    origin_url: str | None
    """The outside origin's, without its password."""
    workers: Callable[[], Sequence[WorkerStatus]]


class StatusPages:
    """`/v1/status` and `/healthz`."""

    def __init__(self, services: Services, facts: ServerFacts) -> None:
        self._services = services
        self._facts = facts
        self._checking = asyncio.Lock()
        self._checked: tuple[float, Health] | None = None

    def add_routes(self, app: web.Application) -> None:
        """Serve `/status`."""
        app.router.add_get("/status", self.status)

    async def status(self, _: web.Request) -> web.Response:
        """Version, addresses, workers, free space, and each push with its recordings."""
        facts, services = self._facts, self._services
        async with services.catalog.read() as session:
            rows = await infos(session, await recordings.open_ones(session))
        by_push: defaultdict[int | None, list[RecordingInfo]] = defaultdict(list)
        for row in rows:
            by_push[row.push_id].append(row)
        pushes = [_push(push, by_push.pop(push.id, [])) for push in services.control.online()]
        return answer(
            Status(
                version=__version__,
                started_at=facts.started_at,
                settings_file=None if facts.settings_file is None else str(facts.settings_file),
                push_url=facts.push_url,
                origin_url=facts.origin_url,
                root=str(services.root.absolute()),
                free_bytes=await self._free_bytes(),
                workers=[WorkerInfo(**asdict(worker)) for worker in facts.workers()],
                pushes=pushes,
                waiting=[row for left in by_push.values() for row in left],
            )
        )

    async def health(self, _: web.Request) -> web.Response:
        """200, or 503 with what does not work."""
        now = asyncio.get_running_loop().time
        async with self._checking:
            if self._checked is None or self._checked[0] + KEPT_S < now():
                problems = await self._problems()
                self._checked = now(), Health(ok=not problems, problems=problems)
        health = self._checked[1]
        return answer(health, HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _problems(self) -> list[str]:
        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "catalog": self._check_catalog,
            "workers": self._check_workers,
            "storage": self._check_storage,
        }
        said = await asyncio.gather(*(_problem(name, check) for name, check in checks.items()))
        return [problem for problem in said if problem is not None]

    async def _check_catalog(self) -> None:
        async with self._services.catalog.begin():
            pass

    async def _check_workers(self) -> None:
        if all(worker.pid is None for worker in self._facts.workers()):
            raise ReelError("no worker process runs")

    async def _check_storage(self) -> None:
        await asyncio.to_thread(_check_root, self._services.root)

    async def _free_bytes(self) -> int | None:
        try:
            async with asyncio.timeout(CHECK_S):
                found = await asyncio.to_thread(os.statvfs, self._services.root)
        except (OSError, TimeoutError):
            return None
        return found.f_bavail * found.f_frsize


def _check_root(root: Path) -> None:
    Space(root).check()
    if not os.access(root, os.W_OK | os.X_OK):
        raise ReelError(f"{root} cannot be written")


async def _problem(name: str, check: Callable[[], Awaitable[None]]) -> str | None:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except TimeoutError:
        return f"{name}: no answer within {CHECK_S:.0f} s"
    except ReelError as error:
        return f"{name}: {error}"
    except Exception as error:  # of a driver: whatever it is, the part does not work
        return f"{name}: {type(error).__name__}"
    return None


def _push(push: Push, rows: list[RecordingInfo]) -> PushInfo:
    return PushInfo(
        domain=push.domain,
        app=push.app,
        stream=push.stream,
        client_ip=push.client_ip,
        source=push.source,
        began_at=push.began_at,
        recordings=rows,
    )
