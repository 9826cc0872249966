"""Where the clouds differ: the rows of the contract's table, as Aliyun has them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.aliyun.sdk import LEAVES_SOCKETS
from api.aliyun.stage import DOMAIN, Stage, config, entry, names
from control.house import KEY as STREAM

pytestmark = LEAVES_SOCKETS


async def test_an_interruption_is_held_open_for_the_delay(stage: Stage) -> None:
    """Files of all formats, 180 s unless said otherwise; the next push goes on in them."""
    await stage.configure(RecordFormat=[entry("flv"), entry("mp4"), entry("m3u8"), entry("cmaf")])
    await stage.house.push()
    ids = await stage.house.runs("flv+mp4", "hls", "hls")
    specs = [stage.house.fleet.specs[id] for id in stage.house.fleet.running]
    assert {(spec.splice, spec.splice_all) for spec in specs} == {(180, True)}
    await stage.house.fleet.live()
    await stage.house.leave()
    await stage.house.push()
    await stage.told("resume", ids[0])
    assert [what for what, _ in stage.house.fleet.told].count("start") == 3


async def test_a_manual_recording_ends_at_an_interruption_for_good(stage: Stage) -> None:
    await stage.configure(OnDemand=7, DelayTime=21600)
    await stage.house.push()
    await stage.command("start")
    (id,) = await stage.house.runs("flv")
    await stage.house.fleet.live(id)
    await stage.house.leave()
    await stage.house.runs()
    await stage.house.push()
    await stage.house.runs()


async def test_the_length_of_files(stage: Stage) -> None:
    await stage.configure(RecordFormat=[entry("flv"), entry("m3u8"), entry("cmaf", CycleDuration=900)])
    await stage.house.push()
    await stage.house.runs("flv", "hls", "hls")
    specs = stage.house.fleet.running.values()
    assert sorted((*spec.format, spec.hls_segment, spec.interval) for spec in specs) == [
        ("flv", "ts", 3600),
        ("hls", "fmp4", 900),
        ("hls", "ts", 21600),
    ]


async def test_a_format_must_be_named(stage: Stage) -> None:
    assert await stage.code("AddLiveAppRecordConfig", **config()) == "MissingRecordFormat"


async def test_a_start_on_demand_has_no_end(stage: Stage) -> None:
    await stage.configure(OnDemand=7)
    await stage.house.push()
    await stage.command("start")
    (id,) = await stage.house.runs("flv")
    stage.house.clock.forward(timedelta(days=30).total_seconds())
    await stage.house.control.on_event(await stage.house.fleet.file(id, "a.flv"))
    assert await stage.house.runs("flv") == [id]


async def test_the_more_exact_configuration_counts(stage: Stage) -> None:
    """Domain, app and stream before domain and app before domain; a wildcard is `*`."""
    await stage.configure(RecordFormat=[entry("mp4")])
    await stage.configure(AppName="live", RecordFormat=[entry("flv")])
    await stage.configure(AppName="live", StreamName=STREAM.stream, RecordFormat=[entry("m3u8")])
    await stage.configure(AppName="other", RecordFormat=[entry("cmaf")])
    for stream, format in ((STREAM.stream, "hls"), ("*", "flv"), (None, "mp4")):
        await stage.house.push()
        (id,) = await stage.house.runs(format)
        await stage.house.leave()
        await stage.house.fleet.end(id)
        if stream is not None:
            await stage.call("DeleteLiveAppRecordConfig", **{**names(STREAM), "StreamName": stream})


async def test_a_change_counts_from_the_next_push(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    change: dict[str, Any] = {"DomainName": DOMAIN, "AppName": "*", "OssEndpoint": "e.example.com"}
    await stage.call("UpdateLiveAppRecordConfig", **change, RecordFormat=[{"Format": "mp4"}])
    assert await stage.house.runs("flv") == [id]
    await stage.call("DeleteLiveAppRecordConfig", DomainName=DOMAIN, AppName="*")
    await stage.configure(RecordFormat=[entry("mp4")])
    assert await stage.house.runs("flv") == [id]
    await stage.house.leave()
    await stage.house.push()
    await stage.house.runs("mp4")
