"""Delivery: each message until its receiver has it, each attempt a row."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import pytest
from notify.outgoing import Wall, attempts, put, state_of, until_state
from notify.receiver import (
    Answer,
    break_off,
    hang_up,
    in_turn,
    never,
    receiver,
    status,
    when,
    without_end,
)
from origins.process import free_port
from waiting import until

from engine.catalog import Catalog
from engine.errors import UnknownCallback
from engine.notify import Delivery, Schedule, replay
from engine.notify.delivery import SCHEDULES

QUICK = {name: Schedule(retry_s=0.05, retries=2, timeout_s=20) for name in ("tencent", "aliyun")}
IMPATIENT = {"tencent": Schedule(retry_s=0.05, retries=1, timeout_s=0.3)}


async def test_a_message_arrives_with_its_signature(catalog: Catalog) -> None:
    async with receiver() as one, Delivery(catalog):
        id = await put(catalog, one.url, message={"event_type": 100, "stream_id": "流"}, key="k")
        await until_state(catalog, id, "delivered")
    (got,) = one.got
    assert got.headers["Content-Type"] == "application/json"
    t = got.body["t"]
    assert got.body == {
        "event_type": 100,
        "stream_id": "流",
        "sign": md5(f"k{t}".encode()).hexdigest(),
        "t": t,
    }
    (attempt,) = await attempts(catalog, id)
    assert (attempt.status, attempt.answer, attempt.error) == (200, '{"code": 0}', "")
    assert attempt.body.encode() == got.raw
    assert attempt.headers == {"Content-Type": "application/json"}


async def test_aliyun_is_signed_in_headers(catalog: Catalog) -> None:
    async with receiver() as one, Delivery(catalog):
        id = await put(catalog, one.url, vendor="aliyun", message={"domain": "d"}, key="k" * 16)
        await until_state(catalog, id, "delivered")
    (got,) = one.got
    assert got.raw == b'{"domain":"d"}'
    timestamp = got.headers["ALI-LIVE-TIMESTAMP"]
    assert got.headers["ALI-LIVE-SIGNATURE"] == md5(f"127.0.0.1|{timestamp}|{'k' * 16}".encode()).hexdigest()
    (attempt,) = await attempts(catalog, id)
    assert attempt.headers["ALI-LIVE-TIMESTAMP"] == timestamp


@pytest.mark.parametrize(
    ("answer", "seen", "words"),
    [
        (status(500), 500, ""),
        (status(204), 204, ""),
        (status(302), 302, ""),
        (hang_up, None, "ServerDisconnected"),
        (break_off(500), 500, "ClientPayloadError"),
        (without_end(500), 500, ""),
    ],
)
async def test_whatever_is_not_200_is_tried_again(
    catalog: Catalog, answer: Answer, seen: int | None, words: str
) -> None:
    async with receiver(in_turn(answer, status(200))) as one, Delivery(catalog, schedules=QUICK):
        id = await put(catalog, one.url)
        await until_state(catalog, id, "delivered")
        assert len(one.got) == 2
    first, second = await attempts(catalog, id)
    assert first.status == seen
    assert words in first.error
    assert len(first.answer) <= 4096
    assert (second.status, second.error) == (200, "")


@pytest.mark.parametrize("answer", [break_off(200), without_end(200)])
async def test_the_body_of_a_200_does_not_matter(catalog: Catalog, answer: Answer) -> None:
    async with receiver(answer) as one, Delivery(catalog, schedules=QUICK):
        id = await put(catalog, one.url)
        await until_state(catalog, id, "delivered")
        assert len(one.got) == 1
    (attempt,) = await attempts(catalog, id)
    assert len(attempt.answer) <= 4096


async def test_a_receiver_that_says_nothing_is_left_after_its_time(catalog: Catalog) -> None:
    async with receiver(never) as one, Delivery(catalog, schedules=IMPATIENT):
        id = await put(catalog, one.url)
        await until_state(catalog, id, "failed")
        assert len(one.got) == 2
    for attempt in await attempts(catalog, id):
        assert (attempt.status, attempt.error) == (None, "no answer within 0.3 s")
        assert attempt.took_ms >= 300


async def test_a_receiver_that_is_not_there_is_tried_until_it_is(catalog: Catalog) -> None:
    port = free_port()
    patient = {"tencent": Schedule(retry_s=0.05, retries=1000, timeout_s=20)}
    async with Delivery(catalog, schedules=patient):
        id = await put(catalog, f"http://127.0.0.1:{port}/cb")
        async with asyncio.timeout(60):
            while not any(one.error.startswith("ClientConnector") for one in await attempts(catalog, id)):
                await asyncio.sleep(0.05)
        async with receiver(port=port) as one:
            await until_state(catalog, id, "delivered")
            assert len(one.got) == 1
    *refused, last = await attempts(catalog, id)
    assert all(attempt.status is None for attempt in refused)
    assert last.status == 200


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[::1/"])
async def test_a_url_that_cannot_be_fails_like_any_other(catalog: Catalog, url: str) -> None:
    async with receiver() as one, Delivery(catalog, schedules=QUICK):
        bad = await put(catalog, url)
        good = await put(catalog, one.url)
        await until_state(catalog, bad, "failed")
        await until_state(catalog, good, "delivered")
    assert all(attempt.error for attempt in await attempts(catalog, bad))


async def test_it_gives_up_after_the_last_retry(catalog: Catalog) -> None:
    async with receiver(status(500)) as one, Delivery(catalog, schedules=QUICK):
        id = await put(catalog, one.url)
        await until_state(catalog, id, "failed")
        await asyncio.sleep(0.3)
        assert len(one.got) == 3
    assert [attempt.status for attempt in await attempts(catalog, id)] == [500, 500, 500]


def test_the_vendors_schedules_are_those_of_the_contract() -> None:
    assert SCHEDULES["tencent"] == Schedule(retry_s=60, retries=12, timeout_s=20)
    assert SCHEDULES["aliyun"] == Schedule(retry_s=1, retries=5, timeout_s=5)


async def test_retries_keep_the_schedule_and_sign_anew(catalog: Catalog) -> None:
    wall = Wall(datetime(2026, 1, 1, tzinfo=UTC))
    async with receiver(status(500)) as one, Delivery(catalog, now=wall):
        id = await put(catalog, one.url, key="k", now=wall())
        for count in range(1, 14):
            await until_attempts(catalog, id, count)
            wall.move(59)
            if count in (1, 12):
                await asyncio.sleep(0.7)  # longer than it waits between two looks
            assert len(one.got) == count, "a retry came before its time"
            wall.move(1)
        await until_state(catalog, id, "failed")
    made = await attempts(catalog, id)
    assert [one.at for one in made] == [wall.start + timedelta(seconds=60 * number) for number in range(13)]
    for attempt, got in zip(made, one.got, strict=True):
        t = int(attempt.at.timestamp()) + 600
        assert (got.body["t"], got.body["sign"]) == (t, md5(f"k{t}".encode()).hexdigest())


async def until_attempts(catalog: Catalog, id: int, count: int) -> None:
    async with asyncio.timeout(60):
        while (await state_of(catalog, id)).attempts < count:
            await asyncio.sleep(0.02)


async def test_one_slow_receiver_does_not_hold_the_others(catalog: Catalog) -> None:
    enough = asyncio.Event()
    async with (
        receiver(when(enough, status(200))) as slow,
        receiver() as quick,
        Delivery(catalog, in_flight=4, in_flight_per_receiver=2),
    ):
        held = [await put(catalog, f"{slow.url}/{number % 7}") for number in range(30)]
        await until(lambda: slow.at_once == 2)
        passed = [await put(catalog, quick.url) for _ in range(10)]
        for id in passed:
            await until_state(catalog, id, "delivered")
        assert [(await state_of(catalog, id)).state for id in held] == ["waiting"] * 30
        enough.set()
        for id in held:
            await until_state(catalog, id, "delivered")
        assert slow.most_at_once == 2
        assert len(slow.got) == 30


async def test_never_more_than_a_bounded_number_are_in_flight(catalog: Catalog) -> None:
    enough = asyncio.Event()
    async with (
        receiver(when(enough, status(200))) as one,
        receiver(when(enough, status(200))) as other,
        Delivery(catalog, in_flight=5, in_flight_per_receiver=4),
    ):
        ids = [await put(catalog, url) for url in (one.url, other.url) * 10]
        await until(lambda: one.at_once + other.at_once == 5)
        await asyncio.sleep(0.7)  # longer than it waits between two looks
        assert one.at_once + other.at_once == 5
        enough.set()
        for id in ids:
            await until_state(catalog, id, "delivered")
    assert max(one.most_at_once, other.most_at_once) <= 4
    assert len(one.got) == len(other.got) == 10


async def test_the_next_delivery_goes_on_where_one_was_ended(catalog: Catalog) -> None:
    answer = in_turn(status(500), never, status(200))
    schedules = {"tencent": Schedule(retry_s=0.05, retries=2, timeout_s=20)}
    async with receiver(answer) as one:
        async with Delivery(catalog, schedules=schedules):
            id = await put(catalog, one.url)
            await until(lambda: len(one.got) == 2)
        row = await state_of(catalog, id)
        assert (row.state, row.attempts) == ("waiting", 1)
        async with Delivery(catalog, schedules=schedules):
            await until_state(catalog, id, "delivered")
    first, cut, last = await attempts(catalog, id)
    assert (first.status, last.status) == (500, 200)
    assert (cut.status, cut.error) == (None, "cut off: the server was ended")


async def test_what_is_under_way_may_end_before_the_delivery_does(catalog: Catalog) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: Any) -> Any:
        asked.set()
        await go_on.wait()
        return await status(200)(request)

    async with receiver(answer) as one:
        async with Delivery(catalog):
            id = await put(catalog, one.url)
            await asked.wait()
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert (await state_of(catalog, id)).state == "delivered"


async def test_a_replay_delivers_again(catalog: Catalog) -> None:
    answer = in_turn(*[status(500)] * 3, status(200))
    async with receiver(answer) as one, Delivery(catalog, schedules=QUICK) as delivery:
        id = await put(catalog, one.url)
        await until_state(catalog, id, "failed")
        await delivery.replay(id)
        await until_state(catalog, id, "delivered")
        assert len(one.got) == 4
        await replay(catalog, id, datetime.now(UTC))  # by another process
        await until(lambda: len(one.got) == 5)
        await until_state(catalog, id, "delivered")
    assert [attempt.status for attempt in await attempts(catalog, id)] == [500, 500, 500, 200, 200]


async def test_a_replay_of_nothing_says_so(catalog: Catalog) -> None:
    with pytest.raises(UnknownCallback, match="no callback 7"):
        await replay(catalog, 7, datetime.now(UTC))


async def test_a_redirect_is_not_followed(catalog: Catalog) -> None:
    from aiohttp import web

    async with receiver() as inner:

        async def elsewhere(_: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": inner.url})

        async with receiver(elsewhere) as one, Delivery(catalog, schedules=QUICK):
            id = await put(catalog, one.url)
            await until_state(catalog, id, "failed")
            assert len(one.got) == 3
        assert inner.got == []
