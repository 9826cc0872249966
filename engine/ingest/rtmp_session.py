"""Playing one stream over RTMP, without sockets and clocks.

Three verbs: `receive` bytes, `take_batch` media, `take_output` bytes to send. Every change of state is in
`TRANSITIONS`; a signal without an entry for the present state is noise and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, ClassVar

from engine import _native
from engine.errors import (
    AccessDenied,
    BadResponse,
    NotAStream,
    ReelError,
    SourceError,
    StreamNotFound,
    from_fault,
)
from engine.ingest.other_protocols import SEEN_BYTES, recognize_server
from engine.ingest.rtmp_url import RtmpTarget, parse_rtmp_url
from engine.masking import hide_secrets
from engine.media.batch import Batch
from engine.media.rtmp import (
    CAN_DECODE,
    COMMAND_CHUNK_STREAM,
    ENHANCED_CAPABILITIES,
    FOUR_CCS,
    STATUS_CHUNK_STREAM,
    WINDOW_BYTES,
    Command,
    UserControl,
    text_field,
)

if TYPE_CHECKING:
    from engine._native import AmfValue, RtmpEvent

__all__ = ["TRANSITIONS", "End", "EndReason", "RtmpPlay", "RtmpTarget", "Signal", "State", "parse_rtmp_url"]

_CONNECT, _CREATE_STREAM = 1.0, 2.0  # transaction numbers

_BUFFER_MS = 3000
"""What we say we buffer. Servers send live streams at once whatever it is, files up to so much ahead."""

_LIVE_OR_FILE = -2000.0
"""The start argument of `play`: the live stream of that name, or else the file."""


class State(Enum):
    """What the session waits for."""

    HANDSHAKE = "handshake"
    CONNECTING = "connecting"
    CREATING = "creating"
    PLAYING = "playing"
    ENDED = "ended"


class Signal(Enum):
    """What moves the session."""

    SHAKEN = "handshake done"
    CONNECTED = "result of connect"
    CREATED = "result of createStream"
    OVER = "refusal, end or malformed bytes"


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.HANDSHAKE, Signal.SHAKEN): State.CONNECTING,
    (State.CONNECTING, Signal.CONNECTED): State.CREATING,
    (State.CREATING, Signal.CREATED): State.PLAYING,
    (State.HANDSHAKE, Signal.OVER): State.ENDED,
    (State.CONNECTING, Signal.OVER): State.ENDED,
    (State.CREATING, Signal.OVER): State.ENDED,
    (State.PLAYING, Signal.OVER): State.ENDED,
}


class EndReason(StrEnum):
    """Why a session is over."""

    UNPUBLISHED = "unpublished"  # the publisher left
    DATA_ENDED = "data ended"  # as nginx-rtmp says, in every mode, that the publisher left
    STOPPED = "stopped"  # the server stopped playing
    COMPLETED = "completed"  # a file came to its end
    CLOSED = "closed"  # the server closed the connection, or said so
    REFUSED = "refused"
    REDIRECTED = "redirected"
    MALFORMED = "malformed"


_STREAM_ENDS = (EndReason.UNPUBLISHED, EndReason.DATA_ENDED, EndReason.STOPPED, EndReason.COMPLETED)


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended. A clean end has no error; a redirect has the URL to play instead."""

    reason: EndReason
    error: ReelError | None = None
    redirect: str | None = None


_ENDS: dict[str, EndReason] = {
    "NetStream.Play.UnpublishNotify": EndReason.UNPUBLISHED,
    "NetStream.Play.Stop": EndReason.STOPPED,
    "NetStream.Play.Complete": EndReason.COMPLETED,
    "NetConnection.Connect.Closed": EndReason.CLOSED,
    "NetConnection.Connect.AppShutdown": EndReason.CLOSED,
}

_REFUSALS: dict[str, type[SourceError]] = {
    "NetStream.Play.StreamNotFound": StreamNotFound,
    "NetStream.Play.Failed": BadResponse,
    "NetStream.Failed": BadResponse,
    "NetConnection.Connect.InvalidApp": StreamNotFound,
    "NetConnection.Connect.Rejected": AccessDenied,
    "NetConnection.Connect.Failed": BadResponse,
}


class RtmpPlay:
    """The client's side of one played stream.

    The first `take_output()` has the start of the handshake. After the end further bytes are ignored; media
    that came before it is still there to take.
    """

    def __init__(self, target: RtmpTarget) -> None:
        self._target = target
        self._connection = _native.RtmpConnection("client")
        self._state = State.HANDSHAKE
        self._message_stream = 0
        self._end: End | None = None
        self._first = bytearray()  # what the server began with: it may be no RTMP

    @property
    def state(self) -> State:
        """What the session waits for."""
        return self._state

    @property
    def ended(self) -> End | None:
        """How the session ended; None while it goes on."""
        return self._end

    @property
    def is_over(self) -> bool:
        """It has ended, well or not."""
        return self._end is not None

    @property
    def stream_ended(self) -> bool:
        """The server said that the publisher left, or that it plays no more."""
        return self._end is not None and self._end.reason in _STREAM_ENDS

    @property
    def error(self) -> ReelError | None:
        """The error of an end that is not clean."""
        return self._end.error if self._end else None

    @property
    def redirect(self) -> str | None:
        """The URL that the server sends us to."""
        return self._end.redirect if self._end else None

    @property
    def reads_peeked(self) -> bool:
        """While media flows: one call for a tick costs less than one for each piece of it."""
        return self._state is State.PLAYING

    def read_peeked(self, data: bytes) -> int:
        """As `Machine.read_peeked`: all of it. Chunks interrupt what they carry, which is put together."""
        self.receive(data)
        return len(data)

    def receive(self, data: bytes) -> None:
        """Take received bytes. Never raises for what the peer sent: see `ended`."""
        if self._state is State.ENDED:
            return
        if self._state is State.HANDSHAKE and len(self._first) < SEEN_BYTES:
            self._first += data[: SEEN_BYTES - len(self._first)]
        self._connection.feed(data)
        for event in self._connection.take_events():
            self._handle(event)
        fault = self._connection.fault
        if fault is not None:
            self._finish(EndReason.MALFORMED, self._malformed(fault))

    def _malformed(self, fault: tuple[str, str]) -> ReelError:
        if fault[0] != "rtmp.version":
            return from_fault(fault, self._target.label)
        server = recognize_server(bytes(self._first))
        answer = f"this is {server}" if server else f"{fault[1]}: check the port"
        return NotAStream(f"{self._target.label}: the answer is not RTMP: {answer}")

    def receive_eof(self) -> None:
        """The server closed the connection: of a live stream that is one way to end."""
        self._finish(EndReason.CLOSED)

    def take_batch(self) -> Batch | None:
        """The media since the last call; timestamps as they were on the wire."""
        taken = self._connection.take()
        return Batch.from_native(taken) if taken else None

    def take_output(self) -> bytes:
        """The bytes to send since the last call."""
        return self._connection.take_output()

    def _signal(self, signal: Signal) -> bool:
        state = TRANSITIONS.get((self._state, signal))
        if state is None:
            return False
        self._state = state
        if action := self._ON_ENTRY.get(state):
            action(self)
        return True

    def _finish(self, reason: EndReason, error: ReelError | None = None, redirect: str | None = None) -> None:
        if self._signal(Signal.OVER):
            self._end = End(reason, error, redirect)

    def _handle(self, event: RtmpEvent) -> None:
        match event:
            case (_, "handshake"):
                self._signal(Signal.SHAKEN)
            case (_, "command", message_stream, values):
                command = Command(message_stream, values)
                if handler := self._HANDLERS.get(command.name):
                    handler(self, command)
            case (_, "user_control", UserControl.STREAM_EOF, message_stream):
                if self._state is State.PLAYING and message_stream == self._message_stream:
                    self._finish(EndReason.DATA_ENDED)

    def _on_result(self, command: Command) -> None:
        if command.transaction == _CONNECT:
            self._signal(Signal.CONNECTED)
        elif command.transaction == _CREATE_STREAM and self._state is State.CREATING:
            number = command.number(3)
            if not (number.is_integer() and 0 < number < 2**32):
                error = BadResponse(f"{self._target.label}: the server created no stream")
                self._finish(EndReason.REFUSED, error)
                return
            self._message_stream = int(number)
            self._signal(Signal.CREATED)

    def _on_error(self, command: Command) -> None:
        if command.transaction in (_CONNECT, _CREATE_STREAM) and self._state is not State.PLAYING:
            self._refuse(command.info, AccessDenied if command.transaction == _CONNECT else BadResponse)

    def _on_status(self, command: Command) -> None:
        info = command.info
        code = text_field(info, "code")
        if (reason := _ENDS.get(code)) is not None:
            self._stop(reason, info)
        elif code in _REFUSALS or text_field(info, "level") == "error":
            self._refuse(info, BadResponse)

    def _on_close(self, command: Command) -> None:
        self._stop(EndReason.CLOSED, command.info)

    def _stop(self, reason: EndReason, info: dict[str, AmfValue]) -> None:
        """A clean end, but for one that comes before anything was played."""
        if self._state is State.PLAYING:
            self._finish(reason)
        else:
            self._refuse(info, BadResponse)

    def _refuse(self, info: dict[str, AmfValue], otherwise: type[SourceError]) -> None:
        if url := _redirect(info):
            self._finish(EndReason.REDIRECTED, redirect=self._target.redirected_to(url))
            return
        code, description = text_field(info, "code"), text_field(info, "description")
        said = f"{code} ({description})" if code and description else code or description or "refused"
        kind = _REFUSALS.get(code, otherwise)
        self._finish(
            EndReason.REFUSED,
            kind(f"{self._target.label}: the server says {hide_secrets(said, self._target.url)}"),
        )

    def _send_connect(self) -> None:
        four_ccs: dict[str, AmfValue] = dict.fromkeys(FOUR_CCS, float(CAN_DECODE))
        connect: dict[str, AmfValue] = {
            "app": self._target.app,
            "flashVer": "LNX 9,0,124,2",
            "tcUrl": self._target.tc_url,
            "fpad": False,
            "capabilities": 15.0,
            "audioCodecs": 4071.0,
            "videoCodecs": 252.0,
            "videoFunction": 1.0,
            "objectEncoding": 0.0,
            "fourCcList": list(FOUR_CCS),
            "videoFourCcInfoMap": four_ccs,
            "audioFourCcInfoMap": four_ccs,
            "capsEx": float(ENHANCED_CAPABILITIES),
        }
        self._connection.send_command(COMMAND_CHUNK_STREAM, 0, ["connect", _CONNECT, connect])

    def _send_create_stream(self) -> None:
        self._connection.send_window_acknowledgement(WINDOW_BYTES)
        self._connection.send_command(COMMAND_CHUNK_STREAM, 0, ["createStream", _CREATE_STREAM, None])

    def _send_play(self) -> None:
        play: list[AmfValue] = ["play", 0.0, None, self._target.stream, _LIVE_OR_FILE]
        self._connection.send_command(STATUS_CHUNK_STREAM, self._message_stream, play)
        self._connection.send_user_control(UserControl.SET_BUFFER_LENGTH, self._message_stream, _BUFFER_MS)

    _ON_ENTRY: ClassVar[dict[State, Callable[[RtmpPlay], None]]] = {
        State.CONNECTING: _send_connect,
        State.CREATING: _send_create_stream,
        State.PLAYING: _send_play,
    }

    _HANDLERS: ClassVar[dict[str, Callable[[RtmpPlay, Command], None]]] = {
        "_result": _on_result,
        "_error": _on_error,
        "onStatus": _on_status,
        "onPlayStatus": _on_status,
        "close": _on_close,
    }


def _redirect(info: dict[str, AmfValue]) -> str:
    """The URL of a redirect: `ex.redirect`, as Adobe's servers send it, or `redirect`."""
    extra = info.get("ex")
    return text_field(extra if isinstance(extra, dict) else info, "redirect")
