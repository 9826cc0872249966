"""A process that is gone, and the one after it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from house import KEY, ON, START, House
from sqlalchemy import update
from test_events import described, finished
from waiting import until

from engine.catalog.schema import RecordTemplate
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder
from engine.errors import UnknownTask
from engine.store import StreamName, write_manifest


async def test_recordings_of_a_push_that_goes_on_are_gone_on_with(house: House) -> None:
    template = await house.template(flv=ON, hls=ON)
    await house.rule(template)
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order("record"))
        await until(lambda: len(house.fleet.running) == 3)
        await house.fleet.live()
        before = dict(house.fleet.running)
        async with house.catalog.begin() as session:
            await session.execute(update(RecordTemplate).values(formats={"mp4": ON}))
    async with house.open():
        await until(lambda: house.fleet.running == before)
        assert house.control.is_live(KEY)
        assert await house.state(task) == "interrupted"
        await house.fleet.live()
        assert await house.state(task) == "recording"
        assert [house.told.of(id) for id in before] == [["started", "resumed"]] * 3
        await house.leave()
        await house.runs()
        await house.push()
        await house.runs("mp4", "hls")
    assert house.fleet.recovered == [house.root]


async def test_what_failed_before_goes_on_as_it_was_ordered(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    async with house.open():
        await house.push()
        (id,) = await house.runs("flv")
        await house.fleet.fail(id)
        async with house.catalog.begin() as session:
            await session.execute(update(RecordTemplate).values(formats={"mp4": ON}))
    async with house.open():
        await house.runs("flv")


async def test_a_push_to_our_own_origin_ended_with_it(house: House) -> None:
    await house.rule(await house.template(60, flv=ON, hls=ON))
    await house.config(7, formats=[{"Format": "mp4"}])
    async with house.open():
        await house.push(source="embedded")
        await house.control.command(KEY, "start")
        ids = await house.runs("flv", "hls", "mp4")
        await house.fleet.live()
    async with house.open():
        assert not house.control.is_live(KEY)
        rows = await house.rows()
        assert {row.state for row in rows} == {"ended"}
        assert [house.told.of(id) for id in ids] == [["started", "ended"]] * 3
        assert house.told.pushes == [True, False]
        (manual,) = [row.task_id for row in rows if row.task_id is not None]
        assert await house.state(await house.task(manual)) == "finished"
        assert not house.control._board.desks
    assert not house.fleet.specs


async def test_a_manual_recording_of_an_outside_push_goes_on(house: House) -> None:
    await house.config(7)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (id,) = await house.runs("flv")
    async with house.open():
        assert await house.runs("flv") == [id]
        await house.leave()
        await house.runs()
    assert house.fleet.told == [("start", id), ("finish", id)]


@pytest.mark.parametrize("waits_s", [0, 600])
async def test_what_was_stopped_by_command_stays_stopped(house: House, waits_s: float) -> None:
    await house.config()
    async with house.open():
        await house.push()
        await house.runs("flv")
        await house.control.command(KEY, "stop")
        house.clock.forward(waits_s)
        await house.runs(*([] if waits_s else ["flv"]))
    async with house.open():
        assert {row.state for row in await house.rows()} == {"ended"}
        await house.looked()
        assert not house.fleet.specs
        await house.leave()
        await house.push()
        await house.runs("flv")


async def test_files_that_nobody_stored_are_stored_and_told_of_once(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    folder = house.root / StreamName(KEY.domain, KEY.app, KEY.stream).folder
    folder.mkdir(parents=True)
    async with house.open():
        await house.push(source="embedded")
        (id,) = await house.runs("flv")
        for name in ("a.flv", "b.flv"):
            event = finished(id, str(folder / name))
            write_manifest(folder / name, described(event, id))
        write_manifest(folder / "of-another.flv", described(event, "another"))
        (folder / "torn.flv.json").write_text("{")
        await house.control.on_event(finished(id, str(folder / "a.flv")))
    for _ in range(2):
        async with house.open():
            files = await house.files()
            await house.control.on_event(finished(id, str(folder / "b.flv")))
    assert [file.path.rpartition("/")[2] for file in files] == ["a.flv", "b.flv"]
    assert house.told.files == [file.id for file in files]


async def test_tasks_are_armed_again(house: House) -> None:
    async with house.open():
        armed = await house.control.create_task(house.order(begins_s=60))
        missed = await house.control.create_task(house.order(begins_s=60, lasts_s=60))
        waiting = await house.control.create_task(house.order(lasts_s=300))
        over = await house.control.create_task(house.order(lasts_s=61))
        newest = max(task.id for task in (armed, missed, waiting, over))
    house.clock.forward(120)
    async with house.open():
        await house.becomes(missed, "failed")
        await house.becomes(over, "failed")
        await house.becomes(armed, "waiting")
        await house.push()
        await house.records(armed, waiting)
        house.clock.step(-3600)
        later = await house.control.create_task(house.order(begins_s=60))
        assert later.id > newest, "though the clock was set back"


async def test_a_task_that_ended_while_nobody_was_there(house: House) -> None:
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order(lasts_s=60))
        (id,) = await house.runs("flv")
        await house.fleet.live(id)
    house.clock.forward(60)
    async with house.open():
        await house.becomes(task, "finished")
        await house.runs()


async def test_a_deleted_task_is_not_taken_up_for_another_push(house: House) -> None:
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order("record"))
        (id,) = await house.runs("hls")
        await house.fleet.live(id)
        await house.control.delete_task("record", task.public_id)
    async with house.open():
        assert await house.runs("hls") == [id]
        await house.leave()
        await house.becomes(task, "stopped")
    async with house.open():
        with pytest.raises(UnknownTask):
            await house.control.stop_task("record", task.public_id)
        await house.push()
        await house.looked()
        assert not house.fleet.specs


async def test_a_process_killed_between_the_answer_and_the_start(house: House) -> None:
    """What is stored is started, whoever answered."""
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order(options={"format": "mp4"}))
        (id,) = await house.runs("mp4")
        assert [row.state for row in await house.rows()] == ["starting"]
    async with house.open():
        assert await house.runs("mp4") == [id]
        await house.fleet.live(id)
        assert house.told.of(id) == ["started"]
        assert [row.task_id for row in await house.rows()] == [task.id]


async def test_the_wall_clock_steps(house: House) -> None:
    """What was ordered by the clock follows it; what was ordered from now on does not."""
    async with house.open():
        await house.push()
        scheduled = await house.control.create_task(house.order(begins_s=3600, options={"format": "mp4"}))
        order = TaskOrder(family="live", key=KEY, is_real_time=True)
        await house.control.create_task(order)
        await house.runs("flv")
        await house.looked()
        house.clock.step(3600)
        await house.runs("flv", "mp4")
        await house.looked()
        house.clock.step(-7200)
        await house.looked()
        house.clock.forward(1799)
        await house.looked()
        await house.runs("flv", "mp4")
        house.clock.forward(1)
        await house.runs("mp4")
        assert (await house.task(scheduled.id)).end_at == START + timedelta(hours=2)


async def test_streams_do_not_wait_for_each_other(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    other = StreamKey(KEY.domain, "live", "other")
    async with house.open():
        async with house.control._board.alone(KEY):
            await house.push(other)
            await house.runs("flv")
        await house.push()
        await house.runs("flv", "flv")
