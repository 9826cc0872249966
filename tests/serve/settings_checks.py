"""What is seen of each key of the settings in a `reel serve` that has another value than the default."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from api.tencent.sdk import TencentSdk
from catalog import rows
from notify.outgoing import put
from origins.process import listening
from serve.settings_in_use import InUse, children
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from waiting import GIVE_UP_S, until

from engine.catalog import Catalog, files, recordings
from engine.media.civil_time import china_text
from engine.origin.address import Address

Check = Callable[[InUse], Awaitable[None]]
CHECKS: dict[str, dict[str, Check]] = {"embedded": {}, "outside": {}}
"""By the settings they are for, then by key. They are made in the order of this file."""


def row(which: str, *keys: str) -> Callable[[Check], Check]:
    """The check of some keys."""

    def add(check: Check) -> Check:
        for key in keys:
            CHECKS[which][key] = check
        return check

    return add


async def count(server: InUse, what: str, least: int) -> None:
    """Wait until there are so many rows."""
    async with asyncio.timeout(GIVE_UP_S):
        while (await server.rows(f"SELECT count(*) {what}"))[0][0] < least:
            await asyncio.sleep(0.1)


async def refused(server: InUse, action: str, **members: Any) -> str:
    """The code of the error of a call."""
    with pytest.raises(TencentCloudSDKException) as raised:
        await server.call(action, **members)
    return str(raised.value.get_code())


@row("embedded", "record.formats", "record.name")
async def paths_of_files(server: InUse) -> None:
    paths = [
        path
        for (path,) in await server.rows(
            "SELECT path FROM files JOIN recordings ON recordings.id = recording_id WHERE cause = 'settings'"
        )
    ]
    assert {Path(path).suffix for path in paths} == {".m3u8", ".flv"}
    for path in paths:
        assert re.fullmatch(r"live_x/[0-9TZ+-]+_\d+\.\w+", path), path


@row("embedded", "record.interval_s")
async def lengths_of_files(server: InUse) -> None:
    found = await server.rows("SELECT duration_ms FROM files WHERE path LIKE '%.flv' ORDER BY started_at")
    assert len(found) > 1
    assert all(duration_ms < 4000 for (duration_ms,) in found)


@row("embedded", "record.splice_s")
async def splice_of_playlists(server: InUse) -> None:
    specs = await specs_of(server, "settings")
    assert {spec["splice"] for spec in specs if "hls" in spec["format"]} == {1.0}


@row("embedded", "record.audio_only")
async def tracks_of_files(server: InUse) -> None:
    found = await server.rows(
        "SELECT tracks FROM files JOIN recordings ON recordings.id = recording_id WHERE cause = 'settings'"
    )
    assert {track["kind"] for (tracks,) in found for track in json.loads(tracks)} == {"audio"}


@row("embedded", "storage.root")
async def places_of_files(server: InUse) -> None:
    for (path,) in await server.rows("SELECT path FROM files"):
        assert (Path(server.value("storage.root")) / path).is_file()


@row("embedded", "storage.tz")
async def times_in_names(server: InUse) -> None:
    for (path,) in await server.rows("SELECT path FROM files"):
        assert "+0545" in path


@row("embedded", "storage.public_url")
async def urls_of_files(server: InUse) -> None:
    found = await server.call("SearchMedia", StreamIds=["x"], SourceTypes=["Record"])
    for one in found["MediaInfoSet"]:
        assert one["BasicInfo"]["MediaUrl"].startswith("http://files.example.org/below/")
    assert found["MediaInfoSet"]


@row("embedded", "catalog.url")
async def database(server: InUse) -> None:
    connection = sqlite3.connect(server.value("catalog.url").partition(":///")[2])
    try:
        assert connection.execute("SELECT count(*) FROM pushes").fetchone() == (1,)
    finally:
        connection.close()


@row("embedded", "origin.domain")
async def domain_of_pushes(server: InUse) -> None:
    assert await server.rows("SELECT domain FROM pushes") == [("live.example.org",)]


@row("embedded", "api.listen", "origin.rtmp", "origin.http")
async def addresses(server: InUse) -> None:
    for key in ("api.listen", "origin.rtmp", "origin.http"):
        assert listening(Address.parse(server.value(key)).port), key


@row("embedded", "api.keys")
async def keys(server: InUse) -> None:
    await server.call("DescribeLiveRecordRules")
    stranger = TencentSdk(port=server.server.api_port)
    with pytest.raises(TencentCloudSDKException) as raised:
        await asyncio.to_thread(stranger.run, "DescribeLiveRecordRules")
    assert raised.value.get_code() == "AuthFailure.SecretIdNotFound"


@row("embedded", "api.token")
async def token(server: InUse) -> None:
    assert await status(server, token="another") == 401
    assert await status(server, token=server.value("api.token")) == 200


@row("embedded", "api.rate_limits")
async def limit_of_an_action(server: InUse) -> None:
    calls = [server.call("DescribeLiveRecordTemplates") for _ in range(8)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    errors = [one for one in outcomes if isinstance(one, TencentCloudSDKException)]
    assert {one.get_code() for one in errors} == {"RequestLimitExceeded"}


@row("embedded", "log.format")
async def lines_for_people(server: InUse) -> None:
    assert "server.started" in server.log
    assert not [line for line in server.log.splitlines() if line.startswith("{")]


@row("embedded", "workers.count")
async def processes(server: InUse) -> None:
    assert sum("engine.worker" in command for command in children(server.pid)) == 3


@row("embedded", "tencent.default_format")
async def format_of_a_task(server: InUse) -> None:
    assert [spec["format"] for spec in await specs_of(server, "task")] == [["flv"]]


@row("embedded", "tencent.appid")
async def appid(server: InUse) -> None:
    found = await server.rows("SELECT message FROM callbacks")
    assert {json.loads(message)["appid"] for (message,) in found} == {1259999999}


@row(
    "embedded",
    *(f"{vendor}.{name}" for vendor in ("tencent", "aliyun") for name in ("retries", "retry_s", "timeout_s")),
)
async def attempts(server: InUse) -> None:
    """A receiver that refuses is asked again, one that does not answer is given up."""
    async with Catalog(server.value("catalog.url")) as catalog:
        ids = {
            (vendor, kind): await put(catalog, f"{server.world.receivers[number]}/{kind}", vendor=vendor)
            for number, vendor in enumerate(("tencent", "aliyun"))
            for kind in ("refuse", "hang")
        }
    all_ids = ", ".join(map(str, ids.values()))
    await count(server, f"FROM callbacks WHERE state = 'failed' AND id IN ({all_ids})", 4)
    for (vendor, kind), id in ids.items():
        made = await server.rows(
            f"SELECT at, error FROM callback_attempts WHERE callback_id = {id} ORDER BY id"
        )
        assert len(made) == 1 + server.value(f"{vendor}.retries")
        times = [datetime.fromisoformat(at) for at, _ in made]
        if kind == "refuse":
            pauses = {(later - sooner).total_seconds() for sooner, later in pairwise(times)}
            assert min(pauses) >= server.value(f"{vendor}.retry_s")
        else:
            assert {f"within {server.value(f'{vendor}.timeout_s')} s" in error for _, error in made} == {True}


@row("embedded", "callbacks.in_flight", "callbacks.in_flight_per_receiver")
async def deliveries_at_once(server: InUse) -> None:
    server.world.most_waiting.clear()
    async with Catalog(server.value("catalog.url")) as catalog:
        ids = [await put(catalog, f"{url}/hang") for url in server.world.receivers for _ in range(4)]
    await count(server, f"FROM callbacks WHERE state = 'failed' AND id >= {min(ids)}", len(ids))
    assert server.world.most_waiting.pop("all") == server.value("callbacks.in_flight")
    assert max(server.world.most_waiting.values()) == server.value("callbacks.in_flight_per_receiver")


@row("embedded", "catalog.keep_days", "storage.expire")
async def what_is_kept(server: InUse) -> None:
    now, kept = datetime.now(UTC), Path(server.value("storage.root")) / "kept.flv"
    kept.touch()
    async with Catalog(server.value("catalog.url")) as catalog, catalog.begin() as session:
        await recordings.add(session, rows.recording("r", state="ended", ended_at=now))
        await files.add(session, rows.file("1", "r", path="kept.flv", expires_at=now - timedelta(days=1)))
        for days in (6, 8):
            at = now - timedelta(days=days)
            session.add(rows.callback(f"{days} days", state="delivered", created_at=at))
    async with asyncio.timeout(GIVE_UP_S):
        while await server.rows("SELECT id FROM callbacks WHERE once = '8 days'"):
            await asyncio.sleep(0.1)
    assert await server.rows("SELECT id FROM callbacks WHERE once = '6 days'")
    assert kept.exists(), "its time is over, and that sweep went before the one of rows"


@row("outside", "log.level")
async def no_line_of_less(server: InUse) -> None:
    assert "server.started" not in server.log


@row("outside", "api.rates")
async def no_limit_of_calls(server: InUse) -> None:
    """By default 20 calls of this action a second are answered."""
    headers = {"X-TC-Action": "DescribeRecordTask", "X-TC-Version": "2018-08-01"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def code() -> str:
            async with client.post(server.server.url, json={}) as answer:
                return str((await answer.json(content_type=None))["Response"]["Error"]["Code"])

        assert set(await asyncio.gather(*(code() for _ in range(400)))) == {"MissingParameter"}


@row("outside", "aliyun.private_addresses")
async def addresses_of_receivers(server: InUse) -> None:
    with pytest.raises(ClientException) as raised:
        await asyncio.to_thread(
            server.aliyun.run,
            "AddLiveRecordNotifyConfig",
            DomainName="push.example.com",
            NotifyUrl="http://127.0.0.1/n",
        )
    assert raised.value.code == "InvalidNotifyUrl.Unsafe"


@row("outside", "limits.templates", "limits.rules")
async def templates_and_rules(server: InUse) -> None:
    made = await server.call("CreateLiveRecordTemplate", TemplateName="a", FlvParam={"Enable": 1})
    await server.call("CreateLiveRecordTemplate", TemplateName="b")
    assert await refused(server, "CreateLiveRecordTemplate", TemplateName="c") == "InternalError.ConfOutLimit"
    rule = {"DomainName": "push.example.com", "AppName": "live", "TemplateId": made["TemplateId"]}
    await server.call("CreateLiveRecordRule", **rule, StreamName="polled")
    assert await refused(server, "CreateLiveRecordRule", **rule) == "InternalError.RuleOutLimit"


@row("outside", "origin.poll_s", "origin.url")
async def asked_for(server: InUse) -> None:
    """The rule names the stream whole, so that the origin is asked for it."""
    await until(lambda: server.world.asked["/live/polled.flv?plain=1"] > 2)


@row("outside", "origin.hook_secret")
async def hooks(server: InUse) -> None:
    assert await hook(server, "x", secret="s3") == 403
    assert await hook(server, "x", secret="secret-of-hooks") == 200
    assert await server.rows("SELECT stream, source FROM pushes") == [("x", "srs")]


@row("outside", "limits.daily_tasks", "limits.running_tasks", "origin.mixed_url")
async def tasks(server: InUse) -> None:
    now = datetime.now(UTC)

    async def order(stream: str, hours: int, **more: Any) -> dict[str, Any]:
        at = now + timedelta(hours=hours)
        window = {"StartTime": china_text(at), "EndTime": china_text(at + timedelta(minutes=30))}
        names = {"DomainName": "push.example.com", "AppName": "live", "StreamName": stream}
        return {**names, **window, **more}

    await server.call("CreateLiveRecord", **await order("mixed", 0, MixStream=1))
    await server.call("CreateLiveRecord", **await order("a", 0))
    assert await refused(server, "CreateLiveRecord", **await order("b", 0)) == (
        "LimitExceeded.MaximumRunningTask"
    )
    await server.call("CreateLiveRecord", **await order("c", 2))
    await server.call("CreateLiveRecord", **await order("d", 4))
    assert await refused(server, "CreateLiveRecord", **await order("e", 6)) == "LimitExceeded.MaximumTask"
    assert await hook(server, "mixed", secret="secret-of-hooks") == 200
    await until(lambda: server.world.asked["/live/mixed.flv?mixed=1"] > 0)


@row("outside", "limits.tasks_per_stream")
async def tasks_of_a_stream(server: InUse) -> None:
    """The second waits for the end of the first."""
    names = {"DomainName": "push.example.com", "AppName": "live", "StreamName": "x"}
    for _ in range(2):
        await server.call("CreateRecordTask", **names, EndTime=int(time.time()) + 3600)
    assert await server.rows("SELECT count(*) FROM tasks WHERE stream = 'x'") == [(2,)]
    # Of one task, however often its recording was tried on a busy machine.
    assert await server.rows("SELECT count(DISTINCT task_id) FROM recordings WHERE stream = 'x'") == [(1,)]


async def hook(server: InUse, stream: str, *, secret: str) -> int:
    """The status that SRS is answered with when a publisher comes."""
    body = {"action": "on_publish", "app": "live", "stream": stream, "vhost": "push.example.com", "param": ""}
    async with aiohttp.ClientSession() as client:
        url = f"{server.server.url}/hooks/srs?secret={secret}"
        async with client.post(url, json=body) as answer:
            return answer.status


async def specs_of(server: InUse, cause: str) -> list[dict[str, Any]]:
    """What the workers were ordered."""
    found = await server.rows(f"SELECT spec FROM recordings WHERE cause = '{cause}'")
    return [json.loads(spec) for (spec,) in found]


async def status(server: InUse, *, token: str) -> int:
    """The HTTP status of /v1/status."""
    url, headers = f"{server.server.url}/v1/status", {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        return answer.status
