"""Parts that need no media load nothing that reads it: numpy, the native module, the data path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import engine

ROOT = Path(engine.__file__).parents[1]
HEAVY = ("numpy", "av", "engine._native", "engine.ingest", "engine.mux", "engine.record")
LIGHT = ("notify", "catalog", "api/signatures", "api/transports")
PARTS = (
    "clock",
    "errors",
    "log",
    "masking",
    "media/events",
    "api/application",
    "api/hooks",
    "api/services",
)

_LOOK = """
import importlib, sys
for name in sys.argv[2:]:
    importlib.import_module(name)
    loaded = [heavy for heavy in sys.argv[1].split(",") if heavy in sys.modules]
    assert not loaded, f"{name} loads {loaded}"
"""


def test_what_needs_no_media_loads_no_media() -> None:
    folders = [path for folder in LIGHT for path in sorted((ROOT / "engine" / folder).glob("*.py"))]
    paths = [*folders, *(ROOT / "engine" / f"{name}.py" for name in PARTS)]
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths
    ]
    assert len(names) > 30
    command = [sys.executable, "-P", "-c", _LOOK, ",".join(HEAVY), *names]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
