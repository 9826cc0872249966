"""MPEG-2 transport streams, read in pure Python: PAT, PMT, continuity, PES packets (ISO/IEC 13818-1)."""

from __future__ import annotations

from dataclasses import dataclass, field

PACKET_BYTES = 188
STREAM_TYPES = {0x03: "mp3", 0x04: "mp3", 0x0F: "aac", 0x1B: "h264", 0x24: "h265", 0x33: "h266"}
PRIVATE = 0x06
LAST_TABLE_PID = 0x1F  # SDT and its kin may stand before PAT
CLOCK_HZ = 90_000
CLOCK_WRAP = 1 << 33


class DamagedTsError(Exception):
    """The bytes are not a well-formed transport stream."""


@dataclass(frozen=True, slots=True)
class Pes:
    """One PES packet; times in ticks of 90 kHz, as they stand in it (33 bits)."""

    codec: str
    pts: int
    dts: int
    random_access: bool
    payload: bytes


@dataclass
class _Started:
    """A PES packet whose bytes are still being collected."""

    pid: int
    random_access: bool
    data: bytearray


@dataclass
class _Program:
    pmt_pid: int = -1
    codecs: dict[int, str] = field(default_factory=dict)
    counters: dict[int, int] = field(default_factory=dict)
    packets: list[_Started] = field(default_factory=list)
    latest: dict[int, _Started] = field(default_factory=dict)


def read(data: bytes) -> list[Pes]:
    """The PES packets of one segment, in the order in which they begin. PAT and PMT must come first.

    Raises:
        DamagedTsError: anything is wrong.
    """
    if not data or len(data) % PACKET_BYTES:
        raise DamagedTsError(f"{len(data)} bytes are not whole packets of {PACKET_BYTES}")
    program = _Program()
    for at in range(0, len(data), PACKET_BYTES):
        _packet(program, data[at : at + PACKET_BYTES], at)
    return [_pes(program, started) for started in program.packets]


def _packet(program: _Program, packet: bytes, at: int) -> None:
    if packet[0] != 0x47:
        raise DamagedTsError(f"no sync byte at {at}")
    if packet[1] & 0x80:
        raise DamagedTsError(f"the packet at {at} is marked as damaged")
    pid, begins = (packet[1] & 0x1F) << 8 | packet[2], bool(packet[1] & 0x40)
    control, counter = packet[3] >> 4 & 3, packet[3] & 15
    if pid == 0x1FFF or not control & 1:
        return
    expected = (program.counters.get(pid, counter - 1) + 1) & 15
    if counter != expected:
        raise DamagedTsError(f"continuity of PID {pid} breaks at {at}: {counter}, not {expected}")
    program.counters[pid] = counter
    start, random_access = 4, False
    if control & 2:
        start = 5 + packet[4]
        random_access = packet[4] > 0 and bool(packet[5] & 0x40)
    payload = packet[start:]
    if pid == 0:
        section = _section(payload)
        program.pmt_pid = (section[10] & 0x1F) << 8 | section[11]
    elif pid == program.pmt_pid:
        program.codecs = _pmt(_section(payload))
    elif pid in program.codecs:
        if begins:
            program.latest[pid] = _Started(pid, random_access, bytearray())
            program.packets.append(program.latest[pid])
        if pid not in program.latest:
            raise DamagedTsError(f"PID {pid} begins in the middle of a PES packet")
        program.latest[pid].data += payload
    elif not program.codecs and pid > LAST_TABLE_PID:
        raise DamagedTsError(f"PID {pid} comes before PAT and PMT")


def _section(payload: bytes) -> bytes:
    start = payload[0] + 1
    size = (payload[start + 1] & 15) << 8 | payload[start + 2]
    return payload[start : start + 3 + size]


def _pmt(section: bytes) -> dict[int, str]:
    codecs = {}
    at, end = 12 + ((section[10] & 15) << 8 | section[11]), len(section) - 4
    while at < end:
        stream_type, pid = section[at], (section[at + 1] & 0x1F) << 8 | section[at + 2]
        size = (section[at + 3] & 15) << 8 | section[at + 4]
        descriptors = section[at + 5 : at + 5 + size]
        if stream_type == PRIVATE and b"\x05\x04Opus" in descriptors:
            codecs[pid] = "opus"
        elif stream_type in STREAM_TYPES:
            codecs[pid] = STREAM_TYPES[stream_type]
        at += 5 + size
    return codecs


def _pes(program: _Program, started: _Started) -> Pes:
    data = bytes(started.data)
    if data[:3] != b"\0\0\1":
        raise DamagedTsError(f"PID {started.pid} has no PES start code where one should begin")
    announced = int.from_bytes(data[4:6], "big")
    if announced and announced + 6 != len(data):
        raise DamagedTsError(f"a PES packet of PID {started.pid} has {len(data) - 6} bytes, not {announced}")
    stamps = data[7] >> 6
    if not stamps & 2:
        raise DamagedTsError(f"a PES packet of PID {started.pid} has no timestamp")
    pts = _stamp(data[9:14])
    dts = _stamp(data[14:19]) if stamps == 3 else pts
    return Pes(program.codecs[started.pid], pts, dts, started.random_access, data[9 + data[8] :])


def _stamp(field: bytes) -> int:
    return (field[0] >> 1 & 7) << 30 | field[1] << 22 | (field[2] >> 1) << 15 | field[3] << 7 | field[4] >> 1
