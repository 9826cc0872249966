"""How parameters are read, and which of several mistakes is told."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.aliyun.commands import RealTimeRecordCommand
from engine.api.aliyun.notify_configs import NotifyConfig
from engine.api.aliyun.parameters import read
from engine.api.aliyun.record_files import StreamTime
from engine.api.aliyun.record_members import AddConfig
from engine.api.faults import ApiFault

PREFIX = "{StartTime}{EndTime}"
GOOD = {
    "DomainName": "d.example.com",
    "AppName": "live",
    "OssBucket": "b",
    "OssEndpoint": "e",
    "RecordFormat.1.Format": "flv",
    "RecordFormat.1.OssObjectPrefix": PREFIX,
}


def fault_of(**changes: str) -> ApiFault:
    with pytest.raises(ApiFault) as raised:
        read(AddConfig, {**GOOD, **changes})
    return raised.value


def test_what_is_missing_is_told_before_what_is_malformed() -> None:
    assert fault_of(DomainName="?", OnDemand="x", OssBucket="").code == "MissingOssBucket"
    assert fault_of(**{"DomainName": "?", "RecordFormat.2.Format": "flv"}).code == "MissingOssObjectPrefix"
    assert fault_of(AppName="a/b", OnDemand="x").code == "InvalidAppName.Malformed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RecordFormat": "flv"}, "InvalidFormat.Malformed"),
        ({"RecordFormat.1": "flv"}, "InvalidFormat.Malformed"),
        ({"RecordFormat.2": "flv"}, "InvalidRecordFormat.Malformed"),
        ({"AppName.1": "x"}, "InvalidAppName.Malformed"),
        ({"TranscodeTemplates": "x"}, "InvalidTranscodeTemplates.Malformed"),
        ({"TranscodeTemplates.1.x": "x"}, "InvalidTranscodeTemplates.Malformed"),
    ],
)
def test_parameters_of_another_shape(changes: dict[str, str], code: str) -> None:
    given = {**changes, **GOOD}
    with pytest.raises(ApiFault) as raised:
        read(AddConfig, given)
    assert raised.value.code == code


def test_an_empty_text_is_an_absent_one() -> None:
    empty = {"StreamName": "", "OnDemand": "", "StartTime": ""}
    assert read(AddConfig, {**GOOD, **empty}) == read(AddConfig, GOOD)


def test_times_are_written_in_one_way() -> None:
    names = {"DomainName": "d", "AppName": "a", "StreamName": "s", "EndTime": "2025-10-09T08:53:20Z"}
    assert read(StreamTime, {**names, "StartTime": "2025-10-09T08:53:20Z"}).start_time == datetime(
        2025, 10, 9, 8, 53, 20, tzinfo=UTC
    )
    for text in ("2025-10-09T08:53:20", "2025-10-09T08:53:20+00:00", "2025-10-09 08:53:20", "1760000000"):
        with pytest.raises(ApiFault) as raised:
            read(StreamTime, {**names, "StartTime": text})
        assert raised.value.code == "InvalidStartTime.Malformed"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("False", False)]
)
def test_booleans(text: str, value: bool) -> None:
    given = {"DomainName": "d", "NotifyUrl": "http://h/", "NeedStatusNotify": text}
    assert read(NotifyConfig, given).need_status_notify is value


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NAMES = st.one_of(st.sampled_from([*GOOD, "StreamName", "Command", "EndTime"]), TEXTS)


@given(st.dictionaries(NAMES, TEXTS), st.sampled_from([AddConfig, RealTimeRecordCommand, NotifyConfig]))
def test_whatever_is_sent_is_read_or_refused(parameters: dict[str, str], model: type[AddConfig]) -> None:
    with suppress(ApiFault):
        assert isinstance(read(model, {**GOOD, **parameters}), model)
