"""`[record]`: what is recorded of a push that no rule and no configuration matches."""

from __future__ import annotations

from typing import Any

import pytest
from house import KEY, ON, House
from sqlalchemy import delete
from test_events import described, finished
from waiting import until

from engine.catalog.schema import RecordRule
from engine.control.orders import Group, settings_groups
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.media.codecs import Format
from engine.store import StreamName, write_manifest
from engine.store.naming import DEFAULT


def groups(*formats: str, **more: Any) -> tuple[Group, ...]:
    """`[record]` with some keys that are not their defaults."""
    keys = {"interval_s": 3600, "splice_s": 0, "audio_only": False, "name": DEFAULT, **more}
    return settings_groups([Format(one) for one in formats], **keys)


@pytest.fixture
def house(house: House) -> House:
    """Records every push as MP4, unless something else is said of it."""
    house.fallback = groups("mp4")
    return house


async def test_a_push_without_a_rule_is_recorded(house: House) -> None:
    async with house.open():
        await house.push(params="a=b")
        (id,) = await house.runs("mp4")
        await house.fleet.live(id)
        await house.leave()
        await house.runs()
        await house.push()
        await house.runs("mp4")
    spec = house.fleet.specs[id]
    assert (spec.interval, spec.splice, spec.type) == (3600, 0, "video")
    assert spec.name == "push.example.com/live/s/{start}-{seq}"
    row = next(row for row in await house.rows() if row.id == id)
    assert (row.cause, row.template_id, row.task_id, row.config_id) == ("settings", None, None, None)
    assert row.options["stream_param"] == "a=b"
    assert house.told.of(id) == ["started", "ended"]


async def test_a_rule_goes_before_it(house: House) -> None:
    await house.rule(await house.template(flv=ON), app="live")
    async with house.open():
        await house.push()
        await house.push(StreamKey(KEY.domain, "else", "x"))
        await house.runs("flv", "mp4")


async def test_a_rule_that_records_nothing_goes_before_it(house: House) -> None:
    await house.rule(await house.template(flv={"Enable": 0}))
    async with house.open():
        await house.push()
        await house.looked()
        assert not house.fleet.specs


@pytest.mark.parametrize(
    ("on_demand", "answer", "recorded"),
    [(0, None, ["flv"]), (1, Accepted(), ["flv"]), (1, None, []), (2, None, []), (7, None, [])],
)
async def test_a_configuration_goes_before_it_whether_it_records_or_not(
    house: House, on_demand: int, answer: Accepted | None, recorded: list[str]
) -> None:
    await house.config(on_demand)
    house.answer = answer
    async with house.open():
        await house.push()
        await until(lambda: house.asked == (on_demand == 1))
        await house.runs(*recorded)
        await house.looked()
    assert [row.cause for row in await house.rows()] == ["aliyun"] * len(recorded)


async def test_tasks_are_beside_it(house: House) -> None:
    async with house.open():
        await house.push()
        task = await house.control.create_task(house.order(options={"format": "flv"}))
        await house.runs("mp4", "flv")
        await house.control.stop_task("live", task.public_id)
        await house.runs("mp4")


async def test_what_is_added_or_removed_during_a_push_counts_from_the_next_one(house: House) -> None:
    async with house.open():
        await house.push()
        (id,) = await house.runs("mp4")
        await house.rule(await house.template(flv=ON))
        await house.fleet.fail(id, "connect_failed")
        house.clock.forward(60)
        await house.runs("mp4")
        await house.leave()
        await house.push()
        await house.runs("flv")
        async with house.catalog.begin() as session:
            await session.execute(delete(RecordRule))
        await house.leave()
        await house.push()
        await house.runs("mp4")


async def test_without_formats_only_rules_and_tasks_record(house: House) -> None:
    house.fallback = groups()
    async with house.open():
        await house.push()
        await house.control.create_task(house.order(options={"format": "flv"}))
        await house.runs("flv")
        await house.rule(await house.template(aac=ON))
        await house.push(StreamKey(KEY.domain, "live", "other"))
        await house.runs("flv", "aac")


async def test_a_spliced_playlist_goes_on_unless_a_rule_came(house: House) -> None:
    house.fallback = groups("hls", "mp4", splice_s=60)
    async with house.open():
        await house.push()
        hls, mp4 = await house.runs("hls", "mp4")
        await house.fleet.live()
        await house.leave()
        await house.runs("hls")
        await house.push()
        await house.runs("hls", "mp4")
        assert hls in house.fleet.running
        await house.rule(await house.template(flv=ON))
        await house.leave()
        await house.push()
        await house.runs("flv")
    assert (house.fleet.specs[hls].splice, house.fleet.specs[mp4].splice) == (60, 0)
    assert ("resume", hls) in house.fleet.told


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (groups("flv", "mp4"), [("flv+mp4", 3600, "video")]),
        (groups("mp4", "hls"), [("mp4", 3600, "video"), ("hls", None, "video")]),
        (groups("mp4", "hls", interval_s=0), [("mp4+hls", None, "video")]),
        (groups("mp4", "aac", audio_only=True), [("mp4+aac", 3600, "audio")]),
        (groups("aac", "mp3"), [("aac+mp3", 3600, "audio")]),
        (groups("aac", "mp4"), [("aac+mp4", 3600, "video")]),
    ],
)
def test_formats_that_are_cut_alike_are_pulled_once(
    given: tuple[Group, ...], made: list[tuple[str, int | None, str]]
) -> None:
    assert [("+".join(group.formats), group.interval_s, group.type) for group in given] == made


async def test_names_are_those_of_the_push_domain_whatever_is_pulled(house: House) -> None:
    house.fallback = groups("mp4", name="{date}/{domain}-{app}/{stream}_{time}_{seq}")
    async with house.open():
        await house.push(StreamKey(KEY.domain, "live/a", "../x"))
        (id,) = await house.runs("mp4")
    assert house.fleet.specs[id].name == "{date}/push.example.com-live~2Fa/~2E.~2Fx_{time}_{seq}"


async def test_a_push_that_goes_on_is_recorded_as_it_was_by_the_next_process(house: House) -> None:
    async with house.open():
        await house.push()
        (id,) = await house.runs("mp4")
        await house.fleet.live(id)
        before = house.fleet.specs[id]
    await house.config()
    await house.rule(await house.template(flv=ON))
    house.fallback = groups("flv")
    async with house.open():
        assert await house.runs("mp4") == [id]
        assert house.fleet.specs[id] == before
        await house.looked()
        await house.leave()
        await house.push()
        await house.runs("flv", "flv")


async def test_files_that_nobody_stored_are_found_wherever_they_are(house: House) -> None:
    house.fallback = groups("flv", name="{date}/{stream}/{start}-{seq}")
    folder = house.root / "2026-03-01" / "s"
    usual = house.root / StreamName(KEY.domain, KEY.app, KEY.stream).folder
    folder.mkdir(parents=True)
    usual.mkdir(parents=True)
    async with house.open():
        await house.push(source="embedded")
        (id,) = await house.runs("flv")
        for path in (folder / "20260301T040000Z-000.flv", usual / "elsewhere-000.flv"):
            write_manifest(path, described(finished(id, str(path)), id))
    async with house.open():
        files = await house.files()
    assert [file.path for file in files] == ["2026-03-01/s/20260301T040000Z-000.flv"]
    assert house.told.files == [file.id for file in files]
