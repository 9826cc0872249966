"""Small file systems of their own, where that is allowed, and what fills them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import need


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own; the test is skipped where one may not mount."""
    folder.mkdir()
    mount(folder, options)
    try:
        yield folder
    except BaseException:
        detach(folder)  # files may be open on it: what failed is to be seen, not that
        raise
    subprocess.run(["umount", str(folder)], check=True, timeout=10)


def mount(folder: Path, options: str) -> None:
    """Mount one; the test is skipped where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", options, "reel-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("mounting is not allowed here")


def detach(folder: Path) -> None:
    """Take a mount away under the files that are open on it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)


def fill(path: Path, *, but_bytes: int = 0) -> None:
    """Take all the space there is, but for so much."""
    with path.open("wb", buffering=0) as file:
        found = os.statvfs(path)
        left = found.f_bavail * found.f_frsize - but_bytes
        try:
            while left > 0:
                left -= file.write(bytes(min(left, 1 << 16)))
            while not but_bytes:
                file.write(bytes(1 << 16))
        except OSError:
            return


@contextmanager
def ext4(folder: Path, image: Path) -> Iterator[Path]:
    """A file system of 16 MB in a file, as it was left when the file exists; the test is skipped where one
    may not mount."""
    if not image.exists():
        image.write_bytes(b"")
        os.truncate(image, 16 << 20)
        subprocess.run([need("mkfs.ext4"), "-q", str(image)], check=True, timeout=30)
    folder.mkdir(exist_ok=True)
    command = ["mount", "-o", "loop", str(image), str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def make_read_only(folder: Path) -> None:
    """What ext4 does to itself when its disk fails: nothing more is written, whoever has files open."""
    subprocess.run(["mount", "-o", "remount,abort", str(folder)], check=True, timeout=10)
