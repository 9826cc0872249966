"""CreateLiveStreamRecordIndexFiles: a playlist of a time, of segments that are really there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS
from api.aliyun.stage import PUBLIC, Stage, entry, names
from control.house import KEY as STREAM
from muxing import PlainFolder, read_stream
from oracle import playlist
from oracle.playback import assert_plays

from engine.catalog.schema import File
from engine.control.orders import settings_groups
from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer

CREATE = "CreateLiveStreamRecordIndexFiles"
PLACE = {"OssBucket": "other", "OssEndpoint": "oss-cn-beijing.aliyuncs.com"}
FOLDER = "push.example.com/live/s"

pytestmark = LEAVES_SOCKETS

Record = Callable[[Stage, str], PlainFolder]


@pytest.fixture
def record(sample: Callable[[str], Path]) -> Record:
    """Records 8 s in segments of 2 s from now on; the file is not catalogued yet."""

    def run(stage: Stage, name: str) -> PlainFolder:
        stream = read_stream(sample("h264_aac_bframes"))
        path = stage.house.root / FOLDER / f"{name}.m3u8"
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = PlainFolder(path)
        options = MuxOptions(started_at=stage.house.clock(), headers=[stream.headers], hls_time_s=1.5)
        muxer = open_muxer(Format.HLS, stream.tracks, folder, options)
        for batch in stream.batches():
            muxer.write(batch)
        muxer.close()
        stage.house.clock.forward(10)
        return folder

    return run


def order(stage: Stage, since_s: float, until_s: float = 0, **more: Any) -> dict[str, Any]:
    times = {"StartTime": stage.text(since_s), "EndTime": stage.text(until_s)}
    return {**names(STREAM), **PLACE, "OssObject": "{AppName}/{StreamName}/{Date}/x.m3u8", **times, **more}


async def live(stage: Stage) -> str:
    """A stream that is being recorded."""
    await stage.configure(RecordFormat=[entry("m3u8")])
    await stage.house.push()
    (id,) = await stage.house.runs("hls")
    return id


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_part_of_a_recording(stage: Stage, client: str, record: Record) -> None:
    stage = stage.by(client)
    id = await live(stage)
    record(stage, "a")
    await stage.house.fleet.file(id, f"{FOLDER}/a.m3u8")
    answer = await stage.call(CREATE, **order(stage, -8, -4))
    info = answer["RecordInfo"]
    made = next(file for file in await stage.house.files() if file.id == info["RecordId"])
    assert info == {
        "RecordId": made.id,
        "RecordUrl": f"{PUBLIC}/{made.path}",
        **names(STREAM),
        **PLACE,
        "OssObject": "live/s/2026-03-01/x.m3u8",
        "StartTime": stage.text(-8),
        "EndTime": stage.text(-4),
        "CreateTime": stage.text(0),
        "Duration": 4.0,
        "Height": 0,
        "Width": 0,
    }
    path = stage.house.root / made.path
    assert path.parent == stage.house.root / FOLDER
    assert [one.uri for one in playlist.read(path).segments] == ["a/00001.ts", "a/00002.ts"]
    assert_plays(path)
    assert made.size_bytes == sum((path.parent / f"a/0000{number}.ts").stat().st_size for number in (1, 2))


async def test_what_was_made_is_found_like_a_recording(stage: Stage, record: Record) -> None:
    id = await live(stage)
    record(stage, "a")
    await stage.house.fleet.file(id, f"{FOLDER}/a.m3u8")
    stage.house.clock.forward(1)
    info = (await stage.call(CREATE, **order(stage, -11)))["RecordInfo"]
    whole = {**names(STREAM), "StartTime": stage.text(-60), "EndTime": stage.text(60)}
    answer = await stage.call("DescribeLiveStreamRecordIndexFiles", **whole)
    listed = answer["RecordIndexInfoList"]["RecordIndexInfo"]
    assert [one["OssBucket"] for one in listed] == ["b", "other"]
    assert listed[1] == {**info, "Format": "m3u8"}
    content = await stage.call("DescribeLiveStreamRecordContent", **whole)
    assert len(content["RecordContentInfoList"]["RecordContentInfo"]) == 1
    again = (await stage.call(CREATE, **order(stage, -11)))["RecordInfo"]
    assert again["RecordId"] != info["RecordId"]
    assert again["Duration"] == info["Duration"]
    assert 8 <= info["Duration"] < 9


async def test_the_segment_that_the_time_ends_in(stage: Stage, record: Record) -> None:
    id = await live(stage)
    record(stage, "a")
    await stage.house.fleet.file(id, f"{FOLDER}/a.m3u8")
    for is_included, duration in ((False, 2.0), (True, 4.0)):
        given = order(stage, -8, -5, EndTimeIncluded=is_included)
        assert (await stage.call(CREATE, **given))["RecordInfo"]["Duration"] == duration


async def test_a_recording_that_goes_on(stage: Stage, record: Record) -> None:
    """Its file is not catalogued yet; a journal stands beside it while it grows."""
    await live(stage)
    folder = record(stage, "a")
    folder.playlist.write_text(folder.published[2])
    assert await stage.code(CREATE, **order(stage, -10)) == "InvalidStream.NotFound"
    folder.playlist.with_name("a.m3u8.journal").touch()
    assert (await stage.call(CREATE, **order(stage, -10)))["RecordInfo"]["Duration"] == 6.0


@pytest.mark.parametrize("is_final", [True, False])
async def test_a_recording_whose_files_have_other_names(stage: Stage, record: Record, is_final: bool) -> None:
    """`record.name` puts them anywhere below the root; the playlist of a time stands where it always does."""
    stage.house.control._board.fallback = settings_groups(
        [Format.HLS], interval_s=0, splice_s=0, audio_only=False, name="all/{stream}-{seq}"
    )
    await stage.house.push()
    (id,) = await stage.house.runs("hls")
    folder = record(stage, "s-000")
    there = stage.house.root / "all" / "s-000.m3u8"
    there.parent.mkdir()
    folder.playlist.rename(there)
    folder.playlist.with_suffix("").rename(there.with_suffix(""))
    if is_final:
        await stage.house.fleet.file(id, "all/s-000.m3u8")
    else:
        there.write_text(folder.published[2])
        there.with_name("s-000.m3u8.journal").touch()
    info = (await stage.call(CREATE, **order(stage, -10)))["RecordInfo"]
    made = stage.house.root / info["RecordUrl"].removeprefix(f"{PUBLIC}/")
    assert made.parent == stage.house.root / FOLDER
    assert playlist.read(made).segments[0].uri == "../../../all/s-000/00000.ts"
    assert_plays(made)


async def test_it_is_kept_no_longer_than_what_it_is_made_of(stage: Stage, record: Record) -> None:
    id = await live(stage)
    for name, kept_s in (("a", 7200), ("b", 3600), ("c", None)):
        record(stage, name)
        await stage.house.fleet.file(id, f"{FOLDER}/{name}.m3u8")
        async with stage.house.catalog.begin() as session:
            (file,) = [one for one in await stage.house.files() if one.path.endswith(f"{name}.m3u8")]
            until = None if kept_s is None else stage.house.clock() + timedelta(seconds=kept_s)
            (await session.get_one(File, file.id)).expires_at = until
        stage.house.clock.forward(10)
    files = {file.id: file for file in await stage.house.files()}
    info = (await stage.call(CREATE, **order(stage, -60)))["RecordInfo"]
    (made,) = [file for file in await stage.house.files() if file.id == info["RecordId"]]
    assert made.expires_at == min(file.expires_at for file in files.values() if file.expires_at)


async def test_over_several_recordings(stage: Stage, record: Record) -> None:
    id = await live(stage)
    for name in ("a", "b"):
        record(stage, name)
        await stage.house.fleet.file(id, f"{FOLDER}/{name}.m3u8")
        stage.house.clock.forward(10)
    (stage.house.root / FOLDER / "c.m3u8").write_text("not a playlist")
    await stage.house.fleet.file(id, f"{FOLDER}/c.m3u8")
    info = (await stage.call(CREATE, **order(stage, -40)))["RecordInfo"]
    assert 16 <= info["Duration"] < 18
    path = stage.house.root / info["RecordUrl"].removeprefix(f"{PUBLIC}/")
    assert [one.run for one in playlist.read(path).segments] == [0] * 4 + [1] * 4


@pytest.mark.parametrize("client", CLIENTS)
async def test_nothing_to_make_it_of(stage: Stage, client: str, record: Record) -> None:
    stage = stage.by(client)
    refused = await stage.refused(CREATE, **order(stage, -60))
    assert (refused.status, refused.code) == (404, "InvalidStream.NotFound")
    id = await live(stage)
    record(stage, "a")
    await stage.house.fleet.file(id, f"{FOLDER}/a.m3u8")
    refused = await stage.refused(CREATE, **order(stage, -60, -20))
    assert (refused.status, refused.code) == (404, "InvalidStream.NotFound")
    assert "empty" in refused.message
    assert len(await stage.house.files()) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"OssObject": "/etc/passwd"}, "InvalidOssObject.Malformed"),
    ({"OssObject": "{Secret}.m3u8"}, "InvalidOssObject.Malformed"),
    ({"OssBucket": "../b"}, "InvalidOssBucket.Malformed"),
    ({"OssEndpoint": "http://e"}, "InvalidOssEndpoint.Malformed"),
    ({"StreamName": "*"}, "InvalidStreamName.Malformed"),
    ({"EndTimeIncluded": "maybe"}, "InvalidEndTimeIncluded.Malformed"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for changes, code in REFUSED:
        assert await stage.code(CREATE, **order(stage, -60, **changes)) == code
    assert await stage.code(CREATE, **order(stage, -60, -60)) == "InvalidEndTime.Malformed"
    too_long = timedelta(days=4, seconds=1).total_seconds()
    assert await stage.code(CREATE, **order(stage, -too_long)) == "InvalidEndTime.Malformed"
    whole = order(stage, -60)
    for name in whole:
        given = {other: whole[other] for other in whole if other != name}
        assert await stage.code(CREATE, **given) == f"Missing{name}"
    refused = await stage.as_guest().refused(CREATE, **whole)
    assert (refused.status, refused.code) == (403, "IllegalOperation")


async def test_names_lead_nowhere(stage: Stage, record: Record) -> None:
    """What a caller calls the file is a name in the catalog; on disk it stands beside its segments."""
    id = await live(stage)
    record(stage, "a")
    await stage.house.fleet.file(id, f"{FOLDER}/a.m3u8")
    before = {path for path in stage.house.root.rglob("*") if path.suffix == ".m3u8"}
    info = (await stage.call(CREATE, **order(stage, -10, OssObject="../../../x.m3u8")))["RecordInfo"]
    assert info["OssObject"] == "../../../x.m3u8"
    (new,) = {path for path in stage.house.root.rglob("*") if path.suffix == ".m3u8"} - before
    assert new.parent == stage.house.root / FOLDER
