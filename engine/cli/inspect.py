"""`reel inspect`: what is in recorded files, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from engine.cli.columns import columns
from engine.errors import MalformedManifest
from engine.media.manifest import Manifest
from engine.mux.probe import Report, probe
from engine.mux.probe.report import TrackReport
from engine.store import read_manifest

_DAMAGED, _UNREADABLE = 1, 2


def inspect_command(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="FLV, MP4, TS, AAC, MP3 or m3u8 files.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file and line.")] = False,
) -> None:
    """Read recorded files back: tracks, packets, times, and whatever is wrong.

    Exits with 0 when every file is whole, 1 when one is damaged, 2 when one cannot be read.
    """
    out = Console(highlight=False)
    code = 0
    for file in files:
        try:
            report = probe(file)
        except OSError as error:
            typer.echo(f"reel inspect: {file}: {error.strerror or error}", err=True)
            code = _UNREADABLE
            continue
        try:
            manifest = read_manifest(file)
        except (MalformedManifest, OSError) as error:
            report.damage(f"its manifest: {error}")
            manifest = None
        if report.damaged:
            code = code or _DAMAGED
        if as_json:
            described = None if manifest is None else manifest.model_dump(mode="json")
            typer.echo(json.dumps({**dataclasses.asdict(report), "manifest": described}))
        else:
            _print(out, report)
            if manifest is not None:
                _print_window(out, manifest)
    raise typer.Exit(code)


def _print(out: Console, report: Report) -> None:
    verdict = "[red]damaged[/red]" if report.damaged else "[green]whole[/green]"
    segments = "" if report.segments is None else f", {report.segments} segments"
    _line(
        out,
        f"[bold]{escape(report.path)}[/bold]: {report.container}{segments}, {report.size_bytes:,} bytes, "
        f"{_seconds(report.duration_ms)}, {verdict}",
    )
    if report.tracks:
        for line in columns(_track_rows(report.tracks)):
            _line(out, f"  {escape(line)}")
    for title, style, lines in (
        ("damaged", "red", report.damaged),
        ("discontinuity", "yellow", report.discontinuities),
        ("unusual", "yellow", report.anomalies),
    ):
        for line in lines:
            _line(out, f"  [{style}]{title}[/{style}]: {escape(line)}")


def _print_window(out: Console, manifest: Manifest) -> None:
    """Which part of its recording's window the file covers, and what of that is missing."""
    covers, gaps = manifest.covers, manifest.gaps
    missing_s = sum((gap.end - gap.start).total_seconds() for gap in gaps)
    _line(
        out,
        f"  recording {escape(manifest.recording)}: covers {_moment(covers.start)} to {_moment(covers.end)}, "
        f"{len(gaps)} gaps, {missing_s:.3f} s missing",
    )
    for gap in gaps:
        length_s = (gap.end - gap.start).total_seconds()
        bounds = f"{_moment(gap.start)} to {_moment(gap.end)} ({length_s:.3f} s)"
        _line(out, f"  [yellow]gap[/yellow]: {bounds}: {gap.reason}")
    for note in manifest.notes:
        _line(out, f"  [yellow]note[/yellow]: {escape(note)}")


def _line(out: Console, text: str) -> None:
    """Print one whole line, of any length, so that it can be copied."""
    out.print(text, soft_wrap=True)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _track_rows(tracks: list[TrackReport]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("track", "codec", "parameters", "packets", "first", "last", "keyframes every")
    ]
    for track in tracks:
        row = (
            track.kind,
            f"{track.codec} {track.codec_string}".strip(),
            f"{track.width}x{track.height}"
            if track.kind == "video"
            else f"{track.sample_rate} Hz, {track.channels} ch",
            f"{track.packets:,}",
            _seconds(track.first_ms),
            _seconds(track.last_ms),
            _keyframe_distances(track),
        )
        rows.append(row)
    return rows


def _keyframe_distances(track: TrackReport) -> str:
    distances = track.keyframe_distances
    if distances is None:
        return "" if track.kind == "audio" else f"({track.keyframes} in all)"
    shortest, mean, longest = (
        f"{value / 1000:.2f}" for value in (distances.shortest_ms, distances.mean_ms, distances.longest_ms)
    )
    return f"{mean} s" if shortest == longest else f"{mean} s ({shortest} to {longest})"


def _seconds(time_ms: float | None) -> str:
    return "" if time_ms is None else f"{time_ms / 1000:.3f} s"
