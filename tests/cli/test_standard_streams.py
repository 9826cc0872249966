"""A recording does not need its standard streams: they may be closed before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle.rules import assert_f1
from reel import COMMAND, environment

SAMPLE = "h264_aac_bframes"


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["lines", "json"])
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
async def test_closed_streams_do_not_end_a_recording(
    closed: str, options: tuple[str, ...], sample: Callable[[str], Path], tmp_path: Path
) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND),
        *("record", url, "-o", str(tmp_path), *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    try:
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out
    (path,) = tmp_path.rglob("*.flv")
    assert_f1(sample(SAMPLE), path)
