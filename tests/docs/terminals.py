"""A shell that runs the blocks of a page one after the other, as a reader's terminal does."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

# Blocks are sourced, so that `cd`, variables and an activated environment last. A command that fails ends it.
# Their stdin is empty: what runs in a block must not read the next block.
_LOOP = """
set -eo pipefail
while IFS= read -r -u 9 script; do
    . "$script"
    printf '\\n%s\\n' "$0"
done
"""
# Generous: a machine that tests on every core is slow.
LIMIT_S = 180.0


class BlockError(Exception):
    """A block that failed, did not end in time, or printed something else."""


class Terminal:
    """A shell with its output in one stream, as on a screen."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        limit_s: float = LIMIT_S,
        echo: Callable[[str], object] = len,
    ) -> None:
        """Start the shell.

        Args:
            folder: Where it begins.
            environment: All of its variables.
            limit_s: How long one command, or one wait for output, may take.
            echo: Called with everything that is printed, as it comes.
        """
        self._limit_s = limit_s
        self._echo = echo
        self._end_mark = f"end-{uuid.uuid4().hex}"
        self._scripts = tempfile.TemporaryDirectory()
        self._count = 0
        self._output = ""
        self._shown = 0  # how much of the output was compared with a page
        self._closed = False
        self._changed = threading.Condition()
        reading, writing = os.pipe()
        self._commands = os.fdopen(writing, "w")
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", f"exec 9<&{reading}\n{_LOOP}", self._end_mark],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(reading,),
            start_new_session=True,  # Ctrl-C reaches all that runs in it, and nothing else
        )
        os.close(reading)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.busy = False

    def start(self, text: str) -> None:
        """Type a block. What ran before must have ended."""
        self._count += 1
        script = Path(self._scripts.name, f"{self._count}.sh")
        script.write_text(text, encoding="utf-8")
        with self._changed:
            self._output, self._shown = "", 0
        self.busy = True
        self._commands.write(f"{script}\n")
        self._commands.flush()

    def finish(self) -> str:
        """Wait until the block has ended, and return its output.

        Raises:
            BlockError: a command of it failed, or it did not end.
        """
        mark = f"\n{self._end_mark}\n"
        ended = self._wait(lambda: mark in self._output)
        with self._changed:
            output = self._output.partition(mark)[0]
        if not ended:
            raise BlockError(f"{self._how_it_stands()}; it printed:\n{output}")
        self.busy = False
        return output

    def wait_printed(self, test: Callable[[str], bool]) -> None:
        """Wait until what was printed, and not compared before, passes a test.

        Raises:
            BlockError: it ended or took too long without.
        """
        passed = self._wait(lambda: test(self._output[self._shown :]))
        with self._changed:
            output = self._output[self._shown :]
            self._shown = len(self._output)
        if not passed:
            raise BlockError(f"it printed:\n{output}")

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait until what ran has ended with exit code 0.

        Raises:
            BlockError: it ended with another one.
        """
        os.killpg(self._shell.pid, signal.SIGINT)
        self.finish()

    def close(self) -> None:
        """End the shell and everything in it."""
        self._commands.close()
        try:
            self._shell.wait(1 if not self.busy else 0.01)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()
        self._reader.join(LIMIT_S)
        assert self._shell.stdout is not None
        self._shell.stdout.close()
        self._scripts.cleanup()

    def _how_it_stands(self) -> str:
        if not self._closed:
            return f"still running after {self._limit_s:g} s"
        code = self._shell.wait()
        return f"exit code {code if code >= 0 else 128 - code}"

    def _wait(self, test: Callable[[], bool]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: test() or self._closed, self._limit_s)
            return test()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        while data := os.read(self._shell.stdout.fileno(), 65536):
            text = data.decode(errors="replace")
            self._echo(text.replace(f"\n{self._end_mark}\n", "\n"))
            with self._changed:
                self._output += text
                self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
