"""Types of the Rust binding. The wire formats and their limits are documented in native/core."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypeAlias, TypedDict, final

from typing_extensions import Buffer

AmfValue: TypeAlias = float | bool | str | list[AmfValue] | dict[str, AmfValue] | None

TAG_BYTES: int

@final
class Pieces:
    """Bytes to be written one behind the other, some of which stand in an arena; `bytes()` copies them."""

    def __len__(self) -> int:
        """How many bytes they are together."""
    def __bytes__(self) -> bytes: ...

@final
class AppendFile:
    """A new file of this name, mode 0644, open to be read and written and closed on exec. Raises OSError;
    FileExistsError when there is one."""

    def __new__(cls, path: str | PathLike[str], /) -> AppendFile: ...
    def fileno(self) -> int:
        """Its descriptor. Raises OSError (EBADF) when it is closed."""
    def write(self, data: Pieces | bytes | bytearray, /) -> None:
        """Writes all of it where the last write ended, without the interpreter lock. Raises OSError, and
        then part of it may be written."""
    def close(self) -> None: ...

@final
class FlvReader:
    """FLV bytes to tags. `feed` never raises: after bad input `fault` is set and no more is read.

    A `strict` reader, for files that a crash left, takes a PreviousTagSize of 0 for torn where another was
    right."""

    def __new__(cls, *, strict: bool = False) -> FlvReader: ...
    def feed(self, data: Buffer, /) -> None: ...
    def take(self) -> tuple[bytes, bytes] | None:
        """(arena, table) of the whole tags since the last take; None when there are none. The arena of every
        reader holds tags as an FLV file does, header and PreviousTagSize included; rows point at bodies."""
    def finish(self) -> None:
        """Say that no more bytes come: inside a tag or the file header this sets `fault`."""
    @property
    def fault(self) -> tuple[str, str] | None:
        """(code, message) of the bad input that stopped the reader."""
    @property
    def consumed_bytes(self) -> int:
        """Bytes up to the end of the last whole tag (its PreviousTagSize included)."""

@final
class HttpFlvReader:
    """An HTTP/1.1 response (head, identity/chunked/until-close body) holding FLV."""

    def __new__(cls) -> HttpFlvReader: ...
    def feed(self, data: Buffer, /) -> None: ...
    def read_in_place(self, data: bytes, /) -> tuple[int, bytes] | None:
        """(bytes, table) of the whole tags that `data` begins with, for which it is the arena; (0, b"") when
        its first tag is not whole. What is behind them is not read, and comes again. None when this cannot be
        done, and `feed` must be given the bytes: not `reads_in_place`, or the first tag is odd. Between the
        tags of a chunked body stands what separates its chunks."""
    @property
    def reads_in_place(self) -> bool:
        """The next byte of the body begins a tag and no tag waits to be taken; no longer in a body whose
        chunks end inside tags."""
    def take(self) -> tuple[bytes, bytes] | None: ...
    def finish(self) -> None:
        """The peer closed: sets `fault` when the head, the declared body or an FLV tag is cut."""
    @property
    def head(self) -> tuple[int, str, list[tuple[str, str]]] | None:
        """(status, reason, headers with lower-case names) once the head is whole. The body is parsed as FLV
        only for status 200; for other statuses it is discarded."""
    @property
    def ended(self) -> bool:
        """The declared body is complete."""
    @property
    def fault(self) -> tuple[str, str] | None: ...

RtmpEvent: TypeAlias = (
    tuple[int, Literal["handshake"]]
    | tuple[int, Literal["command"], int, list[AmfValue]]
    | tuple[int, Literal["user_control"], int, int]
)

@final
class RtmpConnection:
    """One side of an RTMP connection: handshake, chunk stream, protocol control, AMF. Sans-IO.

    Acknowledgements, ping responses and chunk-size changes of the peer are answered inside; the session
    (commands) is decided by the caller.
    """

    def __new__(cls, role: Literal["client", "server"], /) -> RtmpConnection: ...
    def feed(self, data: Buffer, /) -> None: ...
    def take(self) -> tuple[bytes, bytes] | None:
        """(arena, table) of audio, video and script messages; aggregates split, `@setDataFrame` removed."""
    def take_events(self) -> list[RtmpEvent]:
        """Events since the last call; the first field is the row count of the untaken table when it came."""
    def take_output(self) -> bytes:
        """Bytes to send to the peer."""
    def send_command(self, chunk_stream: int, message_stream: int, values: Sequence[AmfValue], /) -> None: ...
    def send_chunk_size(self, size: int, /) -> None: ...
    def send_window_acknowledgement(self, window_bytes: int, /) -> None: ...
    def send_peer_bandwidth(self, window_bytes: int, limit_type: int, /) -> None: ...
    def send_user_control(self, event_type: int, first: int, second: int | None = None, /) -> None: ...
    @property
    def fault(self) -> tuple[str, str] | None: ...
    @property
    def held_bytes(self) -> int:
        """Memory taken by messages that are not whole, and kept for the next ones."""

def rtmp_messages(arena: Buffer, table: Buffer, message_stream: int, chunk_size: int, /) -> bytes:
    """Rows as RTMP messages, each begun with a type 0 header and split at chunk_size: the same bytes serve
    every reader that was told this chunk size and stream. Timestamps are the rows' `dts`, modulo 2**32."""

def flv_header(has_audio: bool, has_video: bool, /) -> bytes:
    """The 9 bytes of the FLV file header and the first PreviousTagSize."""

def flv_tags(
    arena: Buffer, table: Buffer, shift_ms: int, signalling: Literal["source", "enhanced", "legacy"], /
) -> tuple[bytes, bytes]:
    """Rows as FLV tags with the timestamp `dts - shift_ms` (modulo 2**32). Second: where each tag starts in
    the first (native uint32 per row). `enhanced` changes private legacy ids only; `legacy` drops rows without
    coded media that have no legacy form (they start where the next row does); rows without a form in the
    wanted signalling are written unchanged. Raises ValueError for a table that is none or points outside."""

def flv_parts(
    arena: Buffer, table: Buffer, shift_ms: int, signalling: Literal["source", "enhanced", "legacy"], /
) -> tuple[Pieces, bytes] | None:
    """(pieces, starts): pieces of the arena that are, byte for byte, what `flv_tags` gives for the arguments,
    with the same `starts`, so that they can be written without a copy.
    None when the arena holds no such bytes (rows moved in time, re-signalled, not framed), when there are no
    rows, when the parts are too short to be worth it, and for a table that `flv_tags` refuses. What the arena
    holds is taken from the rows' `framed` and `timestamp`."""

def frame_digests(arena: Buffer, table: Buffer, /) -> bytes:
    """One u64 per table row, in native byte order: a digest of kind, codec and coded payload (of the whole
    body of a multitrack tag; of a long payload its length, its ends and places between count), 0 for rows
    that are no frames. Timestamps and signalling play no part. Raises ValueError for a table that is none or
    points outside."""

@final
class FrameRing:
    """The last frames that were recorded, as digests with their times. It is of one size from the start."""

    def __new__(cls, places: int, /) -> FrameRing: ...
    @property
    def count(self) -> int:
        """How many frames ever came."""
    def push(self, digests: bytes, table: Buffer, /) -> None:
        """Takes in the rows that are frames; `digests` is what `frame_digests` gave for them. Raises
        ValueError, and takes nothing, where there are not as many."""
    def columns(self) -> tuple[bytes, bytes, bytes, bytes]:
        """(digests, times, kinds, keyframe or not), oldest first: u64 and i64 in native byte order, a byte
        each of the other two."""

@final
class FragmentWriter:
    """Fragments of a growing MP4 (ISO 14496-12 section 8.8), of half a second at most. A frame waits for the
    next one of its track, which says how long it lasts; a fragment that is still short waits too."""

    def __new__(cls, init: bytes, codecs: Sequence[int], next_sequence: int, /) -> FragmentWriter:
        """`init` is the ftyp and moov that they stand behind, whose tracks have these codecs, in this order.
        Raises ValueError when it is not."""
    @property
    def next_sequence(self) -> int:
        """The number of the next fragment."""
    def mux(self, arena: bytes, table: Buffer, origin_ms: int, /) -> tuple[Pieces, int, int, int]:
        """Takes in the frames of a table, from `origin_ms` on: (the fragments that are complete, frames whose
        time was moved because a track's clock must rise, frames left out because they cannot be read, the
        most of those in a row so far). Raises ValueError for a table that is none or points outside."""
    def finish(self) -> Pieces:
        """The last fragment. What follows, if anything, may be on another clock."""

@final
class ElementaryWriter:
    """Files of one audio track: AAC in ADTS frames (ISO 14496-3 section 1.A.3), or bare MP3."""

    def __new__(cls, codec: int, config: bytes, /) -> ElementaryWriter:
        """`config` is the AudioSpecificConfig of AAC. Raises ValueError when a file cannot hold the track."""
    def mux(self, arena: bytes, table: Buffer, /) -> tuple[Pieces, int, int, int]:
        """(the track's frames, 0, frames left out because ADTS cannot say their length, the most of those in
        a row so far). Raises ValueError, and writes nothing, for a table that is none or points outside."""

@final
class TransportWriter:
    """MPEG-TS packets (ISO 13818-1) of some tracks; continuity counters go on from one media segment to the
    next. Each codec has the PID 0x100 plus its number, and each frame a PES packet of its own."""

    def __new__(cls) -> TransportWriter: ...
    def begin_segment(self, tracks: Sequence[tuple[int, bytes, int, int]], /) -> None:
        """Tracks are (codec number, decoder configuration record, channels, sample rate). The record may be
        empty for MP3 and Opus; channels count for Opus without one, the rate for MP3. The first video track
        has the clock reference, or else the first. What `mux` writes next begins with PAT and PMT, and its
        first access unit with parameter sets. Raises ValueError, and changes nothing, when there are no
        tracks, two of a codec, a configuration that cannot be read, or a codec that TS does not carry."""
    def mux(self, arena: bytes, table: Buffer, origin_ms: int, /) -> tuple[Pieces, int, int, int]:
        """(whole packets, moved, refused, refused in a row) of the rows that are frames of the tracks, at
        `dts - origin_ms`. Moved: frames written at other times, since the dts of a track must rise within a
        segment and the pts not be below it. Refused: frames left out (an access unit that is torn or of
        nothing, an AAC frame beyond 13 bits of length); the last number is the longest run of them that is
        still going on in a track, over segments too. Raises ValueError, and writes nothing, for a table that
        is none or points outside."""

@final
class TrackSurvey:
    """The rows of one kind in a plain batch. Steps are from one row to the next, 0 with a single row."""

    @property
    def codec(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def keyframes(self) -> int: ...
    @property
    def first_ms(self) -> int: ...
    @property
    def last_ms(self) -> int: ...
    @property
    def least_step_ms(self) -> int: ...
    @property
    def longest_step_ms(self) -> int: ...
    @property
    def last_step_ms(self) -> int:
        """The last step greater than 0; 0 when none is."""
    @property
    def last_key_ms(self) -> int | None: ...

@final
class Survey:
    """What a plain batch holds."""

    @property
    def table(self) -> bytes:
        """The rows, with the time of each in `dts`: the clock plus the signed 32-bit steps of the wire
        timestamps."""
    @property
    def last_wire(self) -> int: ...
    @property
    def end_ms(self) -> int:
        """The dts of the last row."""
    @property
    def last_kind(self) -> int: ...
    @property
    def first_ms(self) -> int:
        """The least dts."""
    @property
    def last_ms(self) -> int:
        """The greatest dts."""
    @property
    def shown_ms(self) -> int:
        """The greatest dts + cts."""
    @property
    def size_bytes(self) -> int:
        """Of the tag bodies."""
    @property
    def media_bytes(self) -> int:
        """Of the coded payloads."""
    @property
    def video(self) -> TrackSurvey | None: ...
    @property
    def audio(self) -> TrackSurvey | None: ...
    @property
    def codecs(self) -> dict[int, int]:
        """kind -> the codec of its rows, video first."""
    @property
    def last_of(self) -> dict[int, int]:
        """kind -> the dts of its last row, video first."""
    @property
    def keys(self) -> list[tuple[int, int]]:
        """(row, dts) of each video keyframe."""
    def part(self, start: int, end: int, /) -> Survey | None:
        """The survey of some of its rows; None when there are none."""

def survey(
    table: Buffer,
    wire: int,
    clock_ms: int,
    audio_ms: int | None,
    video_ms: int | None,
    farthest_ms: tuple[int, int],
    /,
) -> Survey | None:
    """The survey of a table whose first row follows a frame of the wire timestamp `wire` at `clock_ms`. None
    when the batch is not plain: frames with a payload, without further flags, of one track and one codec for
    each kind; and when a kind has no last frame (`audio_ms`, `video_ms`) or a step of it, from that on, goes
    farther back or ahead than `farthest_ms`. Raises ValueError for a table that is none."""

def amf0_encode(values: Sequence[AmfValue], /) -> bytes:
    """dict -> ECMA array at the top level of a script tag's second value, object elsewhere in commands."""

def amf0_decode(data: Buffer, /) -> list[AmfValue]:
    """All values in data; raises ValueError when it is malformed or beyond the caps."""

def parse_config(codec: int, data: Buffer, /) -> dict[str, int | str | bool | bytes]:
    """A decoder configuration record by table codec number. identity is the same for records that configure a
    decoder alike, and differs otherwise. Video: width, height (0 when an AV1 or H.266
    record does not say them), profile, level, codec_string, length_size (bytes of a NAL unit's length, 0 for
    AV1). Audio: sample_rate, channels, profile (AAC object type), codec_string; AAC with band replication
    also output_sample_rate and parametric_stereo; Opus also pre_skip. Raises ValueError."""

def parse_mp3_header(data: Buffer, /) -> dict[str, int | str | bool]:
    """The first MPEG audio frame header of a payload: sample_rate, channels, layer, bitrate, samples."""

def video_nal_types(codec: int, length_size: int, data: Buffer, /) -> list[int]:
    """NAL unit types of a length-prefixed access unit (H.264, H.265, H.266). Raises ValueError."""

class Mp4Error(ValueError):
    """An MP4 file cannot be finalized or read."""

    code: str
    """`mp4.no_media` (no whole sample), `mp4.no_placeholder` (another writer's fragments), `mp4.not_mp4`,
    `mp4.malformed`, `mp4.too_large`, `mp4.time`."""

class TrackTables(TypedDict):
    """A track in numbers. Times are on the movie's clock, which edit lists begin."""

    kind: str
    """`video`, `audio`, or the letters of its handler."""
    samples: int
    sync_samples: int
    media_bytes: int
    first_dts_ms: int
    last_dts_ms: int
    frame_ms: int
    """The last distance of two samples that is not zero."""

def finalize_mp4(path: str, /) -> dict[str, int]:
    """Turn a fragmented MP4 with a placeholder into a regular one in place (design decision 5). Idempotent;
    also recovers a file cut at any byte. Keys: tracks, samples, duration_ms, bytes. Raises Mp4Error (not
    such a file) or OSError."""

def mp4_tracks(path: str, /) -> list[TrackTables]:
    """What the sample tables of a regular MP4 say of each track. Raises Mp4Error or OSError."""

def segment_tracks(init: bytes, path: str, end: int, /) -> tuple[int, list[TrackTables]]:
    """Of the first `end` bytes of a media segment with the initialization section `init`: where the last
    whole fragment ends, and what the whole fragments say of each track; (0, []) when none is whole. Samples
    without bytes are left aside, and a time before that of an earlier sample counts as that one. Raises
    OSError, or Mp4Error (also for samples outside of their mdat, and without any audio or video)."""

def scan_mp4(path: str, /) -> dict[str, object]:
    """Top-level boxes, no media read: boxes [(type, offset, size)], fragmented, problem (str or None)."""
