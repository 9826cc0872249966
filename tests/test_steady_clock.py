"""T06, T07: the machine's clock is set while a recording runs, and its account and names do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from e2e.recordings import Recorder
from oracle.ledger import gaps, stretches
from origins.troubled import Picture, Stream, troubled

from engine.clock import SteadyClock
from engine.media import events
from engine.media.codecs import Format

NOON = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)  # a minute before Europe's clocks are set back
HOUR = timedelta(hours=1)


def setting_back() -> Iterator[datetime]:
    """A clock that is an hour earlier each time one looks."""
    moment = datetime.now(UTC)
    while True:
        yield moment
        moment -= HOUR


def test_it_goes_forward_when_the_machines_clock_does_not() -> None:
    seconds = iter((100.0, 100.5, 3700.0))
    clock = SteadyClock(wall=lambda: NOON, passed_s=lambda: next(seconds))
    assert clock.now() == NOON + timedelta(seconds=0.5)
    assert clock.now() == NOON + HOUR


async def test_t06_the_clock_is_set_back_while_recording(
    sample: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = setting_back()
    monkeypatch.setattr(
        "engine.record.recording.SteadyClock", lambda: SteadyClock(wall=lambda: next(moments))
    )
    stream = Stream(Picture.of(sample("h264_aac_bframes")))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", interval=1, reconnect=10)
        async with asyncio.timeout(30):
            while len(recorder.heard(recording, events.FileFinished)) < 6:
                await asyncio.sleep(0.05)
        recording.stop()
        (recorded,) = await recorder.ended()
    for format in (Format.FLV, Format.HLS):
        told = stretches(recorded.paths(format))  # which are in the order of their names
        assert all(gap.reason == "not_live" for gap in gaps(told))
    ats = [event.at for event in recorded.events]
    assert ats == sorted(ats)
