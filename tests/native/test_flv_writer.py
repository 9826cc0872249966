"""FLV tags written from rows: byte-identical, shifted, re-signalled; and what a table may not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.flv_bytes import AUDIO, CAPTURES, EXAMPLE, SCRIPT, VIDEO, PlainTag, flv_bytes, parse_flv

from engine import _native
from engine.media.batch import Batch, Role


def batch_of(data: bytes) -> Batch:
    """All tags of an FLV file as one batch."""
    reader = _native.FlvReader()
    reader.feed(data)
    assert reader.fault is None
    taken = reader.take()
    assert taken is not None
    return Batch.from_native(taken)


def write(batch: Batch, shift_ms: int = 0, signalling: str = "source") -> list[PlainTag]:
    """The tags written for a batch, parsed in plain Python."""
    tags, starts = _native.flv_tags(batch.arena, batch.tags, shift_ms, signalling)  # type: ignore[arg-type]
    assert len(starts) == 4 * len(batch)
    return parse_flv(_native.flv_header(True, True) + tags)


def resignal(bodies: list[tuple[int, str]], signalling: str) -> list[str]:
    """The bodies (kind, hex) in another signalling, as hex."""
    data = flv_bytes(PlainTag(kind, 0, bytes.fromhex(body)) for kind, body in bodies)
    return [tag.body.hex() for tag in write(batch_of(data), signalling=signalling)]


@pytest.mark.parametrize(("audio", "video", "flags"), [(0, 0, 0), (0, 1, 1), (1, 0, 4), (1, 1, 5)])
def test_the_file_header_says_which_tracks_there_are(audio: int, video: int, flags: int) -> None:
    expected = b"FLV\x01" + bytes([flags]) + b"\x00\x00\x00\x09" + bytes(4)
    assert _native.flv_header(bool(audio), bool(video)) == expected


@pytest.mark.skipif(not CAPTURES, reason="the shared captures are absent")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_a_capture_is_written_back_to_the_same_bytes(path: Path) -> None:
    data = path.read_bytes()
    batch = batch_of(data)
    tags, starts = _native.flv_tags(batch.arena, batch.tags, 0, "source")
    assert _native.flv_header(bool(data[4] & 4), bool(data[4] & 1)) + tags == data
    ends = np.append(np.frombuffer(starts, "u4")[1:], len(tags))
    assert [int(end) for end in ends - np.frombuffer(starts, "u4")] == [
        int(size) + 15 for size in batch.tags["size"]
    ]
    # None of the captures holds a private codec: enhanced signalling has nothing to change, nor has legacy.
    for signalling in ("enhanced", "legacy"):
        assert _native.flv_tags(batch.arena, batch.tags, 0, signalling) == (tags, starts)


def test_selected_rows_are_written_in_their_order() -> None:
    batch = batch_of(flv_bytes(EXAMPLE))
    video = batch.rows(batch.tags["kind"] == VIDEO)
    assert write(video) == [tag for tag in EXAMPLE if tag.kind == VIDEO]
    assert write(batch.rows(slice(None, None, 3))) == EXAMPLE[::3]
    assert write(batch.rows(slice(0, 0))) == []


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
def test_timestamps_are_dts_less_the_shift_modulo_2_to_the_32(dts: int, shift_ms: int) -> None:
    batch = batch_of(flv_bytes(EXAMPLE[1:2]))
    batch.tags["dts"] = dts
    batch.tags["timestamp"] = 99  # the wire timestamp has no say
    assert [tag.timestamp for tag in write(batch, shift_ms)] == [(dts - shift_ms) % 2**32]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_no_timestamp_is_out_of_range(dts: int, shift_ms: int) -> None:
    batch = batch_of(flv_bytes(EXAMPLE[1:2]))
    batch.tags["dts"] = dts
    assert [tag.timestamp for tag in write(batch, shift_ms)] == [(dts - shift_ms) % 2**32]


HEVC = b"hvc1".hex()
VIDEO_FORMS = [
    # (enhanced, legacy) of the same tag, for the codecs that have both forms with the same meaning
    *(
        pair
        for name, id in (("hvc1", "c"), ("vvc1", "e"))
        for pair in (
            (f"90{name.encode().hex()}01020304", f"1{id}0000000001020304"),
            (f"91{name.encode().hex()}000050aabb", f"1{id}01000050aabb"),
            (f"a1{name.encode().hex()}ffffd8aabb", f"2{id}01ffffd8aabb"),
            (f"a3{name.encode().hex()}aabb", f"2{id}01000000aabb"),
            (f"92{name.encode().hex()}", f"1{id}02000000"),
        )
    ),
    (f"90{b'av01'.hex()}81040c00", "1d0000000081040c00"),
    (f"91{b'av01'.hex()}0a0b", "1d010000000a0b"),
    (f"a1{b'av01'.hex()}32", "2d0100000032"),
    (f"92{b'av01'.hex()}", "1d02000000"),
]
AUDIO_FORMS = [(f"91{b'Opus'.hex()}fcfffe", "dffcfffe")]
BOTH_FORMS = [(VIDEO, *pair) for pair in VIDEO_FORMS] + [(AUDIO, *pair) for pair in AUDIO_FORMS]
ONLY_TO_LEGACY = [
    (VIDEO, f"90{b'avc1'.hex()}014d401f", "1700000000014d401f"),
    (VIDEO, f"91{b'avc1'.hex()}000050aabb", "1701000050aabb"),
    (VIDEO, f"a3{b'avc1'.hex()}aabb", "2701000000aabb"),
    (VIDEO, f"92{b'avc1'.hex()}", "1702000000"),
    (AUDIO, f"90{b'mp4a'.hex()}1210", "af001210"),
    (AUDIO, f"91{b'mp4a'.hex()}2110", "af012110"),
    (AUDIO, f"91{b'.mp3'.hex()}fffb", "2ffffb"),
    # coded frames with a composition time of 0 and the short form mean the same
    (VIDEO, f"91{HEVC}000000aabb", "1c01000000aabb"),
    # nanoseconds are left out; their own packet type byte follows them
    (VIDEO, f"970200000701{HEVC}000005aabb", "1c01000005aabb"),
    # of several tracks the first is kept
    (VIDEO, f"9611{HEVC}01000004000000ee00000005000003aabb", "1c01000003aabb"),
    (AUDIO, f"9501{b'mp4a'.hex()}002110", "af012110"),
]


@pytest.mark.parametrize(("kind", "enhanced", "legacy"), BOTH_FORMS)
def test_both_forms_turn_into_each_other(kind: int, enhanced: str, legacy: str) -> None:
    for form in (enhanced, legacy):
        assert resignal([(kind, form)], "enhanced") == [enhanced]
        assert resignal([(kind, form)], "legacy") == [legacy]
        assert resignal([(kind, form)], "source") == [form]


@pytest.mark.parametrize(("kind", "enhanced", "legacy"), ONLY_TO_LEGACY)
def test_legacy_signalling_of_what_needs_no_way_back(kind: int, enhanced: str, legacy: str) -> None:
    assert resignal([(kind, enhanced)], "legacy") == [legacy]
    assert resignal([(kind, enhanced)], "enhanced") == [enhanced]


def test_an_opus_head_behind_sound_format_13_becomes_a_sequence_start() -> None:
    assert resignal([(AUDIO, f"df{b'OpusHead'.hex()}0102")], "enhanced") == [f"90{b'OpusOpusHead'.hex()}0102"]


@pytest.mark.parametrize("body", ["1700000000014d401f", "2701000050aabb", "1702000000"])
def test_legacy_h264_stays_legacy_in_enhanced_signalling(body: str) -> None:
    assert resignal([(VIDEO, body)], "enhanced") == [body]


@pytest.mark.parametrize("body", ["af001210", "af012110", "2ffffb"])
def test_legacy_aac_and_mp3_stay_legacy_in_enhanced_signalling(body: str) -> None:
    assert resignal([(AUDIO, body)], "enhanced") == [body]


DROPPED = [
    (VIDEO, f"94{HEVC}0200"),
    (VIDEO, f"d4{HEVC}0200"),
    (VIDEO, f"9611{HEVC}02000004000000ee"),
    (AUDIO, f"92{b'mp4a'.hex()}"),
    (AUDIO, f"90{b'OpusOpusHead'.hex()}0102"),
    (AUDIO, f"94{b'Opus'.hex()}0102"),
    (AUDIO, f"9501{b'mp4a'.hex()}032110"),
]


@pytest.mark.parametrize(("kind", "body"), DROPPED)
def test_rows_that_have_no_legacy_form_and_carry_no_media_are_dropped(kind: int, body: str) -> None:
    kept = (AUDIO, "af012110")
    data = flv_bytes(PlainTag(k, 0, bytes.fromhex(b)) for k, b in [kept, (kind, body), kept])
    batch = batch_of(data)
    tags, starts = _native.flv_tags(batch.arena, batch.tags, 0, "legacy")
    assert [tag.body.hex() for tag in parse_flv(_native.flv_header(True, True) + tags)] == [kept[1]] * 2
    assert np.frombuffer(starts, "u4").tolist() == [0, 19, 19]
    assert resignal([(kind, body)], "enhanced") == [body]


UNCHANGED = [
    (VIDEO, f"93{b'vp09'.hex()}aabb"),
    (VIDEO, f"94{b'vp09'.hex()}aabb"),
    (VIDEO, f"95{b'av01'.hex()}aabb"),
    (VIDEO, "5700"),
    (VIDEO, "1c01000000"),
    (VIDEO, "1d01000005aabb"),
    (VIDEO, ""),
    (AUDIO, f"91{b'ac-3'.hex()}aabb"),
    (AUDIO, f"90{b'Opus'.hex()}aabb"),
    (AUDIO, ""),
    (SCRIPT, "020001"),
]


@pytest.mark.parametrize(("kind", "body"), UNCHANGED)
def test_rows_without_another_form_stay_as_they_are(kind: int, body: str) -> None:
    assert resignal([(kind, body)], "legacy") == resignal([(kind, body)], "enhanced") == [body]


@given(
    st.sampled_from([b"hvc1", b"vvc1", b"av01"]),
    st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xE0, 0xF0]),
    st.integers(-(2**23), 2**23 - 1),
    st.binary(min_size=1, max_size=80),
)
def test_payload_role_key_and_composition_time_survive_both_ways(
    four_cc: bytes, first: int, cts: int, payload: bytes
) -> None:
    composed = b"" if four_cc == b"av01" else cts.to_bytes(3, "big", signed=True)
    source = batch_of(flv_bytes([PlainTag(VIDEO, 0, bytes([first | 1]) + four_cc + composed + payload)]))
    legacy = batch_of(flv_bytes(write(source, signalling="legacy")))
    back = batch_of(flv_bytes(write(legacy, signalling="enhanced")))
    columns = ["role", "codec", "cts", "kind"]
    for other in (legacy, back):
        assert other.media(0) == source.media(0) == payload
        assert other.tags[columns].tolist() == source.tags[columns].tolist()
        assert (other.tags["flags"] & 1).tolist() == (source.tags["flags"] & 1).tolist()
    assert source.tags["flags"].tolist() == back.tags["flags"].tolist()
    assert not (legacy.tags["flags"] & 2).any()
    if source.tags["role"][0] == Role.FRAME and composed:
        assert int(legacy.tags["cts"][0]) == cts


@pytest.mark.parametrize(("column", "value"), [("offset", 10**6), ("size", 2**32 - 1), ("media_size", 10**6)])
def test_a_row_outside_the_arena_is_refused(column: str, value: int) -> None:
    batch = batch_of(flv_bytes(EXAMPLE))
    batch.tags[column][3] = value
    with pytest.raises(ValueError, match="row 3 points outside the arena"):
        write(batch)


def test_a_table_of_half_a_row_is_refused() -> None:
    batch = batch_of(flv_bytes(EXAMPLE))
    with pytest.raises(ValueError, match="40-byte rows"):
        _native.flv_tags(batch.arena, batch.tags.tobytes()[:-1], 0, "source")


def test_an_unknown_signalling_is_refused() -> None:
    with pytest.raises(ValueError, match="not source, enhanced or legacy"):
        _native.flv_tags(b"", b"", 0, "modern")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, "u1")])
def test_arena_and_table_may_be_any_buffer(wrap: type) -> None:
    batch = batch_of(flv_bytes(EXAMPLE))
    table = batch.tags.tobytes()
    assert _native.flv_tags(wrap(batch.arena), wrap(table), 5, "source") == _native.flv_tags(
        batch.arena, batch.tags, 5, "source"
    )
