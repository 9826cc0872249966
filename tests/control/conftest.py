"""A house for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House

from engine.catalog import Catalog
from engine.catalog.schema import Table


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Not yet open."""
    async with Catalog(f"sqlite+aiosqlite:///{tmp_path}/reel.db") as catalog:
        async with catalog._engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield House(catalog, tmp_path / "recordings")
