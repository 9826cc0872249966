"""What recordings say, stored and told of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from house import KEY, ON, START, House

from engine.catalog import recordings
from engine.catalog.schema import Recording
from engine.media import events
from engine.media.events import FileFinished, TrackInfo
from engine.media.manifest import Interval, Manifest
from engine.store import write_manifest

PATTERN = "{StreamID}-{StartHour}{StartMinute}-{EndSecond}"


async def recording(house: House, **members: object) -> str:
    await house.rule(await house.template(flv={**ON, **members}))
    await house.push()
    (id,) = await house.runs("flv")
    await house.fleet.live(id)
    return id


async def test_a_file_is_stored_and_told_of_once(house: House) -> None:
    async with house.open():
        id = await recording(
            house, StorageTime=3600, VodFileName="{StreamID}-{StartHour}{StartMinute}-{EndSecond}"
        )
        event = await house.fleet.file(id, "push.example.com/live/s/a.flv")
        await house.control.on_event(event)
        await house.control.on_event(event.model_copy(update={"recovered": True}))
        (file,) = await house.files()
    assert house.told.files == [file.id]
    assert file.id.isdigit()
    assert (file.path, file.name) == ("push.example.com/live/s/a.flv", "s-1159-00")
    assert (file.size_bytes, file.duration_ms, file.first_dts_ms) == (1000, 5000, 0)
    assert (file.started_at, file.ended_at) == (START - timedelta(seconds=5), START)
    assert file.expires_at == START + timedelta(hours=1)
    assert not file.is_recovered


async def test_a_files_tracks_and_its_end_are_those_of_its_manifest(house: House) -> None:
    async with house.open():
        id = await recording(house)
        house.root.mkdir()
        event = finished(id, str(house.root / "b.flv"))
        write_manifest(house.root / "b.flv", described(event, id))
        await house.control.on_event(event)
        (file,) = await house.files()
    assert file.ended_at == START + timedelta(seconds=40)
    assert file.tracks == [
        {
            "kind": "video",
            "codec": "H.264",
            "codec_string": "avc1.64001f",
            "width": 640,
            "height": 480,
            "sample_rate": None,
            "channels": None,
        }
    ]
    assert file.expires_at is None


def finished(id: str, path: str) -> FileFinished:
    return FileFinished(
        at=START,
        recording=id,
        format="flv",
        path=path,
        size_bytes=1,
        duration_ms=5000,
        video_packets=1,
        audio_packets=0,
        first_dts_ms=7,
        last_dts_ms=5007,
        started_at=START,
    )


def described(event: FileFinished, id: str) -> Manifest:
    """It was interrupted for half a minute."""
    second = timedelta(seconds=1)
    recorded = [
        Interval(start=START, end=START + 3 * second),
        Interval(start=START + 38 * second, end=START + 40 * second),
    ]
    track = TrackInfo(kind="video", codec="H.264", codec_string="avc1.64001f", width=640, height=480)
    return Manifest(
        recording=id,
        url="rtmp://h/live/s",
        stream="h/live/s",
        format=event.format,
        file="b.flv",
        keyframes=1,
        media_bytes=1,
        tracks=[track],
        notes=[],
        covers=Interval(start=START, end=START + 40 * second),
        recorded=recorded,
        gaps=[],
        **event.model_dump(
            include={
                "size_bytes",
                "duration_ms",
                "video_packets",
                "audio_packets",
                "first_dts_ms",
                "last_dts_ms",
                "started_at",
            }
        ),
    )


async def test_a_file_of_a_recording_that_is_over(house: House) -> None:
    async with house.open():
        id = await recording(house)
        await house.leave()
        await house.runs()
        await house.fleet.file(id, "late.flv", recovered=True)
        (file,) = await house.files()
    assert file.is_recovered


async def test_what_nobody_knows_is_not_stored(house: House) -> None:
    async with house.open():
        await house.control.on_event(finished("nobody", str(house.root / "x.flv")))
        await house.control.on_event(events.Live(at=START, recording="nobody", tracks=[], first_dts_ms=0))
        assert not await house.files()
    assert not house.told.files


async def test_the_sequence_counts_the_files_of_a_recording(house: House) -> None:
    prefix = "{AppName}/{StreamName}/{Sequence}_{EscapedStartTime}_{EscapedEndTime}"
    await house.config(formats=[{"Format": "flv", "OssObjectPrefix": prefix}])
    async with house.open():
        await house.push()
        (id,) = await house.runs("flv")
        for n in range(3):
            await house.fleet.file(id, f"{n}.flv")
        names = [file.name for file in await house.files()]
    moments = "2026-03-01-11-59-55_2026-03-01-12-00-00"
    assert names == [f"live/s/{n}_{moments}" for n in range(3)]


async def test_interruptions_and_warnings_are_told_of(house: House) -> None:
    async with house.open():
        id = await recording(house)
        await house.fleet.live(id)
        await house.fleet.gap(id)
        await house.fleet.gap(id)
        async with house.catalog.read() as session:
            row = await recordings.get(session, id)
            assert row is not None
            assert row.state == "interrupted"
        await house.fleet.goes_on(id)
        for format in ("flv", None):
            warned = events.Warned(at=START, recording=id, code="jump", message="m", format=format)
            await house.control.on_event(warned)
        gap = events.GapOpened(at=START, recording=id, reason="storage", start=START, format="flv")
        await house.control.on_event(gap)
        connecting = events.Connecting(at=START, recording=id, url="rtmp://h/a/s", attempt=2)
        await house.control.on_event(connecting)
    assert house.told.of(id) == ["started", "paused", "resumed"]
    assert house.told.warnings == ["jump", "jump"]


SMALL = TrackInfo(kind="video", codec="H.264", codec_string="avc1.64000c", width=320, height=180)
LARGE = TrackInfo(kind="video", codec="H.264", codec_string="avc1.64001f", width=1280, height=720)
NEWER = TrackInfo(kind="video", codec="H.265", codec_string="hvc1.1.6.L93.B0", width=1280, height=720)
SOUND = TrackInfo(kind="audio", codec="AAC", codec_string="mp4a.40.2", sample_rate=48000, channels=2)


@pytest.mark.parametrize(
    ("before", "after", "code", "message"),
    [
        (
            [SMALL, SOUND],
            [LARGE, SOUND],
            "resolution_changed",
            "H.264 320x180 and AAC 48000 Hz became H.264 1280x720 and AAC 48000 Hz",
        ),
        ([LARGE], [NEWER], "tracks_changed", "H.264 1280x720 became H.265 1280x720"),
        ([SMALL], [SMALL, SOUND], "tracks_changed", "H.264 320x180 became H.264 320x180 and AAC 48000 Hz"),
        ([SMALL, SOUND], [SOUND], "tracks_changed", "H.264 320x180 and AAC 48000 Hz became AAC 48000 Hz"),
    ],
)
async def test_a_change_of_tracks_is_an_exception(
    house: House, before: list[TrackInfo], after: list[TrackInfo], code: str, message: str
) -> None:
    async with house.open():
        await house.rule(await house.template(flv=ON))
        await house.push()
        (id,) = await house.runs("flv")
        live = events.Live(at=START, recording=id, tracks=before, first_dts_ms=0)
        await house.control.on_event(live)
        for tracks in (after, before):
            changed = events.CodecChanged(at=START, recording=id, tracks=tracks)
            await house.control.on_event(changed)
    assert house.told.warnings == [code, code]
    assert house.told.messages[0] == message


async def test_another_push_with_other_tracks_is_no_change(house: House) -> None:
    """Though it is heard that the gap is over before it is heard with what."""
    async with house.open():
        id = await recording(house)
        for tracks in ([SMALL], [LARGE]):
            await house.fleet.gap(id)
            await house.fleet.goes_on(id)
            live = events.Live(at=START, recording=id, tracks=tracks, first_dts_ms=0)
            await house.control.on_event(live)
        await house.control.on_event(events.CodecChanged(at=START, recording=id, tracks=[NEWER]))
    assert house.told.messages == ["H.264 1280x720 became H.265 1280x720"]
    assert house.told.of(id) == ["started", *["paused", "resumed"] * 2]


async def test_a_change_of_what_is_not_known_is_none(house: House) -> None:
    """After a restart of the server, until the stream is live anew."""
    async with house.open():
        id = await recording(house)
        for tracks in ([SMALL], [LARGE]):
            await house.control.on_event(events.CodecChanged(at=START, recording=id, tracks=tracks))
    assert house.told.warnings == ["resolution_changed"]


async def test_when_the_outbox_cannot_be_written_nothing_is_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open():
        id = await recording(house)

        async def refuse(*_: object) -> None:
            raise OSError("no")

        with monkeypatch.context() as patch:
            patch.setattr(house.told, "file_finished", refuse)
            with pytest.raises(OSError, match="no"):
                await house.fleet.file(id, "a.flv")
        assert not await house.files()
        await house.fleet.file(id, "a.flv")
        assert len(await house.files()) == 1
        with monkeypatch.context() as patch:
            patch.setattr(house.told, "push", refuse)
            with pytest.raises(OSError, match="no"):
                await house.leave()
        assert house.control.is_live(KEY)
        await house.leave()
        await house.runs()


async def test_a_session_is_one_order_on_one_push(house: House) -> None:
    await house.rule(await house.template(flv=ON, hls=ON))
    async with house.open():
        await house.push()
        await house.control.create_task(house.order("record"))
        await house.runs("flv", "hls", "hls")
        rows: list[Recording] = await house.rows()
    sessions = {row.cause: {one.session_id for one in rows if one.cause == row.cause} for row in rows}
    assert len(sessions["rule"]) == len(sessions["task"]) == 1
    assert sessions["rule"] != sessions["task"]
