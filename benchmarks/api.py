"""`python -m benchmarks.api`: signed CreateLiveRecord requests, so many a second, to `reel serve`; and the
same requests, in the same run, to a bare aiohttp handler that checks nothing and keeps nothing.

Requests begin at their times whether earlier ones were answered or not, so that a server that falls behind
shows it in its latencies.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from benchmarks.contenders import find_reel
from benchmarks.machine import load
from benchmarks.report import columns, write_result

_HERE = Path(__file__).resolve().parent
_KEY, _SECRET = "AKIDEXAMPLE", "SECRETEXAMPLE"
_CHINA_H = 8

_TOML = """\
[api]
listen = "127.0.0.1:{api}"
keys = [{{ id = "AKIDEXAMPLE", secret = "SECRETEXAMPLE" }}]
rates = false
[origin]
rtmp = "127.0.0.1:0"
http = "127.0.0.1:0"
[catalog]
url = "{catalog}"
[workers]
count = 1
[limits]
daily_tasks = 0
running_tasks = 0
"""

_BARE = """
import json, sys, uuid
from aiohttp import web

async def answer(request):
    await request.read()
    body = {"Response": {"TaskId": 1, "RequestId": str(uuid.uuid4())}}
    return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

app = web.Application()
app.router.add_post("/", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one server did with the requests."""

    server: str
    asked_per_s: float
    answered_per_s: float
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    load: float


def signed_headers(host: str, body: bytes, now: datetime) -> dict[str, str]:
    """TC3-HMAC-SHA256, as the vendor's SDK for Python signs."""
    date, timestamp = now.strftime("%Y-%m-%d"), str(int(now.timestamp()))
    scope = f"{date}/live/tc3_request"
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\ncontent-type;host\n{digest}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashed}"
    key = f"TC3{_SECRET}".encode()
    for part in (date, "live", "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-TC-Action": "CreateLiveRecord",
        "X-TC-Version": "2018-08-01",
        "X-TC-Timestamp": timestamp,
        "Authorization": f"TC3-HMAC-SHA256 Credential={_KEY}/{scope}, "
        f"SignedHeaders=content-type;host, Signature={signature}",
    }


def _order(number: int) -> bytes:
    """A task that begins tomorrow, of a stream of its own."""
    begins = datetime.now(UTC) + timedelta(hours=_CHINA_H, days=1)
    fields = {
        "StreamName": f"s{number}",
        "DomainName": "push.example.com",
        "StartTime": begins.strftime("%Y-%m-%d %H:%M:%S"),
        "EndTime": (begins + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S"),
    }
    return json.dumps(fields).encode()


async def _ask(client: aiohttp.ClientSession, port: int, number: int) -> float | None:
    """Seconds to the answer; None for one that is no success."""
    body = _order(number)
    host = f"127.0.0.1:{port}"
    began_s = time.perf_counter()
    try:
        headers = signed_headers(host, body, datetime.now(UTC))
        async with client.post(f"http://{host}/", data=body, headers=headers) as answer:
            said = await answer.json()
    except (aiohttp.ClientError, TimeoutError):
        return None
    return time.perf_counter() - began_s if "TaskId" in said["Response"] else None


async def _load(name: str, port: int, per_s: float, seconds: float) -> Answered:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as client:
        await asyncio.gather(*(_ask(client, port, -number - 1) for number in range(32)))
        began_s = time.perf_counter()
        asked = []
        for number in range(int(per_s * seconds)):
            wait_s = began_s + number / per_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            asked.append(asyncio.create_task(_ask(client, port, number)))
        sent_s = time.perf_counter() - began_s
        took = await asyncio.gather(*asked)
        all_s = time.perf_counter() - began_s
    good = sorted(one for one in took if one is not None)
    p50_ms, p99_ms, max_ms = (1000 * _quantile(good, part) for part in (0.5, 0.99, 1))
    failed = len(took) - len(good)
    return Answered(name, len(asked) / sent_s, len(good) / all_s, failed, p50_ms, p99_ms, max_ms, load())


def _quantile(values: list[float], part: float) -> float:
    """Of sorted values; nan of none."""
    return values[min(int(part * len(values)), len(values) - 1)] if values else float("nan")


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _measure(arguments: argparse.Namespace, reel: tuple[str, ...]) -> list[Answered]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-", dir=arguments.scratch) as name:
        folder = Path(name)
        for server in ("reel serve", "bare aiohttp"):
            port = _free_port()
            if server == "reel serve":
                catalog = arguments.catalog or "sqlite+aiosqlite:///reel.db"
                (folder / "reel.toml").write_text(_TOML.format(api=port, catalog=catalog))
                command = [*reel, "serve", "--config", str(folder / "reel.toml")]
            else:
                command = [sys.executable, "-c", _BARE, str(port)]
            with _running(command, port, folder / f"{port}.log"):
                rows.append(asyncio.run(_load(server, port, arguments.rate, arguments.seconds)))
    return rows


def main() -> int:
    """Measure, print, write; 1 when a request failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument("--rate", type=float, default=500, help="requests a second (default 500)")
    parser.add_argument("--seconds", type=float, default=30, help="for so long (default 30)")
    parser.add_argument("--catalog", help="URL of the database (default: a new SQLite file)")
    parser.add_argument("--reel", help="the reel to measure (default: this environment's)")
    parser.add_argument("--scratch", type=Path, help="where the database is (default: temporary files)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="folder of the JSON")
    parser.add_argument("--smoke", action="store_true", help="50 a second for 2 seconds: does it work")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rate, arguments.seconds = 50, 2
    rows = _measure(arguments, find_reel(arguments.reel))
    print(columns([_HEAD, *(_told(row) for row in rows)], text=("server",)))
    write_result({"rows": [asdict(row) for row in rows]}, arguments.results, "api")
    return 1 if any(row.failed for row in rows) else 0


_HEAD = ("server", "asked/s", "answered/s", "failed", "p50 ms", "p99 ms", "max ms", "load")


def _told(row: Answered) -> tuple[str, ...]:
    figures = (row.asked_per_s, row.answered_per_s, float(row.failed))
    latencies = (row.p50_ms, row.p99_ms, row.max_ms, row.load)
    return (row.server, *(f"{one:.0f}" for one in figures), *(f"{one:.1f}" for one in latencies))


if __name__ == "__main__":
    sys.exit(main())
