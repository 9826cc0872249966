"""nginx with libnginx-mod-rtmp on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from origins.process import free_port, listening, running, wait_until
from programs import need, need_file

_CONFIG = """\
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        chunk_size 4096;
        application live {{
            live on;
            wait_key on;
            {directives}
        }}
    }}
}}
"""


class EndOfPublish(StrEnum):
    """What players see when the publisher leaves; the value is the directive for it."""

    SILENCE = ""
    DISCONNECT = "idle_streams off;"
    NOTIFY = "publish_notify on;"


@dataclass(frozen=True, slots=True)
class NginxRtmp:
    """A running nginx."""

    port: int

    def rtmp_url(self, stream: str) -> str:
        """The URL of `live/name` to push to and to pull from."""
        return f"rtmp://127.0.0.1:{self.port}/{stream}"


@contextmanager
def nginx_rtmp(
    folder: Path, end: EndOfPublish = EndOfPublish.SILENCE, directives: Sequence[str] = ()
) -> Iterator[NginxRtmp]:
    """nginx with application `live`, its files in `folder`.

    Args:
        folder: An existing, empty folder.
        end: How a stream ends for its players.
        directives: More lines of the application, such as `on_publish URL;`.
    """
    nginx = need("nginx")
    module = need_file(
        "libnginx-mod-rtmp",
        "/usr/lib/nginx/modules/ngx_rtmp_module.so",
        "/usr/share/nginx/modules/ngx_rtmp_module.so",
    )
    port = free_port()
    config = folder / "nginx.conf"
    lines = "\n            ".join((end.value, *directives))
    config.write_text(_CONFIG.format(module=module, folder=folder, port=port, directives=lines))
    log = folder / "nginx.log"
    with running([nginx, "-p", folder, "-c", config, "-e", folder / "error.log"], log) as process:
        wait_until(lambda: listening(port), process, log, "nginx")
        yield NginxRtmp(port)
