"""What the tests of the whole server share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SDKs ask no proxy for loopback; some leave their connections to the collector, which is run while a
    warning of that is still the test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    gc.collect()
