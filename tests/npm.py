"""npm packages that tests run, in the versions of package.json beside this file.

They are looked for in the folder `REEL_NODE_MODULES` (default: ~/.cache/reelkeeper-tests). With
`REEL_TEST_ALL=1`, or by running this file, they are installed there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

from programs import ALL, NPM, missing, need

_WANTED = Path(__file__).with_name("package.json")
_INSTALL_S = 180


def need_package(name: str) -> Path:
    """The folder of a package, in its node_modules; without it the test is skipped or failed."""
    if not _installed(name):
        if not ALL:
            missing(f"{NPM}{name}")
        install()
    return _cache() / "node_modules" / name


def install() -> None:
    """Installs all of them, once, however many tests ask for it at the same time."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if all(map(_installed, _versions())):
            return
        shutil.copy(_WANTED, cache)
        subprocess.run(
            [need("npm"), "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=cache,
            check=True,
            timeout=_INSTALL_S,
            stdout=subprocess.DEVNULL,
        )


def _versions() -> dict[str, str]:
    versions: dict[str, str] = json.loads(_WANTED.read_text())["dependencies"]
    return versions


def _installed(name: str) -> bool:
    try:
        found = json.loads((_cache() / "node_modules" / name / "package.json").read_text())
    except FileNotFoundError:
        return False
    return bool(found["version"] == _versions()[name])


def _cache() -> Path:
    return Path(os.environ.get("REEL_NODE_MODULES") or Path.home() / ".cache" / "reelkeeper-tests")


if __name__ == "__main__":
    install()
