"""The committed corpora: what once broke something, and small inputs that reach far."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fuzz import harnesses, seeds

from engine import _native


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the segments that playlists of the corpus list."""
    folder = tmp_path_factory.mktemp("recordings")
    seeds.make(folder)
    return folder


def files(folder: Path) -> list[Path]:
    """The inputs of one target."""
    found = sorted(folder.iterdir())
    assert found
    return found


@pytest.mark.parametrize("harness", harnesses.HARNESSES)
def test_the_corpus_of_a_harness(harness: str, recordings: Path) -> None:
    for file in files(seeds.CORPUS / harness):
        harnesses.HARNESSES[harness](file.read_bytes(), recordings)


@pytest.mark.parametrize("target", ["flv", "mp4"])
@pytest.mark.parametrize("harness", harnesses.HARNESSES)
def test_the_corpora_of_the_core(harness: str, target: str, recordings: Path) -> None:
    for file in files(seeds.RUST_CORPUS / target):
        harnesses.HARNESSES[harness](file.read_bytes(), recordings)


def read_flv(data: bytes) -> None:
    """Through the FLV reader."""
    reader = _native.FlvReader()
    reader.feed(data)
    reader.finish()
    reader.take()


def read_http(data: bytes) -> None:
    """Through the HTTP reader."""
    reader = _native.HttpFlvReader()
    reader.feed(data)
    reader.finish()
    reader.take()
    assert reader.fault is None or "\n" not in reader.fault[1]


def read_rtmp(data: bytes) -> None:
    """Through a connection behind its handshake."""
    connection = _native.RtmpConnection("server")
    connection.feed(b"\x03" + bytes(3072))
    connection.feed(data)
    connection.take()
    connection.take_events()
    connection.take_output()


def read_config(data: bytes) -> None:
    """Through every parser of configuration records."""
    parsers: list[Callable[[], object]] = [lambda: _native.parse_mp3_header(data)]
    parsers += [lambda codec=codec: _native.parse_config(codec, data) for codec in range(256)]
    parsers += [lambda codec=codec: _native.video_nal_types(codec, 4, data) for codec in (7, 12, 14)]
    for parse in parsers:
        with suppress(ValueError):
            parse()


def read_amf(data: bytes) -> None:
    """Decoded, encoded and decoded again."""
    try:
        values = _native.amf0_decode(data)
    except ValueError:
        return
    try:
        encoded = _native.amf0_encode(values)
    except ValueError:
        return  # a key that AMF0 cannot hold
    assert repr(_native.amf0_decode(encoded)) == repr(values)


BINDINGS = {"flv": read_flv, "http": read_http, "rtmp": read_rtmp, "config": read_config, "amf": read_amf}


@pytest.mark.parametrize("target", BINDINGS)
def test_the_binding_raises_nothing_but_what_it_says(target: str) -> None:
    for file in files(seeds.RUST_CORPUS / target):
        BINDINGS[target](file.read_bytes())
