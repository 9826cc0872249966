"""RTMP URLs cut into server, app and stream."""

from __future__ import annotations

import pytest

from engine.errors import UsageError
from engine.ingest.rtmp_url import RtmpTarget, parse_rtmp_url

PARSED = {
    "rtmp://h/live/s": RtmpTarget("h", 1935, False, "live", "s", "rtmp://h/live"),
    "RTMPS://Host.Example/live/s": RtmpTarget(
        "host.example", 443, True, "live", "s", "rtmps://Host.Example/live"
    ),
    "rtmp://h:19350/a/b/s?x=y": RtmpTarget("h", 19350, False, "a/b", "s?x=y", "rtmp://h:19350/a/b"),
    "rtmp://h/live/s?txSecret=a/b&txTime=5": RtmpTarget(
        "h", 1935, False, "live", "s?txSecret=a/b&txTime=5", "rtmp://h/live"
    ),
    "rtmp://h/live?vhost=v/s": RtmpTarget("h", 1935, False, "live?vhost=v", "s", "rtmp://h/live?vhost=v"),
    "rtmp://h/live?k=a/b/s?x=y/z": RtmpTarget(
        "h", 1935, False, "live?k=a/b", "s?x=y/z", "rtmp://h/live?k=a/b"
    ),
    "rtmp://[::1]:1936/live/s": RtmpTarget("::1", 1936, False, "live", "s", "rtmp://[::1]:1936/live"),
    "rtmp://me:p%40ss@h/live/s%20t": RtmpTarget("h", 1935, False, "live", "s%20t", "rtmp://me:p%40ss@h/live"),
    "rtmp://h//live//s": RtmpTarget("h", 1935, False, "live", "s", "rtmp://h/live"),
    "rtmp://h/live/频道#1": RtmpTarget("h", 1935, False, "live", "频道#1", "rtmp://h/live"),
}


@pytest.mark.parametrize("url", PARSED)
def test_parts(url: str) -> None:
    assert parse_rtmp_url(url) == PARSED[url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h/live/s",
        "rtmp:/h/live/s",
        "rtmp://",
        "rtmp:///live/s",
        "rtmp://h",
        "rtmp://h/",
        "rtmp://h/live",
        "rtmp://h/live/",
        "rtmp://h//s",
        "rtmp://h/live/?x=y",
        "rtmp://h/live?x=y",
        "rtmp://h/live?x=y/",
        "rtmp://h/?x=y/s",
        "rtmp://h:port/live/s",
        "rtmp://h:0/live/s",
        "rtmp://h:65536/live/s",
        "rtmp://[::1/live/s",
        "rtmp://h?x/live/s",
        "rtmp://h/live/a b",
        "rtmp://h/live/s\n",
    ],
)
def test_what_is_no_stream_is_refused_with_one_line(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rtmp_url(url)
    assert "\n" not in str(caught.value)


def test_labels_hold_no_secrets() -> None:
    url = "rtmp://me:password@[::1]:1936/live?key=1/s?secret=2"
    assert parse_rtmp_url(url).label == "rtmp://[::1]:1936/live/s"
    assert parse_rtmp_url("rtmps://h/live/s").label == "rtmps://h/live/s"


@pytest.mark.parametrize(
    ("redirect", "url"),
    [
        ("rtmp://other/app", "rtmp://other/app/s?x=y"),
        ("rtmp://other/app/", "rtmp://other/app/s?x=y"),
        ("rtmp://other/app/s?t=1", "rtmp://other/app/s?t=1"),
        ("rtmp://other/app/s", "rtmp://other/app/s"),
    ],
)
def test_redirects_name_an_app_or_the_stream(redirect: str, url: str) -> None:
    assert parse_rtmp_url("rtmp://h/live/s?x=y").redirected_to(redirect) == url
