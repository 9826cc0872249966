"""The question before a push is recorded."""

from __future__ import annotations

import json
from hashlib import md5
from typing import Any

import pytest
from aiohttp import web
from catalog.rows import KEY
from hypothesis import given
from hypothesis import strategies as st
from notify.receiver import Answer, hang_up, never, receiver, status, without_end
from notify.told import DATED, add_notify

from engine.catalog import Catalog
from engine.catalog.schema import AliyunRecordConfig
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.notify import OnDemand
from engine.notify.on_demand import read_answer

STREAM = StreamKey(KEY["domain"], "live", "a b/流")
CONFIG = AliyunRecordConfig(domain=KEY["domain"], app="*", stream="*", on_demand=1, **DATED)
YES = {"ApiVersion": "1.0", "NeedRecord": True}


def saying(body: Any) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body if isinstance(body, bytes) else json.dumps(body).encode())

    return answer


async def ask(catalog: Catalog, answer: Answer, **more: Any) -> tuple[Accepted | None, Any]:
    """What was agreed, and what the receiver got."""
    async with receiver(answer) as one:
        await add_notify(catalog, on_demand_url=f"{one.url}?token=1%202", **more)
        async with OnDemand(catalog, timeout_s=1) as on_demand:
            return await on_demand(STREAM, CONFIG), one.got


async def test_the_receiver_is_asked_of_the_stream(catalog: Catalog) -> None:
    body = {
        **YES,
        "Interval": {"Mp4": 300, "Flv": 120, "M3U8": 180},
        "Format": ["mp4", "FLV"],
    }
    accepted, (got,) = await ask(catalog, saying(body))
    assert accepted == Accepted({"mp4": 300, "flv": 120, "m3u8": 180}, frozenset({"mp4", "flv"}))
    assert got.query == {
        "token": "1 2",
        "app": "live",
        "domain": KEY["domain"],
        "stream": "a b/流",
        "vbitrate": "0",
        "codec": "h264",
    }
    assert "ALI-LIVE-SIGNATURE" not in got.headers


async def test_the_question_is_signed_like_a_notice(catalog: Catalog) -> None:
    _, (got,) = await ask(catalog, saying(YES), needs_auth=True, auth_key="k" * 16)
    text = f"127.0.0.1|{got.headers['ALI-LIVE-TIMESTAMP']}|{'k' * 16}"
    assert got.headers["ALI-LIVE-SIGNATURE"] == md5(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "answer",
    [
        saying({**YES, "NeedRecord": False}),
        saying(YES | {"Format": 7}),
        saying(b"yes"),
        status(404),
        hang_up,
        never,
        without_end(200),
    ],
)
async def test_all_else_is_a_no(catalog: Catalog, answer: Answer) -> None:
    accepted, got = await ask(catalog, answer)
    assert accepted is None
    assert got


async def test_a_long_answer_is_cut(catalog: Catalog) -> None:
    padded = json.dumps({"x": "y" * 2048, **YES}).encode()
    assert (await ask(catalog, saying(padded)))[0] is None


async def test_what_is_whole_before_the_cut_counts(catalog: Catalog) -> None:
    body = json.dumps(YES).encode().ljust(2048) + b"x"
    assert (await ask(catalog, saying(body)))[0] == Accepted()


async def test_without_a_url_nothing_is_recorded(catalog: Catalog) -> None:
    async with OnDemand(catalog) as on_demand:
        assert await on_demand(STREAM, CONFIG) is None
        await add_notify(catalog)
        assert await on_demand(STREAM, CONFIG) is None


async def test_a_private_address_is_not_asked_where_that_is_forbidden(catalog: Catalog) -> None:
    async with receiver(saying(YES)) as one:
        await add_notify(catalog, on_demand_url=one.url)
        async with OnDemand(catalog, private_addresses=False) as on_demand:
            assert await on_demand(STREAM, CONFIG) is None
        assert one.got == []


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ({"NeedRecord": True}, Accepted()),
        ({"NeedRecord": True, "Format": []}, Accepted(formats=frozenset())),
        ({"NeedRecord": True, "Format": None, "Interval": None}, Accepted()),
        (
            {"NeedRecord": True, "Interval": {"Mp4": 4, "Flv": 5, "M3U8": 21600, "Cmaf": 21601, "x": "9"}},
            Accepted({"flv": 5, "m3u8": 21600}),
        ),
        ({"NeedRecord": True, "Interval": {"Flv": True}}, Accepted()),
        ({"NeedRecord": 1}, None),
        ({"NeedRecord": "true"}, None),
        ({"need_record": True}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_answers(fields: Any, accepted: Accepted | None) -> None:
    assert read_answer(json.dumps(fields).encode()) == accepted


@given(st.binary(max_size=2048))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    assert read_answer(body) is None or b"NeedRecord" in body
