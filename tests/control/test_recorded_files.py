"""Files are deleted with all that belongs to them, also over a crash; those that are gone leave the lists."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from catalog.rows import at, file, recording
from sqlalchemy import select

from engine.catalog import Catalog
from engine.catalog.files import FileQuery
from engine.catalog.schema import File
from engine.control import recorded_files
from engine.control.recorded_files import RecordedFiles
from engine.errors import StorageError, UnknownFile

NOW = at(100)


class Stored:
    """A catalog with files below a root."""

    def __init__(self, catalog: Catalog, root: Path) -> None:
        self.catalog = catalog
        self.root = root
        self.now = NOW
        self.files = RecordedFiles(catalog, root, lambda: self.now)

    async def add(self, *names: str) -> None:
        async with self.catalog.begin() as session:
            if not (await session.scalars(select(File.id))).all():
                session.add(recording("r"))
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("media")
            path.with_name(path.name + ".json").write_text("{}")
            if path.suffix == ".m3u8":
                path.with_suffix("").mkdir()
                (path.with_suffix("") / "0.ts").write_text("media")
            async with self.catalog.begin() as session:
                session.add(file(name, "r", path=name))

    def on_disk(self) -> set[str]:
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}

    async def rows(self) -> set[str]:
        async with self.catalog.read() as session:
            return set((await session.scalars(select(File.id))).all())

    async def listed(self) -> tuple[set[str], int]:
        found, total = await self.files.search(FileQuery())
        return {one.id for one in found}, total


@pytest.fixture
def stored(catalog: Catalog, tmp_path: Path) -> Stored:
    return Stored(catalog, tmp_path / "recordings")


async def test_a_deleted_file_goes_with_its_segments_manifest_and_row(stored: Stored) -> None:
    await stored.add("d/a.m3u8", "d/b.mp4")
    await stored.files.delete("d/a.m3u8")
    assert stored.on_disk() == {"d/b.mp4", "d/b.mp4.json"}
    assert await stored.rows() == {"d/b.mp4"}
    with pytest.raises(UnknownFile, match=r"d/a\.m3u8"):
        await stored.files.delete("d/a.m3u8")


@pytest.mark.parametrize("removed", [True, False])
async def test_a_deletion_that_a_crash_interrupts_is_finished_by_the_next_sweep(
    removed: bool, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the files were removed, and behind it."""
    await stored.add("a.m3u8", "b.mp4")

    def crash(path: Path) -> None:
        if removed:
            remove(path)
        raise SystemExit

    remove = recorded_files.remove_recorded
    with monkeypatch.context() as patched:
        patched.setattr(recorded_files, "remove_recorded", crash)
        with pytest.raises(SystemExit):
            await stored.files.delete("a.m3u8")
    assert await stored.rows() == {"a.m3u8", "b.mp4"}
    assert await stored.listed() == ({"b.mp4"}, 1)
    assert not await stored.files.get(["a.m3u8"])
    await stored.files.sweep_deleted()
    assert await stored.rows() == {"b.mp4"}
    assert stored.on_disk() == {"b.mp4", "b.mp4.json"}


async def test_a_file_that_the_disk_does_not_let_go_is_tried_again(stored: Stored) -> None:
    await stored.add("a.mp4", "b.mp4")
    (stored.root / "a.mp4").unlink()
    (stored.root / "a.mp4").mkdir()  # no file, so that it is not removed as one
    with pytest.raises(StorageError):
        await stored.files.delete("a.mp4")
    await stored.files.sweep_deleted()
    assert await stored.rows() == {"a.mp4", "b.mp4"}
    (stored.root / "a.mp4").rmdir()
    await stored.files.sweep_deleted()
    assert await stored.rows() == {"b.mp4"}


async def test_a_file_removed_by_hand_leaves_the_lists(stored: Stored) -> None:
    await stored.add(*(f"{number}.mp4" for number in range(5)))
    for name in ("1.mp4", "4.mp4"):
        (stored.root / name).unlink()
    assert await stored.listed() == ({"0.mp4", "2.mp4", "3.mp4"}, 3)
    assert [one.id for one in await stored.files.get(["0.mp4", "1.mp4"])] == ["0.mp4"]
    page, total = await stored.files.search(FileQuery(limit=2, order="asc"))
    assert ([one.id for one in page], total) == (["0.mp4", "2.mp4"], 3)


async def test_a_page_is_filled_with_files_that_are_there(stored: Stored) -> None:
    await stored.add(*(f"{number}.mp4" for number in range(6)))
    for name in ("0.mp4", "1.mp4", "2.mp4"):
        (stored.root / name).unlink()
    page, total = await stored.files.search(FileQuery(limit=2, order="asc"))
    assert ([one.id for one in page], total) == (["3.mp4", "4.mp4"], 3)


async def test_files_of_a_root_that_is_not_there_stay_in_the_lists(stored: Stored, tmp_path: Path) -> None:
    await stored.add("a.mp4")
    stored.root.rename(tmp_path / "elsewhere")
    assert await stored.listed() == ({"a.mp4"}, 1)


async def test_a_file_that_is_back_is_listed_again_and_one_that_stays_away_is_forgotten(
    stored: Stored, tmp_path: Path
) -> None:
    """As when a mount below the root was away for a while."""
    await stored.add("m/a.mp4", "m/b.mp4")
    (stored.root / "m").rename(tmp_path / "away")
    assert await stored.listed() == (set(), 0)
    stored.now += timedelta(days=9)
    (stored.root / "m").mkdir()
    (tmp_path / "away" / "a.mp4").rename(stored.root / "m/a.mp4")
    await stored.files.sweep_missing(0)
    assert await stored.listed() == ({"m/a.mp4"}, 1)
    await stored.files.sweep_missing(10)
    assert await stored.rows() == {"m/a.mp4", "m/b.mp4"}
    await stored.files.sweep_missing(8)
    assert await stored.rows() == {"m/a.mp4"}
