"""The sample streams by name, for parametrization; tests get their paths from the fixture `sample`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE_STREAMS = ROOT / "sample_streams"
MANIFEST: dict[str, dict[str, Any]] = json.loads((SAMPLE_STREAMS / "manifest.json").read_text())
VALID_SAMPLES = sorted(name[:-4] for name, entry in MANIFEST.items() if "expected" not in entry)
INVALID_SAMPLES = sorted(name for name, entry in MANIFEST.items() if "expected" in entry)
CAPTURES = ("avatar", "bbb", "bun33s", "testsrc")
