"""`reel callbacks`: the outbox: what was told to whom, what they answered, and telling it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.running import run
from engine.cli.server_client import Config
from engine.errors import UnknownCallback, UsageError
from engine.masking import masked

if TYPE_CHECKING:  # the database's libraries triple the start of every verb
    from engine.catalog import Catalog
    from engine.catalog.schema import Callback, CallbackAttempt

callbacks_app = typer.Typer(
    help="List, show and replay the messages to callback URLs.", rich_markup_mode=None
)

Id = Annotated[int, typer.Argument(metavar="ID", help="The number that `list` prints.", min=1)]
State = Literal["waiting", "delivered", "failed"]


@callbacks_app.command("list")
def list_command(
    config: Config = None,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    stream: Annotated[str, typer.Option(help="Only those of a stream's name.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print messages, the newest first: number, time, state, attempts made, vendor, event, stream and URL."""
    for callback in run(_list(config, state, stream, limit)):
        row = _row(callback)
        print(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


@callbacks_app.command("show")
def show_command(id: Id, config: Config = None) -> None:
    """Print one message with all attempts to deliver it, as JSON."""
    callback, attempts = run(_show(config, id))
    shown = {
        **_row(callback),
        "message": callback.message,
        "next_at": callback.next_at.isoformat() if callback.state == "waiting" else None,
        "delivered_at": callback.delivered_at and callback.delivered_at.isoformat(),
        "tries": [_attempt(attempt) for attempt in attempts],
    }
    print(json.dumps(shown, ensure_ascii=False, indent=2))


@callbacks_app.command("replay")
def replay_command(id: Id, config: Config = None) -> None:
    """Have a message delivered again: by the running server within a second, or by the next one."""
    run(_replay(config, id))
    print(f"callback {id} is due")


async def _list(config: Path | None, state: State | None, stream: str, limit: int) -> list[Callback]:
    from engine.catalog import outbox

    query = outbox.CallbackQuery(states=() if state is None else (state,), stream=stream, limit=limit)
    async with _catalog(config) as catalog, catalog.read() as session:
        found, _ = await outbox.page(session, query)
        return list(found)


async def _show(config: Path | None, id: int) -> tuple[Callback, list[CallbackAttempt]]:
    from engine.catalog import outbox

    async with _catalog(config) as catalog, catalog.read() as session:
        callback = await outbox.get(session, id)
        if callback is None:
            raise UnknownCallback(f"there is no callback {id}")
        return callback, list(await outbox.attempts(session, id))


async def _replay(config: Path | None, id: int) -> None:
    from engine.notify import replay

    async with _catalog(config) as catalog:
        await replay(catalog, id, datetime.now(UTC))


@asynccontextmanager
async def _catalog(config: Path | None) -> AsyncIterator[Catalog]:
    from engine.catalog import Catalog
    from engine.config import Settings, find_file

    url = Settings.read(find_file(config)).catalog.url
    async with Catalog(url) as catalog:
        if catalog.is_sqlite:
            _check_file(catalog.url.database)
        with catalog.naming_errors():
            yield catalog


def _check_file(database: str | None) -> None:
    """SQLite makes files that are not there."""
    if not (database and Path(database).is_file()):
        raise UsageError(f"{database}: there is no such catalog: name the server's settings by --config")


def _row(callback: Callback) -> dict[str, Any]:
    return {
        "id": callback.id,
        "created_at": callback.created_at.isoformat(timespec="seconds"),
        "state": callback.state,
        "attempts": callback.attempts,
        "vendor": callback.vendor,
        "event": callback.event,
        "stream": f"{callback.domain}/{callback.app}/{callback.stream}",
        "url": callback.url,
    }


def _line(row: dict[str, Any]) -> str:
    return "  ".join(str(value) for value in {**row, "url": masked(row["url"])}.values())


def _attempt(attempt: CallbackAttempt) -> dict[str, Any]:
    return {
        "at": attempt.at.isoformat(timespec="milliseconds"),
        "took_ms": attempt.took_ms,
        "status": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer,
        "headers": attempt.headers,
        "body": attempt.body,
    }
