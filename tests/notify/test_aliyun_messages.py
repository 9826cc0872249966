"""What Aliyun's recordings put into the outbox: to whom, and signed by which key."""

from __future__ import annotations

from typing import Any

from catalog.rows import NOON, file, push, recording
from notify.told import add_notify, add_template, change_notify, messages, told

from engine.catalog import Catalog, pushes, recordings
from engine.catalog.schema import Recording
from engine.media.events import Warned

KEY, NEW_KEY = "k" * 16, "n" * 16


async def a_recording(catalog: Catalog, id: str = "r", **more: Any) -> str:
    row = recording(id, **{"cause": "aliyun", "spec": {"format": ["flv"]}, "session_id": "77", **more})
    async with catalog.begin() as session:
        await recordings.add(session, row)
    return id


async def status(catalog: Catalog, id: str, *life: Any) -> None:
    for what in life:
        async with catalog.begin() as session:
            await messages().recording_status(session, await found(session, id), what, NOON)


async def finish(catalog: Catalog, id: str, file_id: str, params: str = "") -> None:
    async with catalog.begin() as session:
        row = await found(session, id)
        await messages().file_finished(session, row, file(file_id, id), None, push(id=1, params=params))


async def found(session: Any, id: str) -> Recording:
    row = await recordings.get(session, id)
    assert row is not None
    return row


async def test_a_file_is_told_once_to_its_domain_and_not_to_tencents_receivers(catalog: Catalog) -> None:
    await add_notify(catalog)
    await add_template(catalog)
    id = await a_recording(catalog)
    await finish(catalog, id, "9", "callback_a=1")
    await finish(catalog, id, "9", "callback_a=1")
    (one,) = await told(catalog)
    assert (one.once, one.vendor, one.event, one.url, one.key) == (
        "file:9",
        "aliyun",
        "file_created",
        "http://n/cb",
        "",
    )
    assert one.message["uri"] == "x_9.flv"
    assert one.message["push_args"] == {"callback_a": "1"}


async def test_without_a_configuration_nothing_is_told(catalog: Catalog) -> None:
    await add_template(catalog)
    id = await a_recording(catalog)
    await status(catalog, id, "started")
    await finish(catalog, id, "9")
    assert await told(catalog) == []


async def test_a_status_is_told_only_when_it_was_asked_for(catalog: Catalog) -> None:
    await add_notify(catalog)
    id = await a_recording(catalog)
    await status(catalog, id, "started", "paused", "resumed", "ended")
    assert await told(catalog) == []


async def test_begin_break_and_return_are_told_and_nothing_else_is(catalog: Catalog) -> None:
    await add_notify(catalog, need_status=True)
    id = await a_recording(catalog)
    await status(catalog, id, "failed", "started", "paused", "resumed", "paused", "error", "ended")
    async with catalog.begin() as session:
        warning = Warned(at=NOON, recording=id, code="stalled", message="no data")
        await messages().exception(session, await found(session, id), warning)
    rows = await told(catalog)
    assert [one.message["event"] for one in rows] == [
        "record_started",
        "record_paused",
        "record_resumed",
        "record_paused",
    ]
    assert [one.event for one in rows] == [one.message["event"] for one in rows]


async def test_recordings_of_one_session_are_told_of_together(catalog: Catalog) -> None:
    await add_notify(catalog, need_status=True)
    flv = await a_recording(catalog, "flv")
    hls = await a_recording(catalog, "hls", spec={"format": ["hls"]})
    for what in ("started", "paused", "resumed", "paused"):
        await status(catalog, flv, what)
        await status(catalog, hls, what)
    rows = await told(catalog)
    assert [one.event for one in rows] == [
        "record_started",
        "record_paused",
        "record_resumed",
        "record_paused",
    ]


async def test_a_new_key_counts_from_the_next_push(catalog: Catalog) -> None:
    await add_notify(catalog, needs_auth=True, auth_key=KEY)
    async with catalog.begin() as session:
        first, second = push(), push()
        await pushes.add(session, first)
        await pushes.add(session, second)
    id = await a_recording(catalog, push_id=first.id)
    await status(catalog, id, "started")
    await change_notify(catalog, auth_key=NEW_KEY)
    await finish(catalog, id, "1")
    await status(catalog, id, "paused", "resumed")
    await finish(catalog, id, "2")
    async with catalog.begin() as session:
        (await found(session, id)).push_id = second.id
    await status(catalog, id, "resumed")
    await finish(catalog, id, "3")
    assert [one.key for one in await told(catalog)] == [KEY, KEY, NEW_KEY]


async def test_a_key_that_is_not_asked_for_signs_nothing(catalog: Catalog) -> None:
    await add_notify(catalog, needs_auth=False, auth_key=KEY)
    id = await a_recording(catalog)
    await finish(catalog, id, "1")
    assert [one.key for one in await told(catalog)] == [""]
