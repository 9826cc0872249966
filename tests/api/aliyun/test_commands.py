"""RealTimeRecordCommand: what each command does to what is recorded, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS
from api.aliyun.stage import DOMAIN, Stage, names
from control.house import KEY as STREAM

COMMAND = "RealTimeRecordCommand"

pytestmark = LEAVES_SOCKETS


@pytest.mark.parametrize("client", CLIENTS)
async def test_start_stop_start_restart_stop_cancel(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    house = stage.house
    await stage.configure(OnDemand=7)
    await house.push()
    assert await stage.command("start") == {}
    (first,) = await house.runs("flv")
    await house.fleet.live(first)
    refused = await stage.refused(COMMAND, **names(STREAM), Command="start")
    assert (refused.status, refused.code) == (409, "TaskAlreadyStarted")
    assert refused.message.endswith(", please do not start again.")
    await stage.command("stop")
    await stage.told("pause", first)
    await stage.command("start")
    await stage.told("resume", first)
    assert await house.runs("flv") == [first]  # the same file goes on
    await house.fleet.live(first)
    await stage.command("restart")
    await stage.told("stop", first)
    (second,) = await house.runs("flv")
    assert second != first
    await stage.command("stop")
    await stage.told("pause", second)
    assert await house.runs("flv") == [second]
    await stage.command("cancel_delay")
    await stage.told("stop", second)
    await house.runs()
    await stage.command("start")
    await house.runs("flv")


async def test_what_has_nothing_to_act_on_has_no_effect(stage: Stage) -> None:
    await stage.configure(OnDemand=7)
    await stage.house.push()
    for command in ("stop", "cancel_delay", "restart"):
        assert await stage.command(command) == {}
    await stage.house.runs()


async def test_an_automatic_recording_is_stopped_too(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    await stage.house.fleet.live(id)
    assert await stage.code(COMMAND, **names(STREAM), Command="start") == "TaskAlreadyStarted"
    await stage.command("stop")
    await stage.told("pause", id)


@pytest.mark.parametrize("client", CLIENTS)
async def test_preconditions(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    for command in ("start", "stop", "cancel_delay", "restart"):
        refused = await stage.refused(COMMAND, **names(STREAM), Command=command)
        assert (refused.status, refused.code) == (400, "CodeConfigNotFound")
        assert refused.message.endswith(", please check and try again later.")
    await stage.configure(AppName="live")
    for command in ("start", "stop", "cancel_delay", "restart"):
        refused = await stage.refused(COMMAND, **names(STREAM), Command=command)
        assert (refused.status, refused.code) == (409, "StreamNotFound")
        assert refused.message.endswith(", please check and try again later.")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Command": "cancel_delete"}, "MalformedParam"),
    ({"AppName": "*"}, "MalformedParam"),
    ({"StreamName": "*"}, "MalformedParam"),
    ({"StreamName": "a?b"}, "MalformedParam"),
    ({"DomainName": "http://a"}, "MalformedParam"),
    ({"DomainName": ""}, "MissingParam"),
    ({"Command": ""}, "MissingParam"),
]


async def test_what_is_refused(stage: Stage) -> None:
    await stage.configure(OnDemand=7)
    await stage.house.push()
    good = {**names(STREAM), "Command": "start"}
    for changes, code in REFUSED:
        refused = await stage.refused(COMMAND, **{**good, **changes})
        assert (refused.status, refused.code) == (400, code), changes
        assert refused.message.endswith(", please check and try again later.")
    for name in good:
        refused = await stage.refused(COMMAND, **{other: good[other] for other in good if other != name})
        assert (refused.status, refused.code) == (400, f"Missing{name}")
        assert refused.message == f"{name} is mandatory for this action."
    await stage.house.runs()


async def test_a_key_of_one_domain(stage: Stage) -> None:
    await stage.configure(OnDemand=7)
    await stage.house.push()
    refused = await stage.as_guest().refused(COMMAND, **names(STREAM), Command="start")
    assert (refused.status, refused.code) == (403, "IllegalOperation")
    assert DOMAIN in refused.message
