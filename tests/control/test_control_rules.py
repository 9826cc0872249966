"""Rules and templates: what a push is recorded by."""

from __future__ import annotations

from house import KEY, ON, House

from engine.catalog.schema import RecordTemplate
from engine.control.streams import StreamKey
from engine.media import events


async def test_a_rule_records_its_templates_formats(house: House) -> None:
    await house.rule(
        await house.template(flv=ON, mp4=ON | {"RecordInterval": "3600"}, hls=ON, aac={"Enable": 0})
    )
    async with house.open():
        await house.push(params="a=b")
        flv, mp4, hls = await house.runs("flv", "mp4", "hls")
    specs = house.fleet.specs
    assert specs[flv].interval == 1800
    assert specs[mp4].interval == 3600
    assert specs[hls].interval is None
    assert specs[flv].name == "push.example.com/live/s/{start}-{seq}"
    rows = await house.rows()
    assert len({row.session_id for row in rows}) == 1
    assert {row.options["stream_param"] for row in rows} == {"a=b"}
    assert house.fleet.urls[flv] == "rtmp://10.0.0.5/live/s"


async def test_formats_that_are_cut_alike_are_one_recording(house: House) -> None:
    await house.rule(await house.template(flv=ON, mp4=ON, mp3=ON | {"RecordInterval": 600}))
    async with house.open():
        await house.push()
        _, mp3 = await house.runs("flv+mp4", "mp3")
    assert house.fleet.specs[mp3].type == "audio"


async def test_the_best_rule_wins_and_no_format_is_no_recording(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    await house.rule(await house.template(mp4=ON), app="live")
    await house.rule(await house.template(hls=ON), stream="s")
    await house.rule(await house.template(flv={"Enable": 0}), app="live", stream="mute")
    async with house.open():
        await house.push(StreamKey(KEY.domain, "live", "mute"))
        await house.push(StreamKey("other.example.com", "live", "s"))
        await house.push(StreamKey(KEY.domain, "else", "x"))
        await house.push(StreamKey(KEY.domain, "live", "x"))
        await house.push()
        await house.runs("flv", "mp4", "hls")


async def test_an_interruption_ends_it_and_the_next_push_records_again(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    async with house.open():
        await house.push()
        (first,) = await house.runs("flv")
        await house.fleet.live(first)
        house.clock.forward(60)
        await house.leave()
        await house.runs()
        await house.push()
        (second,) = await house.runs("flv")
    assert house.fleet.told == [("start", first), ("finish", first), ("start", second)]
    one, two = await house.rows()
    assert one.session_id != two.session_id
    assert one.ended_at is not None
    assert house.told.of(first) == ["started", "ended"]
    assert house.told.pushes == [True, False, True]


async def test_changes_count_from_the_next_push_on(house: House) -> None:
    template = await house.template(flv=ON)
    await house.rule(template)
    async with house.open():
        await house.push()
        (first,) = await house.runs("flv")
        async with house.catalog.begin() as session:
            stored = await session.get_one(RecordTemplate, template.id)
            stored.formats = {"mp4": ON}
        await house.fleet.fail(first, "connect_failed")
        house.clock.forward(2)
        await house.runs("flv")
        await house.leave()
        await house.runs()
        await house.push()
        await house.runs("mp4")


async def test_a_spliced_playlist_waits_for_the_next_push(house: House) -> None:
    await house.rule(await house.template(60, flv=ON, hls=ON))
    async with house.open():
        await house.push()
        flv, hls = await house.runs("flv", "hls")
        await house.fleet.live()
        await house.leave()
        await house.runs("hls")
        await house.fleet.gap(hls)
        await house.push()
        again, _ = await house.runs("flv", "hls")
        await house.fleet.goes_on(hls)
        rows = {row.id: row for row in await house.rows()}
    assert rows[again].session_id == rows[hls].session_id == rows[flv].session_id
    assert ("resume", hls) in house.fleet.told
    assert house.told.of(hls) == ["started", "paused", "resumed"]


async def test_a_splice_that_the_template_no_longer_wants_is_ended(house: House) -> None:
    template = await house.template(60, hls=ON)
    await house.rule(template)
    async with house.open():
        await house.push()
        (hls,) = await house.runs("hls")
        await house.leave()
        async with house.catalog.begin() as session:
            (await session.get_one(RecordTemplate, template.id)).splice_s = 0
        await house.push()
        await house.runs("hls")
    assert ("stop", hls) in house.fleet.told
    assert hls not in house.fleet.running


async def test_a_splice_that_ran_out_is_over_and_is_not_tried_again(house: House) -> None:
    await house.rule(await house.template(60, hls=ON))
    async with house.open():
        await house.push()
        (hls,) = await house.runs("hls")
        await house.fleet.live(hls)
        await house.leave()
        await house.fleet.end(hls)
        house.clock.forward(3600)
        await house.push()
        await house.runs("hls")
    assert [what for what, _ in house.fleet.told] == ["start", "start"]


async def test_a_push_told_twice_is_one(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    async with house.open():
        await house.push(params="a=b")
        await house.push(params="a=b")
        await house.push(source="poll")
        await house.runs("flv")
        await house.leave()
        await house.leave()
        await house.runs()
    assert house.told.pushes == [True, False]


async def test_a_push_that_was_found_by_looking_learns_from_its_hook(house: House) -> None:
    async with house.open():
        await house.push(source="poll")
        await house.control.push_began(KEY, params="a=b", client_ip="10.1.1.1", source="srs")
        (push,) = house.control.online()
    assert (push.params, push.client_ip, push.source) == ("a=b", "10.1.1.1", "srs")
    assert house.told.pushes == [True]


async def test_another_publisher_of_the_stream_is_another_push(house: House) -> None:
    await house.rule(await house.template(flv=ON))
    async with house.open():
        await house.push(params="a=1")
        (first,) = await house.runs("flv")
        await house.push(params="a=2")
        await house.runs("flv")
        (push,) = house.control.online(stream="s")
    assert push.params == "a=2"
    assert ("finish", first) in house.fleet.told
    assert house.told.pushes == [True, False, True]


async def test_who_is_online(house: House) -> None:
    other = StreamKey(KEY.domain, "live", "t")
    async with house.open():
        await house.push()
        await house.push(other)
        assert house.control.is_live(KEY)
        assert [push.stream for push in house.control.online(app="live")] == ["s", "t"]
        assert [push.stream for push in house.control.online(stream="t")] == ["t"]
        assert not house.control.online(domain="no.example.com")
        await house.leave()
        assert not house.control.is_live(KEY)


async def test_what_fails_is_tried_again_with_growing_waits_and_a_codec_is_not(house: House) -> None:
    await house.rule(await house.template(flv=ON, mp4=ON | {"RecordInterval": 60}))
    async with house.open():
        await house.push()
        flv, mp4 = await house.runs("flv", "mp4")
        await house.fleet.fail(mp4, "unsupported_codec")
        await house.fleet.fail(flv)
        house.clock.forward(1)
        (flv,) = await house.runs("flv")
        await house.fleet.fail(flv)
        house.clock.forward(1.5)
        await house.fleet.control.on_event(
            events.Warned(at=house.clock(), recording="x", code="c", message="m")
        )
        assert not house.fleet.running
        house.clock.forward(0.5)
        (flv,) = await house.runs("flv")
        assert house.told.of(mp4) == ["failed"]
        await house.fleet.live(flv)
        await house.fleet.fail(flv)
        assert house.told.of(flv) == ["started", "error", "ended"]
        house.clock.forward(1)
        await house.runs("flv")


async def test_of_an_origin_that_tells_nothing_a_recording_tells_the_end(house: House) -> None:
    await house.rule(
        await house.template(flv=ON, mp4=ON | {"RecordInterval": 60}, mp3=ON | {"RecordInterval": 61})
    )
    async with house.open():
        await house.push(source="poll")
        flv, mp4, mp3 = await house.runs("flv", "mp4", "mp3")
        await house.fleet.fail(mp3, "unsupported_codec")
        assert house.control.is_live(KEY)
        await house.fleet.end(flv)
        await house.runs()
        assert not house.control.is_live(KEY)
        assert ("finish", mp4) in house.fleet.told
        await house.push(source="poll")
        await house.runs("flv", "mp4", "mp3")
