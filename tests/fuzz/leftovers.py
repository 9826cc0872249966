"""What must hold for any journal and manifest that `reel repair` and `reel inspect` find beside a file."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from oracle.samples import SAMPLE_STREAMS

from engine.cli.inspect import inspect_command
from engine.cli.repair import repair_command
from engine.media.events import EVENT

MEDIA = SAMPLE_STREAMS / "mp3_8k.flv"
NAME = "left-001.flv"
KEPT = b"FLV\x01\x04"  # with audio alone


def check(data: bytes, folder: Path) -> None:
    """Repairs a growing file whose journal is `data`, and inspects a finished one whose manifest is `data`.

    Raises:
        AssertionError: media is lost, something outside of the folder is touched, or what is printed is no
            event or no line.
        Exception: anything else that came through is a defect too.
    """
    with TemporaryDirectory(dir=folder) as outside:
        inside = Path(outside) / "recordings"
        inside.mkdir()
        _repair(data, inside)
        assert [path.name for path in Path(outside).iterdir()] == ["recordings"]
        _inspect(data, Path(outside) / NAME)


def _repair(data: bytes, folder: Path) -> None:
    shutil.copyfile(MEDIA, folder / f"{NAME}.part")
    (folder / f"{NAME}.journal").write_bytes(data)
    with _printed(lambda: repair_command([folder], as_json=True)) as (code, out, err):
        assert code in (0, 1, 5), err
        for line in out.splitlines():
            EVENT.validate_json(line)
        assert (code == 0) == (not err), err
        assert all(line.startswith("reel") for line in err.splitlines()), err
    media = [path for path in folder.iterdir() if path.read_bytes()[:5] == KEPT]
    assert len(media) == 1, "the media is lost, or there twice"
    assert media[0].stat().st_size == MEDIA.stat().st_size


def _inspect(data: bytes, file: Path) -> None:
    shutil.copyfile(MEDIA, file)
    file.with_name(f"{NAME}.json").write_bytes(data)
    for as_json in (True, False):
        with _printed(lambda as_json=as_json: inspect_command([file], as_json=as_json)) as (code, out, err):
            assert code in (0, 1)
            assert not err
            if as_json:
                json.loads(out, parse_constant=_refuse)


@contextlib.contextmanager
def _printed(command: Callable[[], None]) -> Iterator[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of a command."""
    out, err = io.StringIO(), io.StringIO()
    code = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            command()
        except typer.Exit as end:
            code = end.exit_code
    assert code is not None, "the command has no exit code"
    yield code, out.getvalue(), err.getvalue()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
