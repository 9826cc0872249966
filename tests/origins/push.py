"""A publisher that is not ours: ffmpeg pushes a file over RTMP at real time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from origins.process import running, stop, wait_until
from programs import need

_SENT = re.compile(r"^total_size=[1-9]", re.MULTILINE)


class Push:
    """A running push."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def end(self) -> None:
        """Unpublishes as an encoder does when its user stops it."""
        stop(self._process, signal.SIGINT)

    def vanish(self) -> None:
        """Dies without a word; the kernel still closes its connection."""
        stop(self._process, signal.SIGKILL)

    def freeze(self) -> None:
        """Stops sending and stays connected."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def wait(self, timeout_s: float) -> int:
        """The exit code of a push that ends by itself."""
        return self._process.wait(timeout_s)


@contextmanager
def push(
    source: Path,
    url: str,
    folder: Path,
    *,
    ffmpeg: str | None = None,
    loop: bool = True,
    options: Sequence[str] = ("-c", "copy"),
) -> Iterator[Push]:
    """Pushes `source` to an RTMP URL; entered when its first bytes are out.

    Args:
        source: Any file ffmpeg reads.
        url: Where to.
        folder: For its log and progress.
        ffmpeg: Which ffmpeg; without it Debian's.
        loop: Again and again, with continuous timestamps.
        options: Output options before the URL.
    """
    name = f"push-{len(list(folder.glob('push-*.log')))}"
    progress, log = folder / f"{name}.progress", folder / f"{name}.log"
    command = [
        ffmpeg or need("ffmpeg"),
        *("-hide_banner", "-nostdin", "-loglevel", "warning", "-stats_period", "0.1"),
        *("-progress", progress.as_uri(), "-re", "-stream_loop", "-1" if loop else "0"),
        *("-i", str(source), *options, "-f", "flv", url),
    ]
    with running(command, log) as process:
        wait_until(
            lambda: progress.exists() and bool(_SENT.search(progress.read_text())), process, log, "ffmpeg"
        )
        yield Push(process)
