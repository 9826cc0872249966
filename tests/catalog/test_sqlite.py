"""Writing to an SQLite file: what is answered is on the disk, whatever happens to it or to its neighbours."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from catalog.rows import task
from filesystems import fill, tmpfs
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from engine.catalog import Catalog, sqlite, tasks
from engine.catalog.schema import Task
from engine.errors import CatalogFailed, CatalogUnavailable, InternalError, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reel.db"


@pytest_asyncio.fixture
async def catalog(file: Path) -> AsyncIterator[Catalog]:
    async with Catalog(f"sqlite+aiosqlite:///{file}") as catalog:
        await catalog.migrate()
        yield catalog


async def write(catalog: Catalog, name: str) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, task(name))


def kept(file: Path) -> set[str]:
    """What another program finds in a file and its log."""
    connection = sqlite3.connect(file)
    try:
        return {name for (name,) in connection.execute("SELECT public_id FROM tasks")}
    finally:
        connection.close()


class PowerCuts:
    """At the end of each flush, what would be found if the power were cut then: a flush covers the log, and
    SQLite itself flushes what it moves from there into the file."""

    def __init__(self, file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[set[str]] = [set()]
        self._file, self._folder, self._flush = file, folder, os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self.flush)

    def flush(self, fd: int) -> None:
        self._flush(fd)
        copy = self._folder / f"{len(self.found)}.db"
        for ending in ("", "-wal"):
            shutil.copy(f"{self._file}{ending}", f"{copy}{ending}")
        self.found.append(kept(copy))


async def test_what_is_answered_outlives_a_power_cut(
    catalog: Catalog, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_COMMITS_TO_A_CHECKPOINT", 7)
    cuts = PowerCuts(file, tmp_path, monkeypatch)

    async def lane(number: int) -> None:
        for count in range(20):
            await write(catalog, f"{number}-{count}")
            assert f"{number}-{count}" in cuts.found[-1]

    await asyncio.gather(*(lane(number) for number in range(10)))
    assert len(cuts.found[-1]) == 200
    assert len(cuts.found) < 150, "writers share flushes"


def _fail(fd: int) -> None:
    raise OSError(5, "Input/output error")


async def test_a_disk_that_fails_is_not_trusted_again(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(catalog, "before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _fail)
        ended = await asyncio.gather(*(write(catalog, str(one)) for one in range(3)), return_exceptions=True)
    assert [type(one) for one in ended] == [CatalogFailed] * 3
    with pytest.raises(CatalogFailed, match="Input/output error"):
        await write(catalog, "after")
    async with catalog.read() as session:
        assert "after" not in {one.public_id for one in await tasks.open_ones(session)}
    with pytest.raises(CatalogFailed, match="Input/output error"):
        await asyncio.wait_for(catalog.wait_failed(), 20)


async def test_a_log_that_was_not_flushed_is_left_to_the_next_process(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's last connection moves the log into the file, after a flush that says nothing of what an
    earlier one lost. Without a failure it is moved."""
    for fails in (False, True):
        async with Catalog(f"sqlite+aiosqlite:///{file}") as catalog:
            await catalog.migrate()
            await write(catalog, f"{fails}")
            if fails:
                with monkeypatch.context() as patch:
                    patch.setattr(os, "fdatasync", _fail)
                    with pytest.raises(CatalogFailed):
                        await write(catalog, "lost")
                before = file.read_bytes()
        assert Path(f"{file}-wal").exists() is fails
    assert file.read_bytes() == before


async def test_a_log_that_somebody_moved_away_is_a_failure(catalog: Catalog, file: Path) -> None:
    """The next process would not find what is written to it."""
    await write(catalog, "before")
    log, elsewhere = Path(f"{file}-wal"), file.with_suffix(".away")
    log.rename(elsewhere)
    with pytest.raises(CatalogFailed, match="-wal"):
        await write(catalog, "unsure")
    elsewhere.rename(log)
    with pytest.raises(CatalogFailed, match="-wal"):
        await write(catalog, "after")
    assert "before" in kept(file)
    assert "after" not in kept(file)


async def test_a_full_disk_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=2m") as disk:
        answered: set[str] = set()
        async with Catalog(f"sqlite+aiosqlite:///{disk}/reel.db") as catalog:
            await catalog.migrate()
            fill(disk / "filler", but_bytes=1 << 17)

            async def lane(number: int) -> None:
                for count in range(1000):
                    await write(catalog, f"{number}-{count}")
                    answered.add(f"{number}-{count}")

            ended = await asyncio.gather(*(lane(number) for number in range(8)), return_exceptions=True)
            assert all(isinstance(one, CatalogFailed) for one in ended), ended
            assert answered <= kept(disk / "reel.db")
            (disk / "filler").unlink()
            with pytest.raises(CatalogFailed, match="full"):
                await write(catalog, "there is space again")
        async with Catalog(f"sqlite+aiosqlite:///{disk}/reel.db") as catalog:
            await write(catalog, "there is space again")
        assert answered | {"there is space again"} == kept(disk / "reel.db")


async def test_the_log_stays_short(catalog: Catalog, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_COMMITS_TO_A_CHECKPOINT", 10)
    log = Path(f"{file}-wal")

    async def lane(number: int) -> None:
        for count in range(50):
            await write(catalog, f"{number}-{count}")

    await asyncio.gather(*(lane(number) for number in range(4)))
    early = log.stat().st_size
    await asyncio.gather(*(lane(number) for number in range(4, 24)))
    assert log.stat().st_size < 3 * early


async def test_a_transaction_that_sqlite_gave_up_is_not_called_committed(catalog: Catalog) -> None:
    """It does so when memory or the disk ends; a trigger can order it."""
    give_up = "CREATE TRIGGER t BEFORE UPDATE ON tasks BEGIN SELECT RAISE(ROLLBACK, 'given up'); END"
    async with catalog.begin() as session:
        await session.execute(text(give_up))

    async def write_on() -> None:
        async with catalog.begin() as session:
            await tasks.add(session, task("1"))
            with pytest.raises(DBAPIError, match="given up"):
                await session.execute(update(Task).values(stream="z"))

    with pytest.raises(sqlite3.OperationalError, match="no transaction"):
        await write_on()
    await write(catalog, "2")
    async with catalog.read() as session:
        assert {one.public_id for one in await tasks.open_ones(session)} == {"2"}


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


async def test_another_process_that_writes_is_waited_for_and_holds_up_nothing_else(
    catalog: Catalog, file: Path
) -> None:
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        writing = asyncio.create_task(write(catalog, "1"))
        async with catalog.read() as session:
            assert await tasks.open_ones(session) == []
        done, _ = await asyncio.wait([writing], timeout=0.2)
        assert not done
        holder.stdin.write(b"\n")
        holder.stdin.close()
        await writing
    assert kept(file) == {"1"}


async def test_another_process_that_never_ends_is_not_waited_for_for_ever(
    catalog: Catalog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogUnavailable, match=r"another process writes to it: .*locked"):
        await write(catalog, "1")
    other.close()
    await write(catalog, "2")
    assert kept(file) == {"2"}


async def test_who_only_reads_flushes_nothing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(catalog, "1")
    monkeypatch.setattr(os, "fdatasync", lambda fd: pytest.fail("flushed"))
    async with catalog.begin() as session:
        assert await tasks.get(session, "live", "1") is not None
    async with catalog.begin():
        pass


async def test_a_transaction_within_another_is_told_instead_of_waiting_for_itself(catalog: Catalog) -> None:
    async with catalog.begin():
        with pytest.raises(InternalError):
            await write(catalog, "1")
    await write(catalog, "2")


@pytest.mark.parametrize("database", ["", "/:memory:", "/:memory:?cache=shared"])
def test_a_database_in_memory_is_refused(database: str) -> None:
    with pytest.raises(UsageError, match="name a file"):
        Catalog(f"sqlite+aiosqlite://{database}")
