"""Tasks: their windows, their pushes, and what is asked of them meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from house import KEY, ON, START, House
from waiting import until

from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.quotas import Quotas
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder
from engine.errors import (
    NoSuchWindow,
    StreamNotLive,
    TaskIsRunning,
    TooManyRunning,
    TooManyTasks,
    UnknownTask,
    UsageError,
)

FLV = {"type": "video", "format": "flv", "interval_s": 3600, "storage_s": 86400}


async def test_a_scheduled_task_records_every_push_in_its_window(house: House) -> None:
    async with house.open():
        task = await house.control.create_task(house.order(begins_s=60, lasts_s=600, options=FLV))
        assert task.state == "armed"
        await house.push()
        house.clock.forward(59)
        await house.looked()
        assert await house.state(task) == "armed"
        assert not house.fleet.running
        house.clock.forward(1)
        (first,) = await house.runs("flv")
        assert house.fleet.specs[first].interval == 3600
        assert await house.state(task) == "waiting"
        await house.fleet.live(first)
        assert await house.state(task) == "recording"
        await house.leave()
        await house.becomes(task, "interrupted")
        await house.runs()
        await house.push()
        (second,) = await house.runs("flv")
        await house.fleet.live(second)
        assert await house.state(task) == "recording"
        house.clock.forward(600)
        await house.runs()
        await house.becomes(task, "finished")
    assert house.fleet.told == [
        ("start", first),
        ("finish", first),
        ("start", second),
        ("stop", second),
    ]


async def test_a_window_in_which_nothing_came_is_a_failure(house: House) -> None:
    async with house.open():
        task = await house.control.create_task(house.order(lasts_s=60))
        assert task.state == "waiting"
        house.clock.forward(60)
        await house.becomes(task, "failed")
        assert not house.control._board.desks


async def test_a_start_that_is_past_is_now(house: House) -> None:
    async with house.open():
        await house.push()
        await house.control.create_task(house.order(begins_s=-600, options=FLV))
        await house.runs("flv")


@pytest.mark.parametrize(("begins_s", "lasts_s"), [(0, 0), (60, -1), (-3600, 3600), (-3600, 1)])
async def test_windows_that_are_none(house: House, begins_s: float, lasts_s: float) -> None:
    async with house.open():
        with pytest.raises(NoSuchWindow):
            await house.control.create_task(house.order(begins_s=begins_s, lasts_s=lasts_s))
        with pytest.raises(NoSuchWindow):
            await house.control.create_task(TaskOrder(family="live", key=KEY))


@pytest.mark.parametrize(
    ("asked_s", "lasts_s"), [(None, 1800), (600, 600), (-5, 1800), (0, 1800), (1800, 1800), (1801, 1800)]
)
async def test_a_real_time_task_ends_within_half_an_hour(
    house: House, asked_s: float | None, lasts_s: float
) -> None:
    end_at = None if asked_s is None else START + timedelta(seconds=asked_s)
    async with house.open():
        order = TaskOrder(family="live", key=KEY, end_at=end_at, is_real_time=True)
        with pytest.raises(StreamNotLive):
            await house.control.create_task(order)
        await house.push()
        task = await house.control.create_task(order)
        assert (task.start_at, task.end_at) == (START, START + timedelta(seconds=lasts_s))
        (id,) = await house.runs("flv")
        await house.fleet.live(id)
        house.clock.forward(lasts_s - 1)
        await house.looked()
        await house.runs("flv")
        house.clock.forward(1)
        await house.runs()
        await house.becomes(task, "finished")


async def test_formats_and_kinds_of_a_task(house: House) -> None:
    async with house.open():
        await house.push()
        for format, type in (("hls", "video"), ("mp4", "audio"), ("aac", "audio")):
            options = {"format": format, "type": type, "interval_s": 7200}
            await house.control.create_task(house.order(options=options))
        hls, mp4, aac = await house.runs("hls", "mp4", "aac")
        await house.control.create_task(house.order("legacy", options={"interval_s": 7200}))
        (flv,) = set(await house.runs("hls", "mp4", "aac", "flv")) - {hls, mp4, aac}
    specs = house.fleet.specs
    assert [specs[id].type for id in (hls, mp4, aac, flv)] == ["video", "audio", "audio", "video"]
    assert [specs[id].interval for id in (hls, mp4, aac)] == [7200, 7200, 7200]
    assert specs[flv].interval == 1800, "files of the legacy dialect are cut at half an hour"


# Stop and delete


async def test_a_stopped_task_closes_its_file_and_never_starts_again(house: House) -> None:
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order(options=FLV))
        (id,) = await house.runs("flv")
        for family, public_id, stream in (
            ("live", task.public_id, "other"),
            ("live", "1", None),
            ("record", task.public_id, None),
            ("legacy", task.public_id, "s"),
        ):
            with pytest.raises(UnknownTask):
                await house.control.stop_task(family, public_id, stream)  # type: ignore[arg-type]
        house.clock.forward(30)
        await house.control.stop_task("live", task.public_id, "s")
        await house.runs()
        stored = await house.task(task.id)
        assert (stored.state, stored.stopped_at) == ("stopped", house.clock())
        house.clock.forward(30)
        await house.control.stop_task("live", task.public_id, "s")
        assert (await house.task(task.id)).stopped_at == stored.stopped_at, "it was over"
        await house.leave()
        await house.push()
        assert ("stop", id) in house.fleet.told
    assert len(house.fleet.specs) == 1


async def test_a_running_task_cannot_be_deleted_and_an_armed_one_is_gone(house: House) -> None:
    async with house.open():
        running = await house.control.create_task(house.order())
        armed = await house.control.create_task(house.order(begins_s=60))
        with pytest.raises(TaskIsRunning):
            await house.control.delete_task("live", running.public_id, "s")
        await house.control.delete_task("live", armed.public_id, "s")
        with pytest.raises(UnknownTask):
            await house.control.delete_task("live", armed.public_id, "s")
        with pytest.raises(UnknownTask):
            await house.control.stop_task("live", armed.public_id)
        await house.control.stop_task("live", running.public_id)
        await house.control.delete_task("live", running.public_id)
        await house.push()
        house.clock.forward(120)
    assert await house.state(armed) == "stopped"
    assert not house.fleet.specs


async def test_a_deleted_record_task_records_this_push_and_no_other(house: House) -> None:
    template = await house.template(60, hls=ON)
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order("record", template_id=template.id))
        (id,) = await house.runs("hls")
        await house.fleet.live(id)
        await house.control.delete_task("record", task.public_id)
        with pytest.raises(UnknownTask):
            await house.control.stop_task("record", task.public_id)
        house.clock.forward(60)
        await house.runs("hls")
        assert house.fleet.told == [("start", id)]
        await house.leave()
        await house.runs()
        assert house.fleet.told[-1] == ("finish", id), "it is not held open for a splice"
        await house.becomes(task, "stopped")
        await house.push()
        house.clock.forward(60)
    assert len(house.fleet.specs) == 1


async def test_a_deleted_record_task_that_waits_is_over(house: House) -> None:
    async with house.open():
        task = await house.control.create_task(house.order("record"))
        await house.control.delete_task("record", task.public_id)
        assert await house.state(task) == "stopped"
        await house.push()
    assert not house.fleet.specs


# CreateRecordTask


async def test_only_three_record_a_stream_and_the_earliest_created_win(house: House) -> None:
    await house.rule(await house.template(mp4=ON))
    async with house.open():
        made = [await house.control.create_task(house.order("record", lasts_s=600 + n)) for n in range(5)]
        early = await house.control.create_task(house.order("record", begins_s=-60, lasts_s=900))
        other = house.order(options={"format": "aac", "type": "audio"})
        free = await house.control.create_task(other)
        await house.push()
        await house.runs("hls", "hls", "hls", "mp4", "aac")
        await house.records(*made[:3], free)
        await house.control.stop_task("record", made[0].public_id)
        await house.records(*made[1:4], free)
        house.clock.forward(601)
        await house.records(*made[2:], free)
        house.clock.forward(2)
        await house.records(made[4], early, free)
        assert await house.state(made[2]) == "failed", "nothing of it was ever live"


async def test_three_per_stream_may_be_switched_off(house: House) -> None:
    house.quotas = Quotas(per_stream=0)
    async with house.open():
        for n in range(5):
            await house.control.create_task(house.order("record", lasts_s=600 + n))
        await house.push()
        await house.runs(*["hls"] * 5)


async def test_an_unknown_template_is_the_default_format(house: House) -> None:
    none = await house.template()
    async with house.open():
        task = await house.control.create_task(house.order("record", template_id=4711))
        await house.control.create_task(house.order("record", template_id=none.id, lasts_s=60))
        await house.push()
        (id,) = await house.runs("hls")
        assert house.fleet.specs[id].interval is None
        assert task.template_id == 4711
        assert len(task.public_id) == 58


async def test_a_record_task_follows_its_template_at_the_next_push(house: House) -> None:
    template = await house.template(30, hls=ON)
    async with house.open():
        await house.control.create_task(house.order("record", template_id=template.id))
        await house.push()
        (id,) = await house.runs("hls")
        await house.fleet.live(id)
        await house.leave()
        await house.push()
        await house.runs("hls")
        await until(lambda: house.fleet.told == [("start", id), ("resume", id)])
        async with house.catalog.begin() as session:
            stored = await session.merge(template)
            stored.formats = {"flv": ON}
        house.clock.forward(5)
        await house.runs("hls")
        await house.leave()
        await house.push()
        await house.runs("flv")


# Quotas and duplicates


async def test_the_same_order_is_one_task(house: House) -> None:
    async with house.open():
        order = house.order(options=FLV)
        task = await house.control.create_task(order)
        assert (await house.control.create_task(order)).id == task.id
        others = [
            house.order(lasts_s=3601, options=FLV),
            house.order(options=FLV | {"format": "mp4"}),
            house.order(options=FLV, is_mixed=True),
            house.order("legacy", options=FLV),
            house.order("record", options=FLV),
            house.order("record", options=FLV),
        ]
        ids = {task.id} | {(await house.control.create_task(other)).id for other in others}
        assert len(ids) == 7
        await house.control.stop_task("live", task.public_id)
        assert (await house.control.create_task(order)).id not in ids, "the first one is over"
        await house.push()
        real_time = TaskOrder(family="live", key=KEY, is_real_time=True)
        assert (await house.control.create_task(real_time)).id != (
            await house.control.create_task(real_time)
        ).id


async def test_so_many_tasks_of_a_day(house: House) -> None:
    house.quotas = Quotas(daily=3)
    async with house.open():
        for n in range(2):
            await house.control.create_task(house.order(begins_s=60 + n))
        last = await house.control.create_task(house.order("legacy", begins_s=60))
        with pytest.raises(TooManyTasks):
            await house.control.create_task(house.order(begins_s=99))
        await house.push()
        await house.control.create_task(TaskOrder(family="live", key=KEY, is_real_time=True))
        await house.control.create_task(house.order("record"))
        await house.control.delete_task("legacy", last.public_id)
        await house.control.create_task(house.order(begins_s=99))
    async with house.open():
        with pytest.raises(TooManyTasks):
            await house.control.create_task(house.order(begins_s=100))
        house.clock.forward(12 * 3600 - 1)  # it is one second to midnight in China
        with pytest.raises(TooManyTasks):
            await house.control.create_task(house.order(begins_s=100))
        house.clock.forward(1)
        await house.control.create_task(house.order(begins_s=100))


async def test_so_many_tasks_at_once(house: House) -> None:
    house.quotas = Quotas(running=2)
    async with house.open():
        await house.push()
        for n in range(2):
            await house.control.create_task(house.order(lasts_s=600 + n))
        for begins_s in (0, 300):
            with pytest.raises(TooManyRunning):
                await house.control.create_task(house.order(begins_s=begins_s, lasts_s=5000))
        await house.control.create_task(house.order("record"))
        await house.control.create_task(TaskOrder(family="live", key=KEY, is_real_time=True))
        await house.control.create_task(house.order(begins_s=600))


async def test_quotas_may_be_switched_off(house: House) -> None:
    house.quotas = Quotas(daily=0, running=0)
    async with house.open():
        for n in range(20):
            await house.control.create_task(house.order(lasts_s=600 + n))


async def test_callers_that_leave_before_their_answer(house: House) -> None:
    """What is stored is known: it is recorded, and stopped."""
    async with house.open():
        orders = [house.order(lasts_s=600 + n, options=FLV) for n in range(20)]
        calls = [asyncio.create_task(house.control.create_task(order)) for order in orders]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert all(call.cancelled() for call in calls)
        await until(lambda: len(house.control._board.desk(KEY).tasks) == 20)
        await house.push()
        await house.runs(*["flv"] * 20)
        async with house.catalog.read() as session:
            assert len(await tasks.open_ones(session)) == 20


async def test_a_task_that_cannot_be_stored_is_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.quotas = Quotas(daily=1)

    def refuse() -> None:
        raise OSError("the disk is full")

    async with house.open():
        for is_live in (False, True):
            if is_live:
                await house.push()
            with monkeypatch.context() as patch:
                patch.setattr(house.catalog, "begin", refuse)
                with pytest.raises(OSError, match="full"):
                    await house.control.create_task(house.order(options=FLV))
            assert not house.control._board.desk(KEY).tasks
        assert not house.fleet.specs
        await house.control.create_task(house.order(options=FLV))
        await house.runs("flv")


# Mixes


async def test_a_mix_is_pulled_from_where_the_origin_has_it(house: House) -> None:
    async with house.open():
        await house.push()
        await house.control.create_task(house.order(options=FLV, is_mixed=True))
        await house.control.create_task(house.order(options=FLV | {"format": "mp4"}))
        flv, mp4 = await house.runs("flv", "mp4")
    assert house.fleet.urls[flv].endswith("?mix=1")
    assert not house.fleet.urls[mp4].endswith("?mix=1")
    assert {row.id: row.is_mixed for row in await house.rows()} == {flv: True, mp4: False}


async def test_a_mix_under_the_streams_own_name_is_recorded_in_its_place_and_once(house: House) -> None:
    house.origin.reuses = True
    await house.rule(await house.template(mp4=ON))
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order(options=FLV, is_mixed=True))
        same = await house.control.create_task(house.order(options=FLV))
        assert same.id == task.id
        await house.runs("flv", "mp4")
    assert {url.endswith("?mix=1") for url in house.fleet.urls.values()} == {True}


async def test_the_fleet_refuses(house: House) -> None:
    async with house.open():
        await house.push()
        house.fleet.refusal = UsageError("no such URL")
        await house.control.create_task(house.order())
        await until(lambda: bool(house.told.statuses))
    (row,) = await house.rows()
    assert row.state == "ended"
    assert house.told.statuses == [(row.id, "failed")]


async def test_ten_thousand_armed_tasks_fire_together(house: House) -> None:
    house.quotas = Quotas(daily=0, running=0)
    async with house.open():
        live = StreamKey(KEY.domain, "live", "s77")
        async with house.catalog.begin() as session:
            for n in range(10_000):
                session.add(_armed(n))
    async with house.open():
        await house.control.push_began(live)
        house.clock.forward(3599)
        await house.looked()
        async with house.catalog.read() as session:
            assert len(await tasks.due(session, START + timedelta(days=1))) == 10_000
        house.clock.forward(1)
        await house.runs("flv")
        async with house.catalog.read() as session:
            assert not await tasks.due(session, START + timedelta(days=1))
        house.clock.forward(3600)
        await house.runs()
        last = await house.task(10_000)
        await house.becomes(last, "failed")
        await until(lambda: house.control._board.desks.keys() == {live})


def _armed(n: int) -> Task:
    return Task(
        id=n + 1,
        public_id=str(n + 1),
        family="live",
        state="armed",
        domain=KEY.domain,
        app="live",
        stream=f"s{n}",
        start_at=START + timedelta(hours=1),
        end_at=START + timedelta(hours=2),
        is_real_time=False,
        is_mixed=False,
        template_id=None,
        options={},
        created_at=START,
        stopped_at=None,
        deleted_at=None,
    )
