"""Tencent's messages: members, types, and which are there when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from catalog.rows import at, file, push, recording, task

from engine.catalog.schema import File, Recording, Task
from engine.notify.tencent import exception_message, file_message, push_message, status_message

APPID = 12345678
URL = "http://h/x/y.m3u8"
VIDEO = {"kind": "video", "codec": "H.264", "width": 640, "height": 480}
AUDIO = {"kind": "audio", "codec": "AAC"}


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def a_recording(**more: Any) -> Recording:
    began = datetime(2022, 1, 13, 10, 50, 45, 316441, tzinfo=UTC)
    fields = {"session_id": "2918085116267032069", "began_at": began, "template_id": 7}
    options = {"formats": {"hls": {"Enable": 1}}, "stream_param": "a=b"}
    return recording("r", **{**fields, "options": options, "spec": {"format": ["hls"]}, **more})


def a_file(**more: Any) -> File:
    fields = {
        "format": "hls",
        "path": "push.example.com/live/livetest/x.m3u8",
        "domain": "push.example.com",
        "stream": "livetest",
        "size_bytes": 277941079,
        "duration_ms": 153_600,
        "first_dts_ms": 135802,
        "tracks": [AUDIO, VIDEO],
        "started_at": utc(1642071045),
        "ended_at": datetime(2022, 1, 13, 10, 53, 18, 618577, tzinfo=UTC),
    }
    return file("1234567890", "r", **{**fields, **more})


def message(recording: Recording, file: File, task: Task | None = None) -> dict[str, Any]:
    return file_message(APPID, recording, file, task, URL, "a=b")


def test_the_contracts_example_of_a_file() -> None:
    made = message(a_recording(cause="task", template_id=None), a_file(), task("UpTbEUb", family="record"))
    assert made == {
        "event_type": 100,
        "appid": 12345678,
        "app": "push.example.com",
        "appname": "live",
        "stream_id": "livetest",
        "channel_id": "livetest",
        "file_id": "1234567890",
        "record_file_id": "1234567890",
        "file_format": "hls",
        "task_id": "UpTbEUb",
        "start_time": 1642071045,
        "end_time": 1642071198,
        "start_time_usec": 316441,
        "end_time_usec": 618577,
        "duration": 154,
        "file_size": 277941079,
        "video_url": URL,
        "media_start_time": 135802,
        "record_bps": 0,
        "callback_ext": '{"video_codec":"h264","resolution":"640x480","session_id":"2918085116267032069"}',
    }


def test_a_rules_file_names_its_template_and_no_task() -> None:
    made = message(a_recording(), a_file())
    assert made["record_temp_id"] == "7"
    assert made["stream_param"] == "a=b"
    assert "task_id" not in made


@pytest.mark.parametrize("family", ["live", "legacy"])
def test_a_task_with_its_settings_inside_has_push_parameters_and_a_decimal_id(family: str) -> None:
    made = message(
        a_recording(cause="task", template_id=None, options={"formats": {"hls": {}}}),
        a_file(),
        task("1234", family=family),
    )
    assert (made["task_id"], made["stream_param"]) == ("1234", "a=b")
    assert "record_temp_id" not in made


def test_a_task_of_create_record_task_has_no_push_parameters() -> None:
    made = message(a_recording(cause="task"), a_file(), task("UpTb", family="record"))
    assert "stream_param" not in made
    assert made["record_temp_id"] == "7"


def test_a_template_that_does_not_exist_made_no_file() -> None:
    recording = a_recording(cause="task", template_id=99, options={"formats": {"hls": {}}})
    assert "record_temp_id" not in message(recording, a_file(), task("UpTb", family="record"))


def test_the_start_is_the_recordings_and_the_files_own_follows_from_its_duration() -> None:
    recording = a_recording(began_at=utc(1000))
    second = a_file(duration_ms=60_000, started_at=utc(1060), ended_at=utc(1120))
    made = message(recording, second)
    assert made["start_time"] == 1000
    assert made["end_time"] - made["duration"] == 1060


@pytest.mark.parametrize(
    ("tracks", "codec", "resolution"),
    [
        ([AUDIO], "", ""),
        ([], "", ""),
        ([{"kind": "video", "codec": "H.265", "width": None, "height": None}], "h265", ""),
        ([{"kind": "video", "codec": "AV1", "width": 1920, "height": 1080}], "av1", "1920x1080"),
    ],
)
def test_the_extension_says_what_is_known_of_the_picture(
    tracks: list[Any], codec: str, resolution: str
) -> None:
    extension = json.loads(message(a_recording(), a_file(tracks=tracks))["callback_ext"])
    assert extension == {
        "video_codec": codec,
        "resolution": resolution,
        "session_id": "2918085116267032069",
    }


@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("started", "record_start_succeeded"),
        ("failed", "record_start_failed"),
        ("paused", "record_paused"),
        ("resumed", "record_resumed"),
        ("error", "record_error"),
        ("ended", "record_ended"),
    ],
)
def test_a_status_of_a_rule(what: Any, event: str) -> None:
    made = status_message(APPID, a_recording(), None, "hls", what, utc(1760000000.9), 3)
    detail = made.pop("record_detail")
    assert made == {
        "event_type": 332,
        "appid": 12345678,
        "appname": "live",
        "domain": "d.example.com",
        "stream_id": "x",
        "event_time": 1760000000,
        "session_id": "2918085116267032069",
        "seq": "3",
        "record_event": event,
    }
    assert json.loads(detail) == {
        "file_format": 2,
        "record_bps": 0,
        "start_model": 1,
        "record_content": 1,
        "source_type": 1,
        "codec_temp_id": 0,
    }


@pytest.mark.parametrize(("format", "number"), [("flv", 1), ("hls", 2), ("mp4", 3), ("aac", 4), ("mp3", 5)])
def test_a_status_of_a_task(format: str, number: int) -> None:
    made = status_message(APPID, a_recording(), task("UpTb"), format, "started", at(0), 1)
    assert made["task_id"] == "UpTb"
    detail = json.loads(made["record_detail"])
    assert (detail["file_format"], detail["start_model"]) == (number, 5)


def test_an_exception() -> None:
    made = exception_message(APPID, a_recording(), "hls", "warning", -9, "it jumps", utc(1760000000))
    assert made == {
        "event_type": 341,
        "interface": "general_callback",
        "appid": 12345678,
        "domain": "d.example.com",
        "path": "live",
        "stream_id": "x",
        "session_id": "2918085116267032069",
        "file_format": "hls",
        "timestamp": 1760000000,
        "exception_level": "warning",
        "exception": {"type": -9, "occurs": 1, "desc": "it jumps"},
    }


def test_a_push_that_began() -> None:
    row = push(id=6674468118806626493, params="a=b", client_ip="119.29.94.245")
    assert push_message(APPID, "10.0.0.5", row, True) == {
        "event_type": 1,
        "appid": 12345678,
        "app": "d.example.com",
        "appname": "live",
        "stream_id": "x",
        "channel_id": "x",
        "event_time": int(at(0).timestamp()),
        "sequence": "6674468118806626493",
        "node": "10.0.0.5",
        "user_ip": "119.29.94.245",
        "stream_param": "a=b",
        "errcode": 0,
        "errmsg": "ok",
        "width": 0,
        "height": 0,
        "set_id": 0,
        "idc_id": 0,
    }


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ok"),
        (1, "recv rtmp deleteStream"),
        (2, "recv rtmp closeStream"),
        (3, "recv() return 0"),
        (4, "recv() return error"),
        (7, "rtmp message large than 1M"),
        (8, "ended by the server"),
    ],
)
def test_a_push_that_ended_says_why_and_how_long_it_was(code: int, text: str) -> None:
    row = push(id=5, ended_at=at(113.2242), end_code=code)
    made = push_message(APPID, "h", row, False)
    assert (made["event_type"], made["errcode"], made["errmsg"]) == (0, code, text)
    assert made["push_duration"] == "113224"
    assert made["event_time"] == int(at(113).timestamp())
    assert made["sequence"] == push_message(APPID, "h", push(id=5), True)["sequence"]
