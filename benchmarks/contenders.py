"""Who records: the commands of each program, for N streams at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Format = Literal["flv", "mp4", "hls"]
FORMATS: tuple[Format, ...] = ("flv", "mp4", "hls")

# The tracks that a recording holds, without data and subtitles.
_FFMPEG_TRACKS = ("-map", "0:v?", "-map", "0:a?", "-c", "copy")
# Like Reelkeeper's: an MP4 that survives a crash while it grows, an HLS playlist that keeps all its segments.
_FFMPEG_OUTPUT: dict[Format, tuple[str, ...]] = {
    "flv": ("-f", "flv", "recording.flv"),
    "mp4": ("-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "recording.mp4"),
    "hls": ("-f", "hls", "-hls_time", "6", "-hls_list_size", "0", "recording.m3u8"),
}
_NGINX_CONFIG = """\
load_module {module};
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        chunk_size 4096;
        application live {{
            live on;
            record all;
            record_path {folder}/out;
{pulls}
        }}
    }}
}}
"""
_NGINX_MODULES = (
    Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"),
    Path("/usr/share/nginx/modules/ngx_rtmp_module.so"),
)


class Contender(Protocol):
    """A program that records streams."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def protocol(self) -> Literal["http", "rtmp"]:
        """What it pulls over."""
        ...

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it can write."""
        ...

    @property
    def version(self) -> str:
        """What it says of itself."""
        ...

    @property
    def exit_codes(self) -> frozenset[int]:
        """How its processes may end when they are interrupted."""
        ...

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """The processes to start, which write below `folder/out`; that folder exists."""
        ...


@dataclass(frozen=True, slots=True)
class Reel:
    """`reel record`: a process for each worker, with an even share of the URLs."""

    program: tuple[str, ...]
    version: str
    workers: int
    name: str = "reel"
    protocol: Literal["http", "rtmp"] = "http"
    formats: tuple[Format, ...] = FORMATS
    exit_codes: frozenset[int] = frozenset({0})

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """A command for each worker; its URLs go through a file."""
        made = []
        for worker in range(min(self.workers, len(urls))):
            listing = _listing(urls[worker :: self.workers], folder / f"urls-{worker}.txt")
            output = str(folder / "out" / str(worker))
            made.append([*self.program, "record", "--urls", listing, "--format", format, "--output", output])
        return made


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """`ffmpeg -c copy`: a process for each stream, each in a folder of its own."""

    program: str
    version: str
    name: str = "ffmpeg"
    protocol: Literal["http", "rtmp"] = "http"
    formats: tuple[Format, ...] = FORMATS
    exit_codes: frozenset[int] = frozenset({0, 255, -2})

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """A command for each URL."""
        made = []
        for number, url in enumerate(urls):
            output = folder / "out" / str(number)
            output.mkdir(parents=True)
            *options, name = _FFMPEG_OUTPUT[format]
            pull = ["-nostdin", "-v", "error", "-i", url, *_FFMPEG_TRACKS]
            made.append([self.program, *pull, *options, str(output / name)])
        return made


@dataclass(frozen=True, slots=True)
class Rtmpdump:
    """`rtmpdump`: a process for each stream."""

    program: str
    version: str
    name: str = "rtmpdump"
    protocol: Literal["http", "rtmp"] = "rtmp"
    formats: tuple[Format, ...] = ("flv",)
    exit_codes: frozenset[int] = frozenset({0, 1, 2, -2})

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """A command for each URL."""
        return [
            [self.program, "-q", "--live", "-r", url, "-o", str(folder / "out" / f"{number}.flv")]
            for number, url in enumerate(urls)
        ]


@dataclass(frozen=True, slots=True)
class NginxRtmp:
    """nginx with its RTMP module: a master and one worker, which pulls and records every stream.

    One, because the module pulls static streams in its first worker only.
    """

    program: str
    module: Path
    port: int
    version: str
    name: str = "nginx-rtmp"
    protocol: Literal["http", "rtmp"] = "rtmp"
    formats: tuple[Format, ...] = ("flv",)
    exit_codes: frozenset[int] = frozenset({0})

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """One command; the URLs are in its configuration."""
        pulls = "\n".join(f"            pull {url} name=s{number} static;" for number, url in enumerate(urls))
        config = folder / "nginx.conf"
        text = _NGINX_CONFIG.format(module=self.module, folder=folder, port=self.port, pulls=pulls)
        config.write_text(text)
        return [[self.program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]]


@dataclass(frozen=True, slots=True)
class BareLoop:
    """bare_loop.c: recv and write on a timer, nothing else."""

    program: Path
    version: str
    name: str = "c-loop"
    protocol: Literal["http", "rtmp"] = "http"
    formats: tuple[Format, ...] = FORMATS  # it writes FLV, and is what the others' bytes are measured by
    exit_codes: frozenset[int] = frozenset({0})

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """One command."""
        return [[str(self.program), _listing(urls, folder / "urls.txt"), str(folder / "out")]]


NAMES = ("reel", "reel-rtmp", "ffmpeg", "rtmpdump", "nginx-rtmp", "c-loop")


def _listing(urls: list[str], path: Path) -> str:
    path.write_text("".join(f"{url}\n" for url in urls))
    return str(path)


def find_reel(program: str | None) -> tuple[str, ...]:
    """The command of the named `reel`, else of this Python's environment, else of PATH.

    Raises:
        FileNotFoundError: there is none.
    """
    beside = Path(sys.executable).with_name("reel")
    found = program or (str(beside) if beside.exists() else shutil.which("reel"))
    if found is None:
        raise FileNotFoundError("no reel beside this Python or on PATH: pip install . (or --reel)")
    return (found,)


def find_ffmpeg(program: str | None) -> str | None:
    """The named `ffmpeg`, else the one on PATH, else the one of the imageio-ffmpeg wheel."""
    if found := program or shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(frozen=True, slots=True)
class Found:
    """Who can take part, and why the others cannot."""

    contenders: list[Contender]
    missing: dict[str, str]


def find(names: list[str], reel: tuple[str, ...], ffmpeg: str | None, workers: int, scratch: Path) -> Found:
    """The named contenders in the order of NAMES; what has to be compiled goes to `scratch`."""
    found, missing = [], {}
    for name in NAMES:
        if name not in names:
            continue
        contender = _find_one(name, reel, ffmpeg, workers, scratch)
        if isinstance(contender, str):
            missing[name] = contender
        else:
            found.append(contender)
    return Found(found, missing)


def _find_one(
    name: str, reel: tuple[str, ...], ffmpeg: str | None, workers: int, scratch: Path
) -> Contender | str:
    match name:
        case "reel":
            return Reel(reel, _first_line([*reel, "--version"]), workers)
        case "reel-rtmp":
            version = _first_line([*reel, "--version"])
            return Reel(reel, version, workers, name="reel-rtmp", protocol="rtmp", formats=("flv",))
        case "ffmpeg":
            return Ffmpeg(ffmpeg, _first_line([ffmpeg, "-version"])) if ffmpeg else "no ffmpeg on PATH"
        case "rtmpdump":
            program = shutil.which("rtmpdump")
            return Rtmpdump(program, _first_line([program, "--help"])) if program else "not on PATH"
        case "nginx-rtmp":
            return _find_nginx()
        case _:
            return _build_bare_loop(scratch)


def _find_nginx() -> NginxRtmp | str:
    from benchmarks.origin import free_port

    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    module = next((path for path in _NGINX_MODULES if path.exists()), None)
    if program is None:
        return "no nginx on PATH"
    if module is None:
        return "nginx has no libnginx-mod-rtmp"
    return NginxRtmp(program, module, free_port(), _first_line([program, "-v"]))


def _build_bare_loop(scratch: Path) -> BareLoop | str:
    compiler = shutil.which("cc")
    if compiler is None:
        return "no cc on PATH"
    source, program = Path(__file__).with_name("bare_loop.c"), scratch / "bare_loop"
    built = subprocess.run(
        [compiler, "-O2", "-o", program, source], capture_output=True, text=True, timeout=60
    )
    if built.returncode:
        return f"cc: {(built.stderr.splitlines() or ['failed'])[0]}"
    return BareLoop(program, _first_line([compiler, "--version"]))


def _first_line(command: list[str]) -> str:
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=20, env={**os.environ, "LC_ALL": "C"}
    )
    lines = (told.stdout + told.stderr).strip().splitlines()
    return lines[0] if lines and told.returncode in (0, 1) else "unknown version"
