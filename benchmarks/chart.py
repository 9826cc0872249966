"""`python -m benchmarks.chart RESULT.json`: CPU of each contender as bars, in a PNG beside the JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any


def draw(result: Path) -> Path:
    """A chart for each N and stream, a group of bars for each format; the PNG's path.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    data = json.loads(result.read_text())
    rows: list[dict[str, Any]] = data["rows"]
    panels = list(dict.fromkeys((row["source"], row["streams"]) for row in rows))
    names = list(dict.fromkeys(row["contender"] for row in rows))
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(1 + 6 * len(panels), 4.5), squeeze=False, sharey=True
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        _draw_panel(axis, [row for row in rows if (row["source"], row["streams"]) == panel], names)
        axis.set_title(f"{panel[1]} streams of {panel[0]}b/s")
    axes[0][0].set_ylabel("% of one core per stream (log)")
    axes[0][-1].legend(fontsize=8)
    machine = data["machine"]
    figure.suptitle(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['kernel']}, {data['at'][:10]}", fontsize=9
    )
    figure.tight_layout()
    path = result.with_suffix(".png")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def _draw_panel(axis: Any, rows: list[dict[str, Any]], names: list[str]) -> None:
    formats = list(dict.fromkeys(row["format"] for row in rows))
    for number, name in enumerate(names):
        for place, format in enumerate(formats):
            own = [
                row["cpu_percent_per_stream"]
                for row in rows
                if (row["contender"], row["format"]) == (name, format)
            ]
            if not own:
                continue
            at, value = place + (number - len(names) / 2 + 0.5) * 0.8 / len(names), median(own)
            label = name if place == 0 else None
            bars = axis.bar(at, value, width=0.75 / len(names), color=f"C{number}", label=label)
            axis.bar_label(bars, fmt="%.3f", fontsize=6)
    axis.set_yscale("log")
    axis.set_xticks(range(len(formats)), [format.upper() for format in formats])


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])))
