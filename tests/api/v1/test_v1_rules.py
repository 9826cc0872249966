"""Rules of /v1: one mechanism with those of Tencent's clients, named and limited as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control.house import KEY, ON

from engine.control.streams import StreamKey

RULES = "/v1/rules"
DEFAULT_NAME = "{domain}/{app}/{stream}/{start}-{seq}"


async def test_a_rule_is_added_listed_and_removed(client: Any) -> None:
    asked = {"app": "live", "formats": ["hls", "mp4"]}
    rule = await client.ask("POST", RULES, 201, json=asked)
    assert {key: rule[key] for key in rule if key not in ("id", "created_at", "template_id")} == {
        "made_by": "v1",
        "domain": "",
        "app": "live",
        "stream": "",
        "formats": ["hls", "mp4"],
        "interval_s": 3600,
        "splice_s": 0,
        "audio_only": False,
        "name": DEFAULT_NAME,
    }
    assert await client.ask("GET", RULES) == {"total": 1, "cursor": None, "items": [rule]}
    assert await client.ask("DELETE", f"{RULES}/{rule['id']}", 204) is None
    assert (await client.ask("GET", RULES))["items"] == []
    assert "no rule" in await client.refused("DELETE", f"{RULES}/{rule['id']}", 404)
    async with client.house.catalog.read() as session:
        from engine.catalog.templates import RECORD

        assert not await RECORD.listed(session)  # its template went with it


async def test_a_recording_names_the_call_that_added_its_rule(
    client: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    async with client.session.post(client.url + RULES, json={"formats": ["mp4"]}) as response:
        request_id = response.headers["X-Request-Id"]
    await client.house.push()
    await client.house.runs("mp4")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    named = {line["event"]: line["request_id"] for line in lines if "request_id" in line}
    assert named == {"call.answered": request_id, "recording.started": request_id}
    assert [line["event"] for line in lines if "push" in line] == ["push.started", "recording.started"]


async def test_it_says_how_a_push_is_recorded(client: Any) -> None:
    await client.ask(
        "POST",
        RULES,
        201,
        json={
            "formats": "MP4,hls",
            "interval_s": "10m",
            "splice_s": 60,
            "audio_only": True,
            "name": "{date}/{stream}-{seq}",
        },
    )
    await client.house.push()
    mp4, hls = await client.house.runs("mp4", "hls")
    specs = client.house.fleet.specs
    assert {(specs[id].type, specs[id].name) for id in (mp4, hls)} == {("audio", "{date}/s-{seq}")}
    assert (specs[mp4].interval, specs[mp4].splice) == (600, 0)
    assert (specs[hls].interval, specs[hls].splice) == (None, 60)


async def test_the_most_special_rule_counts(client: Any) -> None:
    for names, format in (
        ({}, "flv"),
        ({"domain": "Push.Example.com"}, "mp4"),
        ({"app": "live"}, "hls"),
        ({"app": "live", "stream": "s"}, "aac"),
    ):
        await client.ask("POST", RULES, 201, json={**names, "formats": [format]})
    for key, format in (
        (StreamKey("other.example.com", "app", "x"), "flv"),
        (StreamKey(KEY.domain, "app", "x"), "mp4"),
        (StreamKey(KEY.domain, "live", "x"), "hls"),
        (KEY, "aac"),
    ):
        await client.house.push(key)
        await client.house.runs(format)
        await client.house.leave(key)
        await client.house.runs()


async def test_no_formats_record_nothing(client: Any) -> None:
    await client.ask("POST", RULES, 201, json={"formats": ["flv"]})
    await client.ask("POST", RULES, 201, json={"app": "live", "formats": []})
    await client.house.push()
    await client.house.looked()
    await client.house.runs()


async def test_rules_of_tencents_clients_are_listed_and_removed_too(client: Any) -> None:
    template = await client.house.template(hls=ON, flv=ON)
    await client.house.rule(template, app="live")
    [rule] = (await client.ask("GET", RULES))["items"]
    assert (rule["made_by"], rule["formats"], rule["interval_s"]) == ("tencent", ["flv", "hls"], None)
    await client.ask("DELETE", f"{RULES}/{rule['id']}", 204)
    async with client.house.catalog.read() as session:
        from engine.catalog.templates import RECORD

        assert [one.id for one in await RECORD.listed(session)] == [template.id]  # its maker's, and kept


async def test_two_rules_of_one_name_and_too_many(client: Any, call: Any) -> None:
    await client.ask("POST", RULES, 201, json={"app": "live"})
    assert "rule 1" in await client.refused("POST", RULES, 409, json={"app": "live", "formats": ["flv"]})
    async with call(rule_limit=1) as limited:
        assert "[limits] rules" in await limited.refused("POST", RULES, 409, json={"app": "b"})
    async with call(template_limit=1) as limited:
        assert "[limits] templates" in await limited.refused("POST", RULES, 409, json={"app": "b"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"formats": ["mpg"]}, "formats: flv, hls, mp4, aac or mp3 is expected, not 'mpg'"),
        ({"interval_s": "5x"}, "interval_s: '5x' is not a duration"),
        ({"interval_s": -1}, "interval_s: at least 0"),
        ({"splice_s": 1801}, "splice_s: at most 1800"),
        ({"name": "{nothing}"}, "name"),
        ({"ap": "live"}, "ap"),
        ({"app": "a\nb"}, "app: a name"),
        ({"app": "\ud800"}, "app: "),
        ({"stream": "x" * 2000}, "stream: a name"),
        ({"audio_only": "perhaps"}, "audio_only: true or false"),
        ([], "object"),
    ],
)
async def test_a_wrong_rule_is_refused_by_name(body: Any, said: str, client: Any) -> None:
    assert said in await client.refused("POST", RULES, 400, json=body)
    assert (await client.ask("GET", RULES))["total"] == 0


async def test_names_of_any_language(client: Any) -> None:
    rule = await client.ask("POST", RULES, 201, json={"app": "直播", "stream": "Müller & Söhne"})
    assert (rule["app"], rule["stream"]) == ("直播", "Müller & Söhne")
