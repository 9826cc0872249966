"""How parameters are read: loose values, flattened names, and which of several mistakes is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from engine.api.faults import ApiFault
from engine.api.flattened import Ambiguous, nested
from engine.api.tencent.names import Domain, Name
from engine.api.tencent.parameters import Members, Parameters, read
from engine.api.tencent.times import AnyTime, ChinaTime, IsoTime, WrittenTime, unix_time
from engine.api.tencent.values import Encoded, Flag
from engine.api.values import Boolean, Integer, Text, one_of, within


class Inner(Members):
    enable: Flag = 0
    interval: Annotated[Integer, within(60, 7200)] = 1800


class Asked(Parameters):
    blank: ClassVar[frozenset[str]] = frozenset({"AppName"})

    stream_name: Name
    app_name: Name = "live"
    number: Integer = 0
    yes: Boolean = False
    mp4_param: Inner = Field(default_factory=Inner)
    levels: tuple[Annotated[Text, one_of("error", "warning")], ...] = ()
    stream_param: Encoded = ""
    start_time: ChinaTime | None = None


def fault_of(parameters: dict[str, Any]) -> ApiFault:
    with pytest.raises(ApiFault) as caught:
        read(Asked, parameters)
    return caught.value


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), (" 7 ", 7), ("-3", -3), ("+3", 3), ("007", 7), (0, 0), (2**63 - 1, 2**63 - 1)],
)
def test_integers_may_be_words(value: object, number: int) -> None:
    assert read(Asked, {"StreamName": "s", "Number": value}).number == number


@pytest.mark.parametrize(
    "value", ["seven", "1.0", 1.0, True, False, [1], {"a": 1}, 2**63, str(2**63), "9" * 5000, "٣"]
)
def test_what_is_no_integer(value: object) -> None:
    fault = fault_of({"StreamName": "s", "Number": value})
    assert (fault.code, "`Number`" in fault.message) == ("InvalidParameter", True)


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE", "1", 1])
def test_yes(value: object) -> None:
    assert read(Asked, {"StreamName": "s", "Yes": value}).yes is True


@pytest.mark.parametrize("value", [False, "false", "False", "0", 0])
def test_no(value: object) -> None:
    assert read(Asked, {"StreamName": "s", "Yes": value}).yes is False


@pytest.mark.parametrize("value", ["yes", 2, -1, "", None, 1.0, [True]])
def test_what_is_no_boolean(value: object) -> None:
    if value in ("", None):
        assert read(Asked, {"StreamName": "s", "Yes": value}).yes is False
    else:
        assert fault_of({"StreamName": "s", "Yes": value}).code == "InvalidParameter"


def test_null_and_empty_are_absent_but_where_empty_says_something() -> None:
    asked = read(Asked, {"StreamName": "s", "AppName": "", "Number": None, "StartTime": "", "Mp4Param": None})
    assert asked == Asked.model_validate({"StreamName": "s", "AppName": ""})
    assert asked.app_name == ""
    assert read(Asked, {"StreamName": "s", "AppName": None}).app_name == "live"


def test_flattened_names_are_the_objects_they_stand_for() -> None:
    flat = {
        "StreamName": "s",
        "Mp4Param.Enable": "1",
        "Mp4Param.Interval": "60",
        "Levels.1": "warning",
        "Levels.0": "ERROR",
    }
    whole = {"StreamName": "s", "Mp4Param": {"Enable": "1", "Interval": 60}, "Levels": ["error", "warning"]}
    assert read(Asked, flat) == read(Asked, whole)


def test_elements_are_ordered_by_their_numbers_not_their_digits() -> None:
    assert nested({f"A.{n}": n for n in (10, 9, 2, 0)}) == {"A": [0, 2, 9, 10]}


@given(
    st.recursive(
        st.text(max_size=3) | st.integers(),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text("abAB", min_size=1, max_size=2), inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_flattened_comes_back(value: object) -> None:
    assert nested(dict(flattened("P", value))) == {"P": value}


def flattened(name: str, value: object) -> list[tuple[str, object]]:
    """As SDKs do."""
    if isinstance(value, dict):
        return [pair for key, member in value.items() for pair in flattened(f"{name}.{key}", member)]
    if isinstance(value, list):
        return [pair for number, member in enumerate(value) for pair in flattened(f"{name}.{number}", member)]
    return [(name, value)]


@pytest.mark.parametrize("names", [("A", "A.B"), ("A.B", "A"), ("A.B", "A.B.C"), ("A.B.C", "A.B")])
def test_a_name_cannot_be_a_value_and_an_object(names: tuple[str, str]) -> None:
    with pytest.raises(Ambiguous):
        nested(dict.fromkeys(names, "1"))
    assert fault_of({"StreamName": "s", **dict.fromkeys(names, "1")}).code == "InvalidParameter"


def test_names_of_a_thousand_parts_are_no_harm() -> None:
    assert fault_of({"StreamName": "s", ".".join("a" * 10_000): "1"}).code == "UnknownParameter"


@pytest.mark.parametrize(
    ("parameters", "code", "name"),
    [
        ({"Foo": 1, "Number": "x"}, "UnknownParameter", "Foo"),
        ({"StreamName": "s", "Mp4Param": {"Foo": 1}}, "UnknownParameter", "Mp4Param.Foo"),
        ({"Number": "x", "Mp4Param": {"Interval": 1}}, "InvalidParameter", "Number"),
        ({"Mp4Param": {"Interval": 1}}, "MissingParameter", "StreamName"),
        ({"StreamName": ""}, "MissingParameter", "StreamName"),
        ({"StreamName": "s", "Mp4Param": {"Interval": 1}}, "InvalidParameterValue", "Mp4Param.Interval"),
        ({"StreamName": "s", "Levels": ["info"]}, "InvalidParameterValue", "Levels.0"),
        ({"StreamName": "s", "Levels": "error"}, "InvalidParameter", "Levels"),
        ({"StreamName": "s", "Mp4Param": "1"}, "InvalidParameter", "Mp4Param"),
        ({"StreamName": "s", "Mp4Param": []}, "InvalidParameter", "Mp4Param"),
        ({"StreamName": 5}, "InvalidParameter", "StreamName"),
        ({"StreamName": "s" * 5000}, "InvalidParameterValue", "StreamName"),
        ({"stream_name": "s", "StreamName": "s"}, "UnknownParameter", "stream_name"),
    ],
)
def test_the_first_mistake_is_told(parameters: dict[str, Any], code: str, name: str) -> None:
    fault = fault_of(parameters)
    assert (fault.code, f"`{name}`" in fault.message) == (code, True), fault


def test_messages_that_clients_may_parse() -> None:
    assert fault_of({}).message == "The request is missing a required parameter `StreamName`."
    assert fault_of({"Foo": "1"}).message == "The parameter `Foo` is not recognized."


@pytest.mark.parametrize(
    "text",
    ["2017-01-01 10:01:01", "2017-01-01+10%3a10%3a01", "2017-01-01%2010%3A01%3A01", "2017-01-01+10:01:01"],
)
def test_times_may_be_encoded_once_too_often(text: str) -> None:
    start = read(Asked, {"StreamName": "s", "StartTime": text}).start_time
    assert start is not None
    assert start.astimezone(UTC).replace(minute=0) == datetime(2017, 1, 1, 2, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2017-01-01", "tomorrow", "2017-13-01 10:01:01", "0001-01-01 00:00:00", 1483236061]
)
def test_what_is_no_time(text: object) -> None:
    assert fault_of({"StreamName": "s", "StartTime": text}).code == "InvalidParameter"


def test_stream_param_is_decoded_again_only_when_it_is_encoded() -> None:
    for text in ("record_interval=3600&a=b+c", "record_interval%3D3600%26a%3Db%2Bc"):
        assert (
            read(Asked, {"StreamName": "s", "StreamParam": text}).stream_param == "record_interval=3600&a=b+c"
        )
    assert fault_of({"StreamName": "s", "StreamParam": "a%00"}).code == "InvalidParameter"


class Moments(Parameters):
    at: AnyTime | None = None
    iso: IsoTime | None = None


def test_iso_times() -> None:
    moment = datetime(2020, 12, 11, 7, 25, 52, tzinfo=UTC)
    for text in ("2020-12-11T07:25:52Z", "2020-12-11T15:25:52+08:00"):
        assert read(Moments, {"Iso": text}).iso == moment
        assert read(Moments, {"At": text}).at == WrittenTime(moment, is_iso=True)
    assert read(Moments, {"At": "2020-12-11 15:25:52"}).at == WrittenTime(moment, is_iso=False)
    for text in (
        "2020-12-11T07:25:52",
        "2020-12-11",
        "9999-12-31T23:59:59-08:00",
        "0001-01-01T00:00:00+08:00",
        1,
    ):
        with pytest.raises(ApiFault):
            read(Moments, {"Iso": text})


def test_unix_times() -> None:
    assert unix_time(1760000000) == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    for seconds in (-1, 0, 2**40, 2**62):
        with pytest.raises(Exception, match="unix seconds"):
            unix_time(seconds)


class Named(Parameters):
    stream: Name = ""
    domain: Domain = ""


@pytest.mark.parametrize("name", ["livetest", "a_b-c.d", "直播", "1", "a=b", "A" * 255, "..."])
def test_names(name: str) -> None:
    assert read(Named, {"Stream": name}).stream == name


@pytest.mark.parametrize(
    "name",
    ["../x", "..", ".", "a/b", "a\\b", "a?b", "a#b", "a b", "a%2fb", "a\nb", "a\x7f", "A" * 256, "\u202e"],
)
def test_names_that_would_mean_something_in_a_url_or_a_path(name: str) -> None:
    with pytest.raises(ApiFault) as caught:
        read(Named, {"Stream": name})
    assert caught.value.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    "name", ["5000.live.push.com", "localhost", "127.0.0.1", "__defaultVhost__", "A-b.example"]
)
def test_domains(name: str) -> None:
    assert read(Named, {"Domain": name}).domain == name


@pytest.mark.parametrize(
    "name", ["http://a", "a/b", "a b", "a:1", ".a", "a.", "a..b", "-a", "ä.de", "*", "a" * 254]
)
def test_what_is_no_domain(name: str) -> None:
    with pytest.raises(ApiFault) as caught:
        read(Named, {"Domain": name})
    assert caught.value.code == "InvalidParameterValue"


class Camel(Parameters):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    channel_id: Text = ""
    task_id: Integer = 0


def test_the_legacy_spelling() -> None:
    asked = read(Camel, {"channelId": "c", "taskId": "", "SomethingOld": "1"})
    assert (asked.channel_id, asked.task_id) == ("c", 0)
