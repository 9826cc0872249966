"""Fixtures that all tests share: sample streams, real captures, a current FFmpeg."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
import selection
from databases import KINDS, empty_catalog, empty_database, postgresql
from oracle.samples import CAPTURES, MANIFEST, ROOT, SAMPLE_STREAMS
from programs import advice, missing, modern_ffmpeg

from engine.catalog import Catalog
from engine.log import configure

# No test asserts a time; and what CI draws is the same each time, so that it fails for a change's sake only.
hypothesis.settings.register_profile("reel", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("reel")

# A worker takes seconds to start.
FILES_A_WORKER = 8


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More workers than cores, because most tests wait for streams in real time; none for a few files."""
    places = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    files = sum(len(list(place.rglob("test_*.py"))) if place.is_dir() else 1 for place in places)
    cores = os.cpu_count() or 1
    # Of tests that wait for nothing, such as the quick ones, no more at once than there are cores.
    return min(cores if config.option.markexpr else 2 + cores, files // FILES_A_WORKER)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--measure`, for `selection`."""
    parser.addoption("--measure", action="store_true", help="write tests/seconds.json")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a first look takes, and let every worker begin with long tests."""
    selection.mark_quick(items)
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        items[:] = selection.spread(items, workers)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say in one last line what was missing, and how to get it."""
    yield
    if terminalreporter.config.option.measure:
        reports = [report for kind in ("passed", "") for report in terminalreporter.getreports(kind)]
        selection.write_measured(reports)
    skipped = terminalreporter.getreports("skipped")
    for line in advice(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
        terminalreporter.write_line(line)


def pytest_collection_finish() -> None:
    """What thousands of tests and the vendors' SDKs consist of is not looked through by each collection of
    garbage, of which many tests ask for one."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def log_as_configured() -> None:
    """The log of a test is that of `reel serve`."""
    configure("info", "json")


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """The path of a sample stream by its name, `invalid/...` with its suffix."""

    def path_of(name: str) -> Path:
        path = SAMPLE_STREAMS / (name if name.startswith("invalid/") else f"{name}.flv")
        assert path.is_file(), f"{path} is no sample stream"
        return path

    return path_of


@pytest.fixture(scope="session")
def manifest() -> dict[str, dict[str, Any]]:
    """What sample_streams/manifest.json says, by file name."""
    return MANIFEST


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real captures, beside the clone or where REEL_SHARED says."""
    shared = Path(os.environ.get("REEL_SHARED", ROOT.parent / "shared"))
    if not (shared / "media").is_dir():
        missing("the folder of captures ../shared/media (or REEL_SHARED)")
    return shared / "media"


@pytest.fixture(params=CAPTURES)
def capture(request: pytest.FixtureRequest, shared_media: Path) -> Path:
    """Each real capture."""
    return shared_media / f"{request.param}.flv"


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """A current FFmpeg: the binary of the wheel imageio-ffmpeg."""
    return modern_ffmpeg()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server of this worker's own."""
    with postgresql() as url:
        yield url


@pytest_asyncio.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database: of SQLite, then of PostgreSQL."""
    server = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    async with empty_database(request.param, tmp_path, server) as url:
        yield url


@pytest_asyncio.fixture
async def catalog(database: str) -> AsyncIterator[Catalog]:
    """An empty catalog, in each kind of database."""
    async with empty_catalog(database) as catalog:
        yield catalog
