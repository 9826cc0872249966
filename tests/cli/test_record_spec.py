"""The JSON Schema of `--spec` says what `--spec` reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from reel import reel

from engine.cli.main import build_command
from engine.cli.record_spec import parse_spec, read_spec, spec_schema
from engine.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
OF_THE_COMMAND = {
    "urls_file",
    "json_events",
    "spec_file",
    "spec_schema",
    "on_file",
    "quiet",
    "on_file_timeout",
    "version",
}
"""Options that say how to run, and nothing of what is recorded."""

READ = [
    {"urls": ["rtmp://h/a/b"], "duration": "1m30s", "min_free": "1GB", "splice": 5, "reconnect": 0.5},
    {"url": "rtmp://h/a/b", "format": "flv,mp4", "headers": {"A": "b"}, "sync": None, "id": "a"},
]
REFUSED = [
    {"url": "rtmp://h/a/b", "urls": ["rtmp://h/a/b"]},
    {"url": "rtmp://h/a/b", "colour": "red"},
    {"url": "rtmp://h/a/b", "duration": 0},
    {"url": "rtmp://h/a/b", "duration": [1]},
    {"url": "rtmp://h/a/b", "splice": 21_601},
    {"url": "rtmp://h/a/b", "min_free": -1},
    {"url": "rtmp://h/a/b", "format": ["gif"]},
    {"url": "rtmp://h/a/b", "jump": "over"},
    {"urls": []},
]


def printed_examples() -> list[dict[str, Any]]:
    """JSON blocks of the documents that are specifications."""
    found = []
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for block in re.findall(r"```json\n(\{.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            if re.search(r'"urls?":', block) and '"event"' not in block:
                found.append(json.loads(block))
    return found


def read(spec: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    parse_spec(read_spec(str(path)), str(path), {})


async def test_the_schema_is_printed_and_is_one() -> None:
    done = await reel("record", "--spec-schema")
    done.assert_done()
    schema = json.loads(done.out)
    assert schema == spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_documents_have_an_example() -> None:
    assert printed_examples()


@pytest.mark.parametrize("spec", [*READ, *spec_schema()["examples"], *printed_examples()], ids=str)
def test_what_is_read_is_valid(spec: dict[str, Any], tmp_path: Path) -> None:
    jsonschema.validate(spec, spec_schema())
    read(spec, tmp_path)


@pytest.mark.parametrize("spec", REFUSED, ids=str)
def test_what_is_refused_is_not_valid(spec: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, spec_schema())
    with pytest.raises(UsageError):
        read(spec, tmp_path)


def test_every_option_is_a_field_with_the_same_description_and_default() -> None:
    fields = spec_schema()["properties"]
    options = {option.name: option for option in build_command().commands["record"].params}
    for name in options.keys() - OF_THE_COMMAND:
        assert options[name].help.startswith(fields[name]["description"]), name
    for name, field in fields.items():
        assert field["description"], name
        if name not in ("url", "urls", "headers"):
            assert "default" in field, name
