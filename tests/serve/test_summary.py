"""The lines that `reel serve` prints when it is up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config import Settings
from engine.errors import UsageError
from engine.origin.address import Address
from engine.serve.server import _with_public_url
from engine.serve.summary import Addresses, summary

ADDRESSES = Addresses("http://h:8750", "http://h:8750/files", "rtmp://h:1935/live")
PULLED = Addresses("http://h:8750", "http://h:8750/files", None)


def line(about: str, addresses: Addresses = ADDRESSES, file: Path | None = None, **tables: Any) -> str:
    """What stands behind a word."""
    lines = dict(text.split(maxsplit=1) for text in summary(Settings(**tables), file, addresses))
    assert len(lines) == 6
    return lines[about]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, "every push as mp4, a new file every 1h, unless a rule or a configuration matches it"),
        ({"formats": []}, "only what rules and tasks name: record.formats is empty"),
        (
            {"formats": ["flv", "hls"], "interval_s": 90},
            "every push as flv and hls, a new file every 1m30s, ",
        ),
        ({"interval_s": 0}, "every push as mp4, one file for each push, "),
        ({"formats": ["hls"]}, "every push as hls, one file for each push, "),
        ({"audio_only": True}, "every push as mp4, audio alone, a new file every 1h, "),
    ],
)
def test_what_is_recorded_as_what(record: dict[str, Any], said: str) -> None:
    assert line("Recorded", record=record).startswith(said)


def test_where_an_outside_origin_is_and_how_its_pushes_are_heard_of() -> None:
    url = "rtmp://user:hush@10.0.0.5/{app}/{stream}?token=hush"
    asked = "every 5s it is asked for the streams that tasks and rules name"
    hooked = "its hooks call http://h:8750/hooks/KIND?secret=SECRET (SECRET: origin.hook_secret; KIND: srs, "
    for keys, said in (
        ({}, "nothing says when streams begin: set origin.hook_secret or origin.poll_s"),
        ({"poll_s": 5}, asked),
        ({"hook_secret": "hush"}, hooked),
    ):
        text = line("Pulled", PULLED, origin={"url": url, **keys})
        assert text.startswith(f"from rtmp://10.0.0.5/{{app}}/{{stream}}; {said}")
        assert "hush" not in text


def test_where_files_are(tmp_path: Path) -> None:
    tables = {"storage": {"root": tmp_path / "a" / ".." / "b"}, "record": {"name": "{stream}-{seq}"}}
    assert line("Files", **tables) == f"{tmp_path / 'b'}, by the names {{stream}}-{{seq}}"
    assert line("URLs") == "http://h:8750/files/NAME"
    assert line("Settings", file=tmp_path / "reel.toml") == str(tmp_path / "reel.toml")


def test_whether_the_api_needs_keys() -> None:
    keys = [{"id": "a", "secret": "hush"}]
    for api, said in (
        ({}, "without keys: every program of this machine may call it, and no other"),
        ({"keys": keys}, "called by vendors' SDKs with a key of api.keys, /v1 from this machine"),
        (
            {"keys": keys, "token": "hush"},
            "called by vendors' SDKs with a key of api.keys, /v1 with api.token",
        ),
        ({"token": "hush"}, "called by vendors' SDKs from this machine, /v1 with api.token"),
    ):
        assert line("API", api=api).startswith(f"http://h:8750, {said}")


@pytest.mark.parametrize("listen", ["0.0.0.0:8750", ":8750", "[::]:8750"])
def test_who_listens_everywhere_is_named_by_an_address_of_the_machine(listen: str) -> None:
    named = Address.parse(Address.parse(listen).for_people)
    assert named.port == 8750
    assert named.host not in ("", "0.0.0.0", "::")


@pytest.mark.parametrize("listen", ["10.1.2.3:80", "[2001:db8::7]:80", "files.example.com:80"])
def test_an_address_that_was_given_is_named_as_it_is(listen: str) -> None:
    assert Address.parse(listen).for_people == listen


def test_urls_of_files_follow_the_api_unless_they_are_set() -> None:
    def url(listen: str, public_url: str = "") -> str:
        settings = Settings(api={"listen": listen}, storage={"public_url": public_url})
        return _with_public_url(settings).storage.public_url

    assert url("127.0.0.1:9000") == "http://127.0.0.1:9000/files"
    assert url("127.0.0.1:9000", "https://files.example.com/") == "https://files.example.com"
    with pytest.raises(UsageError, match=r"storage\.public_url is empty, and api\.listen has no port"):
        url("127.0.0.1:0")
