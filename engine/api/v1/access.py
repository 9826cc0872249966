"""Who may call `/v1`: holders of the token or, when there is none, programs of this machine."""

from __future__ import annotations

import hmac
from http import HTTPStatus

from aiohttp import web

from engine.api.binding import is_loopback
from engine.api.request import is_from_page
from engine.api.signatures.hosts import host_name
from engine.api.v1.problems import Problem

_ASK = {"WWW-Authenticate": 'Bearer realm="reelkeeper"'}


class Access:
    """Checks callers. `token` is `[api] token` of the settings; empty: this machine alone may call."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def check(self, request: web.Request) -> None:
        """Raises:
        Problem: the caller may not call.
        """
        if self._token:
            self._check_token(request)
        elif not is_loopback(request.remote or ""):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                "Without a token only programs of this machine may call: set `[api] token` in the settings.",
            )
        elif is_from_page(request.headers) or not is_loopback(host_name(request.headers.get("Host", ""))):
            # A page in a browser of this machine, or a name that a stranger pointed at it (DNS rebinding).
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                "Without a token web pages may not call, nor programs that use another name than localhost: "
                "set `[api] token` in the settings.",
            )

    def _check_token(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), self._token
        ):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "unauthorized",
                "Send the token of the settings: `Authorization: Bearer TOKEN`.",
                headers=_ASK,
            )
