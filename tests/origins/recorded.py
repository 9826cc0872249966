"""A push to an origin that is not ours, recorded by `reel` from beginning to end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist
from origins.process import in_thread
from origins.push import push
from reel import Done, running

from engine.media import events

FORMATS = ("flv", "hls", "mp4", "aac")
_OPTIONS = ("--json", "-f", ",".join(FORMATS), "--hls-time", "2")


async def record_push(
    clip: Path, push_url: str, urls: list[str], folder: Path, *options: str, first: bool
) -> Done:
    """Record a push from its beginning to its end.

    Args:
        clip: What is pushed once, at real time.
        push_url: Where to.
        urls: Where it is recorded from, side by side.
        folder: An existing folder for files and logs.
        options: More options of `reel record`.
        first: The recorder waits when the push begins; otherwise it joins late.
    """
    async with AsyncExitStack() as stack:
        if not first:
            await stack.enter_async_context(in_thread(push(clip, push_url, folder, loop=False)))
        command = await stack.enter_async_context(
            running("record", *urls, "-o", folder / "out", *_OPTIONS, *options)
        )
        if first:
            for _ in urls:
                await command.event(events.Connecting)
            await asyncio.sleep(0.5)  # until the origin knows it
            await stack.enter_async_context(in_thread(push(clip, push_url, folder, loop=False)))
        return await command.end()


def assert_recorded(done: Done, clip: Path, url: str, *, joined_late: bool) -> None:
    """The files of one URL hold what was pushed, up to its end.

    Args:
        done: How the recorder ended.
        clip: What was pushed.
        url: Where it was recorded from.
        joined_late: The recording may begin at any keyframe.
    """
    (recording,) = {event.recording for event in done.of(events.Connecting) if event.url == url}
    source = source_packets(clip)
    files = [event for event in done.of(events.FileFinished) if event.recording == recording]
    assert sorted(event.format for event in files) == sorted(FORMATS)
    for event in files:
        path = Path(event.path)
        first_cut = event.format != "aac" or not joined_late
        assert_f1(source, path, first_cut, joined_late=joined_late)
        assert_f2(source, path, first_cut, joined_late=joined_late)
        assert_f3(path)
        if event.format == "hls":
            assert_playlist(path)
