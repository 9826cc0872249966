"""Transactions and migrations, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from catalog.rows import NOON, at, task
from databases import empty_catalog, empty_database
from origins.process import free_port
from sqlalchemy import Connection, func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from engine.catalog import Catalog, tasks
from engine.catalog.catalog import migrations
from engine.catalog.schema import Table, Task
from engine.control.states import TaskState
from engine.errors import StorageError, UsageError


async def test_migrating_makes_the_tables_of_the_schema(database: str) -> None:
    async with Catalog(database) as catalog:
        await asyncio.gather(catalog.migrate(), catalog.migrate())
        await catalog.migrate()
    engine = create_async_engine(database)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrations_go_back(catalog: Catalog) -> None:
    def back(session: Session) -> list[str]:
        command.downgrade(migrations(session.connection()), "base")
        return inspect(session.connection()).get_table_names()

    async with catalog.begin() as session:
        assert await session.run_sync(back) == ["alembic_version"]


async def test_tables_of_a_later_version_are_left_alone(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, task("1"))
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match=r"later version.*9999"):
        await catalog.migrate()
    async with catalog.read() as session:
        assert len(await tasks.open_ones(session)) == 1


async def test_a_database_that_cannot_be_had(tmp_path: Path, postgresql_server: str) -> None:
    nobody = f"postgresql+asyncpg://reel:secret@127.0.0.1:{free_port()}/reel"
    (tmp_path / "text.db").write_text("no database, but quite a lot of text " * 100)
    for url, why in (
        (f"sqlite+aiosqlite:///{tmp_path}/none/reel.db", "No such file or directory$"),
        (f"sqlite+aiosqlite:///{tmp_path}/text.db", ": file is not a database: nothing more"),
        (nobody, "Connect call failed"),
        (f"{postgresql_server}/none", "does not exist"),
    ):
        async with Catalog(url) as catalog:
            with pytest.raises(StorageError, match=why) as raised:
                await catalog.migrate()
        assert not any(word in str(raised.value) for word in ("secret", "Error", "sqlalchemy"))


async def test_an_option_that_the_driver_does_not_know_is_named() -> None:
    url = f"postgresql+asyncpg://reel:secret@127.0.0.1:{free_port()}/reel?sslmode=require"
    async with Catalog(url) as catalog:
        with pytest.raises(UsageError, match=r"no option 'sslmode'.*write ssl=") as raised:
            await catalog.migrate()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_the_file_is_its_owners_alone(umask: int, tmp_path: Path) -> None:
    """Whatever the umask, with the log and the index that SQLite makes beside it."""
    before = os.umask(umask)
    try:
        async with Catalog(f"sqlite+aiosqlite:///{tmp_path}/reel.db") as catalog:
            await catalog.migrate()
            async with catalog.begin() as session:
                await tasks.add(session, task("1"))
            made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert made == dict.fromkeys(("reel.db", "reel.db-wal", "reel.db-shm"), 0o600)


async def test_a_file_that_others_could_read_is_tightened_and_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reel.db"
    for mode, count in ((0o644, 1), (0o600, 0)):
        path.touch()
        path.chmod(mode)
        async with Catalog(f"sqlite+aiosqlite:///{path}") as catalog:
            await catalog.migrate()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert [(line["event"], line["path"], line["mode"]) for line in said] == [
            ("catalog.made_private", str(path), "0644")
        ] * count


async def test_connections_that_the_server_closed_are_opened_again(
    tmp_path: Path, postgresql_server: str
) -> None:
    async with (
        empty_database("postgresql", tmp_path, postgresql_server) as url,
        empty_catalog(url) as catalog,
        empty_catalog(url) as other,
    ):
        async with catalog.begin() as session, catalog.begin() as second:  # so that there are two
            await tasks.add(session, task("1"))
            await tasks.add(second, task("2"))
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        async with other.begin() as session:
            await session.execute(text(f"{end} AND pid <> pg_backend_pid()"))
        for name in ("3", "4"):
            async with catalog.begin() as session:
                await tasks.add(session, task(name))


def test_the_open_states_are_those_that_have_a_next() -> None:
    assert set(tasks.OPEN) == {state.value for state in TaskState if not state.is_over}


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), Table.metadata))


@pytest.mark.parametrize("url", ["reel.db", "sqlite:///reel.db", "mysql+asyncmy://h/reel", "://"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="catalog"):
        Catalog(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://me:hush@h:port/reel",
        "postgresql+asyncpg://me:hush@h:99999/reel",
        "postgresql+asyncpg://me:hush/reel",
        "postgresql+asyncpg://me:hu#hush@h:0/reel?password=hush",
        "mysql://me:hush@h/reel",
        "me:hush@h/reel",
        "",
    ],
)
def test_a_wrong_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match=r"^catalog: ") as raised:
        Catalog(url)
    assert "hush" not in str(raised.value)


async def test_what_raises_is_rolled_back_and_the_others_are_not(catalog: Catalog) -> None:
    """Writers of SQLite share a commit: what one does wrong is its own affair."""

    async def write(number: int) -> None:
        async with catalog.begin() as session:
            await tasks.add(session, task(str(number)))
            if number % 3 == 0:
                raise ValueError(number)
            if number % 5 == 0:
                await tasks.add(session, task(str(number)))  # taken

    done = await asyncio.gather(*(write(number) for number in range(100)), return_exceptions=True)
    for number, outcome in enumerate(done):
        expected = ValueError if number % 3 == 0 else IntegrityError if number % 5 == 0 else type(None)
        assert isinstance(outcome, expected), (number, outcome)
    async with catalog.read() as session:
        kept = {one.public_id for one in await tasks.open_ones(session)}
    assert kept == {str(number) for number in range(100) if number % 3 and number % 5}


async def test_a_writer_that_is_cancelled_leaves_nothing_and_the_others_whole(catalog: Catalog) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with catalog.begin() as session:
            await tasks.add(session, task("hanging"))
            entered.set()
            await asyncio.Event().wait()

    async def write(number: int) -> None:
        async with catalog.begin() as session:
            await tasks.add(session, task(str(number)))

    hanging = asyncio.create_task(hang())
    await entered.wait()
    others = [asyncio.create_task(write(number)) for number in range(10)]
    await asyncio.sleep(0.05)
    cancelled = asyncio.create_task(write(99))
    await asyncio.sleep(0)
    cancelled.cancel()
    hanging.cancel()
    await asyncio.gather(*others)
    with pytest.raises(asyncio.CancelledError):
        await hanging
    async with catalog.read() as session:
        kept = {one.public_id for one in await tasks.open_ones(session)}
    assert kept - {"99"} == {str(number) for number in range(10)}


async def test_a_reader_does_not_wait_for_a_writer(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, task("1"))
        async with asyncio.timeout(5), catalog.read() as reader:
            assert await tasks.open_ones(reader) == []
    async with catalog.read() as reader:
        assert len(await tasks.open_ones(reader)) == 1


async def test_writers_may_ask_for_anything(catalog: Catalog) -> None:
    """Rows, single columns and values, each of which SQLAlchemy hands over another way."""
    async with catalog.begin() as session:
        await tasks.add(session, made := task("1"))
        assert (await session.execute(select(Task.id, Task.stream))).all() == [(made.id, "x")]
        assert (await session.execute(select(Task))).scalar_one() is made
        assert (await session.scalars(select(Task.stream))).all() == ["x"]
        assert await session.scalar(select(func.count()).select_from(Task)) == 1
        changed = await session.execute(update(Task).values(stream="y").returning(Task.stream))
        assert changed.scalar_one() == "y"
        await session.execute(update(Task), [{"id": made.id, "app": "z"}])
        await session.refresh(made)
        assert (made.app, made.stream) == ("z", "y")
        assert await session.merge(task("2", id=made.id)) is made
        await session.delete(made)
    async with catalog.read() as session:
        assert await tasks.open_ones(session) == []


async def test_moments_come_back_as_they_were(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, task("1", start_at=at(0.123456), stopped_at=None))
    async with catalog.read() as session:
        (found,) = await tasks.open_ones(session)
    assert found.start_at == at(0.123456)
    assert found.start_at.utcoffset() == NOON.utcoffset()
    assert found.stopped_at is None
    with pytest.raises(Exception, match="no time zone"):
        async with catalog.begin() as session:
            await tasks.add(session, task("2", start_at=NOON.replace(tzinfo=None)))


WRITER = """
import asyncio, sys
from catalog.rows import task
from engine.catalog import Catalog, tasks

async def main():
    async with Catalog(sys.argv[1]) as catalog:
        async def write(lane):
            for number in range(10**6):
                name = f"{lane}-{number}"
                async with catalog.begin() as session:
                    await tasks.add(session, task(name))
                print(name, flush=True)
        await asyncio.gather(*(write(lane) for lane in range(8)))

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_that_it_answered(database: str, tmp_path: Path) -> None:
    async with Catalog(database) as catalog:
        await catalog.migrate()
        answered: list[str] = []
        for _ in range(3):
            script = WRITER.replace('f"{lane}-', f'f"{len(answered)}-{{lane}}-')
            answered += await asyncio.to_thread(killed_writer, script, database)
        async with catalog.read() as session:
            kept = {one.public_id for one in await tasks.open_ones(session)}
    assert len(answered) > 30
    assert set(answered) <= kept
    assert len(kept) - len(answered) <= 3 * 8, "at most what was being answered"


def killed_writer(script: str, database: str) -> list[str]:
    """Runs until it has answered a dozen, then is killed; what it answered."""
    path = os.pathsep.join(one for one in sys.path if one)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", script, database],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        answered = [process.stdout.readline().strip() for _ in range(12)]
        process.send_signal(signal.SIGKILL)
        answered += [line.strip() for line in process.stdout if line.endswith("\n")]
    return answered
