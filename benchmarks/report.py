"""Rows as a table for people and as JSON for later comparison."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.contenders import Contender
from benchmarks.machine import machine
from benchmarks.measure import Row

_HEAD = (
    *("stream", "N", "format", "recorder", "CPU %", "/ ffmpeg", "/ c-loop", "PSS MB", "Mb/s"),
    *("origin CPU %", "other CPU %", "load", ""),
)
_TEXT = ("stream", "format", "recorder", "")
_Key = tuple[str, int, str, str]


def table(rows: Sequence[Row]) -> str:
    """A line for each contender, stream, N and format: CPU (% of a core), memory and bytes for each stream.

    With several rounds the median of each figure, and ratios of those medians.
    """
    lines = [_HEAD]
    by_key = _by_key(rows)
    for (source, streams, format, contender), own in by_key.items():
        cpu = _cpu(own)
        others = (by_key.get((source, streams, format, other)) for other in ("ffmpeg", "c-loop"))
        busiest = median(max(row.origin_cpu_percent) for row in own)
        lines.append(
            (
                source,
                str(streams),
                format,
                contender,
                f"{cpu:.4f}",
                *(_ratio(cpu, _cpu(other)) if other else "" for other in others),
                f"{median(row.pss_mb_per_stream for row in own):.2f}",
                f"{median(row.written_bits_per_s_per_stream for row in own) / 1e6:.2f}",
                f"{busiest:.0f}" + (f" x {len(own[0].origin_cpu_percent)}"),
                f"{median(row.other_cpu_percent for row in own):.0f}",
                f"{median(row.load for row in own):.1f}",
                next((f"INVALID: {row.invalid}" for row in own if row.invalid), ""),
            )
        )
    return columns(lines, _TEXT)


def columns(lines: Sequence[Sequence[str]], text: Sequence[str]) -> str:
    """Cells below each other; columns whose head is in `text` to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    left = [head in text for head in lines[0]]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if is_text else cell.rjust(width)
            for cell, width, is_text in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in lines
    )


def findings(rows: Sequence[Row]) -> list[str]:
    """Ratios between lines of the table: RTMP to HTTP-FLV, many streams to few, much to little."""
    by_key = _by_key(rows)
    sources = sorted({row.source: row.source_bits_per_s for row in rows}.items(), key=lambda item: item[1])
    numbers = sorted({row.streams for row in rows})
    told = []
    for (source, streams, format, contender), own in by_key.items():
        cpu = _cpu(own)
        if contender == "reel-rtmp" and (http := by_key.get((source, streams, format, "reel"))):
            told.append(f"RTMP / HTTP-FLV, N = {streams}, {source}: {_ratio(cpu, _cpu(http))}")
        if contender not in ("reel", "reel-rtmp", "c-loop"):  # the loop's ratios say how the machine drifted
            continue
        if streams > numbers[0] and (few := by_key.get((source, numbers[0], format, contender))):
            told.append(f"N = {streams} / N = {numbers[0]}, {contender} {format}: {_ratio(cpu, _cpu(few))}")
        least, bits = sources[0]
        if source != least and (little := by_key.get((least, streams, format, contender))):
            rates = own[0].source_bits_per_s / bits
            told.append(
                f"{source} / {least} ({rates:.1f} x the bits), N = {streams}, {contender} {format}: "
                f"{_ratio(cpu, _cpu(little))}"
            )
    return told


def write_json(
    rows: Sequence[Row], contenders: Sequence[Contender], missing: Mapping[str, str], folder: Path
) -> Path:
    """Write all rows with what they were measured on; the file's path."""
    versions = {contender.name: contender.version for contender in contenders}
    return write_result(
        {
            "versions": versions,
            "missing": dict(missing),
            "rows": [{**asdict(row), "invalid": row.invalid} for row in rows],
        },
        folder,
        "record",
    )


def write_result(result: Mapping[str, object], folder: Path, what: str) -> Path:
    """Write a result with the date, the command and the machine; the file's path."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{what}-{now:%Y%m%dT%H%M%SZ}.json"
    made = {
        "at": now.isoformat(timespec="seconds"),
        "command": " ".join(sys.orig_argv[1:]),
        "machine": machine(),
    }
    path.write_text(json.dumps({**made, **result}, indent=2) + "\n")
    return path


def _by_key(rows: Sequence[Row]) -> dict[_Key, list[Row]]:
    by_key: dict[_Key, list[Row]] = {}
    for row in rows:
        by_key.setdefault((row.source, row.streams, row.format, row.contender), []).append(row)
    return by_key


def _cpu(rows: Sequence[Row]) -> float:
    return median(row.cpu_percent_per_stream for row in rows)


def _ratio(value: float, reference: float) -> str:
    return f"{value / reference:.3f}" if reference else ""
