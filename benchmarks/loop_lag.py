"""`python -m benchmarks.loop_lag URLS FOLDER FORMAT RESULT`: records as `reel record` does, and probes it.

The probe sleeps 10 ms and notes how late it wakes; at SIGINT its lags, in ms, are written to RESULT as JSON.
Those of the first seconds, while everything connects, are left out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from engine.cli.running import run, stopping
from engine.record import RecordSpec
from engine.worker import Worker

_PROBE_S, _SETTLE_S = 0.01, 5.0


async def _probe(lags_ms: list[float]) -> None:
    await asyncio.sleep(_SETTLE_S)
    while True:
        due_s = time.monotonic() + _PROBE_S
        await asyncio.sleep(_PROBE_S)
        lags_ms.append(max(0.0, time.monotonic() - due_s) * 1000)


async def _record(urls: list[str], folder: Path, format: str) -> list[float]:
    spec = RecordSpec.parse({"urls": urls, "output": folder, "format": format})
    lags_ms: list[float] = []
    async with Worker(lambda event: None) as worker:
        for url in spec.urls:
            worker.add(spec, url)
        probe = asyncio.create_task(_probe(lags_ms))

        def stop() -> None:
            probe.cancel()
            worker.stop_all()

        with stopping(stop):
            await worker.run_all()
    return lags_ms


if __name__ == "__main__":
    lags = run(_record(Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]), sys.argv[3]))
    Path(sys.argv[4]).write_text(json.dumps(lags))
