"""S2 for MP4: a growing file cut anywhere, or half finalized, loses nothing that is whole."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mp4_recording import PLACEHOLDER, Packet, assert_same, demux, record
from oracle import mp4
from oracle.playback import assert_plays

from engine import _native

CUTS = 200


class Whole(NamedTuple):
    """A recording and where each of its packets ends."""

    data: bytes
    packets: list[Packet]
    ends: list[int]
    final: bytes


@pytest.fixture(scope="module")
def whole(sample: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    data, _ = record(sample("h264_aac_bframes"))
    path = tmp_path_factory.mktemp("whole") / "file.mp4"
    path.write_bytes(data)
    _native.finalize_mp4(str(path))
    packets, ends, _ = demux(path)
    return Whole(data, packets, ends, path.read_bytes())


def expected(whole: Whole, cut: int) -> list[Packet]:
    """The packets that lie whole before byte `cut`."""
    return [packet for packet, end in zip(whole.packets, whole.ends, strict=True) if end <= cut]


def check_cut(whole: Whole, cut: int, path: Path) -> None:
    path.write_bytes(whole.data[:cut])
    kept = expected(whole, cut)
    if not kept:
        with pytest.raises(
            ValueError, match=r"no whole sample|less than the first box|ends in its first boxes"
        ):
            _native.finalize_mp4(str(path))
        assert path.read_bytes() == whole.data[:cut]
        return
    numbers = _native.finalize_mp4(str(path))
    assert numbers["samples"] == len(kept)
    found, _, _ = demux(path)
    assert_same(found, kept)
    data = path.read_bytes()
    assert numbers["bytes"] == len(data)
    assert _native.finalize_mp4(str(path)) == numbers
    assert path.read_bytes() == data


def test_cuts_at_random_bytes(whole: Whole, tmp_path: Path) -> None:
    positions = random.Random(20240607)
    for _ in range(CUTS):
        check_cut(whole, positions.randrange(len(whole.data)), tmp_path / "file.mp4")


def test_cuts_around_every_box(whole: Whole, tmp_path: Path) -> None:
    for _, start, end in mp4.boxes(whole.data):
        for cut in (start - 7, start - 1, start, start + 1, end - 1):
            check_cut(whole, cut, tmp_path / "file.mp4")


def test_a_cut_recording_plays(whole: Whole, tmp_path: Path) -> None:
    for share in (0.2, 0.5, 0.77, 0.99):
        path = tmp_path / f"{share}.mp4"
        path.write_bytes(whole.data[: int(len(whole.data) * share)])
        _native.finalize_mp4(str(path))
        assert_plays(path)


@pytest.mark.parametrize("appended", [0, 1, 7, 8, 500, None])
def test_a_crash_before_the_placeholder_is_turned(whole: Whole, appended: int | None, tmp_path: Path) -> None:
    """The new moov is there, whole or in part, and the placeholder still says `free`."""
    opening = int.from_bytes(whole.final[:4], "big")
    half = whole.final[:opening] + PLACEHOLDER + whole.final[opening + 16 :]
    path = tmp_path / "file.mp4"
    path.write_bytes(half if appended is None else half[: len(whole.data) + appended])
    numbers = _native.finalize_mp4(str(path))
    assert numbers["samples"] == len(whole.packets)
    assert path.read_bytes() == whole.final


def test_zeros_behind_the_recording_are_cut_off(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(whole.data + bytes(70_000))
    _native.finalize_mp4(str(path))
    assert path.read_bytes() == whole.final


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_a_changed_table_gives_a_file_or_a_value_error(
    whole: Whole, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, bytes]]
) -> None:
    """Bytes are overwritten in the opening and in the first fragment's tables, never in media."""
    data = bytearray(whole.data)
    first_media = next(start for kind, start, _ in mp4.boxes(whole.data) if kind == b"mdat")
    for place, written in changes:
        at = int(place * (first_media - len(written)))
        data[at : at + len(written)] = written
    path = tmp_path_factory.mktemp("changed") / "file.mp4"
    path.write_bytes(data)
    _native.scan_mp4(str(path))
    try:
        numbers = _native.finalize_mp4(str(path))
    except ValueError:
        assert path.read_bytes() == data
    else:
        assert 0 < numbers["samples"] <= len(whole.packets)
    path.unlink()


def test_errors_of_the_system_keep_their_number(whole: Whole, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as absent:
        _native.finalize_mp4(str(tmp_path / "absent.mp4"))
    assert (absent.value.errno, absent.value.filename) == (errno.ENOENT, str(tmp_path / "absent.mp4"))
    with pytest.raises(IsADirectoryError):
        _native.finalize_mp4(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        _native.scan_mp4(str(tmp_path / "absent.mp4"))


def test_a_full_disk_leaves_a_file_to_finalize_later(whole: Whole, tmp_path: Path) -> None:
    """A process may not grow files beyond its limit: EFBIG comes where ENOSPC would."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "file.mp4"
    path.write_bytes(whole.data)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole.data) + 1000, limits[1]))
        with pytest.raises(OSError, match="File too large") as full:
            _native.finalize_mp4(str(path))
        assert full.value.errno == errno.EFBIG
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == whole.data
        _native.finalize_mp4(str(path))
        assert path.read_bytes() == whole.final
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def test_what_is_no_recording_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    for data, words in [
        (b"", "less than the first box"),
        (b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00", "not with 'ftyp'"),
        (b"\x00\x00\x00\x04ftyp", "impossible size 4"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=words):
            _native.finalize_mp4(str(path))


def test_a_scan_tells_growing_from_regular_and_damaged(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(whole.data)
    growing = _native.scan_mp4(str(path))
    assert (growing["fragmented"], growing["problem"]) == (True, None)
    assert growing["boxes"] == [
        (kind.decode(), start - 8, end - start + 8) for kind, start, end in mp4.boxes(whole.data)
    ]
    path.write_bytes(whole.final)
    regular = _native.scan_mp4(str(path))
    assert (regular["fragmented"], regular["problem"]) == (False, None)
    path.write_bytes(whole.final[:-5])
    assert "'moov'" in str(_native.scan_mp4(str(path))["problem"])
