"""Storage errors of `reel record`: exit code 5, and what was written before them stays and plays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from filesystems import tmpfs
from oracle.packets import Recording, output_packets, source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_plays
from origins.scripted import says, scripted
from reel import COMMAND, Done, environment, reel

from engine.media.events import Failed, Warned

SAMPLE = "h264_aac_bframes"


def assert_kept(files: Sequence[Path], source: Path, folder: Path) -> None:
    """The finished files play and hold the source up to where they end; nothing else is left."""
    listed = set()
    for path in files:
        listed |= {path, path.with_name(path.name + ".json")}
        if path.suffix == ".m3u8":
            listed |= set(path.with_suffix("").iterdir())
            assert_tracks_kept(output_packets(path), source_packets(source))
            assert_plays(path)
        else:
            assert_f1(source, path, cut_short=True)
            assert_f2(source, path, cut_short=True)
            assert_f3(path)
    assert {path for path in folder.rglob("*") if path.is_file()} == listed


def assert_tracks_kept(recorded: Recording, source: Recording) -> None:
    """Each track is that of the source up to an end; the last packet of one may have waited for the other."""
    for kind in ("video", "audio"):
        found = [packet.digest for packet in recorded.track(kind)]
        assert found
        assert found == [packet.digest for packet in source.track(kind)][: len(found)]
    ends_ms = [recorded.track(kind)[-1].dts_ms for kind in ("video", "audio")]
    assert abs(ends_ms[0] - ends_ms[1]) < 100


@pytest.mark.parametrize(
    "verb", [("config",), ("-V",), ("codecs",), ("record", "--spec-schema")], ids=" ".join
)
def test_stdout_on_a_disk_that_is_full(verb: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *verb],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            timeout=60,
        )
    Done(done.returncode, "", done.stderr).assert_fails(5, "no space is left")


@pytest.mark.parametrize("template", ["{domain}/{app}/{stream}/{start}-{seq}", "{stream}-{seq}"])
async def test_the_output_folder_is_a_file(
    template: str, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    done = await reel("record", url, "-o", out, "-f", "flv,hls", "--name", template, timeout_s=15)
    done.assert_fails(5, str(out), "a file stands where a folder is needed")
    assert out.read_bytes() == b"mine"


def missing(folder: Path) -> Path:
    """A folder of the kernel's, in which none can be made: it says ENOENT."""
    return Path("/proc/nope/deeper")


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"mine")
    return folder / "file" / "out"


def circle(folder: Path) -> Path:
    (folder / "circle").symlink_to("circle")
    return folder / "circle" / "out"


def dangling(folder: Path) -> Path:
    (folder / "dangling").symlink_to("nowhere")
    return folder / "dangling"


def too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


NEVER = {
    "ENOENT": (missing, "no folder can be made there: choose another folder (--output or storage.root)"),
    "ENOTDIR": (
        below_a_file,
        "a file stands where a folder is needed: choose another folder (--output or storage.root)",
    ),
    "ELOOP": (circle, "symbolic links lead in a circle: choose another folder (--output or storage.root)"),
    "a link that leads nowhere": (dangling, "no folder can be made there"),
    "ENAMETOOLONG": (too_long, "the name is too long: choose another"),
}


@pytest.mark.parametrize("name", NEVER)
async def test_a_folder_that_can_never_be_made(name: str, tmp_path: Path) -> None:
    """It is said before anything is dialled, and nothing is left of the attempt."""
    make, words = NEVER[name]
    folder = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    async with scripted(says(b"")) as origin:
        done = await reel("record", origin.url(), "--reconnect", "10h", "-o", folder)
    done.assert_fails(5, words)
    assert done.out == ""
    assert origin.requests == []
    assert sorted(tmp_path.iterdir()) == before


async def test_a_read_only_file_system_is_not_dialled_for(tmp_path: Path) -> None:
    async with scripted(says(b"")) as origin:
        with tmpfs(tmp_path / "fs", "ro,size=64k") as folder:
            done = await reel("record", origin.url(), "--reconnect", "10h", "-o", folder / "a" / "b")
    done.assert_fails(5, "the file system is read-only: choose another folder (--output or storage.root)")
    assert origin.requests == []


async def test_the_server_names_a_folder_that_can_never_be_made(tmp_path: Path) -> None:
    (tmp_path / "reel.toml").write_text(
        '[storage]\nroot = "/proc/nope"\npublic_url = "http://h/files"\n[api]\nlisten = "127.0.0.1:0"\n'
        '[origin]\nrtmp = "127.0.0.1:0"\nhttp = "127.0.0.1:0"\n'
    )
    done = await reel("serve", "--config", tmp_path / "reel.toml", cwd=tmp_path)
    assert done.code == 5
    assert "reel: /proc/nope: no folder can be made there" in done.err


async def test_names_that_are_too_long(sample: Callable[[str], Path], tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    done = await reel("record", url, "-o", tmp_path, "--name", "x" * 300 + "{seq}")
    done.assert_fails(5, "the name is too long")
    assert not any(tmp_path.iterdir())


async def test_a_folder_that_may_not_be_written(sample: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("permissions do not bind this user")
    done = await reel("record", f"{sample(SAMPLE).as_uri()}?speed=0", "-o", folder)
    done.assert_fails(5, "permission denied")


async def test_a_read_only_file_system(sample: Callable[[str], Path], tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fs", "ro,size=64k") as folder:
        done = await reel("record", f"{sample(SAMPLE).as_uri()}?speed=0", "-o", folder, "-f", "mp4,hls")
    done.assert_fails(5, "read-only")


async def test_files_that_may_not_grow(sample: Callable[[str], Path], tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=8"
    formats = ("flv", "mp4", "hls", "aac")
    options = ("-f", ",".join(formats), "--hls-time", "60", "--json")
    done = await reel("record", url, "-o", tmp_path, *options, file_limit_bytes=50_000)
    done.assert_fails(5, "no larger file")
    failed = done.events[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "storage"
    assert {event.format for event in done.of(Warned) if event.code == "storage"} == set(formats)
    # An MP4 that ends just below the limit has no room for its tables until nothing limits it.
    assert (await reel("repair", tmp_path)).code == 0
    files = [path for path in tmp_path.rglob("2*") if path.suffix in (".flv", ".mp4", ".m3u8", ".aac")]
    assert len(files) == len({path.suffix for path in files}) == len(formats)
    assert_kept(files, sample(SAMPLE), tmp_path)


@pytest.mark.parametrize("format", ["flv", "mp4", "hls"])
async def test_a_disk_that_fills_up(format: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    with tmpfs(tmp_path / "fs", "size=96k") as folder:
        url = f"{sample(SAMPLE).as_uri()}?speed=8"
        done = await reel("record", url, "-o", folder, "-f", format, "--hls-time", "2", "--json")
        done.assert_fails(5, "the disk is full")
        assert len(done.files()) == 1
        assert_kept(done.files(), sample(SAMPLE), folder)
