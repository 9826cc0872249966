"""Every key of the settings arrives where it is used, from a file and from a variable: the checks are in
`serve.settings_checks`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from pydantic import BaseModel
from serve.settings_checks import CHECKS, count
from serve.settings_in_use import How, InUse, a_world, embedded, in_use, outside

from engine.config import Settings

pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore::ResourceWarning")]


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key, `table.key`."""
    for name, about in model.model_fields.items():
        kind = about.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_key_has_a_row_and_a_value_of_its_own(tmp_path: Path) -> None:
    tables = {"embedded": embedded(tmp_path), "outside": outside(tmp_path, "http://h")}
    assert {key for checks in CHECKS.values() for key in checks} == set(keys_of(Settings))
    defaults = Settings.read(None).model_dump(mode="json")
    for which, checks in CHECKS.items():
        for key in checks:
            table, _, name = key.partition(".")
            assert tables[which][table][name] != defaults[table][name], f"{key} has its default"


@pytest.mark.parametrize("how", get_args(How))
async def test_with_the_embedded_origin(how: How, sample: Callable[[str], Path], tmp_path: Path) -> None:
    async with (
        a_world() as world,
        in_thread(in_use(tmp_path, embedded(tmp_path), how, world)) as server,
    ):
        url, source = f"rtmp://{server.value('origin.rtmp')}/live/x", sample("h264_aac_bframes")
        await settle_callbacks(server)
        async with in_thread(push(source, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            await count(server, "FROM recordings WHERE state = 'live'", 2)
            task = {"StreamName": "x", "AppName": "live", "DomainName": server.value("origin.domain")}
            await server.call("CreateRecordTask", **task, EndTime=int(time.time()) + 3600)
            await count(server, "FROM recordings WHERE state = 'live'", 3)
            await count(server, "FROM files", 2)
            await asyncio.to_thread(pushing.end)
        await count(server, "FROM recordings WHERE ended_at IS NOT NULL", 3)
        for check in dict.fromkeys(CHECKS["embedded"].values()):
            await check(server)


@pytest.mark.parametrize("how", get_args(How))
async def test_with_an_outside_origin(how: How, tmp_path: Path) -> None:
    async with (
        a_world() as world,
        in_thread(in_use(tmp_path, outside(tmp_path, world.url), how, world)) as server,
    ):
        for check in dict.fromkeys(CHECKS["outside"].values()):
            await check(server)


async def settle_callbacks(server: InUse) -> None:
    """Files are told of, to a receiver that refuses."""
    urls = {"RecordNotifyUrl": f"{server.world.url}/refuse"}
    made = await server.call("CreateLiveCallbackTemplate", TemplateName="a", **urls)
    names = {"DomainName": server.value("origin.domain"), "AppName": "live"}
    await server.call("CreateLiveCallbackRule", **names, TemplateId=made["TemplateId"])
