"""Signatures: the contract's vectors, and when there is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.notify.signing import aliyun_headers, aliyun_signature, tencent_body, tencent_sign

NOW = datetime.fromtimestamp(1760000000, UTC)


def test_tencent_signs_the_key_and_the_second_it_runs_out() -> None:
    assert tencent_sign("adasda131312", 1760000600) == "4bed20ef1ee5846d0ff90d6dee94600c"


def test_a_body_can_be_believed_for_ten_minutes() -> None:
    body = tencent_body({"event_type": 100}, "adasda131312", NOW)
    assert body == {"event_type": 100, "sign": "4bed20ef1ee5846d0ff90d6dee94600c", "t": 1760000600}


def test_without_a_key_a_body_has_neither_t_nor_sign() -> None:
    assert tencent_body({"event_type": 100}, "", NOW) == {"event_type": 100}


@pytest.mark.parametrize(
    ("host", "timestamp", "key", "signature"),
    [
        ("learn.aliyundoc.com", 1519375990, "yourkey", "9e226fc2c250be266e3657e156f68c12"),
        ("127.0.0.1", 1760000000, "yourkey1234567890", "8808e1fdc7f8457b1443453a66c5aaf0"),
    ],
)
def test_aliyun_signs_host_second_and_key(host: str, timestamp: int, key: str, signature: str) -> None:
    assert aliyun_signature(host, timestamp, key) == signature


@pytest.mark.parametrize("url", ["http://127.0.0.1/cb", "http://127.0.0.1:8080/cb?a=1"])
def test_the_port_is_not_signed(url: str) -> None:
    assert aliyun_headers(url, "yourkey1234567890", NOW) == {
        "ALI-LIVE-TIMESTAMP": "1760000000",
        "ALI-LIVE-SIGNATURE": "8808e1fdc7f8457b1443453a66c5aaf0",
    }


def test_without_a_key_there_are_no_headers() -> None:
    assert aliyun_headers("http://127.0.0.1/cb", "", NOW) == {}
