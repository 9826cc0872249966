"""`reel origin`: the embedded origin."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.running import run, stopping
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.origin import Origin


def origin_command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.flv ...]", help="Published as live/<stem>.")
    ] = None,
    rtmp: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where RTMP listens; port 0: any.")
    ] = "127.0.0.1:1935",
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where HTTP-FLV listens; port 0: any.")
    ] = "127.0.0.1:8080",
    once: Annotated[
        bool, typer.Option("--once", help="Play each file once, and end when all have ended.")
    ] = False,
    speed: Annotated[
        float, typer.Option(metavar="X", help="Times real time; 0: as fast as the reader takes it.")
    ] = 1.0,
    wait_for_reader: Annotated[
        bool, typer.Option("--wait-for-reader", help="Begin each file with its first reader.")
    ] = False,
) -> None:
    """Serve FLV files, and what is pushed over RTMP, to RTMP and HTTP-FLV players.

    A stream APP/NAME is pushed to and played from rtmp://HOST:PORT/APP/NAME, and played from
    http://HOST:PORT/APP/NAME.flv. SIGINT and SIGTERM end it with exit code 0.
    """
    if once and not files:
        raise UsageError("--once needs a file")
    from engine.origin import Origin  # here, because its HTTP server doubles the start of every verb

    origin = Origin(
        files or (), rtmp=rtmp, http=http, once=once, speed=speed, wait_for_reader=wait_for_reader
    )
    run(_serve(origin))


async def _serve(origin: Origin) -> None:
    stopped = asyncio.Event()
    with stopping(stopped.set):
        async with origin:
            for stream in origin.streams or ["APP/NAME"]:
                typer.echo(f"{origin.rtmp_url(stream)}  {origin.http_url(stream)}")
            signalled = asyncio.create_task(stopped.wait())
            ended = asyncio.create_task(origin.wait_ended())
            await asyncio.wait((signalled, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await ended
            for task in (signalled, ended):
                task.cancel()
