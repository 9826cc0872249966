"""Interruptions of every kind, over HTTP-FLV and RTMP: the recording outlives them, says what is missing and
why, and tells of each file once."""

from __future__ import annotations

import asyncio
import datetime as dates
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import trustme
from e2e.recordings import Recorded, Recorder
from ingest.scripted_rtmp import RtmpClient
from oracle import flv
from oracle.fidelity import assert_f1
from oracle.ledger import Stretch, gaps, stretches
from oracle.packets import source_packets
from oracle.rules import assert_f3
from origins.breaking import BREAKS, ENDS, PROTOCOLS, Groups, Line, breaking
from origins.process import free_port, listening
from origins.scripted import Client, chunk, head, scripted
from origins.troubled import Picture, Stream, troubled
from reel import running as reel_running

from engine import _native
from engine.errors import ConnectFailed
from engine.media import events
from engine.media.codecs import Format
from engine.record import Recording

SAMPLE = "h264_aac_bframes"
SLACK_S = 0.75  # a tick, the writer's gathering, and a busy machine
WAIT_S = 60
Sample = Callable[[str], Path]
T = TypeVar("T")

over_both = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture
def groups(sample: Sample) -> Groups:
    """Eight groups of pictures of a second each."""
    return Groups.of(sample(SAMPLE))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog of silence barks early (T29)."""
    monkeypatch.setattr("engine.ingest.network.NO_DATA_TIMEOUT_S", 1.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def heard(recorder: Recorder, recording: Recording, kind: type[T], times: int) -> list[T]:
    """Wait until events of a kind came so many times."""
    await until(lambda: len(recorder.heard(recording, kind)) >= times)
    return recorder.heard(recording, kind)


def assert_headers_first(path: Path) -> None:
    """T15: configurations of both tracks and a keyframe stand before anything else."""
    tags = [(tag.kind, flv.main_media(tag)) for tag in flv.read(path).tags if tag.kind != flv.SCRIPT]
    assert [media.role for _, media in tags[:3]] == ["config", "config", "frame"]
    assert next(media for kind, media in tags if kind == flv.VIDEO and media.role == "frame").key


def assert_told_once(recorded: Recorded) -> None:
    """T24: each file is opened, closed and finished once, in this order."""
    for path in {event.path for event in recorded.of(events.SegmentOpened)}:
        told = [event.event for event in recorded.events if getattr(event, "path", "") == path]
        assert told == ["segment_opened", "segment_closed", "file_finished"]


def course(recorded: Recorded) -> list[str]:
    """The events about the stream, without those about files."""
    about = events.Connecting | events.Live | events.GapOpened | events.GapClosed | events.Finished
    return [event.event for event in recorded.events if isinstance(event, about)]


# Another push after an interruption


@over_both
@pytest.mark.parametrize("how", ENDS)
async def test_a_gap_from_the_last_frame_to_the_next_push(
    how: str, protocol: str, groups: Groups, tmp_path: Path, impatient: None
) -> None:
    """T15, T24, T29, G1."""
    away = asyncio.Event()

    async def script(line: Line) -> None:
        if line.number == 1 and not away.is_set():
            away.set()
            await line.refuse()
            return
        await line.accept()
        await line.play(groups.some(0, 2) if not line.number else groups.some(4, 6))
        await line.end(how if not line.number else "silence")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url, format="flv,mp4,hls", reconnect=30)
        await until(lambda: len(origin.lines) == 3 and len(origin.lines[2].sent) > 30)
        await heard(recorder, recording, events.Live, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    reason = "stalled" if how == "silence" else "interrupted"
    for format in (Format.FLV, Format.MP4, Format.HLS):
        first, second = recorded.paths(format)
        assert_f3(first)
        assert_f3(second)
        told = stretches([first, second])
        assert_bounds(told, reason, origin.lines[0].sent[-1], origin.lines[2].sent[0])
    for path in recorded.paths(Format.FLV):
        assert_headers_first(path)
    assert_told_once(recorded)
    assert [gap.reason for gap in recorded.of(events.GapClosed)][:2] == ["not_live", reason]
    back = ["connecting", "gap_closed", "live"]
    assert course(recorded)[:4] == ["gap_opened", *back]
    assert course(recorded)[4:9] == ["gap_opened", "connecting", *back]
    if how in ("reset", "silence"):
        (warning,) = recorded.warnings("stalled" if how == "silence" else "connect_failed")
        assert origin.url in warning.message


def assert_bounds(told: list[Stretch], reason: str, start: dates.datetime, end: dates.datetime) -> None:
    (gap,) = (gap for gap in gaps(told) if gap.reason == reason)
    assert abs((gap.start - start).total_seconds()) < SLACK_S
    assert abs((gap.end - end).total_seconds()) < SLACK_S


# The same push after an interruption


@over_both
@pytest.mark.parametrize("how", BREAKS)
async def test_files_go_on_where_the_connection_broke(
    how: str, protocol: str, groups: Groups, tmp_path: Path, impatient: None
) -> None:
    """T20: what the origin sends again is left out."""

    async def script(line: Line) -> None:
        if line.number > 1:
            await line.refuse()
            return
        await line.accept()
        await line.media(groups.some(0, 4) if not line.number else groups.some(2))
        await line.end(how if not line.number else "unpublish")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url, format="flv,mp4,hls,aac", reconnect=1)
        (recorded,) = await recorder.ended()
    source = source_packets(groups.whole_file)
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source, format)
    (warning,) = recorded.warnings("duplicate_media")
    assert "left out" in warning.message
    assert_told_once(recorded)


@over_both
async def test_a_reconnect_that_comes_late_begins_a_file_at_the_last_repeated_keyframe(
    protocol: str, groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T20, when the files of before are finished: a new one cannot begin between keyframes."""
    monkeypatch.setattr("engine.record.recording.JOIN_WAIT_S", 0.2)
    begun = asyncio.Event()

    async def script(line: Line) -> None:
        if not line.number:
            await line.accept()
            await line.media(groups.some(0, 4))
            await line.end("close")
        elif begun.is_set():
            await line.accept()
            await line.media(groups.some(1))
            await line.end("unpublish")
            begun.clear()
        else:
            await line.refuse()

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url, format="flv,hls", reconnect=4)
        await heard(recorder, recording, events.FileFinished, 2)
        begun.set()
        (recorded,) = await recorder.ended()
    source = source_packets(groups.whole_file)
    for format in (Format.FLV, Format.HLS):
        first, second = recorded.files(format)
        assert [p.digest for p in first.video] == [p.digest for p in source.video[: len(first.video)]]
        again = source.video[75:]  # the fourth group came last before the break
        assert [p.digest for p in second.video] == [p.digest for p in again]
        assert len(first.video) == 100
        assert_f3(second.path)
    assert_headers_first(recorded.paths(Format.FLV)[1])
    (warning,) = recorded.warnings("duplicate_media")
    assert "begin the new file" in warning.message
    assert_told_once(recorded)


# Origins that are gone for a while


@over_both
@pytest.mark.parametrize("how", ["closes at once", "refuses", "redirects to nobody"])
async def test_an_origin_that_is_not_ready(how: str, protocol: str, groups: Groups, tmp_path: Path) -> None:
    """T23: whatever it says in the meantime, the recording goes on when the publisher returns."""

    async def script(line: Line) -> None:
        if line.number not in (0, 4):
            if how == "refuses":
                await line.refuse()
            elif how == "redirects to nobody":
                await redirect(line.client, f"127.0.0.1:{free_port()}/live/x")
            return
        await line.accept()
        await line.media(groups.some(0, 4) if not line.number else groups.some(4))
        await line.end("unpublish")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url, format="flv,hls", reconnect=30)
        await heard(recorder, recording, events.Live, 2)
        await heard(recorder, recording, events.FileFinished, 4)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert [gap.reason for gap in recorded.of(events.GapClosed)][:2] == ["not_live", "interrupted"]
    for format in (Format.FLV, Format.HLS):
        recorded.assert_correct(source_packets(groups.whole_file), format)
    assert_told_once(recorded)


async def redirect(client: Client | RtmpClient, place: str) -> None:
    if isinstance(client, RtmpClient):
        code = {"code": "NetConnection.Connect.Rejected", "level": "error"}
        await client.refuse("connect", {**code, "ex": {"code": 302.0, "redirect": f"rtmp://{place}"}})
        await client.gone()
    else:
        await client.send(head(f"Location: http://{place}.flv", status="302 Found"))


@over_both
async def test_an_origin_that_restarts(protocol: str, sample: Sample, tmp_path: Path) -> None:
    """`reel origin` is killed, nobody listens for a while, and another one begins on the same port."""
    ports = (free_port(), free_port())
    url = f"rtmp://127.0.0.1:{ports[0]}/live/x"
    if protocol == "http-flv":
        url = f"http://127.0.0.1:{ports[1]}/live/x.flv"

    @asynccontextmanager
    async def serving(name: str) -> AsyncIterator[Callable[[], None]]:
        path = tmp_path / name / "x.flv"
        path.parent.mkdir()
        path.write_bytes(sample(name).read_bytes())
        places = ("--rtmp", f"127.0.0.1:{ports[0]}", "--http", f"127.0.0.1:{ports[1]}")
        async with reel_running("origin", path, *places) as command:
            await until(lambda: listening(*ports))
            yield lambda: command.send(signal.SIGKILL)

    async with Recorder(tmp_path / "out") as recorder:
        async with serving(SAMPLE) as kill:
            recording = recorder.start(url, format="flv,hls", reconnect=60)
            await heard(recorder, recording, events.Live, 1)
            await asyncio.sleep(1)
            kill()
        tried = len(recorder.heard(recording, events.Connecting))
        await heard(recorder, recording, events.Connecting, tried + 2)
        async with serving("h264_mp3"):
            await heard(recorder, recording, events.Live, 2)
            await asyncio.sleep(1)
            recording.stop()
            (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    for format in (Format.FLV, Format.HLS):
        first, second = recorded.paths(format)
        assert_f1(sample(SAMPLE), first, joined_late=True, cut_short=True)
        assert_f1(sample("h264_mp3"), second, joined_late=True, cut_short=True)
        assert_f3(first)
        assert_f3(second)
        stretches([first, second])
    assert_told_once(recorded)
    assert [gap.reason for gap in recorded.of(events.GapClosed)][:2] == ["not_live", "interrupted"]


@over_both
async def test_a_name_that_is_not_resolved_for_a_while(
    protocol: str, groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    resolve, asked = loop.getaddrinfo, []

    async def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        if len(asked) in (2, 3):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await resolve(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    async def script(line: Line) -> None:
        await line.accept()
        await line.media(groups.some(0, 4) if not line.number else groups.some(3))
        await line.end("close" if not line.number else "silence")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url.replace("127.0.0.1", "localhost"), reconnect=30)
        await until(lambda: len(asked) == 4 and recording.status.packets > 500)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert set(asked) == {"localhost"}
    assert len(recorded.of(events.Connecting)) == 4
    assert len(origin.lines) == 2
    recorded.assert_correct(source_packets(groups.whole_file), Format.FLV)


@pytest.mark.parametrize("was_live", [True, False])
async def test_a_certificate_that_expires_is_waited_for_no_longer_than_patience(
    was_live: bool, groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    past = dates.datetime.now(dates.UTC) - dates.timedelta(days=1)
    expired = authority.issue_cert("127.0.0.1", not_before=past - dates.timedelta(days=1), not_after=past)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (authority.issue_cert("127.0.0.1") if was_live else expired).configure_cert(server)

    async def answer(client: Client) -> None:
        some = groups.some(0, 4)
        data = _native.flv_tags(some.arena, some.tags.tobytes(), 0, "source")[0]
        expired.configure_cert(server)
        await client.send(head("Transfer-Encoding: chunked"))
        await client.send(chunk(_native.flv_header(True, True) + data) + chunk(b""))

    async with scripted(answer, tls=server) as origin, Recorder(tmp_path / "out") as recorder:
        recorder.start(origin.url(), reconnect=2)
        (recorded,) = await recorder.ended()
    assert len(origin.requests) == was_live
    assert len(recorded.of(events.Connecting)) >= 2 + was_live
    if was_live:
        assert recorded.outcome.error is None
        assert_f1(source_packets(groups.whole_file), recorded.paths(Format.FLV), cut_short=True)
    else:
        assert isinstance(recorded.outcome.error, ConnectFailed)
        assert "certificate" in str(recorded.outcome.error)


# How it ends


@over_both
@pytest.mark.parametrize("splice", [0, 30], ids=["", "splice open"])
@pytest.mark.parametrize("end", ["stopped", "duration", "patience"])
async def test_what_ends_a_recording_whose_stream_is_gone(
    end: str, splice: float, protocol: str, groups: Groups, tmp_path: Path
) -> None:
    """Its files are final then, and the window goes on to the end."""

    async def script(line: Line) -> None:
        if line.number:
            await line.refuse()
            return
        await line.accept()
        await line.play(groups.some(0, 1))
        await line.end("unpublish")

    order: dict[str, object] = {"reconnect": 3600, "splice": splice}
    if end == "duration":
        order["duration"] = 4
    elif end == "patience":
        order |= {"reconnect": 1, "splice": min(splice, 2)}
    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url, format="flv,hls", **order)
        await heard(recorder, recording, events.Connecting, 3)
        if end == "stopped":
            recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    (finished,) = recorded.of(events.Finished)
    assert finished.reason == ("stream_ended" if end == "patience" else end)
    for format in (Format.FLV, Format.HLS):
        (path,) = recorded.paths(format)
        assert_f3(path)
        told = stretches([path])
        last = told[-1]
        assert last.reason == "interrupted"
        assert last.end <= finished.at
        if end == "duration":
            recorded_from = next(one for one in told if not one.reason)
            assert (last.end - recorded_from.start).total_seconds() == pytest.approx(4, abs=SLACK_S)
    assert_told_once(recorded)


# Storms


@over_both
async def test_t25_connections_that_flap_make_one_file(protocol: str, groups: Groups, tmp_path: Path) -> None:
    """Each repeats the group before, goes on for one, and breaks 300 ms later."""

    async def script(line: Line) -> None:
        if line.number > 7:
            await line.refuse()
            return
        await line.accept()
        last = None if line.number == 7 else line.number + 1
        await line.media(groups.some(max(line.number - 1, 0), last))
        await asyncio.sleep(0.3)
        await line.end("close" if line.number < 7 else "unpublish")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url, format="flv,mp4,hls", reconnect=2)
        (recorded,) = await recorder.ended()
    for format in (Format.FLV, Format.MP4, Format.HLS):
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source_packets(groups.whole_file), format)
    assert_told_once(recorded)
    assert len(recorded.of(events.Live)) == 1
    assert len(recorded.of(events.GapOpened)) == len(recorded.of(events.GapClosed)) == 9


@pytest.mark.parametrize("splice", [0, 30])  # longer than all of it: how often it is met is chance
async def test_t25_a_publisher_that_flaps_makes_no_storm(
    splice: float, sample: Sample, tmp_path: Path
) -> None:
    """300 ms there, 300 ms away, for 10 s: a file for each push that was met, each told of once."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    pushes = 1
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", reconnect=30, splice=splice)
        await heard(recorder, recording, events.Live, 1)
        await asyncio.sleep(0.5)
        for _ in range(16):
            stream.unpublish()
            await asyncio.sleep(0.3)
            stream.publish()
            pushes += 1
            await asyncio.sleep(0.3)
        recording.stop()
        (recorded,) = await recorder.ended()
    lives, dialled = len(recorded.of(events.Live)), len(recorded.of(events.Connecting))
    assert lives <= pushes
    assert len(recorded.paths(Format.FLV)) == lives
    assert len(recorded.paths(Format.HLS)) == (1 if splice else lives)
    assert len(recorded.of(events.GapOpened)) == len(recorded.of(events.GapClosed)) <= lives + 1
    # A push: live, interrupted, one gap, and two files opened, closed and finished. A try: two events.
    # Beside those the gaps at both ends, of which one is counted already, and the recording's own end.
    assert len(recorded.events) <= 2 * dialled + 10 * lives + 3
    assert_told_once(recorded)
    for format in (Format.FLV, Format.HLS):
        stretches(recorded.paths(format))
        for path in recorded.paths(format):
            assert_f3(path, apart=format is Format.HLS)


async def test_t25_an_origin_that_accepts_and_closes_is_left_in_peace(tmp_path: Path) -> None:
    """Nothing was live: each wait is longer than the one before."""

    async def nothing(_: Line) -> None:
        return

    async with breaking("http-flv", nothing) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url, reconnect=10)
        (recorded,) = await recorder.ended()
    assert len(origin.lines) <= 8  # 0.25, 0.5, 1, 2, 4 s at the shortest, and the last try
    assert len(recorded.events) <= 2 * len(origin.lines) + 3  # waiting and connecting
    assert recorded.on_disk() == set()
