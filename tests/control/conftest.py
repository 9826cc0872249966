"""A house for each test, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest
from house import House

from engine.catalog import Catalog


@pytest.fixture
def house(catalog: Catalog, tmp_path: Path) -> House:
    """Not yet open."""
    return House(catalog, tmp_path / "recordings")
