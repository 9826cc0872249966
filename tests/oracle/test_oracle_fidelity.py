"""The oracle's F1 and F2 pass on FFmpeg's faithful remuxes and fail on each planted fault."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from oracle import flv
from oracle.packets import Packet, Recording, output_packets, source_packets
from oracle.rules import assert_f1, assert_f2
from oracle.samples import VALID_SAMPLES

REFUSED = {  # what FFmpeg does not remux
    ("mp3_8k", ".mp4"),
    ("mp3_8k", ".flv"),
    ("av1_opus", ".m3u8"),
    ("av1_id13_aac", ".m3u8"),
}
# The program ffmpeg smooths the timestamps of audio that it copies: less than a millisecond, but no less.
FFMPEG_SPREAD_MS = Fraction(1)
REMUXES = {
    ".flv": [],
    ".mp4": [],
    ".m3u8": ["-hls_time", "2", "-hls_list_size", "0"],
}


@pytest.fixture(scope="module")
def remux(tmp_path_factory, ffmpeg) -> Callable[..., Path]:
    """`ffmpeg -c copy` of an FLV file; private signalling is made readable for FFmpeg first."""

    def run(source: Path, name: str, *options: str) -> Path:
        folder = tmp_path_factory.mktemp("remux")
        readable = folder / "in.flv"
        readable.write_bytes(flv.to_enhanced(flv.read(source)))
        command = [ffmpeg, "-nostdin", "-v", "error", "-i", str(readable), "-c", "copy", *options]
        subprocess.run([*command, str(folder / name)], check=True, timeout=60)
        return folder / name

    return run


CASES = [(name, suffix) for name in VALID_SAMPLES for suffix in REMUXES if (name, suffix) not in REFUSED]


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_remuxes_hold_the_rules(name, suffix, sample, remux):
    made = remux(sample(name), "out" + suffix, *REMUXES[suffix])
    assert_f1(sample(name), made, first_cut=False)
    assert_f2(sample(name), made, first_cut=False, spread_ms=FFMPEG_SPREAD_MS)


def copied(source: Path, target: Path, **options: str) -> Path:
    """A remux by PyAV, which leaves every timestamp as it is."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=options) as write:
        streams = {stream: write.add_stream_from_template(stream, opaque=True) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                write.mux(packet)
    return target


@pytest.mark.parametrize("name", ["h264_aac_bframes", "h264_mp3", "h265_enhanced_aac", "h264_opus"])
def test_exact_ts_holds_the_rules_exactly(name, sample, tmp_path):
    segment = copied(sample(name), tmp_path / "out.ts", pes_payload_size="0", muxdelay="0")
    playlist = tmp_path / "out.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:8.0,\n{segment.name}\n")
    assert_f2(sample(name), playlist, first_cut=False)


@pytest.mark.parametrize("name", ["video_only", "h264_mp3", "av1_opus"])
def test_exact_mp4_holds_the_rules_exactly(name, sample, tmp_path):
    if name == "video_only":  # begins at its composition time, and the rule wants 0
        with pytest.raises(AssertionError, match="the first frame shows at 80 ms"):
            assert_f2(sample(name), copied(sample(name), tmp_path / "out.mp4"), first_cut=False)
        return
    assert_f2(sample(name), copied(sample(name), tmp_path / "out.mp4"), first_cut=False)


def test_fragmented_hls_holds_the_rules(sample, remux):
    made = remux(sample("h264_mp3"), "out.m3u8", *REMUXES[".m3u8"], "-hls_segment_type", "fmp4")
    assert output_packets(made).container == "fmp4"
    assert_f1(sample("h264_mp3"), made, first_cut=False)


def test_captures_hold_the_rules(capture, remux):
    for suffix, options in REMUXES.items():
        made = remux(capture, "out" + suffix, *options)
        assert_f1(capture, made, first_cut=False)
        assert_f2(capture, made, first_cut=False, spread_ms=FFMPEG_SPREAD_MS)


@pytest.mark.parametrize(("name", "suffix"), [("aac_only", ".aac"), ("h264_aac_bframes", ".aac")])
def test_bare_audio(name, suffix, sample, remux):
    source = source_packets(sample(name))
    made = remux(sample(name), "out" + suffix, "-map", "0:a")
    assert_f1(source, made, first_cut=False)
    frames = output_packets(made).packets
    with pytest.raises(AssertionError, match="missing"):
        assert_f1(source, Recording(made, "adts", frames[:5] + frames[6:]), first_cut=False)


def test_bare_mp3(sample, remux):
    options = ["-map", "0:a", "-id3v2_version", "0", "-write_xing", "0"]
    assert_f1(sample("h264_mp3"), remux(sample("h264_mp3"), "out.mp3", *options), first_cut=False)


def test_fragmented_mp4_without_delay_loses_the_offset_between_the_tracks(sample, remux):
    """FFmpeg writes the edit lists before it knows the tracks' starts: real output that breaks F2."""
    flags = "empty_moov+frag_keyframe+default_base_moof"
    made = remux(sample("h264_aac_bframes"), "out.mp4", "-movflags", flags)
    assert_f1(sample("h264_aac_bframes"), made, first_cut=False)
    with pytest.raises(AssertionError, match="ms off"):
        assert_f2(sample("h264_aac_bframes"), made, first_cut=False)


# Planted faults: each takes the packets of a faithful output and spoils them.


def drop(packets: list[Packet], at: int) -> list[Packet]:
    return packets[:at] + packets[at + 1 :]


def double(packets: list[Packet], at: int) -> list[Packet]:
    return [*packets[: at + 1], *packets[at:]]


def swap(packets: list[Packet], at: int) -> list[Packet]:
    kind = packets[at].kind
    other = next(n for n in range(at + 1, len(packets)) if packets[n].kind == kind)
    out = list(packets)
    out[at], out[other] = out[other], out[at]
    return out


def change(packets: list[Packet], at: int) -> list[Packet]:
    return [*packets[:at], replace(packets[at], digest="0" * 16, raw="0" * 16), *packets[at + 1 :]]


def reframe(packets: list[Packet], at: int) -> list[Packet]:
    return [*packets[:at], replace(packets[at], raw="0" * 16), *packets[at + 1 :]]


def unkey(packets: list[Packet], at: int) -> list[Packet]:
    return [*packets[:at], replace(packets[at], key=not packets[at].key), *packets[at + 1 :]]


def cut_end(packets: list[Packet], at: int) -> list[Packet]:
    return packets[: at + 1]


FAULTS = {
    drop: "are missing|there should be",
    double: "doubled",
    swap: "comes too early",
    change: "is not in the source",
    reframe: "not its codec, key flag or framing",
    unkey: "not its codec, key flag or framing",
    cut_end: "of the source are missing",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("at", [0, 1, 40, 300])
def test_planted_faults_break_f1(fault, at, sample):
    source = source_packets(sample("h264_aac_bframes"))
    assert_f1(source, source)
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        assert_f1(source, Recording(source.path, "flv", fault(source.packets, at)), first_cut=False)


@pytest.mark.parametrize("container", ["flv", "mp4", "ts", "fmp4"])
@pytest.mark.parametrize("name", ["dts_ms", "pts_ms", "shown_ms"])
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_millisecond_breaks_f2(container, name, kind, sample):
    source = source_packets(sample("h264_mp3"))
    packets = list(source.packets)
    at = next(n for n, packet in enumerate(packets) if packet.kind == kind and n > 100)
    assert_f2(source, Recording(source.path, container, packets), first_cut=False)
    packets[at] = replace(packets[at], **{name: getattr(packets[at], name) + 1})
    compared = name != "pts_ms" if container == "mp4" else name != "shown_ms"
    if not compared:
        assert_f2(source, Recording(source.path, container, packets), first_cut=False)
        return
    with pytest.raises(AssertionError, match=f"{name} of the {kind} packet .* ms off"):
        assert_f2(source, Recording(source.path, container, packets), first_cut=False)


def moved(packet: Packet, by_ms: int) -> Packet:
    return replace(
        packet,
        dts_ms=packet.dts_ms + by_ms,
        pts_ms=packet.pts_ms + by_ms,
        shown_ms=packet.shown_ms + by_ms,
    )


@pytest.mark.parametrize("container", ["flv", "mp4", "ts", "fmp4"])
def test_a_track_that_moved_breaks_f2(container, sample):
    source = source_packets(sample("h264_mp3"))
    packets = [moved(packet, 5) if packet.kind == "video" else packet for packet in source.packets]
    with pytest.raises(AssertionError, match="ms off"):
        assert_f2(source, Recording(source.path, container, packets), first_cut=False)


def test_original_and_zero(sample):
    source = source_packets(sample("h264_mp3"))
    late = Recording(source.path, "flv", [moved(packet, 5) for packet in source.packets])
    assert_f2(source, source, first_cut=False, timestamps="original")
    assert_f2(source, source, first_cut=False, timestamps="zero")
    assert_f2(source, late, first_cut=False)
    with pytest.raises(AssertionError, match="not the original ones"):
        assert_f2(source, late, first_cut=False, timestamps="original")
    with pytest.raises(AssertionError, match="first timestamp"):
        assert_f2(source, late, first_cut=False, timestamps="zero")
    wrap_ms = Fraction(1 << 33, 90)
    wrapped = Recording(source.path, "ts", [moved(packet, wrap_ms) for packet in source.packets])
    assert_f2(source, wrapped, first_cut=False, timestamps="original")
    with pytest.raises(AssertionError, match="the first frame shows"):
        assert_f2(source, Recording(source.path, "mp4", late.packets), first_cut=False)


def test_first_cut_and_several_files(sample):
    source = source_packets(sample("h264_aac_bframes"))
    second_key = [packet for packet in source.video if packet.key][1]
    before = [packet for packet in source.packets if packet.index < second_key.index]
    after = [packet for packet in source.packets if packet.index >= second_key.index]
    assert_f2(source, [Recording(source.path, "flv", before), Recording(source.path, "flv", after)])
    with pytest.raises(AssertionError, match="comes too early"):
        assert_f1(source, [Recording(source.path, "flv", after)])
    assert_f1(source, [Recording(source.path, "flv", after)], joined_late=True)
    in_time = [packet for packet in after if packet.dts_ms >= second_key.dts_ms]
    assert_f1(source, [Recording(source.path, "flv", in_time)], joined_late=True)
    late = [packet for packet in source.packets if packet.index > second_key.index]
    with pytest.raises(AssertionError, match="no keyframe"):
        assert_f1(source, [Recording(source.path, "flv", late)], joined_late=True)
    with pytest.raises(AssertionError, match="doubled"):
        assert_f1(source, [Recording(source.path, "flv", before), source])


def test_cut_short(sample):
    source = source_packets(sample("h264_aac_bframes"))
    until = Recording(source.path, "flv", source.packets[:200])
    assert_f1(source, until, cut_short=True)
    with pytest.raises(AssertionError, match="of the source are missing"):
        assert_f1(source, until)
    audio_gone = [p for p in source.packets[:200] if p.kind == "video" or p.index < 100]
    with pytest.raises(AssertionError, match="the tracks end apart"):
        assert_f1(source, Recording(source.path, "flv", audio_gone), cut_short=True)


def test_loops(sample):
    source = source_packets(sample("h264_mp3"))
    twice = source.looped(2, 8_100)
    assert_f2(twice, twice, first_cut=False, timestamps="original")
    assert_f1(twice, Recording(source.path, "flv", twice.packets[:700]), first_cut=False, cut_short=True)
    with pytest.raises(AssertionError, match="of the source are missing"):
        assert_f1(twice, source, first_cut=False)


def test_tracks(sample):
    source = source_packets(sample("h264_mp3"))
    audio = Recording(source.path, "flv", source.audio)
    assert_f1(source, audio, first_cut=False, tracks=["audio"])
    with pytest.raises(AssertionError, match="no video"):
        assert_f1(source, audio, first_cut=False)
    with pytest.raises(AssertionError, match="should not be there"):
        assert_f1(source, source, first_cut=False, tracks=["audio"])
