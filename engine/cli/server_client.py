"""Calls of `/v1` of a running `reel serve`: where it is, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from engine.errors import CallRefused, ServerUnreachable, UsageError

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The settings of the server, in TOML. [default: ./reel.toml, then /etc/reelkeeper/reel.toml]",
    ),
]
Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="The server. [default: as its settings say]")
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="TOKEN", help="The bearer token. [default: as the settings say]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what the server answered, as JSON.")]

_ANSWER_S = 30.0
_PAGE = 1000


_FLAGS = {
    "audio_only": "--audio-only",
    "format": "--format",
    "formats": "--format",
    "from": "--from",
    "interval_s": "--interval",
    "name": "--name",
    "splice_s": "--splice",
    "to": "--to",
}
"""Options of the command line by the members of calls that they set."""


class ServerClient:
    """Calls one server. Arguments are what `--config`, `--server` and `--token` say.

    Raises:
        UsageError: the settings or the URL are wrong.
    """

    def __init__(self, config: Path | None, server: str | None, token: str | None) -> None:
        from engine.config import Settings, find_file  # here: their libraries double the start of every verb
        from engine.origin.address import Address

        api = Settings.read(find_file(config)).api
        self.url = (server or f"http://{Address.parse(api.listen).for_url}").rstrip("/")
        self._token = api.token if token is None else token
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("--server: an http:// or https:// URL is expected")

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The JSON of an answer; None when it is empty. Query members of None are left out.

        Raises:
            ServerUnreachable: nobody answers.
            CallRefused: the server's own words.
        """
        import aiohttp  # here: it doubles the start of every verb

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        given = {name: value for name, value in (query or {}).items() if value is not None}
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.request(method, self.url + path, params=given, json=body) as response,
            ):
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error) or "it is silent"
            raise ServerUnreachable(
                f"{self.url}: no server answers: {why}: start one with `reel serve`, or name another by "
                "--server or --config"
            ) from None
        return self._read(status, text)

    async def items(self, path: str, query: Mapping[str, str | None], limit: int) -> list[dict[str, Any]]:
        """The first items of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            wanted = {**query, "limit": str(min(limit - len(found), _PAGE)), "cursor": cursor}
            page = await self.call("GET", path, query=wanted)
            found += page["items"]
            if page["cursor"] is None:
                break
            cursor = str(page["cursor"])
        return found

    def _read(self, status: int, text: str) -> Any:
        try:
            answer = json.loads(text) if text else None
        except ValueError:
            answer = None
        if status < 400 and (answer is not None or not text):
            return answer
        if isinstance(answer, dict) and "detail" in answer:
            kind = UsageError if status == HTTPStatus.BAD_REQUEST else CallRefused
            raise kind(_as_typed(str(answer["detail"])))
        raise CallRefused(f"{self.url}: the answer ({status}) is none of `reel serve`: look at --server")


def _as_typed(detail: str) -> str:
    """A refusal that names the option instead of the member of the call."""
    member, colon, rest = detail.partition(": ")
    return f"{_FLAGS[member]}: {rest}" if colon and member in _FLAGS else detail
