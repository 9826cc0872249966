"""`reel callbacks`: the outbox, from outside the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from notify.outgoing import attempts, put, state_of, until_state
from notify.receiver import in_turn, receiver, status
from reel import Done, reel
from waiting import until

from engine.catalog import Catalog
from engine.notify import Delivery, Schedule

ONCE = {"tencent": Schedule(retry_s=60, retries=0, timeout_s=20)}


@pytest.fixture
def config(database: str, tmp_path: Path) -> Path:
    path = tmp_path / "reel.toml"
    path.write_text(f'[catalog]\nurl = "{database}"\n')
    return path


async def callbacks(config: Path, *arguments: str) -> Done:
    return await reel("callbacks", arguments[0], "--config", config, *arguments[1:])


async def test_messages_are_listed_the_newest_first(catalog: Catalog, config: Path) -> None:
    ids = [await put(catalog, "http://127.0.0.1:9/cb") for _ in range(3)]
    done = await callbacks(config, "list")
    assert done.code == 0, done.err
    assert [int(line.split()[0]) for line in done.out.splitlines()] == ids[::-1]
    assert "waiting" in done.out
    assert "http://127.0.0.1:9/cb" in done.out
    two = await callbacks(config, "list", "--json", "--limit", "2")
    assert [json.loads(line)["id"] for line in two.out.splitlines()] == ids[:0:-1]
    none = await callbacks(config, "list", "--state", "failed")
    assert (none.code, none.out) == (0, "")


async def test_a_message_that_failed_is_shown_and_replayed(catalog: Catalog, config: Path) -> None:
    answer = in_turn(status(500), status(200))
    async with receiver(answer) as one, Delivery(catalog, schedules=ONCE):
        id = await put(catalog, one.url)
        await until_state(catalog, id, "failed")
        shown = json.loads((await callbacks(config, "show", str(id))).out)
        assert (shown["state"], shown["attempts"], shown["message"]) == ("failed", 1, {"event_type": 100})
        assert [attempt["status"] for attempt in shown["tries"]] == [500]
        done = await callbacks(config, "replay", str(id))
        assert (done.code, done.out) == (0, f"callback {id} is due\n")
        await until(lambda: len(one.got) == 2)
        await until_state(catalog, id, "delivered")
    assert [attempt.status for attempt in await attempts(catalog, id)] == [500, 200]


async def test_a_replay_waits_for_a_server(catalog: Catalog, config: Path) -> None:
    async with receiver() as one:
        id = await put(catalog, one.url)
        async with Delivery(catalog):
            await until_state(catalog, id, "delivered")
        await callbacks(config, "replay", str(id))
        assert (await state_of(catalog, id)).state == "waiting"
        async with Delivery(catalog):
            await until_state(catalog, id, "delivered")
        assert len(one.got) == 2


@pytest.mark.parametrize("verb", ["show", "replay"])
async def test_what_is_not_there_is_said(catalog: Catalog, config: Path, verb: str) -> None:
    (await callbacks(config, verb, "7")).assert_fails(1, "no callback 7")


async def test_a_catalog_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    config = tmp_path / "reel.toml"
    config.write_text('[catalog]\nurl = "sqlite+aiosqlite:///none.db"\n')
    (await callbacks(config, "list")).assert_fails(2, "none.db")
    assert not (tmp_path / "none.db").exists()
