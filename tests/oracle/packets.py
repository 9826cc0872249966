"""Any file this engine reads or writes, as packets that can be compared with those of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from oracle import bare, flv, mp4, playlist, ts, units

UNTIMED = ("adts", "mp3")  # containers without timestamps


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded frame. Times are milliseconds as the container says them, None where it says none."""

    kind: str  # video, audio
    codec: str
    dts_ms: Fraction | None
    pts_ms: Fraction | None
    shown_ms: Fraction | None  # pts behind the edit list of MP4; pts elsewhere
    key: bool
    digest: str  # the same for the same coded payload in any container
    raw: str  # of the payload bytes as they are; empty where the framing is another
    size: int
    index: int  # position in the file, over all tracks
    span: int = 0  # counts the discontinuities before it
    exact: bool = True  # False: the time is not in the file but follows from the frames before


@dataclass
class Recording:
    """A file's packets in file order."""

    path: Path
    container: str  # flv, mp4, fmp4, ts, adts, mp3
    packets: list[Packet] = field(default_factory=list)

    @property
    def video(self) -> list[Packet]:
        """The packets of the video track."""
        return [packet for packet in self.packets if packet.kind == "video"]

    @property
    def audio(self) -> list[Packet]:
        """The packets of the audio track."""
        return [packet for packet in self.packets if packet.kind == "audio"]

    def track(self, kind: str) -> list[Packet]:
        """The packets of one track."""
        return [packet for packet in self.packets if packet.kind == kind]

    def looped(self, times: int, period_ms: int) -> Recording:
        """The source as an origin sends it that plays it again and again; each round is a span."""
        rounds = [
            replace(
                packet,
                dts_ms=packet.dts_ms + number * period_ms,
                pts_ms=packet.pts_ms + number * period_ms,
                shown_ms=packet.shown_ms + number * period_ms,
                index=packet.index + number * len(self.packets),
                span=number,
            )
            for number in range(times)
            for packet in self.packets
        ]
        return Recording(self.path, self.container, rounds)


def source_packets(source: Path | bytes) -> Recording:
    """The packets of track 0 of an FLV file or FLV bytes, all of them."""
    return _flv(flv.read(source))


def output_packets(path: Path) -> Recording:
    """The packets of a finished file, or of a playlist with all its segments."""
    if path.suffix == ".flv":
        return _flv(flv.read(path))
    if path.suffix == ".m3u8":
        return _hls(path)
    if path.suffix == ".mp4":
        movie = mp4.read(path.read_bytes())
        return Recording(path, "mp4", list(_mp4(movie.tracks)))
    frames = (bare.adts_frames if path.suffix == ".aac" else bare.mp3_frames)(path.read_bytes())
    codec = path.suffix[1:]
    packets = [_untimed(codec, frame.payload, number) for number, frame in enumerate(frames)]
    return Recording(path, "adts" if codec == "aac" else "mp3", packets)


def _hash(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:16]


def _untimed(codec: str, payload: bytes, index: int) -> Packet:
    digest = units.payload_digest(codec, payload)
    return Packet("audio", codec, None, None, None, True, digest, "", len(payload), index)


def _flv(file: flv.FlvFile) -> Recording:
    recording = Recording(file.path or Path("bytes.flv"), "flv")
    lengths: dict[str, int] = {}
    clock = _Clock(1 << 32)
    for tag in file.tags:
        if tag.kind == flv.SCRIPT:
            continue
        media = flv.main_media(tag)
        if media.role == "config" and media.codec in units.NAL_LEFT_OUT:
            lengths[media.codec] = length_bytes(media.codec, media.payload)
        if media.role != "frame":
            continue
        dts_ms = Fraction(clock.unwrap(tag.timestamp))
        kind = "video" if tag.kind == flv.VIDEO else "audio"
        for number, payload in enumerate(_frames_in(media.codec, media.payload)):
            digest = _length_digest(media.codec, payload, lengths.get(media.codec, 4))
            late_ms = number * next(bare.mp3_frames(payload)).duration_ms if number else 0
            at_ms = dts_ms + late_ms
            pts_ms = at_ms + media.cts_ms
            recording.packets.append(
                Packet(
                    kind,
                    media.codec,
                    at_ms,
                    pts_ms,
                    pts_ms,
                    media.key,
                    digest,
                    _hash(payload),
                    len(payload),
                    len(recording.packets),
                    exact=not number,
                )
            )
    return recording


def _frames_in(codec: str, payload: bytes) -> list[bytes]:
    """The frames of one tag: MP3 publishers may put several into one."""
    return [frame.payload for frame in bare.mp3_frames(payload)] if codec == "mp3" else [payload]


def length_bytes(codec: str, config: bytes) -> int:
    """How many bytes the NAL unit lengths have, by the configuration record."""
    at = {"h264": 4, "h265": 21, "h266": 0}[codec]
    if len(config) <= at:
        raise ValueError(f"{codec} has no decoder configuration")
    field_bits = config[at] >> 1 if codec == "h266" else config[at]
    return (field_bits & 3) + 1


def _length_digest(codec: str, payload: bytes, size: int) -> str:
    if codec in units.NAL_LEFT_OUT:
        return units.digest(codec, units.split_lengths(payload, size))
    return units.payload_digest(codec, payload)


class _Clock:
    """Timestamps that wrap, made continuous."""

    def __init__(self, wrap: int) -> None:
        self.wrap, self.last = wrap, None

    def unwrap(self, value: int) -> int:
        """The value nearest to the one before."""
        if self.last is not None:
            value += round((self.last - value) / self.wrap) * self.wrap
        self.last = value
        return value


def _mp4(tracks: list[mp4.Track], span: int = 0, skip: dict[int, int] | None = None) -> Iterator[Packet]:
    """Samples of all tracks by time; `skip` says how many of each track belong to segments before."""
    rows = []
    for track in tracks:
        config = track.config
        size = (
            length_bytes(track.codec, config[4:] if track.codec == "h266" else config)
            if (track.codec in units.NAL_LEFT_OUT)
            else 4
        )
        for sample in track.samples[(skip or {}).get(track.number, 0) :]:
            rows.append((track.ms(sample.dts), track.number, track, sample, size))
    rows.sort(key=lambda row: row[:2])
    for index, (dts_ms, _, track, sample, size) in enumerate(rows):
        yield Packet(
            track.kind,
            track.codec,
            dts_ms,
            dts_ms + track.ms(sample.cts),
            track.shown_ms(sample),
            sample.key,
            _length_digest(track.codec, sample.payload, size),
            _hash(sample.payload) if track.codec != "av1" else "",
            len(sample.payload),
            index,
            span,
        )


def _hls(path: Path) -> Recording:
    listed = playlist.read(path)
    fragmented = any(segment.map_uri for segment in listed.segments)
    recording = Recording(path, "fmp4" if fragmented else "ts")
    clock = _Clock(ts.CLOCK_WRAP)
    for packets in segment_packets(listed, clock):
        for packet in packets:
            recording.packets.append(replace(packet, index=len(recording.packets)))
    return recording


def segment_packets(listed: playlist.Playlist, clock: _Clock | None = None) -> Iterator[list[Packet]]:
    """The packets of each segment of a playlist, in order."""
    clock = clock or _Clock(ts.CLOCK_WRAP)
    for segment in listed.segments:
        data = listed.file(segment.uri).read_bytes()
        if segment.map_uri is None:
            yield list(_ts(data, segment.run, clock))
            continue
        movie = mp4.read(listed.file(segment.map_uri).read_bytes())
        mp4.add_fragments(movie.tracks, data)
        yield list(_mp4(movie.tracks, segment.run))


def _ts(data: bytes, span: int, clock: _Clock) -> Iterator[Packet]:
    index = 0
    for pes in ts.read(data):
        dts = clock.unwrap(pes.dts)
        pts = dts + (pes.pts - pes.dts + ts.CLOCK_WRAP // 2) % ts.CLOCK_WRAP - ts.CLOCK_WRAP // 2
        dts_ms, pts_ms = Fraction(dts, 90), Fraction(pts, 90)
        for number, (digest, size, offset_ms) in enumerate(_ts_frames(pes)):
            kind = "video" if pes.codec in units.NAL_LEFT_OUT else "audio"
            key = pes.random_access or kind == "audio"
            late_ms, shown_ms = dts_ms + offset_ms, pts_ms + offset_ms
            yield Packet(
                kind,
                pes.codec,
                late_ms,
                shown_ms,
                shown_ms,
                key,
                digest,
                "",
                size,
                index,
                span,
                exact=not number,
            )
            index += 1


def _ts_frames(pes: ts.Pes) -> Iterator[tuple[str, int, Fraction]]:
    """Digest, size and offset in time of each frame of a PES packet."""
    at_ms = Fraction(0)
    if pes.codec in units.NAL_LEFT_OUT:
        yield units.payload_digest(pes.codec, pes.payload, start_codes=True), len(pes.payload), at_ms
    elif pes.codec == "opus":
        for payload in bare.opus_ts_packets(pes.payload):
            yield units.payload_digest("opus", payload), len(payload), at_ms
            at_ms += bare.opus_duration_ms(payload)
    else:
        for frame in (bare.adts_frames if pes.codec == "aac" else bare.mp3_frames)(pes.payload):
            yield units.payload_digest(pes.codec, frame.payload), len(frame.payload), at_ms
            at_ms += frame.duration_ms
