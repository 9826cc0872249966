"""Rows as a table for people and as JSON for later comparison."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.measure import Row

_HEAD = ("format", "recorder", "CPU % of a core", "PSS MB", "kB/s written", "CPU / ffmpeg", "PSS / ffmpeg")


def table(rows: list[Row]) -> str:
    """Per stream; with several rounds the median of each figure, and ratios of those medians."""
    lines = [_HEAD]
    for format, contender in dict.fromkeys((row.format, row.contender) for row in rows):
        own = [row for row in rows if (row.format, row.contender) == (format, contender)]
        other = [row for row in rows if (row.format, row.contender) == (format, "ffmpeg")]
        cpu, pss = _cpu(own), _pss(own)
        written = median(row.written_bytes_per_stream / row.window_s / 1000 for row in own)
        ratios = (_ratio(cpu, _cpu(other)), _ratio(pss, _pss(other))) if other else ("", "")
        lines.append((format, contender, f"{cpu:.3f}", f"{pss:.2f}", f"{written:.1f}", *ratios))
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write_json(rows: list[Row], ffmpeg: str, source: Path, folder: Path) -> Path:
    """Write all rows with what they were measured on; the file's path."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    result = {
        "at": now.isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "ffmpeg": ffmpeg,
        "source": {"name": source.name, "bytes": source.stat().st_size},
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


def _cpu(rows: list[Row]) -> float:
    return median(row.cpu_percent_per_stream for row in rows)


def _pss(rows: list[Row]) -> float:
    return median(row.pss_mb_per_stream for row in rows)


def _ratio(value: float, reference: float) -> str:
    return f"{value / reference:.2f}" if reference else ""
