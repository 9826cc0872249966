"""The finished files that somebody has been told of, so that none is told of twice. Pure."""

from __future__ import annotations

_MOST = 10_000
"""A worker settles a file within moments of its telling; only those that it had no time for are told of
again, by the worker after it."""


class Told:
    """The newest files that were told of."""

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}

    def add(self, path: str) -> None:
        """Somebody was told of a file."""
        self._paths[path] = None
        if len(self._paths) > _MOST:
            del self._paths[next(iter(self._paths))]

    def __contains__(self, path: str) -> bool:
        return path in self._paths
