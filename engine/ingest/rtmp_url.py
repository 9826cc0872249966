"""RTMP URLs. RTMP itself knows a server, an application and a stream; a URL has to be cut into them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import UsageError
from engine.ingest.address import split_url
from engine.masking import masked

_DEFAULT_PORTS = {"rtmp": 1935, "rtmps": 443}


@dataclass(frozen=True, slots=True)
class RtmpTarget:
    """Where to connect and what to ask for there."""

    host: str  # without the brackets of an IPv6 address
    port: int
    secure: bool  # TLS
    app: str  # with its query string
    stream: str  # with its query string
    tc_url: str  # the URL up to the app, with user and password when it has them

    @property
    def url(self) -> str:
        """The URL that it was made of, but for a default port."""
        return f"{self.tc_url}/{self.stream}"

    @property
    def label(self) -> str:
        """The URL for people: no password, no query string (they hold secrets)."""
        scheme = "rtmps" if self.secure else "rtmp"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[scheme] else f":{self.port}"
        app, stream = self.app.partition("?")[0], self.stream.partition("?")[0]
        return masked(f"{scheme}://{host}{port}/{app}/{stream}")

    def redirected_to(self, url: str) -> str:
        """The URL of the same stream behind a redirect, which mostly names the app alone."""
        url = url.rstrip("/")
        if url.partition("?")[0].endswith("/" + self.stream.partition("?")[0]):
            return url
        return f"{url}/{self.stream}"


def parse_rtmp_url(url: str) -> RtmpTarget:
    """Cut `rtmp[s]://[user[:password]@]host[:port]/app/stream` into its parts; ports are 1935 and 443.

    The stream is the last path segment with the query string behind it, the app is all before it: of
    `rtmp://h/a/b/s?x=y` the app is `a/b`, the stream `s?x=y`. When only one segment comes before the first
    `?`, that query string belongs to the app: of `rtmp://h/a?v=w/s?x=y` the app is `a?v=w`, the stream
    `s?x=y`. Percent signs are passed on as they are.

    Raises:
        UsageError: no RTMP URL, no host, no app, no stream, or a port out of range.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        raise UsageError(f"{masked(url)} is not an rtmp:// or rtmps:// URL")
    if any(char <= " " or char == "\x7f" for char in url):
        raise UsageError(f"{masked(url)} has white space or control characters in it")
    server, _, path = rest.partition("/")
    host, port = _host_and_port(url, server)
    app, stream = _app_and_stream(path.lstrip("/"))
    if not app or not stream or "?" in (app[0], stream[0]):
        raise UsageError(f"{masked(url)} names no app and stream: rtmp://host/app/stream is expected")
    return RtmpTarget(
        host=host,
        port=port or _DEFAULT_PORTS[scheme],
        secure=scheme == "rtmps",
        app=app,
        stream=stream,
        tc_url=f"{scheme}://{server}/{app}",
    )


def _host_and_port(url: str, server: str) -> tuple[str, int | None]:
    parts = split_url(url)
    if not parts.hostname or "?" in server or "#" in server:
        raise UsageError(f"{masked(url)} names no host")
    return parts.hostname, parts.port


def _app_and_stream(path: str) -> tuple[str, str]:
    before, mark, query = path.partition("?")
    if "/" in before:
        app, _, stream = before.rpartition("/")
        return app.rstrip("/"), stream + mark + query
    app_query, mark, stream_query = query.partition("?")
    app_query, separator, stream = app_query.rpartition("/")
    if not separator:
        return "", ""
    return f"{before}?{app_query}", stream + mark + stream_query
