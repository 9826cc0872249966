"""Chromium without a screen plays a recording: a web server, a page with the player, and what it reports.

The page (player.html, player.js) plays one URL muted and faster than life and posts a report when it has
ended or failed. Chromium is started for it and ended afterwards; its profile is in the folder of the test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web
from npm import need_package
from origins.process import in_thread, running
from programs import need

_PAGE = Path(__file__).parent
_REPORT_S = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to sandbox for root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass(frozen=True, slots=True)
class Played:
    """What player.js reports. Times are seconds of the player's clock, which starts at 0."""

    outcome: str
    """`ended`, or why it stopped before."""
    current_s: float
    duration_s: float
    errors: list[str]
    stalls: list[str]
    """What hls.js said when the clock stood for a moment, for which a busy machine is enough."""
    fragments: list[tuple[int, int]]
    """hls.js: (media sequence number, discontinuities before it) of each segment, as the clock entered it."""
    sizes: list[tuple[float, int, int]]
    """(time, width, height) whenever the picture's size changed."""
    jumps: list[tuple[float, float]]
    """(from, to) wherever the clock was moved: by a seek, and by the player over a gap."""
    pictures: list[tuple[float, int, int]]
    """(time, darkest, brightest green of 0-255) of what was on the screen."""
    frames: int
    """Video frames decoded, shown or not."""
    audio_bytes: int
    """Bytes of audio decoded."""
    buffered: list[tuple[float, float]]
    ranges: list[int]
    """First bytes of the parts that the player asked for, of a file that was held back."""

    @classmethod
    def parse(cls, report: dict[str, Any], ranges: list[int]) -> Self:
        """The report as it was posted."""

        def rows(name: str) -> list[Any]:
            return [tuple(row) for row in report[name]]

        return cls(
            report["outcome"],
            report["currentTime"],
            report["duration"],
            report["errors"],
            report["stalls"],
            rows("fragments"),
            rows("sizes"),
            rows("jumps"),
            rows("pictures"),
            report["frames"],
            report["audioBytes"],
            rows("buffered"),
            ranges,
        )


async def play(
    path: Path,
    profile: Path,
    *,
    rate: float = 4.0,
    seek_s: float | None = None,
    held_back: bool = False,
    eager: bool = False,
    **config: Any,
) -> Played:
    """Play a recorded playlist with hls.js, or an FLV file with mpegts.js.

    `seek_s`: from there on. `held_back`: the server gives the first third of the file and no more, until the
    player asks for another part. `eager`: without waiting until everything is loaded. `config`: settings of
    the player that are not to be its defaults.
    """
    chromium = need("chromium")
    site = _Site(path, held_back)
    query: dict[str, str] = {"url": f"/recorded/{path.name}", "rate": str(rate), "config": json.dumps(config)}
    if seek_s is not None:
        query["seek"] = str(seek_s)
    if eager:
        query["eager"] = "1"
    profile.mkdir()
    log = profile / "chromium.log"
    async with site.serve() as origin:
        page = f"{origin}/page/player.html?{urlencode(query)}"
        async with in_thread(running([chromium, *_FLAGS, f"--user-data-dir={profile}", page], log)):
            try:
                report = await asyncio.wait_for(site.report, _REPORT_S)
            except TimeoutError:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"no report of {page}:\n{tail}") from None
    return Played.parse(report, site.ranges)


class _Site:
    """The recording, the page and the players over HTTP, and where the report goes."""

    def __init__(self, path: Path, held_back: bool) -> None:
        self.report: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.ranges: list[int] = []
        self._path = path
        self._asked = asyncio.Event()
        self._app = web.Application()
        self._app.router.add_post("/report", self._take)
        if held_back:
            self._app.router.add_get(f"/recorded/{path.name}", self._hold_back)
        self._app.router.add_static("/recorded", path.parent)
        self._app.router.add_static("/page", _PAGE)
        for name in ("hls.js", "mpegts.js"):
            self._app.router.add_static(f"/packages/{name}", need_package(name))

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serves on a port of its own; gives the origin."""
        runner = web.AppRunner(self._app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self._asked.set()
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if not self.report.done():
            self.report.set_result(await request.json())
        return web.Response()

    async def _hold_back(self, request: web.Request) -> web.StreamResponse:
        if start := request.http_range.start:
            self.ranges.append(start)
            self._asked.set()
            return web.FileResponse(self._path)
        data = self._path.read_bytes()
        response = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await response.prepare(request)
        await response.write(data[: len(data) // 3])
        await self._asked.wait()
        return response
