"""Real recordings to begin with: a finished file of every container, and the folder of its HLS segments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from muxing import Stream, mux_file, mux_hls, read_stream
from oracle.samples import SAMPLE_STREAMS

from engine.media.codecs import Format
from engine.mux import MuxOptions

RUST_CORPUS = Path(__file__).parents[2] / "native" / "fuzz" / "corpus"
CORPUS = Path(__file__).parent / "corpus"


def make(folder: Path) -> list[bytes]:
    """The files' contents. Playlists and segments they list are left in `folder`."""
    stream, music = (
        _short(read_stream(SAMPLE_STREAMS / name)) for name in ("h264_aac_bframes.flv", "mp3_only.flv")
    )
    made = folder / "made"
    made.mkdir()
    files = [mux_file(stream, made, format)[0] for format in (Format.FLV, Format.MP4, Format.AAC)]
    files.append(mux_file(music, made, Format.MP3)[0])
    for kind in ("ts", "fmp4"):
        (folder / kind).mkdir()
        options = MuxOptions(hls_segment=kind, hls_time_s=1.0)
        files.append(mux_hls(stream, folder / kind, options)[0].playlist)
    files.append(folder / "ts" / "out" / "00000.ts")
    return [_beside(file.read_bytes(), file.parent.name) for file in files]


def _short(stream: Stream) -> Stream:
    """Its first packets: small files are read more often."""
    return replace(stream, batch=stream.batch.rows(slice(0, 120)))


def _beside(data: bytes, folder: str) -> bytes:
    """A playlist, made to list the segments from one folder above."""
    return data.replace(b"\nout/", f"\n{folder}/out/".encode()).replace(b'"out/', f'"{folder}/out/'.encode())
