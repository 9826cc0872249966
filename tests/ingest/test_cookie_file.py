"""`--cookie-file` and `--user-agent`: which cookie goes where, and that nothing else gets into a request."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.reading import read_source
from origins.scripted import Client, head, says, scripted
from reel import reel

from engine.errors import UsageError
from engine.ingest.cookie_file import Cookie, cookie_header, read_cookies

LATER = str(int(time.time()) + 3600)


def line(name: str, *fields: str) -> str:
    """A line: domain, subdomains, path, secure, expiry come first."""
    return "\t".join((*fields, name, f"{name}-value"))


def cookies_of(folder: Path, *lines: str) -> tuple[Cookie, ...]:
    path = folder / "cookies.txt"
    path.write_text("# Netscape HTTP Cookie File\r\n\n" + "\r\n".join(lines) + "\n")
    return read_cookies(path)


@pytest.mark.parametrize(
    ("fields", "url", "is_sent"),
    [
        (("h.org", "FALSE", "/", "FALSE", "0"), "http://h.org/x", True),
        (("h.org", "FALSE", "/", "FALSE", LATER), "http://H.ORG:8080/x?y", True),
        (("h.org", "FALSE", "/", "FALSE", "1"), "http://h.org/x", False),
        (("h.org", "FALSE", "/", "FALSE", "0"), "http://a.h.org/x", False),
        ((".h.org", "TRUE", "/", "FALSE", "0"), "http://a.h.org/x", True),
        ((".h.org", "TRUE", "/", "FALSE", "0"), "http://h.org/x", True),
        ((".h.org", "TRUE", "/", "FALSE", "0"), "http://ah.org/x", False),
        ((".0.0.1", "TRUE", "/", "FALSE", "0"), "http://127.0.0.1/x", False),
        (("h.org", "FALSE", "/", "TRUE", "0"), "http://h.org/x", False),
        (("h.org", "FALSE", "/", "TRUE", "0"), "https://h.org/x", True),
        (("h.org", "FALSE", "/live", "FALSE", "0"), "http://h.org/live/x", True),
        (("h.org", "FALSE", "/live/", "FALSE", "0"), "http://h.org/live/x", True),
        (("h.org", "FALSE", "/live", "FALSE", "0"), "http://h.org/lively", False),
        (("#HttpOnly_h.org", "FALSE", "/", "FALSE", "0"), "http://h.org/x", True),
        (("#h.org", "FALSE", "/", "FALSE", "0"), "http://h.org/x", False),
    ],
)
def test_where_a_cookie_goes(fields: tuple[str, ...], url: str, is_sent: bool, tmp_path: Path) -> None:
    cookies = cookies_of(tmp_path, line("a", *fields))
    assert cookie_header(cookies, url) == ("a=a-value" if is_sent else None)


def test_longer_paths_come_first(tmp_path: Path) -> None:
    cookies = cookies_of(
        tmp_path,
        line("a", "h", "FALSE", "/", "FALSE", "0"),
        line("b", "h", "FALSE", "/live", "FALSE", "0"),
        "h\tFALSE\t/\tFALSE\t0\tempty",
        "not a cookie",
        "h\tFALSE\t/\tFALSE\tsoon\tc\td",
        "h\tFALSE\t/\tFALSE\t0\tc\ta;b",
    )
    assert cookie_header(cookies, "http://h/live/x") == "b=b-value; a=a-value; empty="


def test_a_file_that_holds_no_cookies(tmp_path: Path) -> None:
    assert cookies_of(tmp_path) == ()
    with pytest.raises(UsageError, match="not one line is a cookie"):
        cookies_of(tmp_path, '[{"name": "a"}]')
    with pytest.raises(UsageError, match="No such file"):
        read_cookies(tmp_path / "no.txt")


@given(st.lists(st.text(max_size=60)), st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_file_ends_a_header(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], value: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    place = ("h", "TRUE", "/", "FALSE", "0")
    text = "\n".join([*lines, "\t".join((*place, "name", value)), line("a", *place)])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    header = cookie_header(read_cookies(path), "http://h/")
    assert header is not None
    assert header.isascii()
    assert header.isprintable()


async def test_a_redirect_takes_along_what_belongs_there(tmp_path: Path) -> None:
    """The command, whose cookies are those of each request's own server."""

    async def answer(client: Client) -> None:
        if client.request.target == "/x.flv":
            location = f"Location: http://localhost:{other.port}/y.flv"
            await client.send(head(location, status="302 Found"))

    cookies_of(
        tmp_path,
        line("here", "127.0.0.1", "FALSE", "/", "FALSE", "0"),
        line("there", "localhost", "FALSE", "/", "FALSE", "0"),
    )
    async with scripted(says(head())) as other, scripted(answer) as origin:
        done = await reel(
            *("record", origin.url("/x.flv"), "--reconnect", "0", "-o", tmp_path / "out"),
            *("--cookie-file", tmp_path / "cookies.txt", "--user-agent", "Mozilla/5.0 (é)"),
        )
    assert done.code == 3
    (asked,), (followed,) = origin.requests, other.requests
    assert (asked.headers["cookie"], followed.headers["cookie"]) == ("here=here-value", "there=there-value")
    agent = asked.headers["user-agent"].encode("latin-1").decode()
    assert agent == "Mozilla/5.0 (é)"
    assert "value" not in done.err


async def test_a_header_goes_before_the_file(tmp_path: Path) -> None:
    cookies = cookies_of(tmp_path, line("a", "127.0.0.1", "FALSE", "/", "FALSE", "0"))
    async with scripted(says(head())) as origin:
        headers = {"cookie": "mine=1", "User-Agent": "me"}
        await read_source(origin.url(), cookies=cookies, headers=headers, user_agent="other")
    assert origin.requests[0].headers["cookie"] == "mine=1"
    assert origin.requests[0].headers["user-agent"] == "me"
