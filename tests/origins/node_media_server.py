"""node-media-server on ports of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from npm import need_package
from origins.process import free_port, listening, running, wait_until
from programs import need


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
def node_media_server(
    folder: Path, end: EndOfPublish = EndOfPublish.DISCONNECT, notify: str = ""
) -> Iterator[NodeMediaServer]:
    """node-media-server with its files in `folder`, which exists and is empty; `notify` is a URL."""
    node = need("node")
    modules = need_package("node-media-server").parent
    script = Path(__file__).with_suffix(".js")
    rtmp_port, http_port = free_port(), free_port()
    log = folder / "node-media-server.log"
    command = [node, script, str(rtmp_port), str(http_port), folder / "store", end.value, notify]
    with running(command, log, env={"NODE_PATH": str(modules)}) as process:
        wait_until(lambda: listening(rtmp_port, http_port), process, log, "node-media-server")
        yield NodeMediaServer(rtmp_port, http_port)
