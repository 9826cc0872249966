"""Footage for the origin's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from origins.footage import AAC, H264, H265, make_flv


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of H.264 with B-frames and AAC, a keyframe every second."""
    return make_flv(tmp_path_factory.mktemp("footage") / "clip.flv")


@pytest.fixture(scope="session")
def audio_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s of AAC."""
    return make_flv(tmp_path_factory.mktemp("footage") / "tone.flv", video=(), audio=AAC, seconds=2)


@pytest.fixture(scope="session")
def hevc_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of enhanced H.265 and AAC."""
    return make_flv(tmp_path_factory.mktemp("footage") / "hevc.flv", video=H265, seconds=4)


@pytest.fixture(scope="session")
def long_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of H.264 and AAC: on a busy machine a reader of another process takes 5 s to start."""
    return make_flv(tmp_path_factory.mktemp("footage") / "long.flv", seconds=12)


@pytest.fixture(scope="session")
def long_hevc_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of enhanced H.265 and AAC."""
    return make_flv(tmp_path_factory.mktemp("footage") / "long-hevc.flv", video=H265, seconds=12)


@pytest.fixture(scope="session")
def silent_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s of H.264."""
    return make_flv(tmp_path_factory.mktemp("footage") / "silent.flv", video=H264, audio=(), seconds=2)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both event loops: `reel` runs on uvloop, an embedder may not."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
