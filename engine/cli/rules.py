"""`reel rules`: which pushes a running server records, and how."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from engine.cli.columns import columns
from engine.cli.running import run
from engine.cli.server_client import AsJson, Config, Server, ServerClient, Token

rules_app = typer.Typer(
    help="List, add and remove the rules of a running server.", rich_markup_mode=None, no_args_is_help=True
)

_HEAD = ("id", "domain", "app", "stream", "formats", "interval", "made by")


@rules_app.command("list")
def list_command(
    config: Config = None, server: Server = None, token: Token = None, as_json: AsJson = False
) -> None:
    """Print all rules, also those of Tencent's clients. An empty name is any."""
    rules = run(ServerClient(config, server, token).call("GET", "/v1/rules"))["items"]
    if as_json:
        print(json.dumps(rules, ensure_ascii=False))
        return
    for line in columns([_HEAD, *map(_row, rules)]):
        print(line)


@rules_app.command("add")
def add_command(
    domain: Annotated[str, typer.Option(help="Pushes to this domain. [default: any]")] = "",
    app: Annotated[str, typer.Option(help="Pushes to this app. [default: any]")] = "",
    stream: Annotated[str, typer.Option(help="Pushes of this stream. [default: any]")] = "",
    formats: Annotated[
        str,
        typer.Option(
            "-f", "--format", metavar="LIST", help="Any of flv,hls,mp4,aac,mp3; empty: do not record them."
        ),
    ] = "mp4",
    interval: Annotated[
        str | None, typer.Option(metavar="TIME", help="Length of a file; 0: one file a push. [default: 1h]")
    ] = None,
    splice: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long an HLS playlist waits for the next push. [default: 0]"),
    ] = None,
    audio_only: Annotated[bool, typer.Option("--audio-only", help="Record the audio alone.")] = False,
    name: Annotated[
        str | None, typer.Option(metavar="TEMPLATE", help="File names. [default: as in the settings' text]")
    ] = None,
    config: Config = None,
    server: Server = None,
    token: Token = None,
) -> None:
    """Record pushes that begin from now on. The most special rule of a push counts."""
    given = {"interval_s": interval, "splice_s": splice, "name": name}
    body = {
        "domain": domain,
        "app": app,
        "stream": stream,
        "formats": formats,
        "audio_only": audio_only,
        **{key: value for key, value in given.items() if value is not None},
    }
    rule = run(ServerClient(config, server, token).call("POST", "/v1/rules", body=body))
    formats = ",".join(rule["formats"])
    what = f"are recorded as {formats}" if formats else "are not recorded"
    print(f"added rule {rule['id']}: {_pushes(rule)} {what}")


@rules_app.command("rm")
def remove_command(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The numbers that `list` prints.")],
    config: Config = None,
    server: Server = None,
    token: Token = None,
) -> None:
    """Remove rules. Pushes that are being recorded by them are recorded to their end."""
    run(_remove(ServerClient(config, server, token), ids))


async def _remove(client: ServerClient, ids: list[str]) -> None:
    for id in ids:
        await client.call("DELETE", f"/v1/rules/{quote(id, safe='')}")
        print(f"removed rule {id}")


def _row(rule: dict[str, Any]) -> list[str]:
    interval = "" if rule["interval_s"] is None else f"{rule['interval_s']} s"
    names = [rule[key] or "*" for key in ("domain", "app", "stream")]
    return [rule["id"], *names, ",".join(rule["formats"]) or "none", interval, rule["made_by"]]


def _pushes(rule: dict[str, Any]) -> str:
    path = "/".join(rule[key] or "*" for key in ("domain", "app", "stream"))
    return f"pushes to {path}"
