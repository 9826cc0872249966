"""Settings reach the part that they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import DOMAIN, receiving, serving
from serve.story import assert_from_source, path_of, settle
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from engine.control.streams import StreamKey
from engine.media.civil_time import china_text
from engine.serve.routes import OutsideRoutes

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

TIGHT = """
[aliyun]
private_addresses = false
[limits]
templates = 1
rules = 1
daily_tasks = 1
"""


def refused(call: Callable[..., object], action: str, **members: Any) -> str:
    """The code of Tencent's error."""
    with pytest.raises(TencentCloudSDKException) as raised:
        call(action, **members)
    code: str = raised.value.get_code()
    return code


def window(hours: int) -> dict[str, str]:
    begins = datetime.now(UTC) + timedelta(hours=hours)
    return {"StartTime": china_text(begins), "EndTime": china_text(begins + timedelta(hours=1))}


def test_limits_and_addresses(tmp_path: Path) -> None:
    with serving(tmp_path, more=TIGHT) as server:
        made = server.tencent("CreateLiveRecordTemplate", TemplateName="a")
        assert refused(server.tencent, "CreateLiveRecordTemplate", TemplateName="b") == (
            "InternalError.ConfOutLimit"
        )
        rule = {"DomainName": DOMAIN, "TemplateId": made["TemplateId"]}
        server.tencent("CreateLiveRecordRule", **rule)
        assert refused(server.tencent, "CreateLiveRecordRule", AppName="live", **rule) == (
            "InternalError.RuleOutLimit"
        )
        server.tencent("CreateLiveRecord", StreamName="x", DomainName=DOMAIN, **window(1))
        assert refused(
            server.tencent, "CreateLiveRecord", StreamName="y", DomainName=DOMAIN, **window(1)
        ) == ("LimitExceeded.MaximumTask")
        with pytest.raises(ClientException) as raised:
            server.aliyun("AddLiveRecordNotifyConfig", DomainName=DOMAIN, NotifyUrl="http://127.0.0.1/n")
        assert raised.value.code == "InvalidNotifyUrl.Unsafe"


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_an_origin_without_hooks_is_asked(
    is_recorded: bool, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """For the streams that rules name whole, whether they are recorded or not."""
    (tmp_path / "nginx").mkdir()
    async with (
        receiving() as receiver,
        in_thread(nginx_rtmp(tmp_path / "nginx", EndOfPublish.NOTIFY)) as nginx,
    ):
        origin = f'url = "{nginx.rtmp_url("{app}/{stream}")}"\npoll_s = 0.5'
        async with in_thread(serving(tmp_path, origin=origin)) as server:
            formats = {"FlvParam": {"Enable": 1}} if is_recorded else {}
            template = await settle(server, receiver, **formats)
            rule = {"DomainName": DOMAIN, "AppName": "live", "StreamName": "x", "TemplateId": template}
            await asyncio.to_thread(server.tencent, "CreateLiveRecordRule", **rule)
            source, url = sample("h264_aac_bframes"), nginx.rtmp_url("live/x")
            async with in_thread(push(source, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
                await receiver.until(lambda: bool(receiver.of(332 if is_recorded else 1)))
                await asyncio.sleep(2)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda: bool(receiver.of(0)) and len(receiver.of(100)) == is_recorded)
            for body in receiver.of(100):
                assert_from_source(source, path_of(server, body))
            assert receiver.of(1)[0]["sequence"] == receiver.of(0)[0]["sequence"]


@pytest.mark.parametrize(
    ("mixed_url", "pulled", "reuses"),
    [
        ("", "rtmp://h/live%2Fa/x%3Fy", True),
        ("rtmp://h/{app}/{stream}?mix=1", "rtmp://h/live%2Fa/x%3Fy?mix=1", True),
        ("rtmp://h/{app}/{stream}_mix", "rtmp://h/live%2Fa/x%3Fy_mix", False),
        ("rtmp://{domain}/{app}/{stream}", "rtmp://d.example.com/live%2Fa/x%3Fy", False),
    ],
)
def test_where_a_mix_is(mixed_url: str, pulled: str, reuses: bool) -> None:
    routes = OutsideRoutes("rtmp://h/{app}/{stream}", mixed_url)
    key = StreamKey("d.example.com", "live/a", "x?y")
    assert routes.url(key, mixed=True) == pulled.replace("live%2Fa", "live/a")
    assert routes.url(key, mixed=False) == "rtmp://h/live/a/x%3Fy"
    assert routes.mix_reuses_name(key) == reuses
