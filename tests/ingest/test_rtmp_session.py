"""The playing session against a server session, and against a server of the test's own words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import pytest
from batches import audio, batch, joined_rows, video, video_config
from hypothesis import given
from hypothesis import strategies as st

from engine import _native
from engine.errors import AccessDenied, BadResponse, MalformedRtmp, NotAStream, ReelError, StreamNotFound
from engine.ingest.rtmp_session import TRANSITIONS, EndReason, RtmpPlay, Signal, State
from engine.ingest.rtmp_url import parse_rtmp_url
from engine.media.batch import Batch
from engine.media.rtmp import Command
from engine.origin import rtmp_session as origin

URL = "rtmp://me:pw@h:1936/live?vhost=v/name?txSecret=abc&txTime=5"


class Joined:
    """A playing and a serving session with a wire between them that carries all there is, both ways."""

    def __init__(self, url: str = URL) -> None:
        self.play = RtmpPlay(parse_rtmp_url(url))
        self.serve = origin.RtmpServe()

    def exchange(self) -> list[origin.ServeEvent]:
        """Until both are silent."""
        while True:
            up, down = self.play.take_output(), self.serve.take_output()
            if not up and not down:
                return self.serve.take_events()
            self.serve.receive(up)
            self.play.receive(down)

    def playing(self) -> Joined:
        """Both sides in PLAYING."""
        self.exchange()
        assert self.serve.accept_play()
        self.exchange()
        assert (self.play.state, self.serve.state) == (State.PLAYING, origin.State.PLAYING)
        return self


class Words:
    """A server that says what the test says; `heard` are the commands of the session."""

    def __init__(self, url: str = URL) -> None:
        self.connection = _native.RtmpConnection("server")
        self.play = RtmpPlay(parse_rtmp_url(url))
        self.heard: list[Command] = []
        self.controls: list[tuple[int, int]] = []
        self.exchange()
        self.exchange()

    def exchange(self) -> None:
        """Carry what both have to send."""
        self.connection.feed(self.play.take_output())
        for event in self.connection.take_events():
            match event:
                case (_, "command", message_stream, values):
                    self.heard.append(Command(message_stream, values))
                case (_, "user_control", kind, first):
                    self.controls.append((kind, first))
        self.play.receive(self.connection.take_output())

    def say(self, *values: _native.AmfValue, message_stream: int = 0) -> None:
        """One command to the session."""
        self.connection.send_command(3, message_stream, list(values))
        self.exchange()
        self.exchange()

    def status(self, code: str, level: str = "status", **more: _native.AmfValue) -> None:
        """An onStatus."""
        self.say("onStatus", 0.0, None, {"level": level, "code": code, "description": "so it is", **more})

    def connected(self) -> Words:
        """Past connect."""
        self.say("_result", 1.0, {}, {"level": "status", "code": "NetConnection.Connect.Success"})
        assert self.play.state is State.CREATING
        return self

    def playing(self) -> Words:
        """Past createStream."""
        self.connected().say("_result", 2.0, None, 5.0)
        assert self.play.state is State.PLAYING
        return self


def some_media(times: int = 3) -> Batch:
    """A sequence header and frames."""
    return batch(
        video_config(), *(tag for at in range(times) for tag in (video(40 * at, key=not at), audio(40 * at)))
    )


def as_messages(media: Batch) -> bytes:
    """What an origin sends."""
    table = media.tags.tobytes()
    return _native.rtmp_messages(media.arena, table, origin.MESSAGE_STREAM, origin.CHUNK_SIZE)


def test_both_sides_come_to_play_and_media_passes_unchanged() -> None:
    joined = Joined()
    assert joined.exchange() == [origin.Play("live", "name", "vhost=v&txSecret=abc&txTime=5")]
    assert joined.serve.accept_play()
    joined.exchange()
    assert (joined.play.state, joined.serve.state) == (State.PLAYING, origin.State.PLAYING)
    media = some_media()
    joined.play.receive(as_messages(media))
    taken = joined.play.take_batch()
    assert taken is not None
    assert joined_rows([taken]) == joined_rows([media])
    assert joined.play.take_batch() is None
    assert joined.serve.error is None
    assert joined.play.ended is None


@pytest.mark.parametrize(("unpublish", "reason"), [(True, EndReason.UNPUBLISHED), (False, EndReason.STOPPED)])
def test_the_end_of_a_play_is_clean_on_both_sides(unpublish: bool, reason: EndReason) -> None:
    joined = Joined().playing()
    media = some_media()
    assert joined.serve.end_play(unpublish=unpublish)
    joined.play.receive(as_messages(media) + joined.serve.take_output())
    assert joined.play.ended
    assert joined.play.ended is not None
    assert (joined.play.ended.reason, joined.play.error, joined.play.redirect) == (reason, None, None)
    assert joined.serve.state is origin.State.READY
    last = joined.play.take_batch()
    assert last is not None
    assert len(last) == len(media)
    assert not joined.serve.end_play()


def test_a_refused_play() -> None:
    joined = Joined()
    joined.exchange()
    assert joined.serve.refuse("NetStream.Play.StreamNotFound", "no such stream")
    joined.exchange()
    assert isinstance(joined.play.error, StreamNotFound)
    assert str(joined.play.error) == (
        "rtmp://h:1936/live/name: the server says NetStream.Play.StreamNotFound (no such stream)"
    )
    assert not joined.serve.refuse("again", "again")
    assert not joined.serve.accept_play()


def test_what_connect_and_play_say() -> None:
    words = Words().playing()
    connect, create, play = words.heard
    assert (connect.name, connect.transaction, connect.message_stream) == ("connect", 1.0, 0)
    fields = connect.fields(2)
    assert fields["app"] == "live?vhost=v"
    assert fields["tcUrl"] == "rtmp://me:pw@h:1936/live?vhost=v"
    assert fields["objectEncoding"] == 0.0
    assert set(fields["fourCcList"]) == {"avc1", "hvc1", "vvc1", "av01", "mp4a", ".mp3", "Opus"}  # type: ignore[arg-type]
    assert fields["videoFourCcInfoMap"]["hvc1"] == 1.0  # type: ignore[index,call-overload]
    assert (create.name, create.transaction) == ("createStream", 2.0)
    assert (play.values[0], play.values[2:], play.message_stream) == (
        "play",
        [None, "name?txSecret=abc&txTime=5", -2000.0],
        5,
    )
    assert words.controls == [(3, 5)]


NOISE: dict[str, Callable[[Words], None]] = {
    "_checkbw": lambda words: words.say("_checkbw", 7.0, None),
    "onBWDone": lambda words: words.say("onBWDone", 0.0, None, 8192.0),
    "onFCSubscribe": lambda words: words.say("onFCSubscribe", 0.0, None, {"code": "NetStream.Play.Start"}),
    "connect again": lambda words: words.say("_result", 1.0, {}, {"code": "NetConnection.Connect.Success"}),
    "another stream": lambda words: words.say("_result", 2.0, None, 9.0),
    "late error": lambda words: words.say("_error", 3.0, None, {"code": "NetConnection.Call.Failed"}),
    "nothing": lambda words: words.say(),
    "a number for a name": lambda words: words.say(5.0, "onStatus"),
    "status without info": lambda words: words.say("onStatus", 0.0),
    "reset": lambda words: words.status("NetStream.Play.Reset"),
    "start": lambda words: words.status("NetStream.Play.Start"),
    "publish notify": lambda words: words.status("NetStream.Play.PublishNotify"),
    "eof of another stream": lambda words: words.connection.send_user_control(1, 4),
    "dry": lambda words: words.connection.send_user_control(2, 5),
}


@pytest.mark.parametrize("name", NOISE)
def test_noise_changes_nothing(name: str) -> None:
    words = Words().playing()
    heard = len(words.heard)
    NOISE[name](words)
    words.exchange()
    assert (words.play.state, words.play.ended, len(words.heard)) == (State.PLAYING, None, heard)


ENDS: dict[str, tuple[Callable[[Words], None], EndReason]] = {
    "unpublished": (lambda w: w.status("NetStream.Play.UnpublishNotify"), EndReason.UNPUBLISHED),
    "stopped": (lambda w: w.status("NetStream.Play.Stop"), EndReason.STOPPED),
    "completed": (
        lambda w: w.say("onPlayStatus", 0.0, None, {"code": "NetStream.Play.Complete", "level": "status"}),
        EndReason.COMPLETED,
    ),
    "connection closed": (lambda w: w.status("NetConnection.Connect.Closed"), EndReason.CLOSED),
    "close": (lambda w: w.say("close", 0.0, None), EndReason.CLOSED),
    "stream eof": (lambda w: w.connection.send_user_control(1, 5), EndReason.DATA_ENDED),
    "eof": (lambda w: w.play.receive_eof(), EndReason.CLOSED),
}


@pytest.mark.parametrize("name", ENDS)
def test_clean_ends(name: str) -> None:
    words = Words().playing()
    act, reason = ENDS[name]
    act(words)
    words.exchange()
    assert words.play.ended is not None
    assert (words.play.ended.reason, words.play.error) == (reason, None)
    words.status("NetStream.Play.StreamNotFound", "error")
    assert words.play.error is None  # the first end counts


REFUSALS = {
    "NetStream.Play.StreamNotFound": StreamNotFound,
    "NetStream.Play.Failed": BadResponse,
    "NetStream.Play.Unheard.Of": BadResponse,
    "NetConnection.Connect.Rejected": AccessDenied,
}


@pytest.mark.parametrize("code", REFUSALS)
def test_refusals_by_status(code: str) -> None:
    words = Words().playing()
    words.status(code, "error")
    assert type(words.play.error) is REFUSALS[code]
    assert f"{code} (so it is)" in str(words.play.error)
    assert words.play.ended


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"code": "NetConnection.Connect.Rejected", "description": "no"}, AccessDenied),
        ({"code": "NetConnection.Connect.InvalidApp"}, StreamNotFound),
        ({"code": "NetConnection.Connect.Failed"}, BadResponse),
        ({}, AccessDenied),
    ],
)
def test_connect_refused(info: dict[str, _native.AmfValue], kind: type[ReelError]) -> None:
    words = Words()
    words.say("_error", 1.0, None, info)
    assert type(words.play.error) is kind


@pytest.mark.parametrize("number", [0.0, -1.0, 1.5, 2.0**32, float("inf"), float("nan"), None, "1"])
def test_a_stream_that_is_none(number: _native.AmfValue) -> None:
    words = Words().connected()
    words.say("_result", 2.0, None, number)
    assert isinstance(words.play.error, BadResponse)


def test_an_end_before_play_is_an_error() -> None:
    words = Words()
    words.status("NetConnection.Connect.Closed")
    assert isinstance(words.play.error, BadResponse)
    words = Words().connected()
    words.say("_error", 2.0, None, {})
    assert isinstance(words.play.error, BadResponse)


@pytest.mark.parametrize(
    "extra", [{"ex": {"code": 302.0, "redirect": "rtmp://o/app"}}, {"redirect": "rtmp://o/app"}]
)
def test_redirects(extra: dict[str, _native.AmfValue]) -> None:
    words = Words()
    words.say("_error", 1.0, None, {"code": "NetConnection.Connect.Rejected", "level": "error", **extra})
    assert words.play.redirect == "rtmp://o/app/name?txSecret=abc&txTime=5"
    assert words.play.error is None
    assert words.play.ended


def test_media_before_malformed_bytes_is_there_to_take() -> None:
    joined = Joined().playing()
    joined.play.receive(as_messages(some_media()) + b"\xff" * 20)
    assert isinstance(joined.play.error, MalformedRtmp)
    assert joined.play.ended is not None
    assert joined.play.ended.reason is EndReason.MALFORMED
    taken = joined.play.take_batch()
    assert taken is not None
    assert len(taken) == len(some_media())


def test_a_server_that_speaks_http() -> None:
    play = RtmpPlay(parse_rtmp_url(URL))
    play.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert isinstance(play.error, NotAStream)
    assert "this is a web server" in str(play.error)


def test_every_state_can_end_and_the_end_is_final() -> None:
    for state in State:
        assert TRANSITIONS.get((state, Signal.OVER)) == (None if state is State.ENDED else State.ENDED)
    assert not [key for key in TRANSITIONS if key[0] is State.ENDED]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_a_session_in_any_division(sizes: list[int]) -> None:
    media, cut = some_media(20), cycle(sizes)
    joined = Joined()
    down = b""
    rows = []
    for _ in range(6):
        joined.serve.receive(joined.play.take_output())
        if joined.serve.take_events():
            joined.serve.accept_play()
            down += joined.serve.take_output() + as_messages(media)
            joined.serve.end_play()
        down += joined.serve.take_output()
        while down:
            size = next(cut)
            joined.play.receive(down[:size])
            down = down[size:]
            if (taken := joined.play.take_batch()) is not None:
                rows += joined_rows([taken])
    assert rows == joined_rows([media])
    assert joined.play.ended is not None
    assert joined.play.ended.reason is EndReason.UNPUBLISHED
