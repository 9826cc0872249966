"""S1, S3: files grow under a temporary name and never overwrite."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.store import GrowingFile, SegmentFolder


def test_a_file_has_its_name_only_when_final(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "a.flv"
    file = GrowingFile(final)
    file.write(b"one two")
    file.patch(4, b"six")
    assert not final.exists()
    assert (tmp_path / "deep" / "a.flv.part").read_bytes() == b"one six"
    file.finish()
    assert final.read_bytes() == b"one six"
    assert os.listdir(final.parent) == ["a.flv"]


def test_neither_a_growing_nor_a_final_file_is_overwritten(tmp_path: Path) -> None:
    final = tmp_path / "a.flv"
    first = GrowingFile(final)
    with pytest.raises(StorageError, match="never overwritten"):
        GrowingFile(final)
    first.finish()
    with pytest.raises(StorageError, match="never overwritten"):
        GrowingFile(final)


def test_a_final_name_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    final = tmp_path / "a.flv"
    file = GrowingFile(final)
    file.write(b"mine")
    final.write_bytes(b"theirs")
    with pytest.raises(StorageError, match="never overwritten"):
        file.finish()
    assert final.read_bytes() == b"theirs"
    assert file.growing.read_bytes() == b"mine"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(StorageError, match=r"x/a\.flv\.part"):
        GrowingFile(tmp_path / "x" / "a.flv")


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.flv")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._fd)
    os.close(full)
    with pytest.raises(StorageError, match="the disk is full") as caught:
        file.write(b"x")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    file.abandon()


def test_a_segment_is_listed_only_when_whole(tmp_path: Path) -> None:
    folder = SegmentFolder(tmp_path / "a b.m3u8")
    segment = folder.open("00000.ts")
    segment.write(b"x" * 188)
    assert os.listdir(tmp_path / "a b") == ["00000.ts.part"]
    uri = folder.commit(segment)
    assert uri == "a%20b/00000.ts"
    folder.publish(f"#EXTM3U\n{uri}\n")
    folder.publish(f"#EXTM3U\n{uri}\n#EXT-X-ENDLIST\n")
    folder.finish()
    assert (tmp_path / "a b.m3u8").read_text().endswith("#EXT-X-ENDLIST\n")
    assert folder.size == 188
    assert sorted(os.listdir(tmp_path)) == ["a b", "a b.m3u8"]


def test_nothing_is_left_of_a_discarded_folder(tmp_path: Path) -> None:
    folder = SegmentFolder(tmp_path / "a.m3u8")
    folder.commit(folder.open("0.ts"))
    folder.open("1.ts")
    folder.publish("#EXTM3U\n")
    folder.discard()
    assert os.listdir(tmp_path) == []
