"""parse_config on records of real encoders, against what FFmpeg says of the same files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import _native
from engine.media.codecs import Codec
from engine.media.track import Track

CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "vvc": Codec.H266,
    "libdav1d": Codec.AV1,
    "aac": Codec.AAC,
    "opus": Codec.OPUS,
    "libopus": Codec.OPUS,
}
FAST = {
    "libx264": ["-preset", "ultrafast"],
    "libx265": ["-preset", "ultrafast", "-x265-params", "log-level=none:pools=1"],
    "libsvtav1": ["-preset", "12"],
    "libvvenc": ["-preset", "faster", "-pix_fmt", "yuv420p10le"],
}


class Made(NamedTuple):
    """A file an encoder made: its configuration record, its first packet, what FFmpeg says of it."""

    codec: Codec
    config: bytes
    first: bytes
    decoded: tuple[int, int]  # width and height of a decoded frame, or sample rate and channels
    codec_string: str  # as FFmpeg's DASH manifest says it; empty where FFmpeg knows none

    def parsed(self) -> dict[str, int | str | bool]:
        return _native.parse_config(int(self.codec), self.config)


@pytest.fixture(scope="session")
def make(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    def run(*arguments: str | Path) -> None:
        command = [ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=60, capture_output=True)

    def make(source: str, *options: str) -> Made:
        folder = tmp_path_factory.mktemp("made")
        run("-f", "lavfi", "-i", source, *options, folder / "file.mp4")
        run("-i", folder / "file.mp4", "-c", "copy", "-f", "dash", folder / "file.mpd")
        stated = re.search(r'codecs="([^"]*)"', (folder / "file.mpd").read_text())
        with av.open(str(folder / "file.mp4")) as opened:
            stream: Any = opened.streams[0]
            context = stream.codec_context
            first = bytes(next(opened.demux(stream)))
            opened.seek(0)
            frame: Any = next(opened.decode(stream))
            decoded = (
                (frame.width, frame.height)
                if stream.type == "video"
                else (frame.sample_rate, frame.layout.nb_channels)
            )
            return Made(CODECS[context.name], context.extradata, first, decoded, stated[1] if stated else "")

    return make


def picture(size: str, encoder: str, *options: str) -> list[str]:
    options = options or (() if encoder == "libvvenc" else ("-pix_fmt", "yuv420p"))
    return [f"testsrc2=size={size}:rate=5:duration=0.4", "-c:v", encoder, *FAST[encoder], *options]


@pytest.mark.parametrize("size", ["322x242", "854x480", "1920x1080"])
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "libvvenc"])
def test_sizes_of_every_codec(encoder: str, size: str, make: Callable[..., Made]) -> None:
    """322x242 and 1920x1080 are no multiples of a block: they are cut out of larger pictures."""
    made = make(*picture(size, encoder))
    parsed = made.parsed()
    assert (parsed["width"], parsed["height"]) == made.decoded == tuple(map(int, size.split("x")))
    assert parsed["length_size"] == (0 if encoder == "libsvtav1" else 4)
    if made.codec_string:
        assert parsed["codec_string"] == made.codec_string


@pytest.mark.parametrize(
    ("encoder", "options", "profile"),
    [
        ("libx264", ["-pix_fmt", "yuv420p", "-profile:v", "baseline"], 66),
        ("libx264", ["-pix_fmt", "yuv420p", "-flags", "+ildct+ilme"], 77),
        ("libx264", ["-pix_fmt", "yuv420p", "-bf", "2", "-preset", "medium"], 100),
        ("libx264", ["-pix_fmt", "gray"], 100),
        ("libx264", ["-pix_fmt", "yuv422p10le"], 122),
        ("libx264", ["-pix_fmt", "yuv444p"], 244),
        ("libx264", ["-pix_fmt", "yuv420p", "-profile:v", "high", "-x264-params", "cqm=jvt"], 100),
        ("libx265", ["-pix_fmt", "yuv420p10le"], 2),
        ("libx265", ["-pix_fmt", "yuv422p10le"], 4),
        ("libx265", ["-pix_fmt", "gray"], 4),
        ("libsvtav1", ["-pix_fmt", "yuv420p10le"], 0),
    ],
)
def test_profiles_and_chroma_formats(
    encoder: str, options: list[str], profile: int, make: Callable[..., Made]
) -> None:
    """Each puts its crop units, or fields in front of the size, elsewhere."""
    made = make(*picture("322x252", encoder, *options))
    parsed = made.parsed()
    assert (parsed["width"], parsed["height"]) == made.decoded == (322, 252)
    assert parsed["profile"] == profile
    if made.codec_string:
        assert parsed["codec_string"] == made.codec_string


def test_sublayers_of_h265(make: Callable[..., Made]) -> None:
    layers = ["-x265-params", "log-level=none:pools=1:temporal-layers=3:bframes=4", "-pix_fmt", "yuv420p"]
    source = ["testsrc2=size=322x242:rate=10:duration=1", "-c:v", "libx265", "-preset", "medium"]
    made = make(*source, *layers)
    assert (made.parsed()["width"], made.parsed()["height"]) == (322, 242)


def test_codec_strings_that_ffmpeg_does_not_say(make: Callable[..., Made]) -> None:
    """ISO/IEC 14496-15 annex E: Main profile, level 2 of H.265; Main 10, level 1.0 of H.266."""
    h265 = make(*picture("322x242", "libx265")).parsed()
    assert (h265["codec_string"], h265["profile"], h265["level"]) == ("hvc1.1.6.L60.90", 1, 60)
    h266 = make(*picture("322x242", "libvvenc")).parsed()
    assert (h266["codec_string"], h266["profile"], h266["level"]) == ("vvc1.1.L16.CQA", 1, 16)


@pytest.mark.parametrize(
    "options",
    [
        ["-c:a", "aac", "-ac", "1", "-ar", "22050"],
        ["-c:a", "aac", "-ac", "2"],
        ["-c:a", "aac", "-channel_layout", "quad"],
        ["-c:a", "aac", "-channel_layout", "5.1"],
        ["-c:a", "aac", "-channel_layout", "7.1"],
        ["-c:a", "libopus", "-ac", "1"],
        ["-c:a", "libopus", "-ac", "2"],
        ["-c:a", "libopus", "-channel_layout", "5.1"],
    ],
    ids=lambda options: "-".join(option.strip("-") for option in options[1:]),
)
def test_rates_and_channels(options: list[str], make: Callable[..., Made]) -> None:
    """quad is coded with channel configuration 0: its channels are counted in the program config."""
    made = make("sine=duration=0.3", *options)
    parsed = made.parsed()
    assert (parsed["sample_rate"], parsed["channels"]) == made.decoded
    assert parsed["codec_string"] == made.codec_string
    assert ("output_sample_rate" in parsed) is False
    assert (parsed.get("pre_skip") == 312) is (made.codec is Codec.OPUS)


def test_frame_headers_of_mp3(ffmpeg: str, tmp_path: Path) -> None:
    for rate, channels, bitrate, samples in [(44100, 2, 128, 1152), (24000, 1, 48, 576), (8000, 1, 16, 576)]:
        path = tmp_path / "file.mp3"
        encode = ["-c:a", "libmp3lame", "-ar", rate, "-ac", channels, "-b:a", f"{bitrate}k"]
        bare = ["-write_xing", 0, "-id3v2_version", 0, path]
        command = [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", "sine=duration=0.3", *encode, *bare]
        subprocess.run(list(map(str, command)), check=True, timeout=60)
        header = _native.parse_mp3_header(path.read_bytes())
        assert header == {
            "sample_rate": rate,
            "channels": channels,
            "layer": 3,
            "bitrate": bitrate * 1000,
            "samples": samples,
            "codec_string": "mp4a.40.34",
        }
    with pytest.raises(ValueError, match="no sync word"):
        _native.parse_mp3_header(b"ID3\x04")


@pytest.mark.parametrize(
    ("encoder", "keys"), [("libx264", {5}), ("libx265", {19, 20, 21}), ("libvvenc", {7, 8, 9})]
)
def test_nal_types_of_a_first_frame(encoder: str, keys: set[int], make: Callable[..., Made]) -> None:
    made = make(*picture("322x242", encoder))
    length_size = int(made.parsed()["length_size"])
    assert keys & set(_native.video_nal_types(int(made.codec), length_size, made.first))
    with pytest.raises(ValueError, match="ends early"):
        _native.video_nal_types(int(made.codec), length_size, made.first[:-1])


def test_a_track_is_made_of_a_record(make: Callable[..., Made]) -> None:
    made = make(*picture("854x480", "libx264"))
    track = Track.from_config(made.codec, made.config)
    assert (track.width, track.height, track.codec_string) == (854, 480, made.codec_string)


def test_records_too_large_or_of_no_codec_are_refused() -> None:
    with pytest.raises(ValueError, match="65537 bytes, more than the 65536 allowed"):
        _native.parse_config(int(Codec.H264), bytes(65537))
    for codec in (Codec.MP3, Codec.VP6, Codec.NONE):
        with pytest.raises(ValueError, match="no configuration record"):
            _native.parse_config(int(codec), b"\x01\x02")


RECORDS = st.sampled_from([Codec.H264, Codec.H265, Codec.H266, Codec.AV1, Codec.AAC, Codec.OPUS])


@given(RECORDS, st.binary(max_size=400))
def test_any_bytes_give_fields_or_a_value_error(codec: Codec, data: bytes) -> None:
    try:
        fields = _native.parse_config(int(codec), data)
    except ValueError:
        return
    assert fields["codec_string"]


@pytest.fixture(scope="session")
def records(make: Callable[..., Made]) -> list[Made]:
    """One record of each video encoder."""
    return [make(*picture("322x242", encoder)) for encoder in FAST]


def test_every_cut_of_a_record_is_refused_or_read(records: list[Made]) -> None:
    for made in records:
        for cut in range(len(made.config)):
            try:
                parsed = _native.parse_config(int(made.codec), made.config[:cut])
            except ValueError:
                continue
            assert (parsed["width"], parsed["height"]) in ((322, 242), (0, 0)), (made.codec, cut)


@settings(max_examples=400)
@given(st.data())
def test_a_changed_record_gives_fields_or_a_value_error(records: list[Made], data: st.DataObject) -> None:
    made = data.draw(st.sampled_from(records))
    changed = bytearray(made.config)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        fields = _native.parse_config(int(made.codec), bytes(changed))
    except ValueError:
        return
    assert 0 <= int(fields["width"]) <= 16384
