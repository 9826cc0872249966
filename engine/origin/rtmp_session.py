"""Serving RTMP publishers and players, without sockets and clocks.

`receive` bytes, `take_batch` what a publisher sent, `take_events` what the caller decides about,
`take_output` bytes to send. Every change of state is in `TRANSITIONS`; a signal without an entry for the
present state changes nothing.

A connection carries one publish or one play at a time, always on message stream `MESSAGE_STREAM` and with
chunks of `CHUNK_SIZE`, so that the bytes of one `_native.rtmp_messages(..., MESSAGE_STREAM, CHUNK_SIZE)`
serve every player. The caller sends them itself, behind the bytes of `take_output`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from engine import _native
from engine.errors import ReelError, from_fault
from engine.media.batch import Batch
from engine.media.rtmp import (
    CAN_FORWARD,
    COMMAND_CHUNK_STREAM,
    ENHANCED_CAPABILITIES,
    STATUS_CHUNK_STREAM,
    WINDOW_BYTES,
    Command,
    UserControl,
    text_field,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from engine._native import AmfValue, RtmpEvent

CHUNK_SIZE = 60_000
"""Chunk size of what we send. Most frames fit one chunk; clients accept 65,536."""

MESSAGE_STREAM = 1
"""The message stream of every publish and play."""

HOST_CHARACTERS = 253  # of a name in DNS
NAME_CHARACTERS = 4096
"""Of an app or a stream name with its query string: about what HTTP servers accept in a request line."""

_DYNAMIC = 2  # Set Peer Bandwidth limit type

_EMPTY_ANSWERS: dict[str, list[AmfValue]] = {
    "releaseStream": [None],
    "FCPublish": [None],
    "FCSubscribe": [None],
    "getStreamLength": [0.0],
    "_checkbw": [None],
}
"""Calls that some clients wait for and that decide nothing, with the result they get."""


class State(Enum):
    """What the session waits for."""

    HANDSHAKE = "handshake"
    CONNECTING = "connecting"
    READY = "ready"
    PUBLISH_ASKED = "publish asked"
    PUBLISHING = "publishing"
    PLAY_ASKED = "play asked"
    PLAYING = "playing"
    CLOSED = "closed"


class Signal(Enum):
    """What moves the session."""

    SHAKEN = "handshake done"
    CONNECT = "connect with an app"
    PUBLISH = "publish"
    PLAY = "play"
    ACCEPTED = "the caller accepts"
    REFUSED = "the caller refuses"
    STOPPED = "the client stops, or the caller ends it"
    BROKEN = "malformed bytes, or a connect without an app"


_BUSY = (State.PUBLISH_ASKED, State.PUBLISHING, State.PLAY_ASKED, State.PLAYING)

TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.HANDSHAKE, Signal.SHAKEN): State.CONNECTING,
    (State.CONNECTING, Signal.CONNECT): State.READY,
    (State.READY, Signal.PUBLISH): State.PUBLISH_ASKED,
    (State.READY, Signal.PLAY): State.PLAY_ASKED,
    (State.PUBLISH_ASKED, Signal.ACCEPTED): State.PUBLISHING,
    (State.PLAY_ASKED, Signal.ACCEPTED): State.PLAYING,
    (State.PUBLISH_ASKED, Signal.REFUSED): State.READY,
    (State.PLAY_ASKED, Signal.REFUSED): State.READY,
    **{(state, Signal.STOPPED): State.READY for state in _BUSY},
    **{(state, Signal.BROKEN): State.CLOSED for state in State if state is not State.CLOSED},
}


@dataclass(frozen=True, slots=True)
class Publish:
    """A client asks to publish: answer with `accept_publish` or `refuse`."""

    app: str
    stream: str
    query: str  # of the app and of the stream, joined with &
    host: str = ""  # of the URL that it says it dialled


@dataclass(frozen=True, slots=True)
class Play:
    """A client asks to play: answer with `accept_play` or `refuse`."""

    app: str
    stream: str
    query: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The publish or play is over, or the connection is: take what is left of the media first."""

    command: str = ""  # that ended it; empty: the client sent something malformed


ServeEvent = Publish | Play | Closed


class RtmpServe:
    """The server's side of one connection. `where` names the client in errors."""

    def __init__(self, where: str = "RTMP client") -> None:
        self._where = where
        self._connection = _native.RtmpConnection("server")
        self._state = State.HANDSHAKE
        self._app = ""
        self._host = ""
        self._events: list[ServeEvent] = []
        self._last_media: Batch | None = None
        self._error: ReelError | None = None

    @property
    def state(self) -> State:
        """What the session waits for."""
        return self._state

    @property
    def error(self) -> ReelError | None:
        """Why the session is CLOSED, when the client sent something malformed."""
        return self._error

    @property
    def held_bytes(self) -> int:
        """Memory taken by messages that are not whole, and kept for the next ones."""
        return self._connection.held_bytes

    def receive(self, data: Buffer) -> None:
        """Take received bytes. Never raises for what the peer sent: see `state` and `error`."""
        if self._state is State.CLOSED:
            return
        self._connection.feed(data)
        for event in self._connection.take_events():
            self._handle(event)
        fault = self._connection.fault
        if fault is not None:
            self._error = from_fault(fault, self._where)
            self._leave(Signal.BROKEN)
        if self._state not in (State.PUBLISH_ASKED, State.PUBLISHING):
            self._connection.take()  # nobody asked for this media

    def take_events(self) -> list[ServeEvent]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def take_batch(self) -> Batch | None:
        """Media of the accepted publish since the last call, also after its end."""
        if self._last_media is not None:
            batch, self._last_media = self._last_media, None
            return batch
        if self._state is not State.PUBLISHING:
            return None
        taken = self._connection.take()
        return Batch.from_native(taken) if taken else None

    def take_output(self) -> bytes:
        """The bytes to send since the last call."""
        return self._connection.take_output()

    def accept_publish(self) -> bool:
        """Let the client publish; False when it does not ask any more."""
        if self._state is not State.PUBLISH_ASKED:
            return False
        self._signal(Signal.ACCEPTED)
        self._send_status("status", "NetStream.Publish.Start", "publishing")
        return True

    def accept_play(self) -> bool:
        """Begin the play: media messages may follow; False when the client does not ask any more."""
        if self._state is not State.PLAY_ASKED:
            return False
        self._signal(Signal.ACCEPTED)
        self._connection.send_user_control(UserControl.STREAM_BEGIN, MESSAGE_STREAM)
        self._send_status("status", "NetStream.Play.Reset", "starting anew")
        self._send_status("status", "NetStream.Play.Start", "playing")
        return True

    def refuse(self, code: str, description: str) -> bool:
        """Refuse with a code such as `NetStream.Play.StreamNotFound`; False when the client asks no more."""
        if not self._signal(Signal.REFUSED):
            return False
        self._send_status("error", code, description)
        return True

    def end_play(self, *, unpublish: bool = True) -> bool:
        """Tell a player that its stream is over, because the publisher left or for another reason."""
        if self._state is not State.PLAYING:
            return False
        self._signal(Signal.STOPPED)
        if unpublish:
            self._send_status("status", "NetStream.Play.UnpublishNotify", "the publisher left")
        else:
            self._send_status("status", "NetStream.Play.Stop", "stopped")
        self._connection.send_user_control(UserControl.STREAM_EOF, MESSAGE_STREAM)
        return True

    def _signal(self, signal: Signal) -> bool:
        state = TRANSITIONS.get((self._state, signal))
        if state is None:
            return False
        self._state = state
        return True

    def _leave(self, signal: Signal, rows: int | None = None, command: str = "") -> bool:
        """End what goes on; `rows` of the untaken table came before that."""
        publishing = self._state is State.PUBLISHING
        if not self._signal(signal):
            return False
        if publishing and (taken := self._connection.take()):
            batch = Batch.from_native(taken).rows(slice(0, rows))
            self._last_media = batch if len(batch) else None
        self._events.append(Closed(command))
        return True

    def _handle(self, event: RtmpEvent) -> None:
        match event:
            case (_, "handshake"):
                self._signal(Signal.SHAKEN)
            case (rows, "command", message_stream, values):
                command = Command(message_stream, values)
                if handler := self._HANDLERS.get(command.name):
                    handler(self, command, rows)
                elif command.name in _EMPTY_ANSWERS:
                    self._send_result(command, None, *_EMPTY_ANSWERS[command.name])

    def _on_connect(self, command: Command, rows: int) -> None:
        asked = command.fields(2)
        self._app = text_field(asked, "app").strip("/")
        self._host = _host_of(text_field(asked, "tcUrl"))
        if not 0 < len(self._app) <= NAME_CHARACTERS:
            self._app = ""
            info = _info("error", "NetConnection.Connect.InvalidApp", "no app, or a name too long")
            self._send(0, ["_error", command.transaction, None, info])
            self._leave(Signal.BROKEN)
            return
        if not self._signal(Signal.CONNECT):
            return
        self._connection.send_window_acknowledgement(WINDOW_BYTES)
        self._connection.send_peer_bandwidth(WINDOW_BYTES, _DYNAMIC)
        self._connection.send_chunk_size(CHUNK_SIZE)
        info = _info("status", "NetConnection.Connect.Success", "connected")
        info["objectEncoding"] = 0.0
        self._send_result(
            command, {"fmsVer": "FMS/3,5,7,7009", "capabilities": 31.0, **_enhanced(asked)}, info
        )

    def _on_create_stream(self, command: Command, rows: int) -> None:
        self._send_result(command, None, float(MESSAGE_STREAM))

    def _on_publish(self, command: Command, rows: int) -> None:
        if self._signal(Signal.PUBLISH):
            self._events.append(Publish(*self._names(command), host=self._host))

    def _on_play(self, command: Command, rows: int) -> None:
        if self._signal(Signal.PLAY):
            self._events.append(Play(*self._names(command)))

    def _on_unpublish(self, command: Command, rows: int) -> None:
        publishing = self._state is State.PUBLISHING
        if self._leave(Signal.STOPPED, rows, command.name) and publishing:
            self._send_status("status", "NetStream.Unpublish.Success", "unpublished")
        if command.name == "FCUnpublish":
            self._send_result(command, None, None)

    def _names(self, command: Command) -> tuple[str, str, str]:
        """App and stream without, and then with, their query strings."""
        app, _, app_query = self._app.partition("?")
        stream, _, stream_query = command.text(3).partition("?")
        return app.strip("/"), stream, "&".join(query for query in (app_query, stream_query) if query)

    def _send_result(self, command: Command, properties: AmfValue, *results: AmfValue) -> None:
        self._send(0, ["_result", command.transaction, properties, *results])

    def _send_status(self, level: str, code: str, description: str) -> None:
        self._send(MESSAGE_STREAM, ["onStatus", 0.0, None, _info(level, code, description)])

    def _send(self, message_stream: int, values: list[AmfValue]) -> None:
        chunk_stream = STATUS_CHUNK_STREAM if message_stream else COMMAND_CHUNK_STREAM
        self._connection.send_command(chunk_stream, message_stream, values)

    _HANDLERS: ClassVar[dict[str, Callable[[RtmpServe, Command, int], None]]] = {
        "connect": _on_connect,
        "createStream": _on_create_stream,
        "publish": _on_publish,
        "play": _on_play,
        "FCUnpublish": _on_unpublish,
        "closeStream": _on_unpublish,
        "deleteStream": _on_unpublish,
    }


def _host_of(url: str) -> str:
    """The host name in a URL that a client sent; empty when there is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # an address that is none
        return ""
    return host if len(host) <= HOST_CHARACTERS else ""


def _info(level: str, code: str, description: str) -> dict[str, AmfValue]:
    return {"level": level, "code": code, "description": description}


def _enhanced(asked: dict[str, AmfValue]) -> dict[str, AmfValue]:
    """The answer to a client of Enhanced RTMP: we pass on every codec it names, and its message forms."""
    answer: dict[str, AmfValue] = {}
    four_ccs = asked.get("fourCcList")
    if isinstance(four_ccs, list):
        answer["fourCcList"] = [name for name in four_ccs if isinstance(name, str)]
    for key in ("videoFourCcInfoMap", "audioFourCcInfoMap"):
        if isinstance(asked.get(key), dict):
            answer[key] = {"*": float(CAN_FORWARD)}
    if isinstance(asked.get("capsEx"), float):
        answer["capsEx"] = float(ENHANCED_CAPABILITIES)
    return answer
