"""What `reel record` shows: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path

from pseudo_terminal import COLUMNS, Terminal
from reel import COMMAND, environment, reel

from engine.origin import Origin

SAMPLE = "h264_aac_bframes"


async def test_a_table_on_a_terminal(sample: Callable[[str], Path], tmp_path: Path) -> None:
    terminal = Terminal()
    async with Origin([sample(SAMPLE)]) as origin:
        urls = (origin.rtmp_url(f"live/{SAMPLE}"), origin.http_url("live/nobody"))
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("record", *urls, "-o", str(tmp_path), "-f", "flv,mp4", "--interval", "1"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=terminal.slave,
            env=environment(TERM="xterm-256color", COLUMNS=str(COLUMNS)),
        )
        try:
            await terminal.shows(r"stream +state +duration +bitrate +packets +files +gaps")
            row = rf"127\.0\.0\.1/live/{SAMPLE} +live +([2-9]\.\d) s +(\d+) kb/s +(\d+) +(\d+) +(\d+)"
            seconds, kilobits, packets, _, gaps = (await terminal.shows(row)).groups()
            assert 100 < int(kilobits) < 400
            assert int(packets) > 60 * float(seconds)
            assert int(gaps) in (0, 1)  # none where the origin had kept media from before the window
            await terminal.shows(r"127\.0\.0\.1/live/nobody +(waiting|connecting) +0\.0 s +0 +0 +0")
            await terminal.shows(r"waiting +http://\S+/live/nobody.flv: .*404.*; next try in \d")
            await terminal.shows(rf"{SAMPLE} +live .* kb/s +\d+ +[2-9] +[01]")  # files
            await terminal.shows(r"finished +\S+-001\.mp4 \(1\.\d s")
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(20):
                out, _ = await process.communicate()
            terminal.read()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            terminal.close()
    assert (process.returncode, out) == (0, b"")
    assert "\x1b[?25h" in terminal.drawn.decode()  # the cursor is back
    assert "Traceback" not in terminal.text


async def test_lines_elsewhere(sample: Callable[[str], Path], tmp_path: Path) -> None:
    async with Origin([sample(SAMPLE)]) as origin:
        url = origin.rtmp_url(f"live/{SAMPLE}")
        options = ("-o", tmp_path, "-f", "flv,mp3", "--interval", "1", "--duration", "4")
        done = await reel("record", url, *options)
    done.assert_done()
    assert done.out == ""
    lines = done.err.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["connecting", "live", "warning"]
    assert lines[1] == f"live        {url}: H.264 320x180 + AAC 48 kHz mono"
    assert lines[2] == f"warning     {url}: mp3 cannot hold AAC"
    finished = [line for line in lines if line.startswith("finished ")]
    assert re.fullmatch(rf"finished    {tmp_path}/\S+-001\.flv \(1\.\d s, 0\.0 MB\)", finished[0])
    assert len(list(tmp_path.rglob("*.flv"))) == len(finished)
    last = rf"stopped     {url}: its duration is over; {len(finished)} files, (no gaps|1 gap)"
    assert re.fullmatch(last, lines[-1])
