"""Makes the sample streams and their manifest: `python sample_streams/make.py [FOLDER]`.

Valid samples are encoded by FFmpeg (the binary of the wheel imageio-ffmpeg) from synthetic sources, taken
apart into frames and written again with the signalling each sample is for. Encoders run on one thread with
bit-exact flags, so that the same FFmpeg makes the same bytes again. The sound is a chirp, so that no two of
its frames are equal.

`manifest.json` says of each file what it holds. A file under `invalid/` also has `expected`, the outcome of
recording it to FLV with `file://...?speed=0`: the exit code, the error's code (engine/errors.py) and the
packets recorded before it. The reasons, which follow recording.md S6 and codecs.md:

* truncated: the cut tag is lost, every tag before it is recorded; the end is an error, not an end.
* wrong_sizes: the tag whose DataSize is wrong, and all behind it, cannot be trusted; those before it are
  recorded.
* wrong_previous_size: a PreviousTagSize of 0, which real servers write; only seeking backwards needs the
  field, so everything is recorded and nothing is wrong.
* garbage_between_tags: everything before the garbage is recorded.
* vp6, speex: refused by name before anything is written.
* no_config, bad_config: frames that no decoder could be set up for are not recorded.
* not_flv: no stream at all.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from flv_rewrite import (
    AUDIO,
    CONFIG,
    EXTRA,
    FRAME,
    VIDEO,
    Frame,
    Tag,
    enhanced,
    file_bytes,
    legacy,
    mp3_frames,
    multitrack,
    read_frames,
    with_mod_ex,
)
from make_invalid import make_invalid

FRAME_RATE = 25
ENCODE_TIMEOUT_S = 300

PICTURE = "testsrc2=size={size}:rate=25:duration=8"
SOUND = "aevalsrc=0.3*sin(2*PI*(220+40*t)*t):sample_rate={rate}:duration=8"

H264 = ["-c:v", "libx264", "-preset", "medium", "-crf", "36", "-g", "25", "-bf", "3", "-threads", "1"]
H264_PLAIN = ["-c:v", "libx264", "-preset", "medium", "-crf", "36", "-g", "50", "-bf", "0", "-threads", "1"]
H265 = [
    "-c:v",
    "libx265",
    "-crf",
    "37",
    "-g",
    "25",
    "-x265-params",
    "pools=none:frame-threads=1:log-level=error:info=0",
]
H266 = ["-c:v", "libvvenc", "-preset", "faster", "-qp", "40", "-g", "32", "-threads", "1"]
AV1 = ["-c:v", "libsvtav1", "-preset", "8", "-crf", "50", "-g", "25", "-svtav1-params", "lp=1"]
AAC = ["-c:a", "aac", "-b:a", "48k"]
MP3 = ["-c:a", "libmp3lame", "-b:a", "48k"]
OPUS = ["-c:a", "libopus", "-b:a", "32k"]


def encode(options: Iterable[str], *, size: str = "", rate: int = 0, suffix: str = ".flv") -> bytes:
    """Runs FFmpeg on the synthetic picture (`size`) and sound (`rate` in Hz) and gives the file it made."""
    inputs: list[str] = []
    if size:
        inputs += ["-f", "lavfi", "-i", PICTURE.format(size=size)]
    if rate:
        inputs += ["-f", "lavfi", "-i", SOUND.format(rate=rate)]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out" + suffix)
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *inputs, *options, *exact, str(path)],
            check=True,
            timeout=ENCODE_TIMEOUT_S,
            env={"SVT_LOG": "1"},
        )
        return path.read_bytes()


def frames_of(*options: list[str], size: str = "320x180", rate: int = 48_000) -> list[Frame]:
    """Encoded frames: `options` are the encoder settings of the picture and of the sound."""
    return read_frames(encode(chain(*options), size=size, rate=rate))


def mp3_8k_frames() -> list[Frame]:
    """MP3 at 8 kHz, which FFmpeg's FLV muxer refuses though FLV has sound format 14 for it."""
    options = ["-c:a", "libmp3lame", "-b:a", "16k", "-f", "mp3", "-write_xing", "0", "-id3v2_version", "0"]
    packets = mp3_frames(encode(options, rate=8_000, suffix=".mp3"))
    return [
        Frame(AUDIO, number * 72, FRAME, b".mp3", True, 0, packet, sound_bits=0x02)
        for number, packet in enumerate(packets)
    ]


# How a stream's frames become tags.


def as_legacy(frames: list[Frame]) -> list[Tag]:
    """Every frame with its old codec id, private ones included."""
    return [tag for frame in frames if (tag := legacy(frame)) is not None]


def as_enhanced(frames: list[Frame]) -> list[Tag]:
    """Every frame with its FourCC."""
    return [enhanced(frame) for frame in frames]


def as_ffmpeg(frames: list[Frame]) -> list[Tag]:
    """As FFmpeg writes them: the old id where FLV itself defines one, the FourCC elsewhere."""
    old = {b"avc1", b"mp4a", b".mp3"}
    return [
        tag for frame in frames if (tag := (legacy if frame.four_cc in old else enhanced)(frame)) is not None
    ]


def as_mp3_8k(frames: list[Frame]) -> list[Tag]:
    """Sound format 14."""
    return [tag for frame in frames if (tag := legacy(frame, sound_format=14)) is not None]


def as_mod_ex(frames: list[Frame]) -> list[Tag]:
    """FourCC tags whose coded frames carry a nanosecond offset."""
    return [
        with_mod_ex(frame, 1 + number * 997 % 999_999) if frame.role == FRAME else enhanced(frame)
        for number, frame in enumerate(frames)
    ]


def as_multitrack(frames: list[Frame]) -> list[Tag]:
    """Video: tracks 0 and 1 in one tag. Audio: track 0 in plain tags, track 1 in multitrack tags alone."""
    small = [frame for frame in frames_of(H264, AAC, size="160x90") if frame.kind == VIDEO]
    second = iter(small)
    tags = []
    for frame in frames:
        if frame.kind == VIDEO:
            tags.append(multitrack({0: frame, 1: next(second)}))
        else:
            tags += [enhanced(frame), multitrack({1: frame})]
    return tags


def with_repeats(frames: list[Frame]) -> list[Frame]:
    """Adds what is normal on the wire and carries no media: repeated sequence headers before each keyframe,
    command frames, an empty NAL tag, an empty AAC tag."""
    configs = [frame for frame in frames if frame.role == CONFIG]
    out: list[Frame] = []
    for frame in frames:
        again = out and frame.kind == VIDEO and frame.role == FRAME and frame.key
        if again and any(earlier.role == FRAME and earlier.kind == VIDEO for earlier in out):
            at_ms = frame.timestamp_ms
            bare = Frame(VIDEO, at_ms, EXTRA, b"", False, 0, b"")
            out += [replace(config, timestamp_ms=at_ms) for config in configs]
            out += [replace(bare, payload=b"\x57\x00"), replace(bare, payload=b"\x27\x01\x00\x00\x00")]
            out.append(replace(bare, kind=AUDIO, payload=b"\xaf\x01"))
        out.append(frame)
    return out


@dataclass(frozen=True)
class Sample:
    """A recipe: what to encode and how to signal it."""

    description: str
    frames: Callable[[], list[Frame]]
    tags: Callable[[list[Frame]], list[Tag]]
    signalling: str
    video: str = ""
    audio: str = ""
    rate: int = 48_000


SAMPLES = {
    "h264_aac_bframes": Sample(
        "H.264 with B-frames, a keyframe each second",
        lambda: frames_of(H264, AAC),
        as_legacy,
        "legacy",
        "h264",
        "aac",
    ),
    "h264_mp3": Sample(
        "H.264 without B-frames",
        lambda: frames_of(H264_PLAIN, MP3, rate=44_100),
        as_legacy,
        "legacy",
        "h264",
        "mp3",
        44_100,
    ),
    "h264_opus": Sample(
        "H.264 by its old id, Opus by FourCC",
        lambda: frames_of(H264, OPUS),
        as_ffmpeg,
        "mixed",
        "h264",
        "opus",
    ),
    "h265_enhanced_aac": Sample(
        "H.265 by FourCC", lambda: frames_of(H265, AAC), as_ffmpeg, "mixed", "h265", "aac"
    ),
    "h265_id12_aac": Sample(
        "H.265 by the private id 12", lambda: frames_of(H265, AAC), as_legacy, "legacy", "h265", "aac"
    ),
    "h266_aac": Sample("H.266 by FourCC", lambda: frames_of(H266, AAC), as_ffmpeg, "mixed", "h266", "aac"),
    "h266_id14_aac": Sample(
        "H.266 by the private id 14", lambda: frames_of(H266, AAC), as_legacy, "legacy", "h266", "aac"
    ),
    "av1_opus": Sample(
        "AV1 and Opus by FourCC", lambda: frames_of(AV1, OPUS), as_enhanced, "enhanced", "av1", "opus"
    ),
    "av1_id13_aac": Sample(
        "AV1 by the private id 13", lambda: frames_of(AV1, AAC), as_legacy, "legacy", "av1", "aac"
    ),
    "h264_opus_id13": Sample(
        "Opus as sound format 13", lambda: frames_of(H264_PLAIN, OPUS), as_legacy, "legacy", "h264", "opus"
    ),
    "aac_only": Sample(
        "AAC at 44.1 kHz",
        lambda: frames_of(AAC, size="", rate=44_100),
        as_legacy,
        "legacy",
        "",
        "aac",
        44_100,
    ),
    "mp3_only": Sample(
        "MP3 at 44.1 kHz",
        lambda: frames_of(MP3, size="", rate=44_100),
        as_legacy,
        "legacy",
        "",
        "mp3",
        44_100,
    ),
    "mp3_8k": Sample("MP3 at 8 kHz, sound format 14", mp3_8k_frames, as_mp3_8k, "legacy", "", "mp3", 8_000),
    "video_only": Sample(
        "H.264 and no sound", lambda: frames_of(H264, rate=0), as_legacy, "legacy", "h264", "", 0
    ),
    "h264_aac_enhanced": Sample(
        "H.264 and AAC by FourCC", lambda: frames_of(H264, AAC), as_enhanced, "enhanced", "h264", "aac"
    ),
    "h264_aac_modex": Sample(
        "FourCC tags with ModEx nanosecond offsets",
        lambda: frames_of(H264, AAC),
        as_mod_ex,
        "enhanced",
        "h264",
        "aac",
    ),
    "h264_aac_multitrack": Sample(
        "FourCC tags with tracks 0 and 1; counts are those of track 0",
        lambda: frames_of(H264, AAC),
        as_multitrack,
        "enhanced",
        "h264",
        "aac",
    ),
    "h264_aac_repeats": Sample(
        "repeated sequence headers, command frames and empty tags in between",
        lambda: with_repeats(frames_of(H264, AAC)),
        as_legacy,
        "legacy",
        "h264",
        "aac",
    ),
}

FOUR_CCS = {
    "h264": "avc1",
    "h265": "hvc1",
    "h266": "vvc1",
    "av1": "av01",
    "aac": "mp4a",
    "mp3": ".mp3",
    "opus": "Opus",
}
NUMBERS = {"h264": 7, "h265": 12, "h266": 14, "av1": 13, "aac": 10, "mp3": 2, "opus": 13}
OLD = {"h264", "aac", "mp3"}


def codec_id(sample: Sample, codec: str) -> int | str:
    """How the sample signals a codec: a number or a FourCC."""
    if sample.signalling == "enhanced" or (sample.signalling == "mixed" and codec not in OLD):
        return FOUR_CCS[codec]
    return 14 if sample.rate == 8_000 else NUMBERS[codec]


def metadata_of(sample: Sample, length_ms: int) -> dict[str, float | bool | str]:
    """What onMetaData says of a sample."""
    values: dict[str, float | bool | str] = {"duration": length_ms / 1000}
    for codec, name in ((sample.video, "videocodecid"), (sample.audio, "audiocodecid")):
        if codec:
            number = codec_id(sample, codec)
            values[name] = float(
                number if isinstance(number, int) else int.from_bytes(number.encode(), "big")
            )
    if sample.video:
        values |= {"width": 320.0, "height": 180.0, "framerate": float(FRAME_RATE)}
    if sample.audio:
        values |= {"audiosamplerate": float(sample.rate), "audiosamplesize": 16.0, "stereo": False}
    return values


def track_entry(sample: Sample, codec: str, frames: list[Frame]) -> dict[str, Any]:
    """A track's line in the manifest."""
    entry: dict[str, Any] = {"codec": codec, "id": codec_id(sample, codec), "packets": len(frames)}
    if frames[0].kind == VIDEO:
        entry |= {"keyframes": sum(frame.key for frame in frames), "width": 320, "height": 180}
        entry |= {"frame_rate": FRAME_RATE, "b_frames": len({frame.cts_ms for frame in frames}) > 1}
    else:
        entry |= {"sample_rate": sample.rate, "channels": 1}
    return entry | {"first_ms": frames[0].timestamp_ms, "last_ms": frames[-1].timestamp_ms}


def length_ms(frames: list[Frame]) -> int:
    """From the first timestamp to the last, plus one frame of the track that ends last."""
    ends = []
    for kind in (VIDEO, AUDIO):
        times = [frame.timestamp_ms for frame in frames if frame.kind == kind and frame.role == FRAME]
        ends += [times[-1] + round((times[-1] - times[0]) / (len(times) - 1))] if times else []
    return max(ends) - min(frame.timestamp_ms for frame in frames if frame.role == FRAME)


def make_sample(sample: Sample) -> tuple[bytes, dict[str, Any]]:
    """A sample's bytes and its entry in the manifest."""
    frames = sample.frames()
    data = file_bytes(sample.tags(frames), metadata_of(sample, length_ms(frames)))
    entry: dict[str, Any] = {"description": sample.description, "duration_ms": length_ms(frames)}
    for kind, codec, name in ((VIDEO, sample.video, "video"), (AUDIO, sample.audio, "audio")):
        if codec:
            track = [frame for frame in frames if frame.kind == kind and frame.role == FRAME]
            entry[name] = track_entry(sample, codec, track)
    return data, entry


def main(folder: Path) -> None:
    """Writes every sample and the manifest into `folder`."""
    (folder / "invalid").mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {}
    made = {f"{name}.flv": make_sample(sample) for name, sample in SAMPLES.items()}
    made |= make_invalid(made["h264_aac_bframes.flv"][0])
    for name, (data, entry) in made.items():
        (folder / name).write_bytes(data)
        manifest[name] = {**entry, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
