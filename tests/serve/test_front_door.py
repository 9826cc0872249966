"""`reel serve` as a newcomer starts it: with no file at all, and a push that is recorded."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from oracle.packets import output_packets, source_packets
from oracle.playback import assert_f3
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from reel import COMMAND, environment
from serve.server import Server, kept, receiving, serving
from serve.story import settle
from waiting import GIVE_UP_S

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"


@dataclass
class Bare(Server):
    """No settings file: what is not the default is in variables, as ports are that others may have taken."""

    def __post_init__(self) -> None:
        self.catalog = f"sqlite+aiosqlite:///{self.folder / 'reel.db'}"
        self.variables = {
            "REEL_API__LISTEN": f"127.0.0.1:{self.api_port}",
            "REEL_ORIGIN__RTMP": f"127.0.0.1:{self.rtmp_port}",
            "REEL_ORIGIN__HTTP": f"127.0.0.1:{self.http_port}",
            "REEL_WORKERS__COUNT": "1",
            **self.variables,
        }

    @property
    def arguments(self) -> list[str]:
        return []

    def printed(self) -> list[str]:
        """What it says to people."""
        return [line for line in self.log.read_text().splitlines() if not line.startswith("{")]

    def files(self, ending: str = ".mp4") -> list[Path]:
        """Those that are final, by their names."""
        return sorted(path for path in self.root.rglob(f"*{ending}") if path.is_file())

    def parts(self) -> list[Path]:
        """Files that grow."""
        return [path for path in self.root.rglob("*.part") if ".reel" not in path.parts]

    def live(self) -> int:
        (row,) = self.rows("SELECT count(*) FROM recordings WHERE state = 'live'")
        return int(row[0])

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            while not holds():
                await asyncio.sleep(0.1)

    async def until_grown(self, count: int = 1) -> None:
        """Waits until so many files have grown by some seconds."""
        sizes: dict[Path, int] = {}

        def has_grown(part: Path) -> bool:
            with suppress(FileNotFoundError):  # what a kill left is made final at the same time
                size = part.stat().st_size
                return size > sizes.setdefault(part, size) + 300_000
            return False

        await self.until(lambda: sum(map(has_grown, self.parts())) == count)


def assert_accounted(files: list[Path], source: Path) -> None:
    """Each file holds a run of the source, plays, and its window is tiled by what was recorded and gaps."""
    sent = {packet.digest for packet in source_packets(source).packets}
    for path in files:
        assert_f3(path)
        packets = output_packets(path).packets
        assert {packet.digest for packet in packets} <= sent
        told = json.loads(path.with_name(path.name + ".json").read_text())
        assert len(packets) == told["video_packets"] + told["audio_packets"]
        parts = sorted([*told["recorded"], *told["gaps"]], key=lambda part: (part["start"], part["end"]))
        edges = [edge for part in parts for edge in (part["start"], part["end"])]
        assert edges[0] == told["covers"]["start"]
        assert edges[-1] == told["covers"]["end"]
        assert edges[1:-1:2] == edges[2:-1:2], "no moment is missing and none is told of twice"


async def test_a_push_is_recorded_with_no_file_at_all(sample: Sample, tmp_path: Path) -> None:
    source = sample(SAMPLE)
    async with in_thread(kept(Bare(tmp_path))) as server:
        folder = tmp_path / "recordings"
        assert server.printed() == [
            "Settings  the defaults: there is no reel.toml and no /etc/reelkeeper/reel.toml",
            f"Push      Server rtmp://127.0.0.1:{server.rtmp_port}/live, Stream key: any name "
            "(in OBS: Settings, Stream, Custom)",
            "Recorded  every push as mp4, a new file every 1h, unless a rule or a configuration matches it",
            f"Files     {folder}, by the names {{domain}}/{{app}}/{{stream}}/{{start}}-{{seq}}",
            f"URLs      {server.url}/files/NAME",
            f"API       {server.url}, without keys: every program of this machine may call it, and no other",
        ]
        for count in (1, 2):
            async with in_thread(push(source, server.push_url("my-key"), tmp_path, ffmpeg=modern_ffmpeg())):
                await server.until_grown()
            await server.until(lambda count=count: len(server.files()) == count)  # type: ignore[misc]
        await server.until(lambda: len(server.rows("SELECT path FROM files")) == 2)
        stored = {name for (name,) in server.rows("SELECT path FROM files")}
        assert stored == {path.relative_to(folder).as_posix() for path in server.files()}
        assert {path.parent for path in server.files()} == {folder / "push.example.com" / "live" / "my-key"}
        assert_accounted(server.files(), source)
        name = server.files()[0].relative_to(folder).as_posix()
        async with aiohttp.ClientSession() as client, client.get(f"{server.url}/files/{name}") as answer:
            assert answer.status == 200
            assert await answer.read() == server.files()[0].read_bytes()


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_push_that_returns_after_a_restart_is_recorded_again(
    sample: Sample, tmp_path: Path, is_killed: bool
) -> None:
    """The embedded origin ends with the server, and its publishers come back."""
    source = sample(SAMPLE)
    async with in_thread(kept(Bare(tmp_path))) as server:
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
            await server.until_grown()
            if is_killed:
                await asyncio.to_thread(server.kill, workers=True)
            else:
                assert await asyncio.to_thread(server.end) == 0
                server.log.unlink()
        await asyncio.to_thread(server.start)
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
            await server.until_grown()
        await server.until(lambda: len(server.rows("SELECT path FROM files")) == 2)
        assert len(server.files()) == 2
        assert not server.parts()
        assert_accounted(server.files(), source)


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_push_to_another_origin_is_gone_on_with_after_a_restart(
    sample: Sample, tmp_path: Path, is_killed: bool
) -> None:
    source = sample(SAMPLE)
    server = Bare(tmp_path, variables={"REEL_ORIGIN__HOOK_SECRET": "s3"})
    hooks = [f"{name} {server.hook_url('nginx-rtmp')};" for name in ("on_publish", "on_publish_done")]
    (tmp_path / "nginx").mkdir()
    async with in_thread(nginx_rtmp(tmp_path / "nginx", EndOfPublish.NOTIFY, hooks)) as nginx:
        server.variables["REEL_ORIGIN__URL"] = nginx.rtmp_url("{app}/{stream}")
        async with in_thread(kept(server)):
            assert (
                f"Pulled    from {nginx.rtmp_url('{app}/{stream}')}; its hooks call {server.url}/hooks/"
                in (server.printed()[1])
            )
            async with in_thread(
                push(source, nginx.rtmp_url("live/x"), tmp_path, ffmpeg=modern_ffmpeg())
            ) as pushing:
                await server.until_grown()
                if is_killed:
                    await asyncio.to_thread(server.kill, workers=True)
                else:
                    assert await asyncio.to_thread(server.end) == 0
                    server.log.unlink()
                await asyncio.to_thread(server.start)
                await server.until_grown()
                await asyncio.to_thread(pushing.end)
            await server.until(lambda: len(server.rows("SELECT path FROM files")) == 2)
            assert len(server.rows("SELECT id FROM recordings WHERE cause = 'settings'")) == 1
            assert_accounted(server.files(), source)


async def test_formats_that_cannot_hold_the_stream_are_named_and_the_others_go_on(
    sample: Sample, tmp_path: Path
) -> None:
    source = sample(SAMPLE)
    variables = {"REEL_RECORD__FORMATS": "mp3,FLV,mp4", "REEL_RECORD__INTERVAL_S": "0"}
    async with in_thread(kept(Bare(tmp_path, variables=variables))) as server:
        assert "every push as mp3 and flv and mp4, one file for each push" in server.printed()[2]
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
            await server.until_grown(2)
        await server.until(lambda: len(server.rows("SELECT path FROM files")) == 2)
        assert_accounted([*server.files(".flv"), *server.files(".mp4")], source)
        assert not server.files(".mp3")
        said = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        (warned,) = [line for line in said if line["event"] == "recording.warned"]
        assert (warned["level"], warned["format"], warned["code"]) == ("warning", "mp3", "unsupported_codec")


async def test_audio_alone_goes_into_mp4_too(sample: Sample, tmp_path: Path) -> None:
    source = sample(SAMPLE)
    variables = {
        "REEL_RECORD__AUDIO_ONLY": "true",
        "REEL_RECORD__FORMATS": '["mp4", "aac"]',
        "REEL_RECORD__NAME": "{stream}/{date}-{seq}",
    }
    async with in_thread(kept(Bare(tmp_path, variables=variables))) as server:
        assert "as mp4 and aac, audio alone, a new file" in server.printed()[2]
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
            await server.until(lambda: server.live() == 1)
            await asyncio.sleep(3)
        await server.until(lambda: len(server.rows("SELECT path FROM files")) == 2)
        for ending in (".mp4", ".aac"):
            (path,) = server.files(ending)
            assert path.parent == server.root / "x"
            assert_f3(path)
            assert {packet.kind for packet in output_packets(path).packets} == {"audio"}


async def test_callback_templates_of_the_domain_hear_of_it(sample: Sample, tmp_path: Path) -> None:
    """As of a rule's recordings, but that there is no record template to name."""
    async with receiving() as receiver, in_thread(serving(tmp_path, record='formats = ["mp4"]')) as server:
        await settle(server, receiver, FlvParam={"Enable": 1})
        (rule,) = server.tencent("DescribeLiveRecordRules")["Rules"]
        server.tencent(
            "DeleteLiveRecordRule", **{name: rule[name] for name in ("DomainName", "AppName", "StreamName")}
        )
        url = server.push_url("x?a=b")
        async with in_thread(push(sample(SAMPLE), url, tmp_path, ffmpeg=modern_ffmpeg())):
            await receiver.until(lambda: bool(receiver.of(332)))
            await asyncio.sleep(2)
        await receiver.until(lambda: bool(receiver.of(100)))
        (body,) = receiver.of(100)
        assert (body["file_format"], body["stream_param"]) == ("mp4", "a=b")
        assert not {"record_temp_id", "task_id"} & set(body)
        assert json.loads(receiver.of(332)[0]["record_detail"])["start_model"] == 1
        found = server.tencent("SearchMedia", StreamIds=["x"], SourceTypes=["Record"], Limit=10)
        assert [one["BasicInfo"]["MediaUrl"] for one in found["MediaInfoSet"]] == [body["video_url"]]


def reel(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A verb, run to its end in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
    )


def test_the_settings_beside_it_are_taken_and_named(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[catalog]\nurl = "sqlite+aiosqlite:///other.db"\n')
    (tmp_path / "reel.toml").write_text('[catalog]\nurl = "sqlite+aiosqlite:///here.db"\n')
    assert reel(tmp_path, "config", "--check").stdout == (
        f"no mistake found; settings: {tmp_path / 'reel.toml'}\n"
    )
    assert f"{tmp_path / 'other.toml'}\n" in reel(tmp_path, "config", "-c", "other.toml").stdout
    assert "here.db: there is no such catalog" in reel(tmp_path, "callbacks", "list").stderr
    assert "other.db: there is" in reel(tmp_path, "callbacks", "list", "-c", "other.toml").stderr
    server = Bare(tmp_path)
    with kept(server):
        assert server.printed()[0] == f"Settings  {tmp_path / 'reel.toml'}"
        assert (tmp_path / "here.db").exists()
    (tmp_path / "reel.toml").write_text("[record]\nformts = []\n")
    for verb in (("serve",), ("config", "--check"), ("callbacks", "list")):
        done = reel(tmp_path, *verb)
        assert (done.returncode, "reel.toml: record.formts: there is no such key" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("verb", "variable", "named"),
    [
        (("serve",), "REEL_API__LISTEN", "change api.listen (or REEL_API__LISTEN)"),
        (("serve",), "REEL_ORIGIN__RTMP", "change origin.rtmp (or REEL_ORIGIN__RTMP)"),
        (("serve",), "REEL_ORIGIN__HTTP", "change origin.http (or REEL_ORIGIN__HTTP)"),
        (("origin", "--http", "127.0.0.1:0", "--rtmp"), None, "change --rtmp"),
        (("origin", "--rtmp", "127.0.0.1:0", "--http"), None, "change --http"),
    ],
)
def test_an_address_in_use(verb: tuple[str, ...], variable: str | None, named: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        variables: dict[str, Any] = {**Bare(tmp_path).variables}
        if variable is not None:
            variables[variable] = address
        done = reel(tmp_path, *verb, *([] if variable else [address]), **variables)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("reel: ")]
    assert line.startswith(f"reel: cannot listen on {address} for ")
    assert line.endswith(f": Address already in use: {named}")
    assert done.stdout == ""


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    done = reel(tmp_path, "serve", **{**Bare(tmp_path).variables, "REEL_STORAGE__ROOT": "/proc/nope"})
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert done.stderr == (
        "reel: /proc/nope: no folder can be made there: choose another folder (--output or storage.root)\n"
    )
