"""`python -m benchmarks.commits`: tasks a second that the catalog commits to the disk before it answers.

Beside it, in the same run and on the same disk, a bare loop: one connection of the driver alone that inserts
a row and commits it, one after the other. `--postgresql URL` measures an empty database of a server as well.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from benchmarks.machine import load
from benchmarks.report import columns, write_result
from engine.catalog import Catalog, tasks
from engine.catalog.schema import Task

_HERE = Path(__file__).resolve().parent
_NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Commits:
    """So many writers at once, each beginning its next transaction when the last one was answered."""

    database: str
    what: str
    writers: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float  # of this process, a commit


async def _measured(
    database: str, what: str, writers: int, seconds: float, commit: Callable[[str], Awaitable[None]]
) -> Commits:
    took: list[float] = []

    async def write(lane: int) -> None:
        count = 0
        while (began := time.perf_counter()) < end:
            await commit(f"{what}-{writers}-{lane}-{count}")
            took.append(time.perf_counter() - began)
            count += 1

    began, cpu = time.perf_counter(), time.process_time()
    end = began + seconds
    await asyncio.gather(*(write(lane) for lane in range(writers)))
    lasted, cpu = time.perf_counter() - began, time.process_time() - cpu
    took.sort()
    p50, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.99))
    return Commits(database, what, writers, len(took) / lasted, p50, p99, 1000 * cpu / len(took))


def _task(public_id: str) -> Task:
    times = {"start_at": _NOW, "end_at": _NOW + timedelta(hours=1), "created_at": _NOW}
    options = {"type": "video", "format": "flv", "interval_s": 1800}
    names = {"domain": "push.example.com", "app": "live", "stream": public_id}
    return Task(public_id=public_id, family="live", state="armed", options=options, **names, **times)


async def _catalog(url: str, writers: list[int], seconds: float) -> list[Commits]:
    async with Catalog(url) as catalog:
        await catalog.migrate()

        async def commit(name: str) -> None:
            async with catalog.begin() as session:
                await tasks.add(session, _task(name))

        kind = catalog.url.get_backend_name()
        return [await _measured(kind, "catalog", number, seconds, commit) for number in writers]


async def _bare_sqlite(file: Path, seconds: float) -> Commits:
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE rows (name TEXT)"):
        connection.execute(statement).fetchall()

    async def commit(name: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?)", (name,))
        connection.execute("COMMIT")

    try:
        return await _measured("sqlite", "bare loop", 1, seconds, commit)
    finally:
        connection.close()


async def _bare_postgresql(url: str, seconds: float) -> Commits:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE rows (name TEXT)")

    async def commit(name: str) -> None:
        await connection.execute("INSERT INTO rows VALUES ($1)", name)

    try:
        return await _measured("postgresql", "bare loop", 1, seconds, commit)
    finally:
        await connection.execute("DROP TABLE rows")
        await connection.close()


@contextmanager
def _folder(where: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=where) as name:
        yield Path(name)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commits", description=__doc__)
    parser.add_argument("--writers", default="1,8,64", help="so many at once, a row for each (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each row (%(default)s)")
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    parser.add_argument("--postgresql", metavar="URL", help="postgresql+asyncpg://..., an empty database")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--smoke", action="store_true", help="short, to see that it runs")
    asked = parser.parse_args()
    seconds = 0.3 if asked.smoke else asked.seconds
    writers = [int(number) for number in asked.writers.split(",")]
    rows: list[Commits] = []
    with _folder(asked.folder) as folder:
        rows.append(asyncio.run(_bare_sqlite(folder / "bare.db", seconds)))
        rows += asyncio.run(_catalog(f"sqlite+aiosqlite:///{folder / 'reel.db'}", writers, seconds))
    if asked.postgresql:
        rows.append(asyncio.run(_bare_postgresql(asked.postgresql, seconds)))
        rows += asyncio.run(_catalog(asked.postgresql, writers, seconds))
    print(_table(rows))
    print(write_result({"load": load(), "commits": [asdict(row) for row in rows]}, asked.results, "commits"))


def _table(rows: list[Commits]) -> str:
    lines = [["database", "what", "writers", "commits/s", "p50 ms", "p99 ms", "CPU ms/commit"]]
    for row in rows:
        figures = [f"{one:.2f}" for one in (row.p50_ms, row.p99_ms, row.cpu_ms)]
        lines.append([row.database, row.what, str(row.writers), f"{row.per_s:.0f}", *figures])
    return columns(lines, ["database", "what"])


if __name__ == "__main__":
    main()
