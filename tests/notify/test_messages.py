"""What is put into the outbox: to whom, once, and in the transaction of what it tells of."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from catalog.rows import NOON, at, file, push, recording, task
from notify.outgoing import Wall
from notify.receiver import receiver
from notify.told import ALL_URLS, add_template, messages, told
from waiting import until

from engine.catalog import Catalog, outbox, pushes, recordings, tasks
from engine.catalog.schema import Recording
from engine.errors import SourceError
from engine.media.codecs import Format
from engine.media.events import Warned
from engine.notify import Delivery, Messages
from engine.notify.exceptions import kind_of


async def a_recording(catalog: Catalog, id: str = "r", **more: Any) -> Recording:
    fields = {"spec": {"format": ["flv"]}, "session_id": "77", "options": {"stream_param": "a=b"}}
    row = recording(id, **{**fields, **more})
    async with catalog.begin() as session:
        await recordings.add(session, row)
    return row


def warned(code: str = "timestamp_jump", message: str = "video timestamps jump", **more: Any) -> Warned:
    return Warned(**{"at": NOON, "recording": "r", "code": code, "message": message, **more})


async def test_a_file_is_told_once(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    for _ in range(2):
        async with catalog.begin() as session:
            await messages().file_finished(session, row, file("9", "r", path="d/live/ü x.flv"), None, None)
    (one,) = await told(catalog)
    assert (one.once, one.vendor, one.event, one.url, one.key) == (
        "file:9",
        "tencent",
        "100",
        "http://h/100",
        "k",
    )
    assert (one.state, one.attempts, one.next_at, one.created_at) == ("waiting", 0, NOON, NOON)
    assert (one.domain, one.app, one.stream) == ("d.example.com", "live", "x")
    assert one.message["file_id"] == "9"
    assert one.message["stream_param"] == "a=b"
    assert one.message["video_url"] == "http://h/files/d/live/%C3%BC%20x.flv"
    assert not {"t", "sign"} & one.message.keys()


async def test_what_is_not_stored_is_not_told(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)

    async def store() -> None:
        async with catalog.begin() as session:
            await messages().file_finished(session, row, file("9", "r"), None, None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await store()
    assert await told(catalog) == []


async def test_push_parameters_are_those_of_the_push(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    async with catalog.begin() as session:
        await messages().file_finished(session, row, file("9", "r"), None, push(id=1, params="c=d"))
    (one,) = await told(catalog)
    assert one.message["stream_param"] == "c=d"


async def test_without_a_rule_nothing_is_told(catalog: Catalog) -> None:
    await add_template(catalog, app="other")
    row = await a_recording(catalog)
    await tell_everything(catalog, row)
    assert await told(catalog) == []


@pytest.mark.parametrize("member", sorted(ALL_URLS))
async def test_each_event_goes_where_the_template_says_and_only_there(catalog: Catalog, member: str) -> None:
    await add_template(catalog, {**dict.fromkeys(ALL_URLS, ""), member: ALL_URLS[member]})
    row = await a_recording(catalog)
    await tell_everything(catalog, row)
    (one,) = await told(catalog)
    assert one.url == ALL_URLS[member]
    assert one.url == f"http://h/{one.message['event_type']}"
    assert one.event == str(one.message["event_type"])


async def tell_everything(catalog: Catalog, row: Recording) -> None:
    """One event of each type."""
    async with catalog.begin() as session:
        publish = push(ended_at=at(5))
        await pushes.add(session, publish)
        await messages().push(session, publish, True)
        await messages().push(session, publish, False)
        await messages().file_finished(session, row, file("9", "r"), None, publish)
        await messages().recording_status(session, row, "started", NOON)
        await messages().exception(session, row, warned())


async def test_the_apps_rule_goes_before_the_domains(catalog: Catalog) -> None:
    await add_template(catalog, {"RecordNotifyUrl": "http://domain/"})
    await add_template(catalog, {"RecordNotifyUrl": "http://app/"}, app="live")
    row = await a_recording(catalog)
    async with catalog.begin() as session:
        await messages().file_finished(session, row, file("9", "r"), None, None)
    assert [one.url for one in await told(catalog)] == ["http://app/"]


async def test_a_push_is_told_twice_with_one_sequence(catalog: Catalog) -> None:
    await add_template(catalog)
    async with catalog.begin() as session:
        row = push(ended_at=at(5))
        await pushes.add(session, row)
        for began in (True, True, False, False):
            await messages().push(session, row, began)
    began, ended = await told(catalog)
    assert (began.message["event_type"], ended.message["event_type"]) == (1, 0)
    assert began.message["sequence"] == ended.message["sequence"]
    assert ended.message["push_duration"] == "5000"


# Status


async def test_the_life_of_a_session_is_told_in_order(catalog: Catalog) -> None:
    await add_template(catalog)
    async with catalog.begin() as session:
        await tasks.add(session, task("UpTb", family="record"))
        order = await tasks.get(session, "record", "UpTb")
        assert order is not None
    row = await a_recording(catalog, cause="task", task_id=order.id)
    for seconds, what in enumerate(("started", "paused", "resumed", "paused", "resumed", "error", "ended")):
        async with catalog.begin() as session:
            await messages().recording_status(session, row, what, at(seconds))  # type: ignore[arg-type]
    found = [one.message for one in await told(catalog)]
    assert [one["record_event"] for one in found] == [
        "record_start_succeeded",
        "record_paused",
        "record_resumed",
        "record_paused",
        "record_resumed",
        "record_error",
        "record_ended",
    ]
    assert [int(one["seq"]) for one in found] == list(range(1, 8))
    assert {one["session_id"] for one in found} == {"77"}
    assert {one["task_id"] for one in found} == {"UpTb"}


async def test_each_format_has_its_status_and_each_message_its_number(catalog: Catalog) -> None:
    await add_template(catalog)
    cut = await a_recording(catalog, "cut", spec={"format": ["flv", "mp4"]})
    whole = await a_recording(catalog, "whole", spec={"format": ["hls"]})
    async with catalog.begin() as session:
        for row in (cut, whole):
            await messages().recording_status(session, row, "started", NOON)
    found = [one.message for one in await told(catalog)]
    assert [json.loads(one["record_detail"])["file_format"] for one in found] == [1, 3, 2]
    assert [one["seq"] for one in found] == ["1", "2", "3"]


# Exceptions


async def counted(catalog: Catalog) -> list[tuple[str, int, int]]:
    found = [one.message for one in await told(catalog)]
    return [(one["file_format"], one["exception"]["type"], one["exception"]["occurs"]) for one in found]


async def except_(catalog: Catalog, of: Messages, row: Recording, *warnings: Warned) -> None:
    for warning in warnings:
        async with catalog.begin() as session:
            await of.exception(session, row, warning)


@pytest.mark.parametrize("error", SourceError.__subclasses__(), ids=lambda error: error.code)
def test_a_stream_that_cannot_be_had_is_a_pull_that_failed(error: type[SourceError]) -> None:
    kind = kind_of(Warned(at=NOON, recording="x", code=error.code, message=""))
    assert kind is not None
    assert (kind.level, kind.type) == ("error", -16)


async def test_equal_exceptions_are_merged_for_two_minutes(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    wall = Wall(NOON)
    of = messages(wall)
    await except_(catalog, of, row, warned(message="video timestamps jump by 5000 ms"))
    wall.move(119)
    await except_(catalog, of, row, warned(message="video timestamps jump by 7000 ms"), warned())
    (one,) = await told(catalog)
    assert one.next_at == NOON + timedelta(seconds=120)
    assert one.message["exception"] == {"type": -9, "occurs": 3, "desc": "video timestamps jump by 5000 ms"}
    wall.move(1)
    await except_(catalog, of, row, warned(), warned())
    assert await counted(catalog) == [("flv", -9, 3), ("flv", -9, 2)]


async def test_exceptions_that_differ_are_not_merged(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog, spec={"format": ["flv", "hls"]})
    other = await a_recording(catalog, "other", session_id="78")
    of = messages()
    await except_(catalog, of, row, warned(), warned(message="audio timestamps jump"))
    await except_(catalog, of, row, warned("storage", "disk full", format=Format.HLS))
    await except_(catalog, of, other, warned())
    assert sorted(await counted(catalog)) == [
        ("flv", -9, 1),
        ("flv", -9, 1),
        ("flv", -8, 1),
        ("hls", -104, 1),
        ("hls", -9, 1),
        ("hls", -8, 1),
    ]


async def test_what_was_tried_already_is_not_counted_on(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    await except_(catalog, messages(), row, warned())
    (one,) = await told(catalog)
    async with catalog.begin() as session:
        tried = await outbox.get(session, one.id)
        assert tried is not None
        tried.attempts, tried.next_at = 1, at(180)
    await except_(catalog, messages(), row, warned())
    assert await counted(catalog) == [("flv", -9, 1), ("flv", -9, 1)]


async def test_exceptions_wait_for_each_other_and_then_arrive(catalog: Catalog) -> None:
    wall = Wall(NOON)
    async with receiver() as one, Delivery(catalog, now=wall) as delivery:
        await add_template(catalog, {"RecordExceptionNotifyUrl": one.url})
        row = await a_recording(catalog)
        await except_(catalog, messages(wall), row, warned(), warned())
        wall.move(120)
        delivery.wake()
        await until(lambda: len(one.got) == 1)
    assert one.bodies[0]["exception"]["occurs"] == 2


@pytest.mark.parametrize(
    ("levels", "events"), [((), 3), (("error", "warning", "info"), 3), (("error",), 1), (("info",), 1)]
)
async def test_only_the_levels_that_were_asked_for(
    catalog: Catalog, levels: tuple[str, ...], events: int
) -> None:
    await add_template(catalog, levels=levels)
    row = await a_recording(catalog)
    warnings = (warned("connect_failed"), warned(), warned("duplicate_media"))
    await except_(catalog, messages(), row, *warnings)
    found = await told(catalog)
    assert len(found) == events
    assert {one.message["exception_level"] for one in found} <= set(levels or ("error", "warning", "info"))


async def test_the_vendors_numbers_of_changes(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    await except_(catalog, messages(), row, warned("resolution_changed"), warned("tracks_changed"))
    assert [one.message["exception"]["type"] for one in await told(catalog)] == [-100, -120]


async def test_what_the_vendor_has_no_number_for_is_not_told(catalog: Catalog) -> None:
    await add_template(catalog)
    row = await a_recording(catalog)
    await except_(catalog, messages(), row, warned("multitrack"))
    assert await told(catalog) == []
