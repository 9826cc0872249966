"""What an MP4 file begins with: FFmpeg describes the tracks. No encoder is opened."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from engine.errors import MuxError
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.libav import av
from engine.mux.template import template_of

_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+frag_discont+skip_trailer",
    "use_editlist": "0",
    "strict": "unofficial",  # MP3 below 16 kHz
    "fflags": "+bitexact",  # no version strings, no dates: the same tracks make the same bytes
}
_VIDEO_TICKS = 16_000  # per second; a multiple of 1000 so that ms stay exact, finer so that equal ms can rise


class _Output:
    """The file object that FFmpeg writes to."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def mp4_head(tracks: Sequence[Track]) -> bytes:
    """The ftyp and the moov without samples (ISO 14496-12 section 8.8) that fragments of these tracks stand
    behind.

    Raises:
        MuxError: FFmpeg refuses the tracks.
    """
    output = _Output()
    try:
        with av.open(output, "w", format="mp4", container_options=_OPTIONS) as container:
            for track in tracks:
                stream: Any = container.add_stream_from_template(template_of(track).stream, opaque=True)
                if track.is_video:
                    stream.time_base = Fraction(1, _VIDEO_TICKS)
                if track.codec is Codec.H265:
                    stream.codec_context.codec_tag = "hvc1"  # FFmpeg's hev1 does not play on Apple's systems
            container.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        raise MuxError(f"mp4: {_words(error)}") from error
    return output.data


def _words(error: BaseException) -> str:
    """FFmpeg's last line of log, or its error text."""
    log = getattr(error, "log", None)
    return str(log[2]).strip() if log else str(error)
