"""F1 and F2 of recording.md: nothing lost, doubled, changed or moved in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Literal

from oracle import ts
from oracle.packets import UNTIMED, Packet, Recording, output_packets, source_packets

Pair = tuple[Packet, Packet]  # of an output and of the source
Source = Recording | Path
Outputs = Recording | Path | Sequence[Recording | Path]

KINDS = ("video", "audio")
FRAMED_AS_SOURCE = ("flv", "mp4", "fmp4")
# How far timestamps may spread, in ms: MP4 counts in ticks of its tracks, TS in whole 1/90 ms.
SPREAD_MS = {"flv": Fraction(0), "mp4": Fraction(1, 2), "fmp4": Fraction(1, 2), "ts": Fraction(1, 45)}
INEXACT_SPREAD_MS = Fraction(1)  # frames behind the first of one TS packet have no timestamp of their own


def assert_f1(
    source: Source,
    outputs: Outputs,
    first_cut: bool = True,
    *,
    tracks: Iterable[str] = KINDS,
    joined_late: bool = False,
    cut_short: bool = False,
) -> dict[str, list[list[Pair]]]:
    """F1: the outputs, one behind the other, hold every packet of the source once, in order, unchanged.

    Args:
        source: the FLV file that was recorded, or its packets (`Recording.looped` for a looping origin).
        outputs: the files of one format in order.
        first_cut: recording begins at the first video keyframe and, for audio, behind it in tag order or in
            time (F4); False: at the first packet of each track.
        tracks: what was to be recorded; AAC and MP3 files are known to hold audio alone.
        joined_late: the recording may begin at any keyframe (any packet when there is no video).
        cut_short: it may end before the source does; up to that moment no track lacks a packet.

    Returns:
        For each track, for each output, the packets matched with those of the source.
    """
    recorded, files = _read(source), _read_all(outputs)
    wanted = [kind for kind in KINDS if kind in tracks and recorded.track(kind)]
    if all(file.container in UNTIMED for file in files):
        wanted = ["audio"]
    for kind in KINDS:
        strays = sum(len(file.track(kind)) for file in files)
        assert kind in wanted or not strays, (
            f"{_names(files)}: {strays} {kind} packets that should not be there"
        )
    cut = _cut(recorded, files, joined_late) if first_cut and recorded.video else None
    pairs: dict[str, list[list[Pair]]] = {}
    for kind in wanted:
        expected = _expected(recorded, kind, cut, files, joined_late)
        pairs[kind] = _match(kind, expected, files, cut_short)
    if cut_short and len(wanted) == 2:
        _assert_common_end(recorded, pairs)
    return pairs


def assert_f2(
    source: Source,
    outputs: Outputs,
    first_cut: bool = True,
    *,
    timestamps: Literal["original", "zero"] | None = None,
    tracks: Iterable[str] = KINDS,
    joined_late: bool = False,
    cut_short: bool = False,
    spread_ms: Fraction | None = None,
) -> None:
    """F2: distances between timestamps are those of the source, audio against video included.

    Within each output, between two discontinuities, and within each round of a looped source, all times
    differ from the source's by one constant: dts, pts, and for MP4 what the edit lists make of them.

    Args:
        timestamps: `original`: that constant is 0 in FLV and HLS (in TS modulo its 33-bit clock); `zero`:
            each output starts at 0. MP4 always does. None: any constant. Files without timestamps pass.
        spread_ms: how far times may be apart from the source's, instead of what the container's ticks need.

    The other arguments are those of `assert_f1`, which must hold.
    """
    files = _read_all(outputs)
    pairs = assert_f1(source, files, first_cut, tracks=tracks, joined_late=joined_late, cut_short=cut_short)
    for number, file in enumerate(files):
        if file.container in UNTIMED:
            continue
        rows = [pair for kind in pairs for pair in pairs[kind][number]]
        rows.sort(key=lambda pair: (pair[0].span, pair[1].span))
        for _, group in groupby(rows, key=lambda pair: (pair[0].span, pair[1].span)):
            _assert_one_shift(file, list(group), timestamps, spread_ms)
        _assert_start(file, timestamps)


def _read(source: Source) -> Recording:
    return source if isinstance(source, Recording) else source_packets(source)


def _read_all(outputs: Outputs) -> list[Recording]:
    listed = [outputs] if isinstance(outputs, Recording | Path) else list(outputs)
    files = [output if isinstance(output, Recording) else output_packets(output) for output in listed]
    assert files, "there are no outputs"
    assert len({file.container for file in files}) == 1, f"{_names(files)}: more than one format"
    return files


def _names(files: list[Recording]) -> str:
    return ", ".join(file.path.name for file in files)


def _cut(source: Recording, files: list[Recording], joined_late: bool) -> Packet:
    """The video keyframe at which the recording begins."""
    keys = [packet for packet in source.video if packet.key]
    assert keys, f"{source.path.name} has no keyframe"
    first = next((packet for file in files for packet in file.video), None)
    if not joined_late or first is None:
        return keys[0]
    found = next((packet for packet in keys if packet.digest == first.digest), None)
    assert found, f"{_names(files)}: the first video packet is no keyframe of {source.path.name}"
    return found


def _expected(
    source: Recording, kind: str, cut: Packet | None, files: list[Recording], joined_late: bool
) -> list[Packet]:
    """The source packets of a track from where its recording begins."""
    packets = source.track(kind)
    found = [packet for file in files for packet in file.track(kind)]
    if kind == "video":
        assert found or not packets, f"{_names(files)}: no video"
        return packets[packets.index(cut) :] if cut else packets
    starts = [0]
    if cut:
        in_order = next((n for n, packet in enumerate(packets) if packet.index > cut.index), len(packets))
        in_time = next((n for n, packet in enumerate(packets) if packet.dts_ms >= cut.dts_ms), len(packets))
        starts = [in_order, in_time]
    elif joined_late:
        starts = [n for n, packet in enumerate(packets) if found and packet.digest == found[0].digest] or [0]
    fits = (
        start for start in starts if found and packets[start:] and packets[start].digest == found[0].digest
    )
    return packets[next(fits, starts[0]) :]


def _match(kind: str, expected: list[Packet], files: list[Recording], cut_short: bool) -> list[list[Pair]]:
    """The packets of each file beside those they should be."""
    out: list[list[Pair]] = []
    at = 0
    for file in files:
        rows: list[Pair] = []
        for number, packet in enumerate(file.track(kind)):
            wanted = expected[at] if at < len(expected) else None
            if wanted is None or not _same(file, packet, wanted):
                where = f"{file.path.name}: {kind} packet {number} ({_describe(packet)})"
                raise AssertionError(f"{where} {_difference(packet, expected, at)}")
            rows.append((packet, wanted))
            at += 1
        out.append(rows)
    assert at or not expected or cut_short, (
        f"{_names(files)}: none of the {len(expected)} {kind} packets is there"
    )
    if at < len(expected) and not cut_short:
        raise AssertionError(
            f"{_names(files)}: {at} {kind} packets, then {len(expected) - at} of the source are missing, "
            f"the first is {_describe(expected[at])}"
        )
    return out


def _same(file: Recording, packet: Packet, wanted: Packet) -> bool:
    if packet.digest != wanted.digest or packet.codec != wanted.codec or packet.key != wanted.key:
        return False
    return file.container not in FRAMED_AS_SOURCE or not packet.raw or packet.raw == wanted.raw


def _describe(packet: Packet) -> str:
    time = "no time" if packet.dts_ms is None else f"dts {float(packet.dts_ms):g} ms"
    return f"{packet.codec}, {time}, {packet.size} bytes{', key' if packet.key else ''}, {packet.digest}"


def _difference(packet: Packet, expected: list[Packet], at: int) -> str:
    """What is wrong with a packet that is not `expected[at]`."""
    digests = [wanted.digest for wanted in expected]
    if at < len(expected) and packet.digest == expected[at].digest:
        return f"has the source's payload, but not its codec, key flag or framing: {_describe(expected[at])}"
    if packet.digest in digests[:at]:
        return f"is doubled or late: the source has it {at - digests.index(packet.digest)} packets earlier"
    if at >= len(expected):
        return "is beyond the source's end"
    if packet.digest in digests[at:]:
        lost = digests.index(packet.digest, at) - at
        return f"comes too early: {lost} of the source are missing, the first is {_describe(expected[at])}"
    return f"is not in the source; there should be {_describe(expected[at])}"


def _assert_common_end(source: Recording, pairs: dict[str, list[list[Pair]]]) -> None:
    """Both tracks end at one moment: in tag order, or in time."""
    taken = {kind: [wanted for rows in pairs[kind] for _, wanted in rows] for kind in pairs}
    ends = [packets[-1] for packets in taken.values() if packets]
    if not ends:
        return
    starts = {
        kind: packets[0].index if packets else max(e.index for e in ends) for kind, packets in taken.items()
    }
    have = {packet.index for packets in taken.values() for packet in packets}
    left = [
        packet
        for kind in taken
        for packet in source.track(kind)
        if packet.index not in have and packet.index >= starts[kind]
    ]
    by_order = [packet for packet in left if packet.index < max(end.index for end in ends)]
    by_time = [packet for packet in left if packet.dts_ms < max(end.dts_ms for end in ends)]
    if by_order and by_time:
        raise AssertionError(
            f"the tracks end apart: {len(by_order)} are missing, the first is {_describe(by_order[0])}"
        )


def _assert_one_shift(
    file: Recording, rows: list[Pair], timestamps: str | None, spread_ms: Fraction | None
) -> None:
    """Every row differs from the source by the same time."""
    times = ("shown_ms",) if file.container == "mp4" else ("dts_ms", "pts_ms")
    for name in times:
        _assert_spread(file, rows, name, spread_ms)
    if file.container == "mp4":  # each track's dts begins at 0; edit lists put the tracks side by side
        for kind in KINDS:
            _assert_spread(file, [row for row in rows if row[0].kind == kind], "dts_ms", spread_ms)
    if timestamps == "original" and file.container in ("flv", "ts", "fmp4") and rows:
        shift_ms = rows[0][0].dts_ms - rows[0][1].dts_ms
        if file.container == "ts":
            wrap_ms = Fraction(ts.CLOCK_WRAP, 90)
            shift_ms -= round(shift_ms / wrap_ms) * wrap_ms
        assert abs(shift_ms) <= SPREAD_MS[file.container], (
            f"{file.path.name}: timestamps are not the original ones but {float(shift_ms):+g} ms away"
        )


def _assert_spread(file: Recording, rows: list[Pair], name: str, spread_ms: Fraction | None) -> None:
    if not rows:
        return
    first = next((row for row in rows if row[0].exact and row[1].exact), rows[0])
    shift_ms = getattr(first[0], name) - getattr(first[1], name)
    for packet, wanted in rows:
        exact = packet.exact and wanted.exact
        allowed_ms = spread_ms or (SPREAD_MS[file.container] if exact else INEXACT_SPREAD_MS)
        off_ms = getattr(packet, name) - getattr(wanted, name) - shift_ms
        assert abs(off_ms) <= allowed_ms, (
            f"{file.path.name}: {name} of the {packet.kind} packet {_describe(packet)} is "
            f"{float(off_ms):+g} ms off, measured from the {first[0].kind} packet {_describe(first[0])}; "
            f"the source has {float(getattr(wanted, name)):g}"
        )


def _assert_start(file: Recording, timestamps: str | None) -> None:
    if file.container == "mp4":
        start_ms = min(packet.shown_ms for packet in file.packets)
        what = "the first frame shows at"
    elif timestamps == "zero":
        start_ms = min(packet.dts_ms for packet in file.packets)
        what = "the first timestamp is"
    else:
        return
    allowed_ms = SPREAD_MS[file.container]
    assert abs(start_ms) <= allowed_ms, f"{file.path.name}: {what} {float(start_ms):g} ms, not 0"
