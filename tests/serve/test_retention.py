"""Files go when their time is over, rows when nothing needs them; nothing else does."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from catalog.rows import at, callback, file, push, recording, task
from sqlalchemy import select
from waiting import until

from engine.catalog import Catalog
from engine.catalog.schema import Callback, CallbackAttempt, File, Push, Recording, Task
from engine.clock import wall_now
from engine.control.recorded_files import RecordedFiles
from engine.serve.retention import keep, sweep_rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


async def stored(catalog: Catalog, root: Path, id: str, name: str, expires_at: datetime | None) -> None:
    """A file with its manifest, and of a playlist its segments, on the disk and in the catalog."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("media")
    path.with_name(path.name + ".json").write_text("{}")
    if path.suffix == ".m3u8":
        (path.with_suffix("")).mkdir()
        (path.with_suffix("") / "0.ts").write_text("media")
    async with catalog.begin() as session:
        session.add(file(id, "r", path=name, expires_at=expires_at))


def on_disk(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


async def known(catalog: Catalog) -> set[str]:
    async with catalog.read() as session:
        return set((await session.scalars(select(File.id))).all())


async def with_recording(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        session.add(recording("r"))


async def test_what_is_over_its_time_goes_with_all_that_belongs_to_it(catalog: Catalog, root: Path) -> None:
    await with_recording(catalog)
    await stored(catalog, root, "1", "d/live/x/old.flv", at(100))
    await stored(catalog, root, "2", "d/live/x/old.m3u8", at(90))
    await stored(catalog, root, "3", "d/live/x/later.flv", at(101))
    await stored(catalog, root, "4", "d/live/x/always.m3u8", None)
    await stored(catalog, root, "5", "d/live/x/gone.mp4", at(0))
    (root / "d/live/x/gone.mp4").unlink()  # by somebody else
    await RecordedFiles(catalog, root, lambda: at(100)).sweep_expired()
    assert await known(catalog) == {"3", "4"}
    assert on_disk(root) == {
        "d/live/x/later.flv",
        "d/live/x/later.flv.json",
        "d/live/x/always.m3u8",
        "d/live/x/always.m3u8.json",
        "d/live/x/always/0.ts",
    }


async def test_one_that_cannot_be_removed_holds_up_no_other(catalog: Catalog, root: Path) -> None:
    await with_recording(catalog)
    async with catalog.begin() as session:
        for number in range(150):  # more than one transaction takes
            (root / f"{number}.flv").mkdir()  # no file, so that it is not removed as one
            session.add(file(str(number), "r", path=f"{number}.flv", expires_at=at(number)))
    await stored(catalog, root, "last", "last.flv", at(120.5))
    await RecordedFiles(catalog, root, lambda: at(200)).sweep_expired()
    assert await known(catalog) == {str(number) for number in range(150)}
    assert not on_disk(root)
    for number in range(150):
        (root / f"{number}.flv").rmdir()
    await RecordedFiles(catalog, root, lambda: at(200)).sweep_expired()
    assert await known(catalog) == set()


async def test_rows_go_when_they_are_over_and_nothing_needs_them(catalog: Catalog) -> None:
    """A file keeps its recording, which keeps its task and its push."""
    async with catalog.begin() as session:
        over = {"state": "finished", "created_at": at(-9), "end_at": at(-5)}
        tasks = {
            name: task(name, **{**over, **more})
            for name, more in {
                "needed": {},
                "over": {},
                "deleted": {"deleted_at": at(-3)},
                "by hand": {"end_at": None, "state": "stopped"},
                "recent": {"end_at": at(1)},
                "new": {"created_at": at(1), "end_at": None},
                "open": {"state": "interrupted"},
            }.items()
        }
        pushes = [push(ended_at=at(-5)), push(ended_at=at(-5)), push(ended_at=at(1)), push()]
        session.add_all([*tasks.values(), *pushes])
        await session.flush()
        session.add(recording("needed", ended_at=at(-5), task_id=tasks["needed"].id, push_id=pushes[0].id))
        session.add(recording("over", ended_at=at(-5), task_id=tasks["over"].id, push_id=pushes[1].id))
        session.add_all([recording("recent", ended_at=at(1)), recording("open")])
        await session.flush()
        session.add(file("1", "needed"))
        delivered = callback("delivered", state="delivered", created_at=at(-9))
        session.add(delivered)
        session.add(callback("failed", state="failed", created_at=at(-9)))
        session.add(callback("waiting", created_at=at(-9)))
        session.add(callback("recent", state="delivered", created_at=at(1)))
        await session.flush()
        session.add(CallbackAttempt(callback_id=delivered.id, at=at(-9), took_ms=1, status=200, headers={}))
        kept = {pushes[0].id, pushes[2].id, pushes[3].id}
    await sweep_rows(catalog, at(0))
    async with catalog.read() as session:
        assert set(await session.scalars(select(Callback.once))) == {"waiting", "recent"}
        assert not (await session.scalars(select(CallbackAttempt))).all()
        assert set(await session.scalars(select(Recording.id))) == {"needed", "recent", "open"}
        assert set(await session.scalars(select(Task.public_id))) == {"needed", "recent", "new", "open"}
        assert set(await session.scalars(select(Push.id))) == kept


async def test_many_rows_go_in_several_transactions(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        for number in range(250):
            session.add(callback(str(number), state="delivered", created_at=at(-9)))
    await sweep_rows(catalog, at(0))
    async with catalog.read() as session:
        assert not (await session.scalars(select(Callback.id))).all()


async def test_it_is_done_again_and_again(catalog: Catalog, root: Path) -> None:
    """Also after a sweep that failed; and not what the settings forbid."""
    failing = [OSError("no"), RuntimeError("a defect")]

    class Failing(RecordedFiles):
        async def sweep_expired(self) -> None:
            if failing:
                raise failing.pop()
            await super().sweep_expired()

    recorded = Failing(catalog, root)
    await with_recording(catalog)
    async with catalog.begin() as session:
        session.add(push(ended_at=wall_now() - timedelta(days=3)))
        session.add(push(ended_at=wall_now() - timedelta(days=1)))
    await stored(catalog, root, "1", "a.flv", wall_now() + timedelta(seconds=1))

    async def pushes() -> int:
        async with catalog.read() as session:
            return len((await session.scalars(select(Push.id))).all())

    for expire, keep_days in ((False, 0), (False, 2), (True, 0)):
        sweeping = asyncio.create_task(keep(catalog, recorded, keep_days, expire=expire, pause_s=0.05))
        if expire:
            await until(lambda: not on_disk(root))
            assert await pushes() == 1
        elif keep_days:
            while await pushes() == 2:
                await asyncio.sleep(0.05)
        else:
            await asyncio.sleep(1.2)
            assert await pushes() == 2
            assert on_disk(root) == {"a.flv", "a.flv.json"}
        sweeping.cancel()
    assert not failing
