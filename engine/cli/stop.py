"""`reel stop`: end recordings of a running server by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli.running import run
from engine.cli.server_client import Config, Server, ServerClient, Token
from engine.errors import UnknownRecording


def stop_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDING|STREAM...",
            help="Ids as `reel status` prints them, or STREAM, APP/STREAM or DOMAIN/APP/STREAM.",
        ),
    ],
    config: Config = None,
    server: Server = None,
    token: Token = None,
) -> None:
    """Stop recordings and close their files, whatever ordered them.

    Streams are recorded again from their next push on.
    """
    run(_stop(ServerClient(config, server, token), names))


async def _stop(client: ServerClient, names: list[str]) -> None:
    running = await client.items("/v1/recordings", {"open": "true"}, 100_000)
    chosen = {name: [recording for recording in running if name in _names_of(recording)] for name in names}
    unknown = [name for name, found in chosen.items() if not found]
    if unknown:
        raise UnknownRecording(
            f"{unknown[0]}: no recording runs under this id or stream: `reel status` lists those that do"
        )
    for recording in {one["id"]: one for found in chosen.values() for one in found}.values():
        await client.call("POST", f"/v1/recordings/{recording['id']}/stop")
        print(f"stopped {recording['id']} {'/'.join(_path_of(recording))} ({','.join(recording['formats'])})")


def _names_of(recording: dict[str, Any]) -> set[str]:
    domain, app, stream = _path_of(recording)
    return {recording["id"], stream, f"{app}/{stream}", f"{domain}/{app}/{stream}"}


def _path_of(recording: dict[str, Any]) -> tuple[str, str, str]:
    return recording["domain"], recording["app"], recording["stream"]
