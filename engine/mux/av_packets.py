"""Batches to FFmpeg packets: one libavformat muxer, its bytes kept in memory until taken.

No encoder is opened, and payloads are not copied on the way in. Nothing is held back: FFmpeg's interleaving
queue is kept to the packet in hand, and the last packet of a call flushes what those before it came to.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.container
import av.error
import av.logging

from engine.errors import MuxError
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.frames import KEY, Frame
from engine.mux.tally import Tally
from engine.mux.template import template_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream

# FFmpeg's own words go into MuxError; without a level PyAV drops them. PyAV also hands them to this logger,
# which without a handler would print them on stderr.
av.logging.set_level(av.logging.ERROR)
# Otherwise a file whose first complaint is the last one of the file before it is taken for whole.
av.logging.set_skip_repeated(False)
_libav = logging.getLogger("libav")  # noqa: TID251
_libav.addHandler(logging.NullHandler())
_libav.propagate = False

_REFUSED_RUN = 250
"""So many unparsable packets of a track in a row are no damage in the stream: the output has failed."""

_FLUSH = cast("int", av.container.Flags.flush_packets.value)
_PACKET_BY_PACKET = {
    "flush_packets": "0",  # the last packet of each call flushes, see `mux`
    "max_interleave_delta": "1",  # microseconds: no packet waits for the other track
    "avoid_negative_ts": "disabled",
    "fflags": "+bitexact",  # no version strings, no dates: the same packets make the same bytes
}

_FRAGMENTED = {
    "movflags": "empty_moov+default_base_moof+frag_discont+skip_trailer",
    "use_editlist": "0",
    "strict": "unofficial",  # MP3 below 16 kHz
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How FFmpeg is asked to write a container."""

    av_format: str
    options: Mapping[str, str]
    video_ticks: int  # per second; a multiple of 1000 so that ms stay exact, finer so that equal ms can rise
    buffer_bytes: int


MP4 = Recipe("mp4", _FRAGMENTED, 16_000, 4 << 10)
ADTS = Recipe("adts", {}, 1_000, 16 << 10)
BARE_MP3 = Recipe("mp3", {"write_xing": "0", "id3v2_version": "0"}, 1_000, 16 << 10)


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

    def __init__(self, stream: Stream, codec: Codec) -> None:
        if stream.time_base is None:
            raise MuxError(f"{codec.label}: FFmpeg gave the track no time base")
        self.stream = stream
        self._ticks = stream.time_base.denominator
        self._next_dts: int | None = None
        self.refused_run = 0

    def step(self, dts_ms: int, cts_ms: int) -> tuple[int, int, bool]:
        """(dts, pts) of the next frame in ticks, and whether it was moved.

        A shared dts moves by one tick, which is less than the half millisecond that would show.
        """
        wanted = (dts_ms * self._ticks + 500) // 1000
        shown = ((dts_ms + cts_ms) * self._ticks + 500) // 1000 if cts_ms else wanted
        dts = wanted if self._next_dts is None else max(wanted, self._next_dts)
        pts = max(shown, dts)
        self._next_dts = dts + 1
        return dts, pts, dts != wanted or pts != shown


class PacketWriter:
    """A libavformat muxer of some tracks.

    Raises:
        MuxError: FFmpeg refuses the tracks.
    """

    def __init__(self, recipe: Recipe, tracks: Sequence[Track], tally: Tally) -> None:
        self._output = _Output()
        self._tally = tally
        try:
            self._container: OutputContainer = av.open(
                self._output,
                "w",
                format=recipe.av_format,
                container_options={**_PACKET_BY_PACKET, **recipe.options},
                buffer_size=recipe.buffer_bytes,
            )
            streams = [self._add(track, recipe) for track in tracks]
            self._container.flags |= _FLUSH
            self._container.start_encoding()
            self._container.flags &= ~_FLUSH
        except (av.error.FFmpegError, ValueError) as error:
            raise MuxError(f"{recipe.av_format}: {_words(error)}") from error
        self._clocks = {
            int(track.codec): _TrackClock(stream, track.codec)
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

    def mux(self, arena: bytes, frames: Sequence[Frame], origin_ms: int) -> bytes:
        """The bytes that these frames of the writer's tracks complete; times are written from `origin_ms` on.

        A packet that FFmpeg cannot parse is left out and counted.

        Raises:
            MuxError: FFmpeg refused for another reason, or refused everything for a while.
        """
        if not frames:
            return b""
        try:
            self._mux_all(arena, frames[:-1], origin_ms)
            self._container.flags |= _FLUSH  # when FFmpeg refuses that packet, the next call flushes
            self._mux_all(arena, frames[-1:], origin_ms)
            self._container.flags &= ~_FLUSH
        except av.error.FFmpegError as error:
            raise MuxError(_words(error)) from error
        return self._output.take()

    def _mux_all(self, arena: bytes, frames: Sequence[Frame], origin_ms: int) -> None:
        packet: Any = av.Packet  # its stub does not know that any buffer will do
        clocks, tally = self._clocks, self._tally
        view = memoryview(arena)
        for dts_ms, cts_ms, start, size, codec, flags, _ in frames:
            clock = clocks[codec]
            one = packet(view[start : start + size])
            one.stream = clock.stream
            one.dts, one.pts, moved = clock.step(dts_ms - origin_ms, cts_ms)
            if flags & KEY:
                one.is_keyframe = True
            tally.adjusted += moved
            self._mux_one(one, clock)

    def _mux_one(self, packet: av.Packet[Any], clock: _TrackClock) -> None:
        try:
            self._container.mux_one(packet)
            clock.refused_run = 0
        except av.error.InvalidDataError:
            self._tally.refused += 1
            clock.refused_run += 1
            if clock.refused_run == _REFUSED_RUN:
                raise

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


def mp4_head(tracks: Sequence[Track]) -> bytes:
    """The ftyp and the moov without samples that fragments of these tracks stand behind.

    Raises:
        MuxError: FFmpeg refuses the tracks.
    """
    return PacketWriter(MP4, tracks, Tally()).header


def _words(error: BaseException) -> str:
    """FFmpeg's last line of log, or its error text."""
    log = getattr(error, "log", None)
    return str(log[2]).strip() if log else str(error)
