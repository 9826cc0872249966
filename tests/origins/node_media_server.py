"""node-media-server on ports of its own.

The npm package is looked for in the folder `REEL_NODE_MODULES` (default: ~/.cache/reelkeeper-tests). With
`REEL_TEST_ALL=1`, or by running this file, it is installed there.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from origins.process import free_port, listening, running, wait_until
from programs import ALL, missing, need

VERSION = "4.4.3"
_INSTALL_S = 180


class EndOfPublish(StrEnum):
    """What players see when the publisher leaves."""

    SILENCE = "kept"  # as it comes: the publish is kept for 30 s, and players are never told
    DISCONNECT = "real"  # responses end, RTMP connections close


@dataclass(frozen=True, slots=True)
class NodeMediaServer:
    """A running node-media-server."""

    rtmp_port: int
    http_port: int

    def rtmp_url(self, stream: str) -> str:
        """The URL of `app/name` to push to and to pull from."""
        return f"rtmp://127.0.0.1:{self.rtmp_port}/{stream}"

    def http_url(self, stream: str) -> str:
        """The HTTP-FLV URL of `app/name`."""
        return f"http://127.0.0.1:{self.http_port}/{stream}.flv"


@contextmanager
def node_media_server(folder: Path, end: EndOfPublish = EndOfPublish.DISCONNECT) -> Iterator[NodeMediaServer]:
    """node-media-server with its files in `folder`, which exists and is empty."""
    node = need("node")
    modules = _modules()
    script = Path(__file__).with_suffix(".js")
    rtmp_port, http_port = free_port(), free_port()
    log = folder / "node-media-server.log"
    command = [node, script, str(rtmp_port), str(http_port), folder / "store", end.value]
    with running(command, log, env={"NODE_PATH": str(modules)}) as process:
        wait_until(lambda: listening(rtmp_port, http_port), process, log, "node-media-server")
        yield NodeMediaServer(rtmp_port, http_port)


def install() -> None:
    """Installs the package with npm, once, however many tests ask for it at the same time."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _installed():
            subprocess.run(
                [need("npm"), "install", "--no-audit", "--no-fund", f"node-media-server@{VERSION}"],
                cwd=cache,
                check=True,
                timeout=_INSTALL_S,
                stdout=subprocess.DEVNULL,
            )


def _modules() -> Path:
    if not _installed():
        if not ALL:
            missing("node-media-server")
        install()
    return _cache() / "node_modules"


def _installed() -> bool:
    return (_cache() / "node_modules" / "node-media-server" / "package.json").exists()


def _cache() -> Path:
    return Path(os.environ.get("REEL_NODE_MODULES") or Path.home() / ".cache" / "reelkeeper-tests")


if __name__ == "__main__":
    install()
