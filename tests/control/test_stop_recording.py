"""A recording is stopped by hand, whatever ordered it: not again for this push, again for the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from house import KEY, ON, House
from waiting import until

from engine.control.orders import settings_groups
from engine.errors import AlreadyStarted, UnknownRecording
from engine.store.naming import DEFAULT

FLV = {"type": "video", "format": "flv", "interval_s": 3600}


async def by_rule(house: House) -> None:
    await house.rule(await house.template(flv=ON))


async def by_settings(house: House) -> None:
    house.fallback = settings_groups(["flv"], interval_s=3600, splice_s=0, audio_only=False, name=DEFAULT)


async def by_configuration(house: House) -> None:
    await house.config(formats=[{"Format": "flv"}], delay_s=60)


async def no_rule(house: House) -> None:
    pass


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "restarted"])
@pytest.mark.parametrize("ordered", [by_rule, by_settings, by_configuration, no_rule])
async def test_it_begins_again_with_the_next_push(
    ordered: Callable[[House], Awaitable[None]], restarted: bool, house: House
) -> None:
    await ordered(house)
    async with house.open():
        if ordered is no_rule:
            await house.control.create_task(house.order(begins_s=0, lasts_s=3600, options=FLV))
        await house.push()
        (id,) = await house.runs("flv")
        await house.fleet.live(id)
        await house.control.stop_recording(id)
        await house.runs()
        with pytest.raises(UnknownRecording, match=id):
            await house.control.stop_recording(id)
        await house.looked()
        assert house.fleet.told == [("start", id), ("stop", id)]
        if not restarted:
            await house.leave()
            await house.push()
            await house.runs("flv")
    if restarted:
        async with house.open():
            assert house.control.is_live(KEY)
            await house.looked()
            assert house.fleet.told == []
            await house.leave()
            await house.push()
            await house.runs("flv")


async def test_the_other_recordings_of_a_stream_go_on(house: House) -> None:
    await house.rule(await house.template(60, flv=ON, hls=ON))
    async with house.open():
        await house.push()
        flv, hls = await house.runs("flv", "hls")
        await house.control.stop_recording(flv)
        assert await house.runs("hls") == [hls]


async def test_a_stopped_configuration_can_be_started_by_command(house: House) -> None:
    await by_configuration(house)
    async with house.open():
        await house.push()
        (id,) = await house.runs("flv")
        await house.control.stop_recording(id)
        await house.runs()
        await house.control.command(KEY, "start")
        (other,) = await house.runs("flv")
        assert other != id
        with pytest.raises(AlreadyStarted):
            await house.control.command(KEY, "start")


async def test_a_recording_nobody_knows(house: House) -> None:
    async with house.open():
        with pytest.raises(UnknownRecording, match="none of that id"):
            await house.control.stop_recording("none")
        await until(lambda: not house.fleet.running)
