"""`reel files`: the finished files of a running server, found and deleted."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from engine.cli.columns import columns
from engine.cli.running import run
from engine.cli.server_client import AsJson, Config, Server, ServerClient, Token

files_app = typer.Typer(
    help="List and delete the files of a running server.", rich_markup_mode=None, no_args_is_help=True
)

_HEAD = ("id", "started at", "duration", "size", "url")


@files_app.command("list")
def list_command(
    stream: Annotated[str, typer.Argument(metavar="[STREAM]", help="Only files of this stream.")] = "",
    domain: Annotated[str, typer.Option(help="Only files of this domain.")] = "",
    app: Annotated[str, typer.Option(help="Only files of this app.")] = "",
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Only files with media after this."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Only files with media before this."),
    ] = None,
    format: Annotated[str | None, typer.Option("-f", "--format", help="Only files of this format.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1_000_000)] = 100,
    config: Config = None,
    server: Server = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Print finished files, the youngest first: id, start, duration, size, and where each is found.

    Times are ISO 8601, in UTC unless they say otherwise: 2026-12-01T18:00 or 2026-12-01T18:00+08:00.
    """
    query = {"stream": stream, "domain": domain, "app": app, "from": start, "to": end, "format": format}
    found = run(ServerClient(config, server, token).items("/v1/files", query, limit))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for line in columns([_HEAD, *map(_row, found)]):
        print(line)


@files_app.command("rm")
def remove_command(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The ids that `list` prints.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: Config = None,
    server: Server = None,
    token: Token = None,
) -> None:
    """Delete files for good, each with its segments and its manifest."""
    run(_remove(ServerClient(config, server, token), ids, asks=sys.stdin.isatty() and not yes))


async def _remove(client: ServerClient, ids: list[str], *, asks: bool) -> None:
    found = [await client.call("GET", _path(id)) for id in ids]
    if asks:
        for line in columns([_row(file) for file in found]):
            print(line)
        typer.confirm("Delete for good?", abort=True)
    for id in ids:
        await client.call("DELETE", _path(id))
        print(f"deleted {id}")


def _path(id: str) -> str:
    return f"/v1/files/{quote(id, safe='')}"


def _row(file: dict[str, Any]) -> list[str]:
    return [
        file["id"],
        file["started_at"][:19].replace("T", " "),
        f"{file['duration_ms'] / 1000:.1f} s",
        f"{file['size_bytes'] / 1e6:.1f} MB",
        file["url"],
    ]
