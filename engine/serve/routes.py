"""Where the origin has its streams: what its settings say, filled in. Pure."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from engine.control.streams import StreamKey


class OutsideRoutes:
    """Streams of another origin.

    Args:
        url: With `{domain}`, `{app}` and `{stream}`.
        mixed_url: Where it puts out a stream's mix, likewise; empty: under the stream's own name.
    """

    def __init__(self, url: str, mixed_url: str = "") -> None:
        self._url = url
        self._mixed_url = mixed_url or url

    def url(self, key: StreamKey, mixed: bool) -> str:
        """As `Routes.url`."""
        return _filled_in(self._mixed_url if mixed else self._url, key)

    def mix_reuses_name(self, key: StreamKey) -> bool:
        """As `Routes.mix_reuses_name`: what tells the two apart is in the query, if anything does."""
        plain, mixed = (urlsplit(self.url(key, is_mixed)) for is_mixed in (False, True))
        return (plain.scheme, plain.netloc, plain.path) == (mixed.scheme, mixed.netloc, mixed.path)


class EmbeddedRoutes:
    """Streams of the origin in this process; it makes no mixes, a publisher does under a name of its own."""

    def __init__(self, http_url: Callable[[str], str]) -> None:
        self._http_url = http_url

    def url(self, key: StreamKey, mixed: bool) -> str:
        """As `Routes.url`."""
        return self._http_url(f"{key.app}/{key.stream}")

    def mix_reuses_name(self, key: StreamKey) -> bool:
        """As `Routes.mix_reuses_name`."""
        return True


def _filled_in(template: str, key: StreamKey) -> str:
    for name, value in (("domain", key.domain), ("app", key.app), ("stream", key.stream)):
        template = template.replace(f"{{{name}}}", quote(value, safe="/" if name == "app" else ""))
    return template
