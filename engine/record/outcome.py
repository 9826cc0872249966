"""How a recording ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import InternalError, ProtocolError, ReelError, StorageError, UnsupportedCodec
from engine.media.codecs import Format


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recording ended; `error` is None when it did what it was asked."""

    error: ReelError | None
    files: int

    @property
    def exit_code(self) -> int:
        """What `reel record` exits with for it."""
        return 0 if self.error is None else self.error.exit_code


def choose_error(
    error: ReelError | None,
    failures: Mapping[Format, ReelError],
    all_failed: bool,
    *,
    ended: bool,
    was_live: bool,
) -> ReelError | None:
    """Choose the error that a recording reports; None: it did what it was asked.

    Args:
        error: What the last connection ended with.
        failures: What formats cannot be written, and why.
        all_failed: None can.
        ended: The recording came to the end that was asked for.
        was_live: Something was recorded.
    """
    lost = [failure for failure in failures.values() if not isinstance(failure, UnsupportedCodec)]
    lost.sort(key=lambda failure: not isinstance(failure, StorageError))
    if lost:
        return lost[0]
    if all_failed:
        return UnsupportedCodec("; ".join(str(failure) for failure in failures.values()))
    if ended:
        return None
    return None if was_live and not isinstance(error, ProtocolError | InternalError) else error
