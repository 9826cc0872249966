"""Events as lines for a person, and progress by a clock of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.cli.reporter import ProgressWatch, Sentences
from engine.cli.sentences import sentence
from engine.media import events
from engine.media.codecs import Format
from engine.record import Recording
from engine.record.state import State, Status

AT = datetime(2026, 12, 1, 3, 4, 5, tzinfo=UTC)
URL = "rtmp://h/live/x"
ABOUT: dict[str, Any] = {"at": AT, "recording": "r"}
TRACKS = [
    events.TrackInfo(kind="video", codec="H.264", codec_string="avc1", width=1280, height=720),
    events.TrackInfo(kind="audio", codec="AAC", codec_string="mp4a", sample_rate=44100, channels=2),
]
FILE = events.FileFinished(
    **ABOUT,
    format=Format.FLV,
    path="/r/x.flv",
    size_bytes=2_500_000,
    duration_ms=90_000,
    video_packets=1,
    audio_packets=1,
    first_dts_ms=0,
    last_dts_ms=0,
    started_at=AT,
)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.Connecting(**ABOUT, url=URL, attempt=1), f"connecting  {URL}"),
        (
            events.Connecting(**ABOUT, url=URL, attempt=2, reason=f"{URL}: refused"),
            f"connecting  {URL} (try 2, after: refused)",
        ),
        (
            events.Live(**ABOUT, tracks=TRACKS, first_dts_ms=0),
            f"live        {URL}: H.264 1280x720 + AAC 44.1 kHz stereo",
        ),
        (
            events.Interrupted(**ABOUT, reason=f"{URL}: the connection\nwas reset"),
            f"interrupted {URL}: the connection was reset",
        ),
        (
            events.Waiting(
                **ABOUT,
                reason="refused",
                next_try_at=AT + timedelta(seconds=1.5),
                until=AT + timedelta(seconds=30),
            ),
            f"waiting     {URL}: refused; next try in 1.5 s, last one at 03:04:35 UTC",
        ),
        (FILE, "finished    /r/x.flv (90.0 s, 2.5 MB)"),
        (
            events.Finished(**ABOUT, reason="duration", files=2, gaps=1),
            f"stopped     {URL}: its duration is over; 2 files, 1 gap",
        ),
        (events.SegmentClosed(**ABOUT, format=Format.FLV, path="/r/x.flv"), None),
    ],
    ids=lambda value: getattr(value, "event", None),
)
def test_an_event_is_one_line(event: events.Event, line: str | None) -> None:
    assert sentence(event, URL) == line


def test_the_cause_of_an_interruption_is_said_once() -> None:
    sentences = Sentences()
    assert sentences.of(events.Interrupted(**ABOUT, reason="reset")) is not None
    assert sentences.of(events.Warned(**ABOUT, code="source", message="reset")) is None
    assert sentences.of(events.Warned(**ABOUT, code="source", message="another")) is not None


def test_progress_is_of_the_time_since_the_last_look() -> None:
    now_s = 100.0
    status = Status(state=State.LIVE)
    recording = cast("Recording", SimpleNamespace(id="r", status=status, queued_bytes=7))
    watch = ProgressWatch([recording], lambda: now_s)

    now_s += 10
    (before_media,) = watch.look(AT)
    assert (before_media.bitrate_bps, before_media.last_frame_age_ms) == (0, None)

    status.media_bytes, status.recorded_ms, status.last_frame_s = 10_000, 8_000, 119.5
    now_s += 10
    (progress,) = watch.look(AT)
    assert progress.bitrate_bps == 8_000
    assert (progress.media_bytes, progress.media_ms, progress.wall_ms) == (10_000, 8_000, 20_000)
    assert (progress.queued_bytes, progress.last_frame_age_ms, progress.state) == (7, 500, "live")

    now_s += 10
    (stalled,) = watch.look(AT)
    assert (stalled.bitrate_bps, stalled.last_frame_age_ms) == (0, 10_500)
