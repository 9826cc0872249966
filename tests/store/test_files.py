"""S1, S3: files grow under a temporary name and never overwrite."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import instead_of_os
from native.flv_bytes import PlainTag, flv_bytes

from engine import _native
from engine._native import Pieces
from engine.errors import NameTaken, StorageError
from engine.media.batch import Batch
from engine.store import GrowingFile, Journal, SegmentFolder


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


def pieces(count: int) -> Pieces:
    """So many bodies of 2,000 bytes, which stand apart in their arena."""
    tags = [PlainTag(9, 40 * row, b"\x27\1\0\0\0" + bytes([row % 256]) * 1995) for row in range(2 * count)]
    reader = _native.FlvReader()
    reader.feed(flv_bytes(tags))
    taken = reader.take()
    assert taken is not None
    batch = Batch.from_native(taken).rows(slice(None, None, 2))
    found = _native.flv_parts(batch.arena, batch.table, 0, "source")
    assert found is not None
    return found[0]


def test_pieces_are_appended_one_behind_the_other(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.flv")
    assert file.write(b"") == 0
    file.write(b"begin ")
    many = pieces(2500)  # more than a system takes at once
    assert file.write(many) == len(many) == 2500 * 2015
    assert file.growing.read_bytes() == b"begin " + bytes(many)
    assert file.size == len(many) + 6


def test_pieces_that_do_not_all_fit_leave_nothing_behind(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.flv")
    file.write(b"whole")
    with files_up_to(3000), pytest.raises(StorageError, match="no larger file"):
        file.write(pieces(2))
    assert (file.size, file.growing.read_bytes()) == (5, b"whole")
    with pytest.raises(StorageError, match="no larger file"):
        file.write(b"nor anything behind it")


def test_a_system_that_takes_a_part_at_a_time_gets_the_rest(tmp_path: Path) -> None:
    """A file takes all or refuses; a socket whose reader is slow takes what it has room for."""
    many, got = pieces(2500), bytearray()
    file = GrowingFile(tmp_path / "a.flv")
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
    os.dup2(ours.fileno(), file._fd)

    def read() -> None:
        while len(got) < len(many) and (data := theirs.recv(32 << 10)):
            got.extend(data)
            time.sleep(0.02)  # so that 2 MB, which are asked for at once, last longer than a second

    reader = threading.Thread(target=read)
    reader.start()
    file.write(many)
    reader.join()
    file.abandon()
    ours.close()
    theirs.close()
    assert bytes(got) == bytes(many)


def test_a_file_that_is_closed_takes_nothing(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.flv")
    file.abandon()
    file.abandon()
    with pytest.raises(StorageError, match=r"a\.flv\.part"):
        file.write(b"x")
    with pytest.raises(StorageError, match=r"a\.flv\.part"):
        file.sync()


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
    folder = SegmentFolder(tmp_path / "a-b.m3u8")
    segment = folder.open("00000.ts")
    segment.write(b"x" * 188)
    assert os.listdir(tmp_path / "a-b") == ["00000.ts.part"]
    uri = folder.commit(segment)
    assert uri == "a-b/00000.ts"
    folder.publish(f"#EXTM3U\n{uri}\n")
    folder.publish(f"#EXTM3U\n{uri}\n#EXT-X-ENDLIST\n")
    folder.finish()
    assert (tmp_path / "a-b.m3u8").read_text().endswith("#EXT-X-ENDLIST\n")
    assert folder.size == 188
    assert sorted(os.listdir(tmp_path)) == ["a-b", "a-b.m3u8"]


def test_nothing_is_left_of_a_discarded_folder(tmp_path: Path) -> None:
    folder = SegmentFolder(tmp_path / "a.m3u8")
    folder.commit(folder.open("0.ts"))
    folder.open("1.ts")
    folder.publish("#EXTM3U\n")
    folder.discard()
    assert os.listdir(tmp_path) == []


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """The system lets this process write no file beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_refused_write_leaves_no_half_behind_and_nothing_follows_it(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.flv")
    file.write(b"whole")
    with files_up_to(8), pytest.raises(StorageError, match="no larger file"):
        file.write(b"too long")
    assert (file.size, file.growing.read_bytes()) == (5, b"whole")
    with pytest.raises(StorageError, match="no larger file"):
        file.write(b"x")
    file.patch(0, b"W")
    file.finish()
    assert file.final.read_bytes() == b"Whole"


@pytest.mark.parametrize("kind", [GrowingFile, SegmentFolder])
def test_an_output_folder_that_is_a_file(kind: type[GrowingFile | SegmentFolder], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(StorageError, match="a file stands where a folder is needed") as caught:
        kind(tmp_path / "x" / "a.flv")
    assert not isinstance(caught.value, NameTaken)


def test_segments_that_were_not_committed_are_gone_when_the_playlist_is_final(tmp_path: Path) -> None:
    folder = SegmentFolder(tmp_path / "a.m3u8")
    folder.commit(folder.open("00000.ts"))
    folder.open("00001.ts").write(b"half")
    folder.publish("#EXTM3U\n")
    folder.finish()
    assert os.listdir(tmp_path / "a") == ["00000.ts"]


def test_a_playlist_that_cannot_be_replaced_leaves_the_one_before(tmp_path: Path) -> None:
    folder = SegmentFolder(tmp_path / "a.m3u8")
    folder.publish("#EXTM3U\n")
    with files_up_to(8), pytest.raises(StorageError, match="no larger file"):
        folder.publish("#EXTM3U\n#EXT-X-ENDLIST\n")
    assert folder.final.read_text() == "#EXTM3U\n"
    assert sorted(os.listdir(tmp_path)) == ["a", "a.m3u8"]


def test_a_journal_takes_whole_lines_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a line."""
    journal = Journal.create(tmp_path / "a.flv")
    journal.append({"one": 1})
    disk, room = instead_of_os(monkeypatch), [5]

    def write(descriptor: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data[: room.pop()])

    monkeypatch.setattr(disk, "write", write, raising=False)
    with pytest.raises(StorageError, match="the disk is full"):
        journal.append({"two": 2})
    monkeypatch.undo()
    journal.append({"three": 3})
    assert journal.lines() == [{"one": 1}, {"three": 3}]
    journal.remove()
