"""Batches to FFmpeg packets: one libavformat muxer, its bytes kept in memory until taken.

No encoder is opened, and payloads are not copied on the way in. Nothing is held back beyond what the
container needs: FFmpeg's interleaving queue is kept to the packet in hand, and every packet is flushed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.logging
import numpy as np
import numpy.typing as npt

from engine.errors import MuxError
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.tally import Tally
from engine.mux.template import template_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream

# FFmpeg's own words go into MuxError; without a level PyAV drops them.
av.logging.set_level(av.logging.ERROR)

_PACKET_BY_PACKET = {
    "flush_packets": "1",
    "max_interleave_delta": "1",  # microseconds: no packet waits for the other track
    "avoid_negative_ts": "disabled",
    "fflags": "+bitexact",  # no version strings, no dates: the same packets make the same bytes
}

FRAGMENT_S = 1.0
"""Longest open fragment; with the tick before it, under the 2 s of rule S2."""
_FRAGMENTED = {
    # frag_discont keeps each track's first time where the source had it, instead of moving it to 0.
    "movflags": "empty_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer",
    "use_editlist": "0",
    "strict": "unofficial",  # MP3 below 16 kHz
    "min_frag_duration": "500000",  # an all-key stream gets two fragments a second, not one per frame
    "frag_duration": str(int(FRAGMENT_S * 1_000_000)),
    "frag_size": str(8 << 20),
}
_TRANSPORT = {
    "mpegts_copyts": "1",
    "pes_payload_size": "0",  # one PES, and so one timestamp, per audio packet: rule F2
    "pat_period": "1",
    "sdt_period": "3600",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How FFmpeg is asked to write a container."""

    av_format: str
    options: Mapping[str, str]
    video_ticks: int  # per second; a multiple of 1000 so that ms stay exact, finer so that equal ms can rise
    buffer_bytes: int
    earliest: int | None  # the lowest dts the container can say; None: a clock that wraps


MP4 = Recipe("mp4", _FRAGMENTED, 16_000, 64 << 10, 0)
MPEG_TS = Recipe("mpegts", _TRANSPORT, 90_000, 188 * 348, None)
ADTS = Recipe("adts", {}, 1_000, 16 << 10, None)
BARE_MP3 = Recipe("mp3", {"write_xing": "0", "id3v2_version": "0"}, 1_000, 16 << 10, None)


class _Output:
    """The file object that FFmpeg writes to: keeps the pieces until they are taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def take(self) -> bytes:
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return taken


class _TrackClock:
    """One track's times in ticks of its stream, kept rising: FFmpeg refuses a dts that is not."""

    def __init__(self, stream: Stream, codec: Codec, earliest: int | None) -> None:
        if stream.time_base is None:
            raise MuxError(f"{codec.label}: FFmpeg gave the track no time base")
        self.stream = stream
        self.codec = codec
        self._ticks = stream.time_base.denominator
        self._last_dts = None if earliest is None else earliest - 1
        self._frame_ticks = 0

    def convert(
        self, dts_ms: npt.NDArray[np.int64], cts_ms: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """(dts, pts, duration) in ticks, and how many rows were moved. A shared dts moves by one tick,
        which is less than the half millisecond that would show."""
        wanted = self._to_ticks(dts_ms)
        steps = np.arange(len(wanted), dtype=np.int64)
        lead = wanted - steps
        if self._last_dts is not None:
            lead[0] = max(lead[0], self._last_dts + 1)
        dts = np.maximum.accumulate(lead) + steps
        shown = self._to_ticks(dts_ms + cts_ms)
        pts = np.maximum(shown, dts)
        moved = int(np.count_nonzero((dts != wanted) | (pts != shown)))
        distances = np.diff(dts)
        if len(distances):
            self._frame_ticks = int(distances[-1])
        elif self._last_dts is not None:
            self._frame_ticks = int(dts[0]) - self._last_dts
        self._last_dts = int(dts[-1])
        return dts, pts, np.append(distances, self._frame_ticks), moved

    def _to_ticks(self, time_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (time_ms * self._ticks + 500) // 1000


class PacketWriter:
    """A libavformat muxer of some tracks.

    Raises:
        MuxError: FFmpeg refuses the tracks.
    """

    def __init__(
        self, recipe: Recipe, tracks: Sequence[Track], tally: Tally, options: Mapping[str, str] | None = None
    ) -> None:
        self._output = _Output()
        self._tally = tally
        all_options = {**_PACKET_BY_PACKET, **recipe.options, **(options or {})}
        try:
            self._container: OutputContainer = av.open(
                self._output,
                "w",
                format=recipe.av_format,
                container_options=all_options,
                buffer_size=recipe.buffer_bytes,
            )
            streams = [self._add(track, recipe) for track in tracks]
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            raise MuxError(f"{recipe.av_format}: {_words(error)}") from error
        self._clocks = {
            Kind.VIDEO if track.is_video else Kind.AUDIO: _TrackClock(stream, track.codec, recipe.earliest)
            for track, stream in zip(tracks, streams, strict=True)
        }
        self.header = self._output.take()

    def _add(self, track: Track, recipe: Recipe) -> Stream:
        stream: Any = self._container.add_stream_from_template(template_of(track).stream, opaque=True)
        if track.is_video:
            stream.time_base = Fraction(1, recipe.video_ticks)
        if track.codec is Codec.H265 and recipe.av_format == "mp4":
            stream.codec_context.codec_tag = "hvc1"  # FFmpeg's hev1 does not play on Apple's systems
        return stream  # type: ignore[no-any-return]

    def mux(self, batch: Batch, origin_ms: int) -> bytes:
        """The bytes that the batch's frames complete; times are written from `origin_ms` on.

        A packet that FFmpeg cannot parse is left out and counted.

        Raises:
            MuxError: FFmpeg refused for another reason.
        """
        packet: Any = av.Packet  # its stub does not know that any buffer will do
        mux_one = self._container.mux_one
        view = memoryview(batch.arena)
        try:
            for stream, dts, pts, duration, start, size, key in self._rows(batch, origin_ms):
                one = packet(view[start : start + size])
                one.stream = stream
                one.dts = dts
                one.pts = pts
                one.duration = duration
                if key:
                    one.is_keyframe = True
                try:
                    mux_one(one)
                except av.error.InvalidDataError:
                    self._tally.refused += 1
        except av.error.FFmpegError as error:
            raise MuxError(_words(error)) from error
        return self._output.take()

    def _rows(self, batch: Batch, origin_ms: int) -> Iterator[tuple[Stream, int, int, int, int, int, int]]:
        """(stream, dts, pts, duration, start, size, key) of the frames of this writer's tracks, in order."""
        tags = batch.tags
        frames = (tags["role"] == Role.FRAME) & (tags["media_size"] > 0)
        columns: list[npt.NDArray[np.int64]] = []
        for clock in self._clocks.values():
            rows = np.flatnonzero(frames & (tags["codec"] == clock.codec))
            if not len(rows):
                continue
            held = tags[rows]
            dts, pts, duration, moved = clock.convert(held["dts"] - origin_ms, held["cts"])
            self._tally.adjusted += moved
            index = np.full(len(rows), clock.stream.index)
            key = held["flags"] & Flag.KEY
            columns.append(
                np.stack([rows, index, dts, pts, duration, held["media_offset"], held["media_size"], key])
            )
        if not columns:
            return
        merged = np.concatenate(columns, axis=1)
        merged = merged[:, np.argsort(merged[0], kind="stable")]
        streams = [
            clock.stream for clock in sorted(self._clocks.values(), key=lambda clock: clock.stream.index)
        ]
        for index, *fields in zip(*merged[1:].tolist(), strict=True):
            dts, pts, duration, start, size, key = fields
            yield streams[index], dts, pts, duration, start, size, key

    def finish(self) -> bytes:
        """The last bytes; the writer cannot be used afterwards.

        Raises:
            MuxError: FFmpeg refused.
        """
        try:
            self._container.close()
        except av.error.FFmpegError as error:
            raise MuxError(_words(error)) from error
        return self._output.take()


def _words(error: BaseException) -> str:
    """FFmpeg's last line of log, or its error text."""
    log = getattr(error, "log", None)
    return str(log[2]).strip() if log else str(error)
