"""MPEG-TS segments: their whole PES packets (ISO 13818-1 sections 2.4.3.2 to 2.4.3.7).

A muxer writes one PES packet after the other, so only the last one of a torn segment may be unfinished. One
that does not say its length is whole when its last transport packet is stuffed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.media.codecs import Codec
from engine.mux.frames import KEY, Frame

PACKET_BYTES = 188
_PAYLOAD_BYTES = 184
_FIRST_PID = 0x100  # each codec has a PID of its own, as `engine._native.TransportWriter` gives them
_CLOCK = 1 << 33
_FIXED_BYTES = 9  # of a PES header with timestamps
_VIDEO_IDS = range(0xE0, 0xF0)
_AUDIO_IDS = (*range(0xC0, 0xE0), 0xBD, 0xFD)  # the last two are private: Opus


@dataclass(slots=True)
class _Pes:
    """A PES packet."""

    pid: int
    codec: int
    key: bool
    dts_ms: int
    header_bytes: int
    wanted_bytes: int | None
    payload_bytes: int = 0
    last_packet: int = 0  # where in the segment

    def frame(self) -> Frame:
        size = max(self.payload_bytes - self.header_bytes, 0)
        return self.dts_ms, 0, 0, size, self.codec, KEY * self.key, 0


class TransportWalk:
    """The frames of a segment, taken in pieces; a frame is given out once the next one begins.

    `near_ms` is what the first frame's time is near to, `origin_ms` the source's time of the clock's 0.
    """

    def __init__(self, add: Callable[[list[Frame]], None], near_ms: int | None, origin_ms: int) -> None:
        self._add = add
        self._origin_ms = origin_ms
        self._near_ticks = None if near_ms is None else (near_ms - origin_ms) * 90
        self._open: _Pes | None = None
        self._open_end = b""
        self._packets = 0
        self._rest = b""
        self.whole_bytes = 0
        """Where the last frame that was given out ends."""
        self.first_ms: int | None = None
        self.stopped = False
        """What follows is no transport packet."""

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        data = self._rest + piece
        whole = len(data) // PACKET_BYTES * PACKET_BYTES
        self._rest = data[whole:]
        if whole and not self.stopped:
            self._take(np.frombuffer(data, dtype=np.uint8, count=whole).reshape(-1, PACKET_BYTES))

    def finish(self, closed: bool) -> None:
        """No more pieces come; of a segment that was `closed` the last frame is whole as well."""
        last, self._open = self._open, None
        if last is None:
            return
        wanted = last.wanted_bytes
        whole = _is_stuffed(self._open_end) if wanted is None else last.payload_bytes >= wanted
        if whole or (closed and not self._rest and not self.stopped):
            self._give([last])
            if closed and not self._rest and not self.stopped:
                self.whole_bytes = self._packets * PACKET_BYTES

    def _give(self, ended: list[_Pes]) -> None:
        if ended:
            self.whole_bytes = (ended[-1].last_packet + 1) * PACKET_BYTES
            self._add([pes.frame() for pes in ended])

    def _take(self, packets: npt.NDArray[np.uint8]) -> None:
        bad = np.flatnonzero((packets[:, 0] != 0x47) | (packets[:, 1] & 0x80 != 0))
        if len(bad):
            self.stopped = True
            packets = packets[: int(bad[0])]
        control = packets[:, 3] >> 4 & 3
        fields = np.where(control & 2, packets[:, 4].astype(np.intp) + 1, 0)
        payloads = np.where(control & 1, np.maximum(_PAYLOAD_BYTES - fields, 0), 0)
        pids = (packets[:, 1].astype(np.intp) & 0x1F) << 8 | packets[:, 2]
        found = [] if self._open is None else [(0, self._open)]
        for row in np.flatnonzero((packets[:, 1] & 0x40 != 0) & (payloads > 0)).tolist():
            pes = self._begin(packets[row].tobytes(), int(payloads[row]), int(pids[row]))
            if pes is not None:
                found.append((row, pes))
        ends = [row for row, _ in found[1:]] + [len(packets)] * bool(found)
        for (row, pes), end in zip(found, ends, strict=True):
            own = row + np.flatnonzero(pids[row:end] == pes.pid)
            if len(own):
                pes.payload_bytes += int(payloads[own].sum())
                pes.last_packet = self._packets + int(own[-1])
                self._open, self._open_end = pes, packets[own[-1]].tobytes()
        self._packets += len(packets)
        self._give([pes for _, pes in found[:-1]])

    def _begin(self, packet: bytes, payload_bytes: int, pid: int) -> _Pes | None:
        """The PES packet whose header is in a transport packet; None for tables and what is no media."""
        payload = packet[PACKET_BYTES - payload_bytes :]
        if len(payload) < _FIXED_BYTES or payload[:3] != b"\0\0\1":
            return None
        is_video = payload[3] in _VIDEO_IDS
        with_times = payload[7] >> 6
        if not (is_video or payload[3] in _AUDIO_IDS) or with_times < 2:
            return None
        at = 14 if with_times == 3 else 9
        if len(payload) < at + 5:
            return None
        length = int.from_bytes(payload[4:6], "big")
        has_flags = packet[3] & 0x20 and packet[4]
        return _Pes(
            pid=pid,
            codec=_codec(pid, is_video),
            key=bool(has_flags and packet[5] & 0x40),
            dts_ms=self._place(_timestamp(payload[at : at + 5])),
            header_bytes=_FIXED_BYTES + payload[8],
            wanted_bytes=6 + length if length else None,
        )

    def _place(self, ticks: int) -> int:
        """A timestamp of 33 bits on the source's clock."""
        if self._near_ticks is not None:
            step = (ticks - self._near_ticks + _CLOCK // 2) % _CLOCK - _CLOCK // 2
            ticks = self._near_ticks + step
        self._near_ticks = ticks
        time_ms = (ticks + 45) // 90 + self._origin_ms
        if self.first_ms is None:
            self.first_ms = time_ms
        return time_ms


def _codec(pid: int, is_video: bool) -> int:
    codec = pid - _FIRST_PID
    if codec in Codec.__members__.values() and Codec(codec).is_video == is_video:
        return codec
    return int(Codec.UNKNOWN_VIDEO if is_video else Codec.UNKNOWN_AUDIO)


def _timestamp(field: bytes) -> int:
    """33 bits in five bytes, with marker bits between them."""
    high, middle, low = field[0] >> 1 & 7, (field[1] << 8 | field[2]) >> 1, (field[3] << 8 | field[4]) >> 1
    return high << 30 | middle << 15 | low


def _is_stuffed(packet: bytes) -> bool:
    """Whether the adaptation field is longer than what it holds."""
    if not packet[3] & 0x20:
        return False
    length = packet[4]
    if length == 0:
        return True
    flags = packet[5]
    clocks = (flags & 0x10 != 0) + (flags & 0x08 != 0)
    return not flags & 0x07 and length > 1 + 6 * clocks
