"""The settings: defaults, the file, the environment, and what is said of a wrong one."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from engine.config import Settings, default_text, find_file
from engine.errors import UsageError

REEL = "from engine.cli.main import main; main()"


def written(folder: Path, text: str) -> Path:
    path = folder / "reel.toml"
    path.write_text(text)
    return path


def test_what_is_printed_is_every_key_with_its_default(tmp_path: Path) -> None:
    fields = tomllib.loads(default_text())
    defaults = Settings.read(None).model_dump(mode="json")
    assert fields == defaults
    printed = subprocess.run(
        [sys.executable, "-P", "-c", REEL, "config"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert printed.returncode == 0
    assert printed.stdout == default_text()


def test_the_printed_settings_are_the_defaults_when_they_are_read(tmp_path: Path) -> None:
    settings, without = Settings.read(written(tmp_path, default_text())), Settings.read(written(tmp_path, ""))
    assert settings == without
    assert settings.storage.root == tmp_path / "recordings"
    assert settings.catalog.url == f"sqlite+aiosqlite:///{tmp_path}/reel.db"
    beside = {"storage": {"root"}, "catalog": {"url"}}
    assert settings.model_dump(exclude=beside) == Settings.read(None).model_dump(exclude=beside)


def test_an_appid_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read(written(tmp_path, "[tencent]\nappid = 1304567890")).tencent.appid == 1304567890
    monkeypatch.setenv("REEL_TENCENT__APPID", "1259999999")
    assert Settings.read(None).tencent.appid == 1259999999


@pytest.mark.parametrize("table", Settings.model_fields)
def test_defaults_are_checked(table: str) -> None:
    """A default that its own check refuses could never be written into a file."""
    type(getattr(Settings.read(None), table)).model_validate({})


@pytest.mark.parametrize("keep_days", [0, 7])
@pytest.mark.parametrize("url", ["", 'url = "sqlite+aiosqlite:///a.db"', 'url = "sqlite+aiosqlite:////a.db"'])
def test_rows_are_kept_as_long_as_the_file_says(keep_days: int, url: str, tmp_path: Path) -> None:
    settings = Settings.read(written(tmp_path, f"[catalog]\nkeep_days = {keep_days}\n{url}"))
    assert settings.catalog.keep_days == keep_days


def test_relative_paths_of_variables_are_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, '[storage]\nroot = "media"\n[catalog]\nkeep_days = 7')
    assert Settings.read(path).storage.root == tmp_path / "media"
    monkeypatch.setenv("REEL_STORAGE__ROOT", "elsewhere")
    monkeypatch.setenv("REEL_CATALOG__URL", "sqlite+aiosqlite:///other.db")
    settings = Settings.read(path)
    assert settings.storage.root == Path("elsewhere")
    assert settings.catalog.url == "sqlite+aiosqlite:///other.db"
    assert settings.catalog.keep_days == 7


def test_a_level_of_the_log_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEL_LOG", "debug")
    assert Settings.read(None).log.level == "debug"
    monkeypatch.setenv("REEL_LOG__LEVEL", "error")
    assert Settings.read(None).log.level == "error"
    monkeypatch.setenv("REEL_LOG__LEVEL", "loud")
    with pytest.raises(
        UsageError, match=r"^REEL_LOG__LEVEL: debug, info, warning or error is expected, not 'loud'$"
    ):
        Settings.read(None)


def test_settings_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file(None) is None
    written(tmp_path, "")
    assert find_file(None) == Path("reel.toml")
    assert find_file(Path("other.toml")) == Path("other.toml")


def test_the_file_of_the_issue(tmp_path: Path) -> None:
    settings = Settings.read(
        written(
            tmp_path,
            """
            [api]
            listen = "127.0.0.1:8750"
            keys = [{ id = "AKIDEXAMPLE", secret = "SECRETEXAMPLE", domains = ["*"] }]
            [storage]
            root = "recordings"
            public_url = "http://127.0.0.1:8750/files/"
            [catalog]
            url = "sqlite+aiosqlite:///reel.db"
            [origin]
            domain = "push.example.com"
            rtmp = "127.0.0.1:1935"
            http = "127.0.0.1:8080"
            url = "rtmp://10.0.0.5/{app}/{stream}"
            mixed_url = "rtmp://10.0.0.5/{app}/{stream}?mix=1"
            [workers]
            count = 0
            """,
        )
    )
    assert settings.api.keys[0].secret == "SECRETEXAMPLE"
    assert "SECRETEXAMPLE" not in repr(settings)
    assert settings.storage.root == tmp_path / "recordings"
    assert settings.storage.public_url == "http://127.0.0.1:8750/files"
    assert settings.catalog.url == f"sqlite+aiosqlite:///{tmp_path}/reel.db"
    assert settings.origin.mixed_url.endswith("?mix=1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[api", "not TOML"),
        ("[api]\nlisten = 5", r"reel\.toml: api\.listen: text is expected, not 5"),
        ("[api]\nport = 5", r"api\.port: there is no such key; there are listen"),
        ("[apis]", "apis: there is no such key; did you mean api?"),
        ("[api]\nkeys = [{ id = 'a', secret = '' }]", r"api\.keys\[0\]\.secret: it must not be empty"),
        ("[api]\nkeys = [{ id = 'a', secret = 123456 }]", r"secret: text is expected$"),
        ("[api]\nkeys = [{ id = 'a' }]", r"secret: it is required$"),
        ("[api]\ntoken = 123456", r"api\.token: text is expected$"),
        ("[storage]\npublic_url = 'files'", r"storage\.public_url: .*http"),
        ("[origin]\nurl = 'rtmp://h/live/x'", r"origin\.url: .*\{stream\}"),
        ("[origin]\nurl = 'file:///{stream}'", r"origin\.url: .*rtmp"),
        ("[tencent]\ndefault_format = 'avi'", r"tencent\.default_format: flv, hls, mp4, aac or mp3 is"),
        ("[callbacks]\nin_flight = 0", r"callbacks\.in_flight: at least 1 is expected, not 0"),
        ("[aliyun]\ntimeout_s = nan", r"aliyun\.timeout_s: "),
        ("[record]\ninterval_s = 'soon'", r"record\.interval_s: 'soon' is not a duration"),
        ("[record]\nname = 'a'", r"record\.name: name template needs"),
    ],
)
def test_a_wrong_key_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        Settings.read(written(tmp_path, text))


@pytest.mark.parametrize("key", ["storage.public_url", "origin.url"])
@pytest.mark.parametrize(
    "url", ["http://me:hush@h:x/{stream}", "http://me:hush@[::1/{stream}", "rtmp://me:hush/{stream}"]
)
def test_a_wrong_url_is_named_without_its_password(key: str, url: str, tmp_path: Path) -> None:
    table, _, name = key.partition(".")
    with pytest.raises(UsageError, match=rf"{key}: .*(the port is no number|is no URL)") as raised:
        Settings.read(written(tmp_path, f'[{table}]\n{name} = "{url}"\n'))
    assert "hush" not in str(raised.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Settings.read(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not TOML"):
        Settings.read(path)


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEL_API__LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("REEL_WORKERS__COUNT", "3")
    settings = Settings.read(written(tmp_path, "[api]\nlisten = '127.0.0.1:2'\nrates = false"))
    assert settings.api.listen == "127.0.0.1:1"
    assert settings.api.rates is False
    assert settings.workers.count == 3
    monkeypatch.setenv("REEL_WORKERS__COUNT", "many")
    with pytest.raises(UsageError, match=r"^REEL_WORKERS__COUNT: a whole number is expected, not 'many'$"):
        Settings.read(None)


def test_settings_read_what_options_read(tmp_path: Path) -> None:
    text = "[record]\nformats = 'FLV, Mp4'\ninterval_s = '1:30:00'\n[aliyun]\ntimeout_s = '500ms'"
    settings = Settings.read(written(tmp_path, text + "\n[tencent]\ndefault_format = 'MP4'"))
    assert settings.record.formats == ("flv", "mp4")
    assert (settings.record.interval_s, settings.aliyun.timeout_s) == (5400, 0.5)
    assert settings.tencent.format == "mp4"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("REEL_RECORD__FORMATS", "gif", "flv, hls, mp4, aac or mp3 is expected, not 'gif'"),
        ("REEL_API__RATES", "perhaps", "true or false is expected, not 'perhaps'"),
        ("REEL_API__LISTN", "x", "there is no such key; did you mean listen?"),
        ("REEL_API__RATE_LIMITS", "x", "an object (a table) is expected, not 'x'"),
        ("REEL_API__KEYS", "[{hush", "a list is expected"),
        ("REEL_API__KEYS", '[{"id": "a", "secret": 5}]', "text is expected"),
        ("REEL_API", "{hush", "an object (a table) is expected"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as raised:
        Settings.read(None)
    assert str(raised.value) == f"{variable}: {complaint}"


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("Hls,flv", ("hls", "flv")),
        ("flv, MP4", ("flv", "mp4")),
        ('["flv", "mp4"]', ("flv", "mp4")),
        ("[]", ()),
        ("", ()),
        (" ", ()),
    ],
)
def test_formats_of_a_variable_need_no_json(
    monkeypatch: pytest.MonkeyPatch, text: str, formats: tuple[str, ...]
) -> None:
    monkeypatch.setenv("REEL_RECORD__FORMATS", text)
    assert Settings.read(None).record.formats == formats


def test_a_variable_of_an_unknown_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEL_INGEST__RTMP", "127.0.0.1:1")
    with pytest.raises(UsageError, match=r"^REEL_INGEST__RTMP: there is no such table; there are record, "):
        Settings.read(None)
