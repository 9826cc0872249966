"""Aliyun's configurations and commands."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from house import KEY, ON, START, House
from waiting import until

from engine.catalog.schema import AliyunRecordConfig
from engine.control.presence import wanted_by
from engine.control.surroundings import Accepted
from engine.errors import AlreadyStarted, StreamNotLive, UnknownConfig

NEEDED = quote('{"NeedRecord":true}')
EVERY = [
    {"Format": "m3u8", "SliceDuration": 10},
    {"Format": "cmaf"},
    {"Format": "flv"},
    {"Format": "mp4", "CycleDuration": "900"},
]


async def test_automatic_recording_is_held_open_for_its_delay(house: House) -> None:
    await house.config(formats=EVERY, delay_s=60)
    async with house.open():
        await house.push()
        await until(lambda: len(house.fleet.running) == 4)
        specs = list(house.fleet.running.values())
        await house.fleet.live()
        await house.leave()
        await house.push()
        await until(lambda: len(house.fleet.told) == 8)
    assert [what for what, _ in house.fleet.told] == ["start"] * 4 + ["resume"] * 4
    assert {spec.splice for spec in specs} == {60}
    assert all(spec.splice_all for spec in specs)
    assert sorted((*spec.format, spec.interval, spec.hls_segment, spec.hls_time) for spec in specs) == [
        ("flv", 3600, "ts", 6),
        ("hls", 21600, "fmp4", 30),
        ("hls", 21600, "ts", 10),
        ("mp4", 900, "ts", 6),
    ]
    assert len({row.session_id for row in await house.rows()}) == 1


async def test_the_best_configuration_counts(house: House) -> None:
    await house.config(formats=[{"Format": "flv"}])
    await house.config(app="live", formats=[{"Format": "mp4"}])
    await house.config(app="live", stream="s", formats=[{"Format": "m3u8"}])
    async with house.open():
        await house.push()
        await house.runs("hls")


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (f"record_config={NEEDED}", True),
        (f"a=b&record_config={quote(NEEDED)}&c", True),
        ("record_config=" + quote('{"NeedRecord":false}'), False),
        ("record_config=" + quote('{"NeedRecord":"true"}'), False),
        ("record_config=" + quote("[true]"), False),
        ("record_config=true%", False),
        ("NeedRecord=true", False),
        ("", False),
    ],
)
def test_what_push_parameters_ask_for(params: str, wanted: bool) -> None:
    assert wanted_by(params) is wanted


@pytest.mark.parametrize(("params", "formats"), [(f"record_config={NEEDED}", ["flv"]), ("a=b", [])])
async def test_recording_by_push_parameter(house: House, params: str, formats: list[str]) -> None:
    await house.config(2)
    async with house.open():
        await house.push(params=params)
        await house.control.push_began(KEY, params=params, source="srs")
        await house.runs(*formats)


async def test_recording_on_demand(house: House) -> None:
    await house.config(1, formats=EVERY)
    house.answer = Accepted({"flv": 120}, frozenset({"flv", "mp4"}))
    async with house.open():
        await house.push()
        flv, mp4 = await house.runs("flv", "mp4")
        assert house.fleet.specs[flv].interval == 120
        assert house.fleet.specs[mp4].interval == 900
        await house.leave()
        house.answer = None
        await house.push()
        await until(lambda: house.asked == 2)
    assert len(house.fleet.specs) == 2


async def test_recording_in_a_window(house: House) -> None:
    minute = timedelta(minutes=1)
    await house.config(stream="s", app="live", start_at=START + minute, end_at=START + 3 * minute)
    async with house.open():
        await house.push()
        house.clock.forward(59)
        await house.looked()
        assert not house.fleet.specs
        house.clock.forward(1)
        (id,) = await house.runs("flv")
        house.clock.forward(120)
        await house.runs()
        await house.leave()
        await house.push()
    assert house.fleet.told == [("start", id), ("stop", id)]


async def test_preconditions(house: House) -> None:
    async with house.open():
        with pytest.raises(UnknownConfig):
            await house.control.command(KEY, "start")
        await house.push()
        for command in ("start", "stop", "cancel_delay", "restart"):
            with pytest.raises(UnknownConfig):
                await house.control.command(KEY, command)
        await house.config(7)
        for command in ("stop", "cancel_delay", "restart"):
            await house.control.command(KEY, command)
        assert not house.fleet.told
        await house.leave()
        for command in ("start", "stop", "cancel_delay", "restart"):
            with pytest.raises(StreamNotLive):
                await house.control.command(KEY, command)


async def test_a_manual_recording_ends_with_the_push(house: House) -> None:
    await house.config(7)
    async with house.open():
        await house.push()
        assert not house.fleet.specs
        await house.control.command(KEY, "start")
        (id,) = await house.runs("flv")
        with pytest.raises(AlreadyStarted):
            await house.control.command(KEY, "start")
        await house.fleet.live(id)
        (row,) = await house.rows()
        assert row.task_id is not None
        task = await house.task(row.task_id)
        assert task.state == "recording"
        await house.leave()
        await house.runs()
        assert house.fleet.told == [("start", id), ("finish", id)]
        await house.becomes(task, "finished")
        await house.push()
        await house.control.command(KEY, "stop")
    assert len(house.fleet.specs) == 1


async def test_after_a_manual_recording_automatic_ones_go_on(house: House) -> None:
    config = await house.config(7)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (first,) = await house.runs("flv")
        async with house.catalog.begin() as session:
            (await session.get_one(AliyunRecordConfig, config.id)).on_demand = 0
        await house.leave()
        await house.runs()
        await house.push()
        (second,) = await house.runs("flv")
        with pytest.raises(AlreadyStarted):
            await house.control.command(KEY, "start")
    assert first != second


async def test_stop_holds_the_file_and_start_goes_on_in_it(house: House) -> None:
    await house.config(7, delay_s=60)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (id,) = await house.runs("flv")
        await house.fleet.live(id)
        await house.control.command(KEY, "stop")
        await house.control.command(KEY, "stop")
        await until(lambda: house.told.of(id) == ["started", "paused"])
        (row,) = await house.rows()
        assert row.state == "paused"
        house.clock.forward(59)
        await house.control.command(KEY, "start")
        house.clock.forward(30)
        await until(lambda: ("resume", id) in house.fleet.told)
        await house.runs("flv")
        await house.fleet.goes_on(id)
        await house.control.command(KEY, "stop")
        house.clock.forward(60)
        await house.runs()
        assert house.told.of(id) == ["started", "paused", "resumed", "paused", "ended"]
        assert row.task_id is not None
        assert await house.state(await house.task(row.task_id)) == "finished"
        await house.control.command(KEY, "start")
        await house.runs("flv")


async def test_an_automatic_recording_that_is_stopped_stays_so_until_the_next_push(house: House) -> None:
    await house.rule(await house.template(mp4=ON))
    await house.config(delay_s=15)
    async with house.open():
        await house.push()
        flv, _ = await house.runs("flv", "mp4")
        await house.fleet.live()
        await house.control.command(KEY, "stop")
        house.clock.forward(15)
        await house.runs("mp4")
        house.clock.forward(600)
        await house.runs("mp4")
        await house.leave()
        await house.runs()
        await house.push()
        again, _ = await house.runs("flv", "mp4")
        await house.control.command(KEY, "stop")
        await house.control.command(KEY, "cancel_delay")
        await house.runs("mp4")
        await house.control.command(KEY, "cancel_delay")
    assert [what for what, id in house.fleet.told if id in (flv, again)] == ["start", "pause", "stop"] * 2


async def test_an_automatic_recording_that_was_stopped_goes_on_with_the_next_push(house: House) -> None:
    await house.config(delay_s=60)
    async with house.open():
        await house.push()
        (id,) = await house.runs("flv")
        await house.control.command(KEY, "stop")
        await house.leave()
        await house.push()
        await until(lambda: house.fleet.told == [("start", id), ("pause", id), ("resume", id)])
        house.clock.forward(600)
        await house.runs("flv")


async def test_a_manual_recording_that_was_stopped_ends_with_the_push(house: House) -> None:
    await house.config(7)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (id,) = await house.runs("flv")
        await house.control.command(KEY, "stop")
        await house.leave()
        await house.runs()
    assert house.fleet.told == [("start", id), ("pause", id), ("stop", id)]


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_restart_closes_the_file_and_begins_another(house: House, is_stopped: bool) -> None:
    await house.config(7)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (first,) = await house.runs("flv")
        if is_stopped:
            await house.control.command(KEY, "stop")
        await house.control.command(KEY, "restart")
        await until(lambda: first not in house.fleet.running)
        (second,) = await house.runs("flv")
        with pytest.raises(AlreadyStarted):
            await house.control.command(KEY, "start")
        house.clock.forward(600)
        await house.runs("flv")
        one, two = {row.id: row for row in await house.rows()}, second
        assert one[first].task_id == one[two].task_id
        assert one[first].session_id != one[two].session_id
        await house.leave()
        await house.runs()


async def test_stop_while_nothing_could_be_recorded_yet(house: House) -> None:
    await house.config(7)
    async with house.open():
        await house.push()
        await house.control.command(KEY, "start")
        (id,) = await house.runs("flv")
        await house.fleet.fail(id)
        await house.control.command(KEY, "stop")
        house.clock.forward(600)
        await house.runs()
        (row,) = await house.rows()
        assert row.task_id is not None
        assert await house.state(await house.task(row.task_id)) == "failed"
