"""What must hold for any bytes that `reel inspect` is given."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import typer

from engine.cli.inspect import inspect_command
from engine.mux.probe.report import MOST_CHARACTERS, MOST_LINES


def check(data: bytes, folder: Path) -> dict[str, Any]:
    """Inspects a file that holds `data`, beside the segments that `folder` has; the report.

    Raises:
        AssertionError: a report that nobody can print or read.
        Exception: anything else that came through is a defect too.
    """
    file = folder / "hostile.bin"
    file.write_bytes(data)
    code, printed = _inspect(file, as_json=False)
    json_code, line = _inspect(file, as_json=True)
    assert file.read_bytes() == data, "inspected and changed"
    report: dict[str, Any] = json.loads(line, parse_constant=_refuse)
    assert code == json_code == (1 if report["damaged"] else 0)
    assert printed
    for field in ("damaged", "anomalies", "discontinuities"):
        assert len(report[field]) <= MOST_LINES + 1
        for line in report[field]:
            assert "\n" not in line, line
            assert len(line) <= MOST_CHARACTERS + 3, line[:100]
    for track in report["tracks"]:
        assert track["packets"] >= 0
        assert track["payload_bytes"] >= 0
    return report


def _inspect(file: Path, *, as_json: bool) -> tuple[int, str]:
    """(exit code, what is printed)."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            inspect_command([file], as_json=as_json)
        except typer.Exit as end:
            return end.exit_code, out.getvalue()
    raise AssertionError("the command has no exit code")


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
