"""kill -9 of `reel serve` while it records and callbacks wait: the next one goes on, and tells all once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from oracle.packets import output_packets, source_packets
from oracle.playback import assert_f3
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import DOMAIN, Receiver, Server, receiving, serving

from engine.media.civil_time import china_text

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SAMPLE = "h264_aac_bframes"


def settle(server: Server, receiver: Receiver) -> None:
    """Whom to tell, a rule that records FLV, and a task that records MP4."""
    urls = {f"{name}NotifyUrl": f"{receiver.url}/{name}" for name in ("Record", "RecordStatus")}
    told = server.tencent("CreateLiveCallbackTemplate", TemplateName="told", **urls)
    server.tencent("CreateLiveCallbackRule", DomainName=DOMAIN, AppName="live", TemplateId=told["TemplateId"])
    made = server.tencent("CreateLiveRecordTemplate", TemplateName="made", FlvParam={"Enable": 1})
    server.tencent("CreateLiveRecordRule", DomainName=DOMAIN, TemplateId=made["TemplateId"])
    now = datetime.now().astimezone()
    window = {"StartTime": china_text(now), "EndTime": china_text(now + timedelta(hours=1))}
    server.tencent(
        "CreateLiveRecord", StreamName="x", DomainName=DOMAIN, AppName="live", FileFormat="mp4", **window
    )


def live_count(server: Server) -> int:
    (row,) = server.rows("SELECT count(*) FROM recordings WHERE state = 'live'")
    return int(row[0])


@pytest.mark.parametrize("workers", [True, False])
async def test_recordings_go_on_and_everything_is_told_once(
    workers: bool, sample: Callable[[str], Path], database: str, tmp_path: Path
) -> None:
    """The origin is another program, so that the push outlives the server."""
    (tmp_path / "nginx").mkdir()
    plan = Server(tmp_path)
    hooks = [f"{name} {plan.hook_url('nginx-rtmp')};" for name in ("on_publish", "on_publish_done")]
    async with (
        receiving() as receiver,
        in_thread(nginx_rtmp(tmp_path / "nginx", EndOfPublish.NOTIFY, hooks)) as nginx,
    ):
        origin = f'url = "{nginx.rtmp_url("{app}/{stream}")}"'
        async with in_thread(
            serving(tmp_path, catalog=database, origin=origin, api_port=plan.api_port)
        ) as server:
            await asyncio.to_thread(settle, server, receiver)
            receiver.status = 503  # callbacks wait
            source = sample(SAMPLE)
            async with in_thread(
                push(source, nginx.rtmp_url("live/x"), tmp_path, ffmpeg=modern_ffmpeg())
            ) as pushing:
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(3)
                await asyncio.to_thread(server.kill, workers=workers)
                await asyncio.to_thread(server.start)
                receiver.status = 200
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(3)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda: len(files_of(receiver)) >= 4)
            await receiver.until(lambda: not server.rows("SELECT id FROM callbacks WHERE state = 'waiting'"))
        assert_told_once(receiver, server, source)


def files_of(receiver: Receiver) -> list[dict[str, Any]]:
    return receiver.of(100)


def assert_told_once(receiver: Receiver, server: Server, source: Path) -> None:
    """Every file on the disk was told of in exactly one message, and holds only what was pushed."""
    told = Counter(body["video_url"].removeprefix(f"{server.url}/files/") for body in files_of(receiver))
    found = {
        path.relative_to(server.root).as_posix()
        for path in server.root.rglob("*")
        if path.suffix in (".flv", ".mp4")
    }
    assert told == Counter(found)
    assert not list(server.root.rglob("*.part"))
    sent = {packet.digest for packet in source_packets(source).packets}
    for name in found:
        assert_f3(server.root / name)
        assert {packet.digest for packet in output_packets(server.root / name).packets} <= sent
    started = [one for one in receiver.of(332) if one["record_event"] == "record_start_succeeded"]
    assert len(started) == 2, "what was said before the kill waited for the next server"
