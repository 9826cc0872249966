"""A house for each test of a dialect, on each kind of database."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from control.house import House

from engine.catalog import Catalog


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Clients ask no proxy and read no configuration of this machine; some leave their connections to the
    collector, which is run while a warning of that is still the test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    gc.collect()


@pytest.fixture
def shut_house(catalog: Catalog, tmp_path: Path, surroundings: None) -> House:
    """Not yet open."""
    return House(catalog, tmp_path / "recordings")


@pytest_asyncio.fixture
async def house(shut_house: House) -> AsyncIterator[House]:
    """An open one."""
    async with shut_house.open():
        yield shut_house
