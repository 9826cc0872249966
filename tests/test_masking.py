"""No secret of a URL reaches a message, whatever is wrong with the URL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.ingest.address import check_url, source_url, split_url
from engine.ingest.rtmp_url import parse_rtmp_url
from engine.masking import hide_secrets, masked

SECRET = "hush"

# What users have in passwords and paste into URLs: everything that ends a part of a URL, and more.
ODD = st.text(st.sampled_from("ab1:/@?#[]%& ;=\\\u00e9\u2460\x01\n\udcff."), max_size=6)
NAMES = st.sampled_from(
    ["key", "token", "secret", "auth_key", "txSecret", "wsSecret", "sign", "e", "X-Amz-Signature"]
)
PREFIXES = st.sampled_from(
    ["rtmp://", "rtmps://", "HTTP://", "https:/", "http:", "", "rtsp://", "x+y://", " rtmp://"]
)
HOSTS = st.sampled_from(
    ["h", "h:1935", "h:port", "[::1]", "[::1", "::1", "h:0", "h:99999", "", "\u2460\u2461", "a b"]
)
PATHS = st.sampled_from(["", "/", "/live/x", "/live/x.flv", "/a b", "/live/@x", "/%zz", "/live;v=1/x"])
READERS = (check_url, source_url, split_url, parse_rtmp_url)


@st.composite
def secret_urls(draw: st.DrawFn) -> str:
    """URLs with a password, a signature or both, right and wrong."""
    secret = draw(ODD) + SECRET + draw(ODD)
    login = draw(st.sampled_from([f"me:{secret}@", f"{draw(ODD)}:{secret}@", ""]))
    query = f"{draw(st.sampled_from('?#;&'))}{draw(ODD)}{draw(NAMES)}={secret}"
    if login and draw(st.booleans()):
        query = ""
    return f"{draw(PREFIXES)}{login}{draw(HOSTS)}{draw(PATHS)}{query}"


def complaint(read: Callable[[str], object], url: str) -> str:
    """What is said of a URL; nothing when it is right."""
    try:
        read(url)
    except UsageError as error:
        return str(error)
    return ""


@settings(max_examples=500)
@given(secret_urls())
def test_the_secret_never_appears(url: str) -> None:
    shown = masked(url)
    assert SECRET not in shown
    assert shown.isprintable()
    for read in READERS:
        assert SECRET not in complaint(read, url)


@given(st.text())
def test_any_text_is_a_url_or_a_usage_error(text: str) -> None:
    for read in READERS:
        assert complaint(read, text).isprintable()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtmp://me:hush@h/a/b?k=hush", "rtmp://h/a/b"),
        ("http://h:8080/live/x.flv", "http://h:8080/live/x.flv"),
        ("http://h:99999/x.flv", "http://h:99999/x.flv"),
        ("http://[::1]:80/x.flv", "http://[::1]:80/x.flv"),
        ("rtmp://me:hush@[::1/a/b", "rtmp://[::1/a/b"),
        ("http://[::1/x", "http://[::1/x"),
        ("me:hush@h/a/b", "h/a/b"),
        ("rtmp://me:hu/sh@h/a/b", "rtmp://…@h/a/b"),
        ("rtmp://me:hu?sh@h/a/b", "rtmp://…"),
        ("rtmp://me:hush/a/b", "rtmp://me:…/a/b"),
        ("http://h/x.flv?mail=a@b", "http://h/x.flv"),
        ("http://h/@x.flv", "http://…@x.flv"),
        ("http://h/x;token=hush/y", "http://h/x"),
        ("http://h/\x1b[2Jx\n", "http://h/\\x1b[2Jx\\n"),
        ("file:///a/b@c;d.flv?speed=0", "file:///a/b@c;d.flv"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    "said",
    [
        "no such stream: live/x?txSecret=hush1234&txTime=5",
        "bad signature hush1234",
        "rtmp://me:hush1234@h/live/x?txSecret=hush1234&txTime=5 is not known",
        "login me:hush1234 refused\r\n",
    ],
)
def test_what_a_server_quotes(said: str) -> None:
    told = hide_secrets(said, "rtmp://me:hush1234@h/live/x?txSecret=hush1234&txTime=5")
    assert SECRET not in told
    assert told.isprintable()
