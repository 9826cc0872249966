"""Orders: what the engine is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from house import START
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.schema import AliyunRecordConfig, RecordTemplate, Task
from engine.control.orders import (
    Group,
    Order,
    Output,
    config_groups,
    default_groups,
    inline_groups,
    of_config,
    of_rule,
    template_groups,
)
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.media.codecs import Format
from engine.store import NameTemplate
from engine.store.naming import StreamName

FORMATS = ["flv", "hls", "mp4", "aac", "mp3"]


def template(formats: dict[str, dict[str, Any]], **members: Any) -> RecordTemplate:
    return RecordTemplate(
        **{"id": 1, "name": "t", "formats": formats, "splice_s": 0, "cos_store": False, **members}
    )


members = st.fixed_dictionaries(
    {"Enable": st.sampled_from([0, 1, "1"])},
    optional={"RecordInterval": st.sampled_from([60, 1800, "3600"]), "StorageTime": st.integers(0, 10)},
)


@given(st.dictionaries(st.sampled_from(FORMATS), members), st.sampled_from([0, 60, 1800]))
def test_a_template_records_its_enabled_formats_once_each(formats: dict[str, Any], splice_s: int) -> None:
    groups = template_groups(template(formats, splice_s=splice_s))
    written = [format for group in groups for format in group.formats]
    assert sorted(written) == sorted(name for name, one in formats.items() if int(one["Enable"]) == 1)
    for group in groups:
        for output in group.outputs:
            said = formats[output.format.value]
            interval = None if output.format is Format.HLS else int(said.get("RecordInterval", 1800))
            assert group.interval_s == interval
            assert group.splice_s == (splice_s if output.format is Format.HLS else 0)
            assert output.storage_s == said.get("StorageTime", 0)
    assert len({group.label for group in groups}) == len(groups)


def test_where_files_of_a_template_are_called_after() -> None:
    said = {"Enable": 1, "VodFileName": "v", "CosBucketPath": "/c"}
    for cos_store, pattern in ((False, "v"), (True, "/c")):
        (group,) = template_groups(template({"flv": said}, cos_store=cos_store))
        assert group.outputs[0].pattern == pattern
        assert group.outputs[0].members == said


@given(
    st.lists(
        st.fixed_dictionaries(
            {"Format": st.sampled_from(["m3u8", "cmaf", "flv", "mp4", "MP4", "webm"])},
            optional={"CycleDuration": st.sampled_from([900, "3600", 21600]), "SliceDuration": st.just(5)},
        ),
        unique_by=lambda entry: entry["Format"].lower(),
    ),
    st.none() | st.sets(st.sampled_from(["m3u8", "cmaf", "flv", "mp4"])),
)
def test_a_configuration_records_what_was_accepted(
    formats: list[dict[str, Any]], accepted: set[str] | None
) -> None:
    config = AliyunRecordConfig(id=1, delay_s=15, formats=formats, on_demand=0)
    groups = config_groups(config, Accepted({"flv": 120}, None if accepted is None else frozenset(accepted)))
    names = {entry["Format"].lower() for entry in formats} - {"webm"}
    if accepted is not None:
        names &= accepted
    assert sum(len(group.outputs) for group in groups) == len(names)
    assert all(group.splice_s == 15 and group.splice_all for group in groups)
    for group in groups:
        assert (group.hls_segment == "fmp4") == (group.outputs[0].members["Format"] == "cmaf")
        if Format.FLV in group.formats:
            assert group.interval_s == 120


def test_an_order_by_hand_has_no_window_and_ends_with_the_push() -> None:
    config = AliyunRecordConfig(
        id=1, delay_s=15, formats=[{"Format": "flv"}], on_demand=0, start_at=START, end_at=START
    )
    assert not of_config(config, is_mixed=False).stands(START)
    by_hand = of_config(config, is_mixed=False, task=Task(id=3, public_id="w"))
    assert by_hand.stands(START)
    assert by_hand.ends_with_push
    assert by_hand.slot == "aliyun"


def test_orders_are_stored_and_read_back() -> None:
    made = of_rule(template({"flv": {"Enable": 1, "ClassId": None}, "hls": {"Enable": 1}}), is_mixed=True)
    options = made.options(made.groups[0], "a=b")
    assert Order.model_validate(options["order"]) == made
    assert options["group"] == made.groups[0].label
    assert set(options["formats"]) == set(options["patterns"]) == {"flv"}


@pytest.mark.parametrize("format", FORMATS)
def test_specs_are_what_the_engine_takes(format: str) -> None:
    key = StreamKey("..", "{app}", "a/../../b\0\U0001f600")
    for groups in (default_groups(Format(format)), inline_groups("live", {"format": format})):
        spec = groups[0].spec("id", key, Path("/root"), "rtmp://h/a/s", "UTC")
        path = NameTemplate(spec.name).path(StreamName("", "", ""), START, 1)
        assert path.startswith("~2E./~7Bapp~7D/a~2F")
        assert ".." not in path.split("/")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_stream_name_leads_out_of_the_root(domain: str, app: str, stream: str) -> None:
    group = Group(outputs=(Output(format=Format.FLV),))
    spec = group.spec("id", StreamKey(domain, app, stream), Path("/root"), "rtmp://h/a/s", "UTC")
    path = NameTemplate(spec.name).path(StreamName("", "", ""), START, 1)
    assert len(path.split("/")) == 4
    assert all(part and not part.startswith(".") and "\0" not in part for part in path.split("/"))
