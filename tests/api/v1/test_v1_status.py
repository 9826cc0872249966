"""What /v1 says of the server: status, health, recordings and files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from control.house import KEY, ON

from engine.api.v1 import status


async def test_the_status_of_a_push_and_its_recordings(client: Any) -> None:
    house = client.house
    await house.rule(await house.template(60, hls=ON))
    await house.push()
    (id,) = await house.runs("hls")
    await house.fleet.live(id)
    said = await client.ask("GET", "/v1/status")
    assert said["settings_file"] == "/etc/reelkeeper/reel.toml"
    assert said["root"] == str(house.root)
    assert said["free_bytes"] > 0
    assert said["workers"] == [{"number": 0, "pid": 1, "recordings": 0, "load": 0.25, "deaths": 0}]
    [push] = said["pushes"]
    assert (push["domain"], push["app"], push["stream"]) == (KEY.domain, KEY.app, KEY.stream)
    [recording] = push["recordings"]
    assert (recording["id"], recording["state"], recording["ordered_by"]) == (id, "live", "rule")
    assert said["waiting"] == []
    await house.leave()
    said = await client.ask("GET", "/v1/status")
    assert said["pushes"] == []
    assert [one["id"] for one in said["waiting"]] == [id]


async def test_a_recording_is_shown_and_stopped(client: Any) -> None:
    house = client.house
    await house.rule(await house.template(flv=ON, hls=ON))
    await house.push()
    flv, hls = await house.runs("flv", "hls")
    await house.fleet.file(flv, "d/a.flv")
    shown = await client.ask("GET", f"/v1/recordings/{flv}")
    assert (shown["formats"], shown["files"], shown["size_bytes"]) == (["flv"], 1, 1000)
    await client.ask("POST", f"/v1/recordings/{flv}/stop", 202)
    assert await house.runs("hls") == [hls]
    listed = await client.ask("GET", "/v1/recordings?open=true")
    assert ([one["id"] for one in listed["items"]], listed["total"]) == ([hls], 1)
    listed = await client.ask("GET", "/v1/recordings?open=false&stream=s")
    assert [one["id"] for one in listed["items"]] == [flv]


async def test_files_by_stream_and_time_page_by_page(client: Any) -> None:
    house = client.house
    await house.rule(await house.template(flv=ON))
    await house.push()
    (id,) = await house.runs("flv")
    names = [f"d/{number} ä.flv" for number in range(5)]
    for name in names:
        await house.fleet.file(id, name)
        house.clock.forward(10)
    listed = await client.ask("GET", "/v1/files?limit=2")
    assert (listed["total"], listed["cursor"]) == (5, 2)
    paths = [one["path"] for one in listed["items"]]
    while listed["cursor"] is not None:
        listed = await client.ask("GET", f"/v1/files?limit=2&cursor={listed['cursor']}")
        paths += [one["path"] for one in listed["items"]]
    assert paths == names[::-1]
    assert listed["items"][0]["url"] == "http://media.example.com/files/d/0%20%C3%A4.flv"
    begun = house.clock() - timedelta(seconds=30)
    query = {"from": begun.isoformat(), "stream": "s", "format": "FLV", "recording": id}
    assert (await client.ask("GET", "/v1/files", params=query))["total"] == 3
    query = {"to": (begun - timedelta(seconds=16)).replace(tzinfo=None).isoformat()}
    assert [one["path"] for one in (await client.ask("GET", "/v1/files", params=query))["items"]] == names[:1]
    assert (await client.ask("GET", "/v1/files?stream=other"))["items"] == []


async def test_a_file_is_deleted_and_one_removed_by_hand_is_gone(client: Any) -> None:
    house = client.house
    await house.rule(await house.template(flv=ON))
    await house.push()
    (id,) = await house.runs("flv")
    for name in ("a.flv", "b.flv", "c.flv"):
        await house.fleet.file(id, name)
    ids = {one["path"]: one["id"] for one in (await client.ask("GET", "/v1/files"))["items"]}
    await client.ask("DELETE", f"/v1/files/{ids['a.flv']}", 204)
    assert not (house.root / "a.flv").exists()
    await client.refused("DELETE", f"/v1/files/{ids['a.flv']}", 404)
    (house.root / "b.flv").unlink()
    await client.refused("GET", f"/v1/files/{ids['b.flv']}", 404)
    listed = await client.ask("GET", "/v1/files")
    assert ([one["path"] for one in listed["items"]], listed["total"]) == (["c.flv"], 1)
    (house.root / "c.flv").unlink()
    (house.root / "c.flv").mkdir()  # no file, so that it is not removed as one
    assert "c.flv" in await client.refused("DELETE", f"/v1/files/{ids['c.flv']}", 503)


@pytest.fixture
def unkept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the health is a new one."""
    monkeypatch.setattr(status, "KEPT_S", -1)


async def test_health_says_what_does_not_work(
    client: Any, unkept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await client.ask("GET", "/healthz") == {"ok": True, "problems": []}
    client.workers[0] = replace(client.workers[0], pid=None)
    assert (await client.ask("GET", "/healthz", 503))["problems"] == ["workers: no worker process runs"]
    client.workers[0] = replace(client.workers[0], pid=1)
    shutil.rmtree(client.house.root)
    client.house.root.touch()
    [problem] = (await client.ask("GET", "/healthz", 503))["problems"]
    assert problem.startswith("storage: ")
    client.house.root.unlink()
    client.house.root.mkdir()

    def gone() -> None:
        raise OSError("the password is secret")

    monkeypatch.setattr(client.house.catalog, "begin", gone)
    assert (await client.ask("GET", "/healthz", 503))["problems"] == ["catalog: OSError"]


async def test_health_is_looked_at_once_a_second(client: Any) -> None:
    """Anybody may ask, as often as they like."""
    assert (await client.ask("GET", "/healthz"))["ok"]
    client.workers[0] = replace(client.workers[0], pid=None)
    for _ in range(5):
        await client.ask("GET", "/healthz")
