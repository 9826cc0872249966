"""Digests of frames: what repeats is recognised, what differs is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.flv_bytes import EXAMPLE, PlainTag, flv_bytes, parse_flv, plain_media

from engine import _native
from engine.media.batch import TAG, Batch, Role


def read(data: bytes) -> Batch:
    reader = _native.FlvReader()
    reader.feed(data)
    taken = reader.take()
    assert taken is not None
    return Batch.from_native(taken)


def digests(batch: Batch) -> list[int]:
    column = np.frombuffer(_native.frame_digests(batch.arena, batch.tags), dtype=np.uint64)
    assert len(column) == len(batch)
    return [int(digest) for digest in column]


def test_two_frames_of_a_stream_agree_exactly_when_their_payloads_do(sample: Callable[[str], Path]) -> None:
    for name in ("h264_aac_bframes", "video_only", "aac_only"):
        data = sample(name).read_bytes()
        by_payload: dict[tuple[int, bytes], set[int]] = {}
        for tag, digest in zip(parse_flv(data), digests(read(data)), strict=True):
            role, _, _, _, payload = plain_media(tag)
            if role == "FRAME":
                by_payload.setdefault((tag.kind, payload), set()).add(digest)
            else:
                assert digest == 0
        assert all(len(found) == 1 for found in by_payload.values())
        assert len(set().union(*by_payload.values())) == len(by_payload)


def test_every_kind_of_tag_has_a_digest_exactly_when_it_is_a_frame() -> None:
    batch = read(flv_bytes(EXAMPLE))
    for role, digest in zip(batch.tags["role"], digests(batch), strict=True):
        assert (digest != 0) == (role == Role.FRAME)


def test_another_signalling_and_another_time_change_nothing(sample: Callable[[str], Path]) -> None:
    batch = read(sample("h265_id12_aac").read_bytes())
    tags, _ = _native.flv_tags(batch.arena, batch.tags, 12_345, "enhanced")
    signalled = read(_native.flv_header(True, True) + tags)
    assert digests(signalled) == digests(batch)
    assert (signalled.tags["timestamp"] != batch.tags["timestamp"]).all()


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_payloads_differ_when_digests_do_and_the_other_way_round(one: bytes, other: bytes) -> None:
    first, second = digests(
        read(flv_bytes([PlainTag(8, 0, b"\xaf\1" + one), PlainTag(8, 0, b"\xaf\1" + other)]))
    )
    assert (first == second) == (one == other)


@pytest.mark.parametrize("column", ["offset", "size", "media_offset", "media_size"])
@pytest.mark.parametrize("value", [1 << 20, (1 << 32) - 1])
def test_a_table_that_points_outside_is_refused(column: str, value: int) -> None:
    batch = read(flv_bytes(EXAMPLE))
    for row in range(len(batch)):
        tags = batch.tags.copy()
        tags[column][row] = value
        with pytest.raises(ValueError, match=f"row {row} points outside the arena"):
            _native.frame_digests(batch.arena, tags)


def test_bytes_that_are_no_table_are_refused() -> None:
    with pytest.raises(ValueError, match="not a number of 40-byte rows"):
        _native.frame_digests(b"", bytes(TAG.itemsize - 1))
    assert _native.frame_digests(b"", b"") == b""
