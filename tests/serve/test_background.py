"""A part of the server that dies takes the server with it: what is left would take orders that nobody carries
out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from origins.process import free_port
from structlog.testing import capture_logs

from engine.catalog import Catalog
from engine.config import Settings
from engine.control.timing import Timing
from engine.errors import CatalogFailed, InternalError
from engine.fleet.seat import Seat
from engine.notify import Delivery
from engine.origin import Origin
from engine.serve import serve
from engine.serve.background import Background
from engine.serve.presence import EmbeddedPushes

PARTS: dict[str, tuple[Any, str]] = {
    "callbacks": (Delivery, "_look"),
    "control": (Timing, "run"),
    "origin": (Origin, "_check"),
    "polling": ("engine.serve.server.poll", ""),
    "pushes": (EmbeddedPushes, "hand_on"),
    "retention": ("engine.serve.server.keep", ""),
    "workers": (Seat, "run"),
}


def settings(folder: Path, *, outside: bool) -> Settings:
    free = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    origin = {"url": "rtmp://127.0.0.1:9/{app}/{stream}", "poll_s": 60}
    return Settings.model_validate(
        {
            "api": {"listen": free[0]},
            "storage": {"root": folder / "recordings"},
            "catalog": {"url": f"sqlite+aiosqlite:///{folder}/reel.db"},
            "origin": origin if outside else {"rtmp": free[1], "http": free[2]},
            "workers": {"count": 1},
        }
    )


async def run(settings: Settings, started: asyncio.Event, stopped: asyncio.Event | None = None) -> None:
    """A server until it is stopped, or fails."""
    async with serve(settings) as serving:
        started.set()
        await serving.until(stopped or asyncio.Event())


@pytest.mark.parametrize("name", PARTS)
async def test_a_part_that_dies_ends_the_server(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_die = asyncio.Event()

    async def die(*_: Any, **__: Any) -> None:
        await may_die.wait()
        raise ZeroDivisionError("a defect")

    owner, method = PARTS[name]
    if method:
        monkeypatch.setattr(owner, method, die)
    else:
        monkeypatch.setattr(owner, die)
    with capture_logs() as lines:
        async with asyncio.timeout(60):
            with pytest.raises(InternalError, match="a defect"):
                await run(settings(tmp_path, outside=name == "polling"), may_die)
    (said,) = [line for line in lines if line["event"] == "server.failed"]
    assert said["part"] == name


async def test_a_server_that_was_stopped_has_not_failed(tmp_path: Path) -> None:
    stopped = asyncio.Event()
    with capture_logs() as lines:
        await run(settings(tmp_path, outside=False), stopped, stopped)
    assert not [line for line in lines if line["log_level"] == "error"]


async def test_what_fails_while_the_server_ends_is_its_failure_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are finalized then cannot be stored: the exit code has to say so."""
    close = Seat.close

    def fail_and_close(seat: Seat) -> None:
        catalogs[0]._failure.report("Input/output error")
        close(seat)

    catalogs: list[Catalog] = []
    enter = Catalog.__aenter__

    async def remember(catalog: Catalog) -> Catalog:
        catalogs.append(catalog)
        return await enter(catalog)

    monkeypatch.setattr(Catalog, "__aenter__", remember)
    monkeypatch.setattr(Seat, "close", fail_and_close)
    stopped = asyncio.Event()
    stopped.set()
    with pytest.raises(CatalogFailed, match="Input/output error"):
        await run(settings(tmp_path, outside=False), stopped, stopped)


async def run_parts(*works: Coroutine[None, None, None]) -> None:
    async with Background() as background, AsyncExitStack() as parts:
        for number, work in enumerate(works):
            background.start(parts, f"part {number}", work)
        await background.until(asyncio.Event())


async def test_only_the_first_failure_is_told() -> None:
    async def fail() -> None:
        raise CatalogFailed("catalog: it failed")

    with capture_logs() as lines, pytest.raises(CatalogFailed):
        await run_parts(fail(), fail())
    assert [line["part"] for line in lines] == ["part 0"]


async def test_a_part_that_returns_has_failed_too() -> None:
    with pytest.raises(InternalError, match="part 0 ended"):
        await run_parts(asyncio.sleep(0))
