"""MP4, read in pure Python: sample tables of regular files, fragments of growing ones and of HLS segments."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

ENTRY_CODECS = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "h265",
    "hev1": "h265",
    "vvc1": "h266",
    "vvi1": "h266",
    "av01": "av1",
    "Opus": "opus",
    ".mp3": "mp3",
}
OBJECT_TYPES = {0x40: "aac", 0x69: "mp3", 0x6B: "mp3"}
CONFIG_BOXES = {b"avcC", b"hvcC", b"vvcC", b"av1C", b"esds", b"dOps"}


class DamagedMp4Error(Exception):
    """The bytes are not a whole MP4 file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; times in ticks of its track."""

    dts: int
    cts: int
    duration: int
    key: bool
    payload: bytes


@dataclass
class Track:
    """One track; `edits` are (duration in movie ticks, media time in track ticks or -1)."""

    number: int
    kind: str
    codec: str
    entry: str
    timescale: int
    media_ticks: int
    movie_ticks: int
    movie_timescale: int
    config: bytes
    edits: list[tuple[int, int]]
    samples: list[Sample] = field(default_factory=list)
    defaults: tuple[int, int, int] = (0, 0, 0)  # duration, size, flags of trex

    def ms(self, ticks: int) -> Fraction:
        """Ticks as milliseconds."""
        return Fraction(ticks * 1000, self.timescale)

    def shown_ms(self, sample: Sample) -> Fraction:
        """When the edit list shows a sample: an empty edit delays the track, a media time cuts into it."""
        shift, start = Fraction(0), 0
        for duration, media_time in self.edits:
            if media_time >= 0:
                start = media_time
                break
            shift += Fraction(duration * 1000, self.movie_timescale)
        return shift + self.ms(sample.dts + sample.cts - start)


@dataclass
class Movie:
    """A file: its tracks, and what its headers say."""

    tracks: list[Track]
    fragmented: bool
    duration_ms: Fraction
    brands: bytes


Box = tuple[bytes, int, int]  # type, start and end of the content


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes between two positions."""
    at, stop = start, len(data) if end is None else end
    while at < stop:
        if at + 8 > stop:
            raise DamagedMp4Error(f"a box header is cut at byte {at}")
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = stop - at
        if size < head or at + size > stop:
            raise DamagedMp4Error(f"the box {kind!r} at byte {at} has the wrong size {size}")
        yield kind, at + head, at + size
        at += size


def find(data: bytes, parent: Box, *path: bytes) -> Box | None:
    """The first box at a path below another."""
    for name in path:
        below = next((box for box in boxes(data, parent[1], parent[2]) if box[0] == name), None)
        if below is None:
            return None
        parent = below
    return parent


def _must(data: bytes, parent: Box, *path: bytes) -> Box:
    box = find(data, parent, *path)
    if box is None:
        raise DamagedMp4Error(f"no box {b'/'.join(path)!r}")
    return box


def _content(data: bytes, parent: Box, *path: bytes) -> bytes:
    box = find(data, parent, *path)
    return data[box[1] : box[2]] if box else b""


def read(data: bytes) -> Movie:
    """A whole file, regular or fragmented, or the initialization segment of one."""
    top = list(boxes(data))
    moov = next((box for box in top if box[0] == b"moov"), None)
    if moov is None:
        raise DamagedMp4Error("no moov")
    header = _content(data, moov, b"mvhd")
    timescale, ticks = _times(header)
    tracks = [_track(data, box, timescale) for box in boxes(data, moov[1], moov[2]) if box[0] == b"trak"]
    extends = find(data, moov, b"mvex")
    if extends:
        for kind, start, _ in boxes(data, extends[1], extends[2]):
            if kind == b"trex":
                number, _, *defaults = struct.unpack_from(">5I", data, start + 4)
                for track in tracks:
                    if track.number == number:
                        track.defaults = (defaults[0], defaults[1], defaults[2])
    brands = next((data[start:end] for kind, start, end in top if kind == b"ftyp"), b"")
    add_fragments(tracks, data)
    return Movie(tracks, extends is not None, Fraction(ticks * 1000, timescale), brands)


def _times(header: bytes) -> tuple[int, int]:
    """Timescale and duration of mvhd or mdhd."""
    if header[0] == 1:
        return struct.unpack_from(">IQ", header, 20)
    return struct.unpack_from(">II", header, 12)


def _track(data: bytes, trak: Box, movie_timescale: int) -> Track:
    tkhd = _content(data, trak, b"tkhd")
    number = int.from_bytes(tkhd[20:24] if tkhd[0] == 1 else tkhd[12:16], "big")
    movie_ticks = int.from_bytes(tkhd[28:36] if tkhd[0] == 1 else tkhd[20:24], "big")
    mdia = _must(data, trak, b"mdia")
    timescale, media_ticks = _times(_content(data, mdia, b"mdhd"))
    kind = {b"vide": "video", b"soun": "audio"}.get(_content(data, mdia, b"hdlr")[8:12], "other")
    stbl = _must(data, mdia, b"minf", b"stbl")
    entry, codec, config = _entry(data, stbl, kind)
    track = Track(
        number,
        kind,
        codec,
        entry,
        timescale,
        media_ticks,
        movie_ticks,
        movie_timescale,
        config,
        _edits(_content(data, trak, b"edts", b"elst")),
    )
    track.samples = _table_samples(data, stbl)
    return track


def _entry(data: bytes, stbl: Box, kind: str) -> tuple[str, str, bytes]:
    stsd = _must(data, stbl, b"stsd")
    entries = list(boxes(data, stsd[1] + 8, stsd[2]))
    if len(entries) != 1:
        raise DamagedMp4Error(f"{len(entries)} sample descriptions in one track")
    name, start, end = entries[0]
    inner = start + (78 if kind == "video" else 28)
    config = next((data[s:e] for box, s, e in boxes(data, inner, end) if box in CONFIG_BOXES), b"")
    entry = name.decode("latin-1")
    if entry == "mp4a":
        return entry, OBJECT_TYPES.get(_object_type(config), "unknown"), config
    return entry, ENTRY_CODECS.get(entry, entry), config


def _object_type(esds: bytes) -> int:
    """objectTypeIndication of the DecoderConfigDescriptor."""
    at = 4
    while at < len(esds):
        tag, at = esds[at], at + 1
        while esds[at] & 0x80:
            at += 1
        at += 1
        if tag == 4:
            return esds[at]
        at += 3 if tag == 3 else 0
    return 0


def _edits(elst: bytes) -> list[tuple[int, int]]:
    if not elst:
        return []
    layout, size = (">Qq", 20) if elst[0] == 1 else (">Ii", 12)
    count = int.from_bytes(elst[4:8], "big")
    edits = [struct.unpack_from(layout, elst, 8 + number * size) for number in range(count)]
    return [(duration, media_time) for duration, media_time in edits]


def _words(table: bytes, per_entry: int, signed: bool = False) -> list[tuple[int, ...]]:
    """The rows of a full box that holds a count and 32-bit entries."""
    if not table:
        return []
    count = int.from_bytes(table[4:8], "big")
    if len(table) != 8 + count * 4 * per_entry:
        raise DamagedMp4Error("a sample table does not have the size its count says")
    letter = "i" if signed else "I"
    return [struct.unpack_from(f">{per_entry}{letter}", table, 8 + n * 4 * per_entry) for n in range(count)]


def _table_samples(data: bytes, stbl: Box) -> list[Sample]:
    sizes = _sizes(_content(data, stbl, b"stsz"))
    offsets = _offsets(data, stbl, sizes)
    durations = [ticks for count, ticks in _words(_content(data, stbl, b"stts"), 2) for _ in range(count)]
    compositions = [
        ticks for count, ticks in _words(_content(data, stbl, b"ctts"), 2, signed=True) for _ in range(count)
    ] or [0] * len(sizes)
    if not len(sizes) == len(durations) == len(compositions):
        raise DamagedMp4Error(
            f"{len(sizes)} sizes, {len(durations)} durations, {len(compositions)} compositions"
        )
    has_sync = find(data, stbl, b"stss") is not None
    keys = {row[0] for row in _words(_content(data, stbl, b"stss"), 1)}
    samples, dts = [], 0
    for number, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
        payload = data[offset : offset + size]
        if len(payload) != size:
            raise DamagedMp4Error(f"sample {number} lies beyond the file")
        key = number + 1 in keys if has_sync else True
        samples.append(Sample(dts, compositions[number], durations[number], key, payload))
        dts += durations[number]
    return samples


def _sizes(stsz: bytes) -> list[int]:
    if not stsz:
        return []
    one, count = struct.unpack_from(">II", stsz, 4)
    return [one] * count if one else list(struct.unpack_from(f">{count}I", stsz, 12))


def _offsets(data: bytes, stbl: Box, sizes: list[int]) -> list[int]:
    wide = _content(data, stbl, b"co64")
    if wide:
        count = int.from_bytes(wide[4:8], "big")
        chunks = list(struct.unpack_from(f">{count}Q", wide, 8))
    else:
        chunks = [row[0] for row in _words(_content(data, stbl, b"stco"), 1)]
    runs = _words(_content(data, stbl, b"stsc"), 3)
    offsets: list[int] = []
    for number, (first, per_chunk, _) in enumerate(runs):
        last = runs[number + 1][0] if number + 1 < len(runs) else len(chunks) + 1
        for chunk in range(first, last):
            at = chunks[chunk - 1]
            for _ in range(per_chunk):
                offsets.append(at)
                at += sizes[len(offsets) - 1]
    if len(offsets) != len(sizes):
        raise DamagedMp4Error(f"chunks hold {len(offsets)} samples, the sizes are {len(sizes)}")
    return offsets


def add_fragments(tracks: list[Track], data: bytes) -> None:
    """Appends the samples of every moof in `data`: a fragmented file, or one HLS segment."""
    for moof in boxes(data):
        if moof[0] != b"moof":
            continue
        base = moof[1] - 8
        for traf in boxes(data, moof[1], moof[2]):
            if traf[0] == b"traf":
                _add_traf(tracks, data, traf, base)


def _add_traf(tracks: list[Track], data: bytes, traf: Box, base: int) -> None:
    tfhd = _content(data, traf, b"tfhd")
    flags, number = int.from_bytes(tfhd[1:4], "big"), int.from_bytes(tfhd[4:8], "big")
    track = next(track for track in tracks if track.number == number)
    at, (duration, size, sample_flags) = 8, track.defaults
    if flags & 1:
        base, at = int.from_bytes(tfhd[8:16], "big"), 16
    at += 4 if flags & 2 else 0
    values = list(struct.unpack_from(f">{(len(tfhd) - at) // 4}I", tfhd, at))
    duration = values.pop(0) if flags & 8 else duration
    size = values.pop(0) if flags & 0x10 else size
    sample_flags = values.pop(0) if flags & 0x20 else sample_flags
    tfdt = _content(data, traf, b"tfdt")
    if not tfdt:
        raise DamagedMp4Error("a fragment has no tfdt")
    dts = int.from_bytes(tfdt[4:], "big")
    offset = base
    for kind, start, end in boxes(data, traf[1], traf[2]):
        if kind == b"trun":
            run = data[start:end]
            dts, offset = _add_trun(track, data, run, base, offset, dts, (duration, size, sample_flags))


def _add_trun(
    track: Track, data: bytes, run: bytes, base: int, offset: int, dts: int, defaults: tuple[int, int, int]
) -> tuple[int, int]:
    flags, count, at = int.from_bytes(run[1:4], "big"), int.from_bytes(run[4:8], "big"), 8
    if flags & 1:
        offset, at = base + int.from_bytes(run[8:12], "big", signed=True), 12
    first_flags = None
    if flags & 4:
        first_flags, at = int.from_bytes(run[at : at + 4], "big"), at + 4
    for number in range(count):
        duration, size, sample_flags = defaults
        cts = 0
        if flags & 0x100:
            duration, at = int.from_bytes(run[at : at + 4], "big"), at + 4
        if flags & 0x200:
            size, at = int.from_bytes(run[at : at + 4], "big"), at + 4
        if flags & 0x400:
            sample_flags, at = int.from_bytes(run[at : at + 4], "big"), at + 4
        elif number == 0 and first_flags is not None:
            sample_flags = first_flags
        if flags & 0x800:
            cts, at = int.from_bytes(run[at : at + 4], "big", signed=True), at + 4
        payload = data[offset : offset + size]
        if len(payload) != size:
            raise DamagedMp4Error("a fragment's sample lies beyond the data")
        track.samples.append(Sample(dts, cts, duration, not sample_flags & 0x10000, payload))
        dts, offset = dts + duration, offset + size
    return dts, offset
