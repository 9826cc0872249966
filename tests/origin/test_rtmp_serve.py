"""The serving session: publishing, and clients that do not keep to the order of things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from batches import audio, batch, joined_rows, video, video_config

from engine import _native
from engine.errors import MalformedRtmp
from engine.media.batch import Batch
from engine.media.rtmp import Command
from engine.origin.rtmp_session import (
    CHUNK_SIZE,
    MESSAGE_STREAM,
    TRANSITIONS,
    Closed,
    Play,
    Publish,
    RtmpServe,
    Signal,
    State,
)

if TYPE_CHECKING:
    from engine._native import AmfValue

MEDIA = batch(video_config(), video(0, key=True), audio(0), video(40), audio(40))


class Client:
    """A client that says what the test says."""

    def __init__(self) -> None:
        self.connection = _native.RtmpConnection("client")
        self.serve = RtmpServe("a client")
        self.heard: list[Command] = []
        self.controls: list[tuple[int, int]] = []
        for _ in range(3):
            self.exchange()

    def exchange(self, more: bytes = b"") -> None:
        """Carry what both have to send; `more` follows the client's commands."""
        self.serve.receive(self.connection.take_output() + more)
        self.connection.feed(self.serve.take_output())
        for event in self.connection.take_events():
            match event:
                case (_, "command", message_stream, values):
                    self.heard.append(Command(message_stream, values))
                case (_, "user_control", kind, first):
                    self.controls.append((kind, first))

    def say(self, *values: AmfValue, message_stream: int = 0, more: bytes = b"") -> list[Command]:
        """One command; the answers."""
        self.heard.clear()
        self.connection.send_command(3, message_stream, list(values))
        self.exchange(more)
        return list(self.heard)

    def connected(self, app: str = "live", **fields: AmfValue) -> Client:
        """Past connect and createStream."""
        self.say("connect", 1.0, {"app": app, **fields})
        [created] = self.say("createStream", 4.0, None)
        assert created.values == ["_result", 4.0, None, float(MESSAGE_STREAM)]
        assert self.serve.state is State.READY
        return self

    def publishing(self) -> Client:
        """An accepted publish."""
        self.connected()
        self.say("publish", 5.0, None, "name", "live", message_stream=1)
        assert self.serve.take_events() == [Publish("live", "name", "")]
        assert self.serve.accept_publish()
        self.exchange()
        assert self.heard[-1].info["code"] == "NetStream.Publish.Start"
        return self


def as_messages(media: Batch) -> bytes:
    """In chunks of a client that never says a chunk size."""
    return _native.rtmp_messages(media.arena, media.tags.tobytes(), 1, 128)


def rows(taken: Batch | None) -> list[tuple[int, int, bytes]]:
    """The rows of what was taken."""
    return joined_rows([] if taken is None else [taken])


def test_connect_is_answered_with_what_enhanced_clients_need() -> None:
    client = Client()
    four_ccs: list[AmfValue] = ["hvc1", "av01", 5.0]
    [result] = client.say(
        "connect",
        1.0,
        {"app": "live", "fourCcList": four_ccs, "videoFourCcInfoMap": {"*": 1.0}, "capsEx": 15.0},
    )
    assert (result.name, result.transaction) == ("_result", 1.0)
    answer = result.fields(2)
    assert answer["fourCcList"] == ["hvc1", "av01"]
    assert answer["videoFourCcInfoMap"] == {"*": 4.0}
    assert answer["capsEx"] == 6.0
    assert "audioFourCcInfoMap" not in answer
    assert result.info["code"] == "NetConnection.Connect.Success"
    assert result.info["objectEncoding"] == 0.0


def test_an_old_client_is_not_told_of_enhanced_rtmp() -> None:
    [result] = Client().say("connect", 1.0, {"app": "live"})
    assert set(result.fields(2)) == {"fmsVer", "capabilities"}


def test_connect_without_an_app_is_refused() -> None:
    client = Client()
    [answer] = client.say("connect", 1.0, {"app": "/"})
    assert (answer.name, answer.info["code"]) == ("_error", "NetConnection.Connect.InvalidApp")
    assert client.serve.state is State.CLOSED
    assert client.serve.take_events() == [Closed()]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("releaseStream", None),
        ("FCPublish", None),
        ("FCSubscribe", None),
        ("_checkbw", None),
        ("getStreamLength", 0.0),
    ],
)
def test_calls_that_decide_nothing_are_answered(name: str, result: AmfValue) -> None:
    client = Client().connected()
    [answer] = client.say(name, 9.0, None, "name")
    assert answer.values == ["_result", 9.0, None, result]
    assert client.serve.take_events() == []


def test_query_strings_of_app_and_stream_come_together() -> None:
    client = Client().connected("live/?vhost=v")
    client.say("play", 0.0, None, "name?key=1&t=2", message_stream=1)
    assert client.serve.take_events() == [Play("live", "name", "vhost=v&key=1&t=2")]
    assert client.serve.accept_play()
    client.exchange()
    assert [command.info["code"] for command in client.heard] == [
        "NetStream.Play.Reset",
        "NetStream.Play.Start",
    ]
    assert client.controls == [(0, MESSAGE_STREAM)]


def test_published_media_comes_through_unchanged() -> None:
    client = Client().publishing()
    client.exchange(as_messages(MEDIA))
    assert rows(client.serve.take_batch()) == joined_rows([MEDIA])
    assert client.serve.take_batch() is None


def test_media_that_does_not_wait_for_the_answer_is_kept() -> None:
    client = Client().connected()
    client.say("publish", 5.0, None, "name", message_stream=1, more=as_messages(MEDIA))
    assert client.serve.take_batch() is None
    client.serve.accept_publish()
    assert rows(client.serve.take_batch()) == joined_rows([MEDIA])


@pytest.mark.parametrize("name", ["deleteStream", "closeStream", "FCUnpublish"])
def test_media_before_the_end_of_a_publish_counts_and_media_after_it_does_not(name: str) -> None:
    client = Client().publishing()
    client.connection.send_command(3, 1, [name, 6.0, None, 1.0])
    end = client.connection.take_output()
    client.exchange(as_messages(MEDIA) + end + as_messages(MEDIA))
    assert client.heard[1].info["code"] == "NetStream.Unpublish.Success"
    assert client.serve.state is State.READY
    assert rows(client.serve.take_batch()) == joined_rows([MEDIA])
    assert client.serve.take_events() == [Closed(name)]
    assert client.serve.take_batch() is None


def test_a_connection_can_publish_again() -> None:
    client = Client().publishing()
    client.say("deleteStream", 6.0, None, 1.0)
    client.say("publish", 7.0, None, "other", "live", message_stream=1)
    assert client.serve.take_events() == [Closed("deleteStream"), Publish("live", "other", "")]


def test_a_second_publish_or_play_at_once_is_ignored() -> None:
    client = Client().publishing()
    assert client.say("publish", 7.0, None, "other", "live", message_stream=1) == []
    assert client.say("play", 7.0, None, "other", message_stream=1) == []
    assert client.serve.take_events() == []
    assert client.serve.state is State.PUBLISHING


def test_a_refusal_is_said_and_media_of_it_is_dropped() -> None:
    client = Client().connected()
    client.say("publish", 5.0, None, "name", message_stream=1)
    assert client.serve.refuse("NetStream.Publish.BadName", "already published")
    client.exchange(as_messages(MEDIA))
    assert client.heard[-1].info == {
        "level": "error",
        "code": "NetStream.Publish.BadName",
        "description": "already published",
    }
    assert client.serve.take_batch() is None
    assert client.serve.state is State.READY


def test_decisions_that_come_too_late_change_nothing() -> None:
    client = Client().connected()
    client.connection.send_command(3, 1, ["publish", 5.0, None, "name"])
    client.connection.send_command(3, 1, ["deleteStream", 6.0, None, 1.0])
    client.exchange()
    assert client.serve.take_events() == [Publish("live", "name", ""), Closed("deleteStream")]
    client.heard.clear()
    assert not client.serve.accept_publish()
    assert not client.serve.refuse("x", "y")
    assert not client.serve.accept_play()
    client.exchange()
    assert client.heard == []


def test_commands_before_connect_are_ignored() -> None:
    client = Client()
    assert client.say("publish", 5.0, None, "name", message_stream=1) == []
    assert client.say("play", 5.0, None, "name", message_stream=1) == []
    assert client.serve.take_events() == []
    assert client.serve.state is State.CONNECTING


def test_a_player_that_sends_media_holds_no_memory() -> None:
    client = Client().connected()
    client.say("play", 0.0, None, "name", message_stream=1)
    client.serve.accept_play()
    big = batch(*(video(40 * at, payload=bytes(1 << 20)) for at in range(16)))
    for _ in range(20):
        client.exchange(as_messages(big))
    assert client.serve.error is None


def test_malformed_bytes_close_and_keep_the_media_before_them() -> None:
    client = Client().publishing()
    client.exchange(as_messages(MEDIA) + b"\xff" * 20)
    assert client.serve.state is State.CLOSED
    assert isinstance(client.serve.error, MalformedRtmp)
    assert str(client.serve.error).startswith("a client: ")
    assert rows(client.serve.take_batch()) == joined_rows([MEDIA])
    assert client.serve.take_events() == [Closed()]
    client.exchange(as_messages(MEDIA))
    assert client.serve.take_batch() is None


def test_every_state_can_break_and_closed_is_final() -> None:
    for state in State:
        assert TRANSITIONS.get((state, Signal.BROKEN)) == (None if state is State.CLOSED else State.CLOSED)
    assert not [key for key in TRANSITIONS if key[0] is State.CLOSED]


def test_what_is_sent_uses_the_announced_chunk_size() -> None:
    client = Client().connected()
    client.say("play", 0.0, None, "name", message_stream=1)
    client.serve.accept_play()
    media = batch(video_config(), video(0, key=True, payload=bytes(3 * CHUNK_SIZE)))
    out = client.serve.take_output()
    client.connection.feed(
        out + _native.rtmp_messages(media.arena, media.tags.tobytes(), MESSAGE_STREAM, CHUNK_SIZE)
    )
    taken = client.connection.take()
    assert taken is not None
    assert joined_rows([Batch.from_native(taken)]) == joined_rows([media])
