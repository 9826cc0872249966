"""Aliyun's notices: members, types, and which are there when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from catalog.rows import file, recording

from engine.catalog.schema import File
from engine.notify.aliyun import file_notice, push_arguments, status_notice


def a_file(**more: Any) -> File:
    fields = {
        "domain": "qt01.alivecdn.com",
        "app": "liveApp",
        "stream": "liveStream",
        "path": "qt01.alivecdn.com/liveApp/liveStream/a.flv",
        "name": "liveApp/liveStream/0_2017-03-08-23:09:46_2017-03-08-23:10:40",
        "duration_ms": 69403,
        "started_at": datetime.fromtimestamp(1488985786.7, UTC),
        "ended_at": datetime.fromtimestamp(1488985840.2, UTC),
    }
    return file("1", "r", **{**fields, **more})


def test_the_contracts_example_of_a_file() -> None:
    assert file_notice(a_file(), "callback_args1=value1&auth=x") == {
        "domain": "qt01.alivecdn.com",
        "app": "liveApp",
        "stream": "liveStream",
        "uri": "liveApp/liveStream/0_2017-03-08-23:09:46_2017-03-08-23:10:40.flv",
        "duration": 69.403,
        "start_time": 1488985786,
        "stop_time": 1488985840,
        "push_args": {"callback_args1": "value1"},
    }


@pytest.mark.parametrize("params", ["", "auth_key=1-0-0-abc", "xcallback_a=1"])
def test_without_parameters_of_that_name_there_are_no_push_args(params: str) -> None:
    assert "push_args" not in file_notice(a_file(), params)


def test_the_uri_has_the_ending_of_the_file() -> None:
    playlist = a_file(name="record/0_a_b", path="d/a/s/x.m3u8", format="hls")
    assert file_notice(playlist, "")["uri"] == "record/0_a_b.m3u8"


def test_of_a_parameter_that_comes_twice_the_first_counts() -> None:
    params = "callback_a=1&callback_a=2&callback_%E6%B5%81=%E6%B5%81&callback_empty="
    assert push_arguments(params) == {"callback_a": "1", "callback_流": "流", "callback_empty": ""}


def test_a_duration_is_a_number_with_a_fraction() -> None:
    duration = file_notice(a_file(duration_ms=60_000), "")["duration"]
    assert type(duration) is float
    assert duration == 60.0


def test_a_status() -> None:
    assert status_notice(recording("r"), "record_paused") == {
        "domain": "d.example.com",
        "app": "live",
        "stream": "x",
        "event": "record_paused",
    }
