"""`reel record` tells each change of state with its cause, at once, and never depends on a reader."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from oracle.rules import assert_f1
from origins.breaking import Groups, Line, breaking
from origins.process import free_port
from pseudo_terminal import COLUMNS, Terminal
from reel import COMMAND, Running, environment, reel, running

from engine.media import events
from engine.origin import Origin

SAMPLE = "h264_aac_bframes"
Sample = Callable[[str], Path]

STORY = (
    r"connecting +{url}$",
    r"waiting +{url}: .*404.*; next try in \d+\.\d s, last one at \d\d:\d\d:\d\d UTC$",
    r"connecting +{url} \(try 2, after: .*404.*\)$",
    r"live +{url}: H\.264 320x180 \+ AAC 48 kHz mono$",
    r"interrupted +{url}: \S.*$",
    r"waiting +{url}: \S.*; next try in \d+\.\d s, last one at \d\d:\d\d:\d\d UTC$",
    r"connecting +{url} \(try \d+, after: \S.*\)$",
    r"live +{url}: ",
)


async def story(line: Line, groups: Groups) -> None:
    """Nobody publishes; then the stream breaks off; then it is back, and stays."""
    if line.number == 0:
        await line.refuse()
    elif line.number == 1:
        await line.accept()
        await line.media(groups.some(0, 2))
    else:
        await line.accept()
        await line.media(groups.some(2))  # what it had before would be known again
        await line.end("silence")


async def until_said(command: Running, pattern: str) -> str:
    """The next line of stderr that matches."""
    assert command.process.stderr is not None
    async with asyncio.timeout(60):
        while line := (await command.process.stderr.readline()).decode():
            if re.search(pattern, line.rstrip("\n")):
                return line
    raise AssertionError(f"ended before it said {pattern}")


@asynccontextmanager
async def on_terminal(*arguments: str | Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Terminal]]:
    """`reel ARGUMENTS` with its stderr on a terminal."""
    terminal = Terminal()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=terminal.slave,
        env=environment(TERM="xterm-256color", COLUMNS=str(COLUMNS)),
    )
    try:
        yield process, terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        terminal.close()


async def test_a_refusal_a_break_and_a_return_in_a_pipe(sample: Sample, tmp_path: Path) -> None:
    groups = Groups.of(sample(SAMPLE))
    async with (
        breaking("http-flv", lambda line: story(line, groups)) as origin,
        running("record", origin.url, "-o", tmp_path, "--reconnect", "600") as command,
    ):
        for pattern in STORY:
            await until_said(command, "^" + pattern.format(url=re.escape(origin.url)))
        command.send(signal.SIGTERM)
        done = await command.end()
    done.assert_done()
    assert done.out == ""
    (*_, last) = done.err.splitlines()
    assert re.fullmatch(rf"stopped +{re.escape(origin.url)}: by a signal; \d files?, .* gaps?", last)
    assert f"finished    {tmp_path}/" in done.err


async def test_a_refusal_a_break_and_a_return_on_a_terminal(sample: Sample, tmp_path: Path) -> None:
    groups = Groups.of(sample(SAMPLE))
    async with breaking("http-flv", lambda line: story(line, groups)) as origin:
        order = ("record", origin.url, "-o", tmp_path, "--reconnect", "600")
        async with on_terminal(*order) as (process, terminal):
            shown = 0
            for pattern in STORY:
                line = pattern.format(url=re.escape(origin.url)).removesuffix("$")
                shown = (await terminal.shows(line, shown)).end()
            assert re.search(r"[\r\n] +\S.*404", terminal.text)  # the reason, in the table
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                out, _ = await process.communicate()
            terminal.read()
    assert (process.returncode, out) == (0, b"")
    assert re.search(r"stopped +\S+: by a signal", terminal.text)
    assert "Traceback" not in terminal.text


async def test_quiet_says_nothing_but_errors(sample: Sample, tmp_path: Path) -> None:
    done = await reel("record", f"{sample(SAMPLE).as_uri()}?speed=0", "-o", tmp_path, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    refused = f"rtmp://127.0.0.1:{free_port()}/live/x"
    done = await reel("record", refused, "-o", tmp_path, "-q", "--reconnect", "0")
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert done.err.startswith(f"reel: {refused}")


async def test_one_of_several_fails_while_the_others_go_on(sample: Sample, tmp_path: Path) -> None:
    refused = f"rtmp://127.0.0.1:{free_port()}/live/x"
    async with Origin([sample(SAMPLE)]) as origin:
        order = ("record", origin.rtmp_url(f"live/{SAMPLE}"), refused, "-o", tmp_path, "--reconnect", "0")
        async with running(*order) as command:
            failure = await until_said(command, f"^reel: .*{re.escape(refused)}")
            assert command.process.returncode is None  # the other one is recorded for ever
            command.send(signal.SIGTERM)
            done = await command.end()
    assert done.code == 3
    assert refused in failure
    assert "reel: " not in done.err  # the failure is not said again


@pytest.mark.parametrize(("options", "stream"), [((), "stderr"), (("--json",), "stdout")])
async def test_a_reader_that_leaves_does_not_end_a_recording(
    options: tuple[str, ...], stream: str, sample: Sample, tmp_path: Path
) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=4"
    pipeline = 'reader=$1; shift; { if [ "$reader" = stderr ]; then "$@" 2>&1 >/dev/null; else "$@"; fi; '
    pipeline += 'echo "$?" >&4; } 4>&2 | head -n 1'
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", pipeline, "sh", stream, *COMMAND),
        *("record", url, "-o", str(tmp_path), *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert out.count(b"\n") == 1
    assert err.decode().splitlines()[-1] == "0", err
    (path,) = tmp_path.rglob("*.flv")
    assert_f1(sample(SAMPLE), path)


async def test_a_terminal_that_goes_away_does_not_end_a_recording(sample: Sample, tmp_path: Path) -> None:
    order = ("record", f"{sample(SAMPLE).as_uri()}?speed=2", "-o", tmp_path)
    async with on_terminal(*order) as (process, terminal):
        await terminal.shows(r"live +\S+: H\.264")
        terminal.close()
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    (path,) = tmp_path.rglob("*.flv")
    assert_f1(sample(SAMPLE), path)


async def test_progress_in_json(sample: Sample, tmp_path: Path) -> None:
    async with Origin([sample(SAMPLE)]) as origin:
        order = ("record", origin.rtmp_url(f"live/{SAMPLE}"), "-o", tmp_path, "--json")
        async with running(*order, "--progress", "200ms") as command:
            await command.event(events.Live)
            while (progress := await command.event(events.Progress)).last_frame_age_ms is None:
                pass
            command.send(signal.SIGTERM)
            done = await command.end()
    done.assert_done()
    assert progress.state == "live"
    assert progress.media_bytes > 0
    assert progress.queued_bytes >= 0


async def test_no_progress_when_it_is_not_wanted(sample: Sample, tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=8"
    done = await reel("record", url, "-o", tmp_path, "--json", "--progress", "0")
    done.assert_done()
    assert done.of(events.Progress) == []
