"""What a line of the log holds, in both formats, and what becomes of storms."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine
from structlog.contextvars import bound_contextvars

import engine
from engine.errors import UsageError
from engine.log import (
    STORM_LINES,
    Level,
    StormLog,
    Throttle,
    configure,
    configured_arguments,
    format_of_environment,
    level_of_environment,
)

log = structlog.get_logger()

Captured = pytest.CaptureFixture[str]


def lines(capfd: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_has_its_time_its_level_and_the_ids_that_are_bound(capfd: Captured) -> None:
    with bound_contextvars(request_id="r-1"):
        log.info("task.created", task=7, stream="push.example.com/live/目\x1b[2J")
    (line,) = lines(capfd)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "task.created",
        "task": 7,
        "stream": "push.example.com/live/目\x1b[2J",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_lines_below_the_level_are_not_shown(level: Level, capfd: Captured) -> None:
    configure(level, "json")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("push.started")
    shown = [line["level"] for line in lines(capfd)]
    assert shown == ["debug", "info", "warning", "error"][-len(shown) :]
    assert shown[0] == level


def test_an_exception_is_one_line_of_json(capfd: Captured) -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.exception("call.failed")
    (line,) = lines(capfd)
    assert (line["level"], line["event"]) == ("error", "call.failed")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: a\nb")


def test_on_a_console_nothing_moves_the_cursor(capfd: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    configure("info", "console")
    log.info("push.started", stream="live/\x1b[2J\x07目", push=3)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.split()[1:] == ["[info", "]", "push.started", "stream=live/\\x1b[2J\\x07目", "push=3"]


def test_what_libraries_log_is_lines_like_ours(capfd: Captured) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    logging.getLogger("sqlalchemy.engine.Engine").info("SELECT 1")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        configure("info", "json")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    failed, warned = lines(capfd)
    assert (failed["event"], failed["library"], failed["level"]) == ("library.logged", "asyncio", "error")
    assert failed["message"] == "Task exception was never retrieved"
    assert (warned["library"], warned["level"]) == ("py.warnings", "warning")
    assert "DeprecationWarning: old" in warned["message"]


def test_a_malformed_request_is_one_warning_with_its_peer(capfd: Captured) -> None:
    try:
        raise BadStatusLine("\x16\x03\x01" + "x" * 9000)
    except BadStatusLine as error:
        logging.getLogger("aiohttp.server").exception(
            "Error handling request from %s", "192.0.2.7", exc_info=error
        )
    (line,) = lines(capfd)
    assert (line["event"], line["level"], line["peer"]) == ("request.malformed", "warning", "192.0.2.7")
    assert line["error"].startswith("BadStatusLine: ")
    assert "exception" not in line
    logging.getLogger("aiohttp.server").debug("Ignored premature client disconnection")
    assert lines(capfd) == []
    assert len(json.dumps(line)) < 500


def test_a_storm_is_a_few_lines_and_a_count() -> None:
    now_s = 5.0
    throttle = Throttle(2, lambda: now_s)
    assert [throttle.admit("a") for _ in range(5)] == [0, 0, None, None, None]
    assert throttle.admit("b") == 0
    now_s += 1
    assert [throttle.admit("a"), throttle.admit("a"), throttle.admit("a")] == [3, 0, None]


def test_strangers_and_libraries_are_held_back(capfd: Captured) -> None:
    strangers = StormLog()
    for number in range(10 * STORM_LINES):
        strangers.warning("hook.refused", number=number)
        logging.getLogger("aiohttp.server").error("Error handling request")
    shown = lines(capfd)
    assert {line["event"] for line in shown} == {"hook.refused", "library.logged"}
    assert len(shown) < 10 * STORM_LINES, "a slow machine has several seconds for them"


def test_a_closed_or_full_stderr_costs_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        log.warning("file.unremoved")
        logging.getLogger("asyncio").error("x")
        with pytest.raises(OSError, match="No space left"):
            full.close()
    log.warning("file.unremoved")  # closed by now


def test_a_started_process_logs_as_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("debug", "auto")
    assert configured_arguments() == ["debug", "json"]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    configure("error")
    assert configured_arguments() == ["error", "console"]


def test_levels_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"REEL_LOG", "REEL_LOG__LEVEL", "REEL_LOG__FORMAT"} & os.environ.keys()
    assert (level_of_environment(), format_of_environment()) == (None, None)
    monkeypatch.setenv("REEL_LOG", "Info")
    monkeypatch.setenv("REEL_LOG__FORMAT", "console")
    assert (level_of_environment(), format_of_environment()) == ("info", "console")
    monkeypatch.setenv("REEL_LOG", "loud")
    with pytest.raises(UsageError, match="REEL_LOG: 'loud' is none of debug, info, warning, error"):
        level_of_environment()


CALL = re.compile(r"\b(?:_log|log|_strangers)\.(?:debug|info|warning|error|exception)\(\s*([^,)]*)")


def test_events_are_named_alike() -> None:
    """`noun.verb_past`: what happened to what, and ids as fields instead of words in the name."""
    root = Path(engine.__file__).parent
    names = {
        name
        for path in root.rglob("*.py")
        if path.name != "log.py"
        for said in CALL.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r'"([^"]*)"', said)
    }
    assert {"push.lost", "call.failed", "worker.started"} <= names
    assert [name for name in names if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []
