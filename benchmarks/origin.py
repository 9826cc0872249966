"""The origin of a run: one stream from several `reel origin` processes, which share the readers evenly.

An embedded origin sends each frame at its time, in a write of its own. One that gathers frames would make
every program that wakes at each arrival look cheaper than it is.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Group
from benchmarks.streams import Source

READERS_EACH = 100
"""Of one process: with more its writes come late, and it is the origin that is measured."""

BUSY_PERCENT = 90.0
"""Of one core: an origin process past this was the limit, and the row says nothing of the recorder."""

_START_S = 15.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Running processes; the i-th reader belongs to the i-th process, modulo their number."""

    groups: tuple[Group, ...]
    http_urls: tuple[str, ...]
    rtmp_urls: tuple[str, ...]

    def urls(self, protocol: str, streams: int) -> list[str]:
        """An URL for each reader of `http` or `rtmp`."""
        given = self.http_urls if protocol == "http" else self.rtmp_urls
        return [given[number % len(given)] for number in range(streams)]

    def cpu_s(self) -> list[float]:
        """CPU time of each process so far."""
        return [group.cpu_s() for group in self.groups]

    def require_alive(self) -> None:
        """Raise RuntimeError when one has ended."""
        for group in self.groups:
            group.require_alive()


@contextmanager
def origin_of(reel: Sequence[str], source: Source, scratch: Path, readers: int) -> Iterator[Origin]:
    """Processes enough for so many readers, while the block runs."""
    started: list[tuple[Group, int, int]] = []
    try:
        for number in range(-(-readers // READERS_EACH)):
            http, rtmp = free_port(), free_port()
            listen = ["--http", f"127.0.0.1:{http}", "--rtmp", f"127.0.0.1:{rtmp}"]
            command = [*reel, "origin", str(source.path), *listen]
            started.append((Group([command], scratch, scratch / f"origin-{number}.log"), http, rtmp))
        for group, http, _ in started:
            wait_for_port(group, http)
        name = f"live/{source.path.stem}"
        yield Origin(
            tuple(group for group, _, _ in started),
            tuple(f"http://127.0.0.1:{http}/{name}.flv" for _, http, _ in started),
            tuple(f"rtmp://127.0.0.1:{rtmp}/{name}" for _, _, rtmp in started),
        )
    finally:
        for group, _, _ in started:
            group.stop()


def free_port() -> int:
    """A port nobody listens on now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def wait_for_port(group: Group, port: int) -> None:
    """Wait until a process listens.

    Raises:
        RuntimeError: it ended, or does not listen in time.
    """
    deadline = time.monotonic() + _START_S
    while not _accepts(port):
        group.require_alive()
        if time.monotonic() > deadline:
            raise RuntimeError(f"port {port} does not listen:\n{group.log_end()}")
        time.sleep(0.1)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
