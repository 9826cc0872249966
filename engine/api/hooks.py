"""What outside origins tell of their publishers: one route for each kind, each in its own words.

    SRS               http_hooks { on_publish URL; on_unpublish URL; }         JSON
    nginx-rtmp        on_publish URL; on_publish_done URL;                     form
    ZLMediaKit        hook.on_publish, hook.on_stream_changed                  JSON
    MediaMTX          runOnReady, runOnNotReady: a curl line                   form
    node-media-server notify: { url: URL }                                     JSON

URL is http://HOST:PORT/hooks/KIND?secret=SECRET, KIND one of `srs`, `nginx-rtmp`, `zlmediakit`, `mediamtx`,
`node-media-server`. A wrong secret is answered with 403, a message that cannot be read with 400,
news that cannot be stored with 503; what is no news of a publisher is answered like what is.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from engine.control.streams import StreamKey
from engine.errors import CatalogUnavailable
from engine.log import StormLog

ROUTE = "/hooks"

_strangers = StormLog()

_LARGEST_BYTES = 64 << 10
_LONGEST_NAME = 4096
_NO_DOMAINS = ("", "__defaultvhost__", "localhost")


@dataclass(frozen=True, slots=True)
class News:
    """A publisher came or left. `host` is the domain it named, if it did."""

    began: bool
    app: str
    stream: str
    host: str = ""
    params: str = ""
    client_ip: str = ""


class Presence(Protocol):
    """Who wants to know: `control.Control`."""

    async def push_began(
        self, key: StreamKey, *, params: str = "", client_ip: str = "", source: str = "embedded"
    ) -> None:
        """A publisher came."""

    async def push_ended(self, key: StreamKey) -> None:
        """A publisher left."""


def add_hooks(app: web.Application, presence: Presence, *, secret: str, domain: str) -> None:
    """Serves the hooks below `/hooks`.

    Args:
        presence: Is told.
        secret: What origins give as `?secret=`; empty: every hook is refused.
        domain: The push domain of publishers that name none.
    """

    async def take(request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        reader = _READERS.get(kind)
        if reader is None:
            raise web.HTTPNotFound
        given = request.query.get("secret", "")
        if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
            _strangers.warning("hook.refused", kind=kind, peer=request.remote)
            raise web.HTTPForbidden
        news = reader.read(await _fields(request))
        if news is not None:
            try:
                await _tell(presence, news, kind, domain)
            except CatalogUnavailable as error:
                raise web.HTTPServiceUnavailable(text="the database does not answer") from error
        return reader.answer()

    app.router.add_post(ROUTE + "/{kind}", take)


async def _tell(presence: Presence, news: News, kind: str, domain: str) -> None:
    if not news.app or not news.stream or len(news.app) + len(news.stream) > _LONGEST_NAME:
        raise web.HTTPBadRequest(text="a hook names an app and a stream")
    key = StreamKey(push_domain(news.params, news.host, domain), news.app, news.stream)
    if news.began:
        await presence.push_began(key, params=news.params, client_ip=news.client_ip, source=kind)
    else:
        await presence.push_ended(key)


def push_domain(params: str, host: str, default: str) -> str:
    """The push domain of a publisher: `vhost` or `domain` among its parameters, or the host that it dialled.

    Args:
        params: The query string of its URL.
        host: Who it dialled; empty when nobody knows.
        default: Of those who name none.
    """
    query = dict(parse_qsl(params))
    return domain_of(query.get("vhost") or query.get("domain") or host, default)


def domain_of(host: str, default: str) -> str:
    """The push domain that a publisher named; addresses and the like name none."""
    host = host.lower()
    is_address = ":" in host or host.replace(".", "").isdigit()
    return default if host in _NO_DOMAINS or is_address else host


async def _fields(request: web.Request) -> dict[str, Any]:
    """The members of the message, JSON or a form.

    Raises:
        HTTPBadRequest: it is neither, or too long.
    """
    body = b""
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > _LARGEST_BYTES:
            raise web.HTTPRequestEntityTooLarge(_LARGEST_BYTES, len(body))
    try:
        if request.content_type == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
            return dict(parse_qsl(body.decode(), keep_blank_values=True))
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="neither JSON nor a form") from None
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="a JSON object is expected")
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _read_srs(fields: Mapping[str, Any]) -> News | None:
    action = _text(fields, "action")
    if action not in ("on_publish", "on_unpublish"):
        return None
    params, vhost = _text(fields, "param").lstrip("?"), _text(fields, "vhost")
    return News(
        began=action == "on_publish",
        app=_text(fields, "app"),
        stream=_text(fields, "stream"),
        host=_host(_text(fields, "tcUrl")) if vhost.lower() in _NO_DOMAINS else vhost,
        params=params,
        client_ip=_text(fields, "ip"),
    )


# What nginx-rtmp says of the connection itself; everything else is of the publisher's own query.
_NGINX_OWN = {
    *("app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid"),
    *("call", "name", "type", "epoch", "recorder", "path"),
}


def _read_nginx(fields: Mapping[str, Any]) -> News | None:
    call = _text(fields, "call")
    if call not in ("publish", "publish_done"):
        return None
    params = urlencode({name: value for name, value in fields.items() if name not in _NGINX_OWN})
    return News(
        began=call == "publish",
        app=_text(fields, "app").partition("?")[0],
        stream=_text(fields, "name").partition("?")[0],
        host=_host(_text(fields, "tcurl")),
        params=params,
        client_ip=_text(fields, "addr"),
    )


def _read_zlmediakit(fields: Mapping[str, Any]) -> News | None:
    """`on_publish` has no `regist`; a stream that ends is told of for each protocol it was put out in."""
    ended = fields.get("regist") is False
    if fields.get("regist") is True or (ended and fields.get("schema") != "rtmp"):
        return None
    params = _text(fields, "params")
    vhost = _text(fields, "vhost")
    return News(
        began=not ended,
        app=_text(fields, "app"),
        stream=_text(fields, "stream"),
        host=vhost,
        params=params,
        client_ip=_text(fields, "ip"),
    )


def _read_mediamtx(fields: Mapping[str, Any]) -> News | None:
    """A path is `app/stream`, whatever the app is made of."""
    event = _text(fields, "event")
    if event not in ("ready", "not_ready"):
        return None
    app, _, stream = _text(fields, "path").strip("/").rpartition("/")
    params = _text(fields, "query")
    return News(event == "ready", app or "live", stream, "", params, _text(fields, "ip"))


def _read_node(fields: Mapping[str, Any]) -> News | None:
    action = _text(fields, "action")
    if action not in ("postPublish", "donePublish"):
        return None
    query = fields.get("query")
    pairs = query.items() if isinstance(query, dict) else ()
    params = urlencode([(name, value) for name, value in pairs if isinstance(value, str)])
    app, stream = _text(fields, "app"), _text(fields, "name")
    ip = _text(fields, "ip").rpartition("::ffff:")[2].rpartition(":")[0]  # IPv4 in IPv6, and a port
    return News(action == "postPublish", app, stream, "", params, ip)


@dataclass(frozen=True, slots=True)
class _Reader:
    """How one kind of origin speaks, and what it wants to hear."""

    read: Callable[[Mapping[str, Any]], News | None]
    says: dict[str, Any] | None = None

    def answer(self) -> web.Response:
        """Yes: what is refused is not published, and this server only wants to know."""
        return web.Response() if self.says is None else web.json_response(self.says)


_READERS = {
    "srs": _Reader(_read_srs, {"code": 0}),
    "nginx-rtmp": _Reader(_read_nginx),
    "zlmediakit": _Reader(_read_zlmediakit, {"code": 0, "msg": "success"}),
    "mediamtx": _Reader(_read_mediamtx),
    "node-media-server": _Reader(_read_node),
}
KINDS = tuple(_READERS)
"""The origins whose hooks are understood, as `/hooks/KIND` names them."""
