"""Looks for inputs that break a harness for some seconds: `python tests/fuzz/hunt.py inspect 600 FOLDER`.

Inputs are real recordings and the corpus, changed at random. Those that break the harness are left in FOLDER,
as is the last one, should the process hang or crash.
"""

from __future__ import annotations

import faulthandler
import hashlib
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

TOP = Path(__file__).parents[2]
HANG_S = 30
MOST_MIB = 100
"""What one small file may add to the memory of the process."""

Check = Callable[[bytes, Path], object]


def main() -> None:
    """Hunts with one harness for some seconds."""
    sys.path[:0] = [str(TOP), str(TOP / "tests")]
    name, seconds, found = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    found.mkdir(exist_ok=True)
    from fuzz import harnesses, mutations, seeds

    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        inputs = seeds.make(folder)
        if name == "leftovers":
            inputs = []
        inputs += [path.read_bytes() for path in sorted((seeds.CORPUS / name).glob("*"))]
        random, check, runs = Random(), harnesses.HARNESSES[name], 0
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            data = mutations.mutate(random.choice(inputs), random, inputs)
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            (found / "last").write_bytes(data)
            before_mib = peak_mib()
            try:
                check(data, folder)
                if peak_mib() > before_mib + MOST_MIB:
                    raise MemoryError(f"{peak_mib()} MiB")
            except Exception as error:
                kept = found / f"{type(error).__name__}-{hashlib.sha256(data).hexdigest()[:16]}"
                kept.write_bytes(data)
                sys.stdout.write(f"{kept}: {error!r}"[:300] + "\n")
            runs += 1
        faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(f"{runs} runs, {peak_mib()} MiB at most\n")


def peak_mib() -> int:
    """The most that the process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
