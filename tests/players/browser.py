"""Chromium without a screen plays a recording: a web server, a page with the player, and what it reports.

The page (player.html, player.js) plays one URL muted and faster than life and posts a report when it has
ended or failed. Chromium is started for it and ended afterwards; its profile is in the folder of the test.
"""

from __future__ import annotations

import asyncio
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
    fragments: list[tuple[int, int]]
    """hls.js: (media sequence number, discontinuities before it) of each segment, as the clock entered it."""
    sizes: list[tuple[float, int, int]]
    """(time, width, height) whenever the picture's size changed."""
    jumps: list[tuple[float, float]]
    """(from, to) wherever the clock was moved: by a seek, and by the player over a gap."""
    waits: list[float]
    pictures: list[tuple[float, int, int]]
    """(time, darkest, brightest green of 0-255) of what was on the screen."""
    frames: int
    """Video frames decoded, shown or not."""
    audio_bytes: int
    """Bytes of audio decoded."""
    buffered: list[tuple[float, float]]

    @classmethod
    def parse(cls, report: dict[str, Any]) -> Self:
        """The report as it was posted."""

        def rows(name: str) -> list[Any]:
            return [tuple(row) for row in report[name]]

        return cls(
            report["outcome"],
            report["currentTime"],
            report["duration"],
            report["errors"],
            rows("fragments"),
            rows("sizes"),
            rows("jumps"),
            report["waits"],
            rows("pictures"),
            report["frames"],
            report["audioBytes"],
            rows("buffered"),
        )


async def play(path: Path, profile: Path, *, rate: float = 4.0, seek_s: float | None = None) -> Played:
    """Play a recorded playlist with hls.js or a FLV file with mpegts.js; `seek_s`: from there on."""
    chromium = need("chromium")
    reported: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def take(request: web.Request) -> web.Response:
        if not reported.done():
            reported.set_result(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/report", take)
    app.router.add_static("/recorded", path.parent)
    for name in ("hls.js", "mpegts.js"):
        app.router.add_static(f"/packages/{name}", need_package(name))
    app.router.add_static("/page", _PAGE)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        query = {"url": f"/recorded/{path.name}", "rate": rate} | ({"seek": seek_s} if seek_s else {})
        page = f"http://127.0.0.1:{port}/page/player.html?{urlencode(query)}"
        profile.mkdir()
        log = profile / "chromium.log"
        command = [chromium, *_FLAGS, f"--user-data-dir={profile}", page]
        async with in_thread(running(command, log)):
            try:
                report = await asyncio.wait_for(reported, _REPORT_S)
            except TimeoutError:
                raise RuntimeError(f"no report of {page}:\n{log.read_text(errors='replace')[-2000:]}") from None
        return Played.parse(report)
    finally:
        await runner.cleanup()
