"""AMF0 and AMF3 values between Python and the wire."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import _native

SCALARS = st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), st.text(max_size=20))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=5))
def test_values_round_trip(values: list[_native.AmfValue]) -> None:
    assert _native.amf0_decode(_native.amf0_encode(values)) == values


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused(garbage: bytes) -> None:
    try:
        values = _native.amf0_decode(garbage)
    except ValueError:
        return
    assert isinstance(values, list)


def test_script_data_has_an_ecma_array_behind_its_name() -> None:
    encoded = _native.amf0_encode(["onMetaData", {"width": 16, "nested": {"a": True}}])
    assert encoded == bytes.fromhex(
        "02000a6f6e4d65746144617461"
        "0800000002"
        "0005776964746800" + struct.pack(">d", 16.0).hex() + "00066e657374656403"
        "0001610101"
        "000009"
        "000009"
    )


def test_a_dict_in_first_place_and_dicts_in_lists_are_objects() -> None:
    assert _native.amf0_encode([{}])[0] == 3
    assert _native.amf0_encode(["", [{}]])[8] == 3


def test_numbers_and_long_text() -> None:
    assert _native.amf0_encode([1, True, 2.5]) == _native.amf0_encode([1.0, True, 2.5])
    assert _native.amf0_encode(["x" * 65_535])[0] == 2
    assert _native.amf0_encode(["x" * 65_536])[:5] == b"\x0c\x00\x01\x00\x00"
    assert _native.amf0_decode(_native.amf0_encode(["é" * 50_000])) == ["é" * 50_000]
    [number] = _native.amf0_decode(_native.amf0_encode([math.nan]))
    assert isinstance(number, float)
    assert math.isnan(number)


def test_what_has_no_form_is_refused() -> None:
    loop: list[_native.AmfValue] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="deeper than 16"):
        _native.amf0_encode(loop)
    with pytest.raises(ValueError, match="key of 70000 bytes"):
        _native.amf0_encode([{"k" * 70_000: None}])
    with pytest.raises(ValueError, match="surrogates"):
        _native.amf0_encode(["\ud800"])
    with pytest.raises(OverflowError):
        _native.amf0_encode([10**400])
    with pytest.raises(TypeError, match="no AMF0 form"):
        _native.amf0_encode([{1, 2}])  # type: ignore[list-item]


READ = {
    "date": (b"\x0b" + struct.pack(">d", 1000.0) + b"\0\0", [1000.0]),
    "undefined and unsupported": (b"\x06\x0d", [None, None]),
    "text that is not UTF-8": (b"\x02\0\1\xff", ["\ufffd"]),
    "typed object": (b"\x10\0\1T\0\1k\x05\0\0\x09", [{"k": None}]),
    "xml": (b"\x0f\0\0\0\4<a/>", ["<a/>"]),
    "a key twice": (b"\x03\0\1k\x01\0\0\1k\x01\1\0\0\x09", [{"k": True}]),
    "ECMA array with a wrong count": (b"\x08\0\0\0\x63\0\1k\x01\1\0\0\x09", [{"k": True}]),
    "ECMA array without its end": (b"\x08\0\0\0\1\0\1k\x01\1", [{"k": True}]),
    "AMF3 integer": (b"\x11\x04\x81\x00", [128.0]),
    "AMF3 object": (b"\x11\x0a\x0b\x01\x03k\x06\x03v\x01", [{"k": "v"}]),
    "AMF3 byte array": (b"\x11\x0c\x05ab", [None]),
    "AMF3 list": (b"\x11\x09\x05\x01\x02\x03\x05", [[False, True], None]),
}


@pytest.mark.parametrize("name", READ)
def test_reads(name: str) -> None:
    data, values = READ[name]
    assert _native.amf0_decode(data) == values
    assert _native.amf0_decode(memoryview(bytearray(data))) == values


@pytest.mark.parametrize("name", READ)
def test_no_cut_value_is_taken_for_a_whole_one(name: str) -> None:
    data, values = READ[name]
    for end in range(len(data)):
        try:
            cut = _native.amf0_decode(data[:end])
        except ValueError:
            continue
        assert cut != values or name == "ECMA array with a wrong count"
