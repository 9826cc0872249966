"""What is said of a wrong value: in our words, of the key as the user wrote it, and never a secret."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import UsageError
from engine.media.fields import Formats, duration_s
from engine.record import RecordSpec
from engine.validation import first_problem

PYDANTIC = (
    "Input",
    "input",
    "Extra",
    "Value error",
    "String",
    "validation",
    "pydantic",
    "unable to parse",
    "valid ",
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Key(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = "me"
    secret: Annotated[str, Field(min_length=8, repr=False)] = "12345678"


class House(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: Colour = Colour.RED
    rooms: Annotated[int, Field(ge=1, le=9)] = 1
    height_m: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] = 3
    warm: bool = True
    kind: Literal["flat", "hut"] = "hut"
    keys: tuple[Key, ...] = ()
    names: Annotated[dict[str, int], Field(max_length=2)] = {}
    path: Path = Path()
    wait: Annotated[float, duration_s(at_least=1)] = 1
    formats: Formats = ()
    title: Annotated[str, Field(pattern="^[a-z]+$", max_length=4)] = "a"

    @field_validator("title")
    @classmethod
    def _is_no_curse(cls, value: str) -> str:
        if value == "damn":
            raise ValueError("no curses")
        return value


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"colour": "green"}, "colour: red or blue is expected, not 'green'"),
    ({"rooms": 0}, "rooms: at least 1 is expected, not 0"),
    ({"rooms": 10}, "rooms: at most 9 is expected, not 10"),
    ({"rooms": 1.5}, "rooms: a whole number is expected, not 1.5"),
    ({"rooms": "many"}, "rooms: a whole number is expected, not 'many'"),
    ({"rooms": "9" * 5000}, f"rooms: a whole number is expected, not '{'9' * 59}…"),
    ({"rooms": None}, "rooms: a whole number is expected, not nothing"),
    ({"height_m": 0}, "height_m: more than 0 is expected, not 0"),
    ({"height_m": 100}, "height_m: less than 100 is expected, not 100"),
    ({"height_m": float("nan")}, "height_m: a finite number is expected, not nan"),
    ({"height_m": {}}, "height_m: a number is expected, not an object"),
    ({"warm": "maybe"}, "warm: true or false is expected, not 'maybe'"),
    ({"warm": []}, "warm: true or false is expected, not a list"),
    ({"kind": True}, "kind: flat or hut is expected, not true"),
    ({"keys": 5}, "keys: a list is expected"),
    ({"keys": [5]}, "keys: an object (a table) is expected"),
    ({"keys": [{}, {"id": 5}]}, "keys[1].id: text is expected, not 5"),
    ({"keys": [{"secret": "hush"}]}, "keys[0].secret: a length of at least 8 is expected"),
    ({"keys": [{"secret": 12345}]}, "keys[0].secret: text is expected"),
    ({"keys": [{"secrets": 1}]}, "keys[0].secrets: there is no such key; did you mean secret?"),
    ({"keys": [{"x": 1}]}, "keys[0].x: there is no such key; there are id, secret"),
    ({"names": {"a": "b"}}, "names.a: a whole number is expected, not 'b'"),
    ({"names": {"a": 1, "b": 2, "c": 3}}, "names: a length of at most 2 is expected, not an object"),
    ({"names": []}, "names: an object (a table) is expected, not a list"),
    ({"path": 5}, "path: a path is expected, not 5"),
    ({"wait": "0.5s"}, "wait: at least 1 s is expected, not 0.5s"),
    ({"wait": "soon"}, "wait: 'soon' is not a duration: write 90, 90s, 1m30s, 1h, 1:30:00 or 500ms"),
    ({"formats": "flv,gif"}, "formats: flv, hls, mp4, aac or mp3 is expected, not 'gif'"),
    ({"formats": 5}, "formats: a list is expected, not 5"),
    ({"title": "A"}, "title: text of the form ^[a-z]+$ is expected, not 'A'"),
    ({"title": "damn"}, "title: no curses"),
    ({"tilte": "a"}, "tilte: there is no such key; did you mean title?"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_value_is_described_in_our_words(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as raised:
        House.model_validate(fields)
    described = first_problem(raised.value, House, given=fields)
    assert described == sentence or (sentence.endswith("…") and described.startswith(sentence))
    assert not [word for word in PYDANTIC if word in described]


@pytest.mark.parametrize("field", RecordSpec.model_fields)
@pytest.mark.parametrize(
    "value", [5, -1, "\0wrong", [1], {"a": [1]}, None, True, float("inf"), [], {}, ""], ids=repr
)
def test_no_field_of_an_order_is_described_in_words_of_pydantic(field: str, value: object) -> None:
    complaint = field
    try:
        RecordSpec.parse({"urls": ["rtmp://h/a/b"], field: value})
    except UsageError as error:
        complaint = str(error)
    assert complaint.startswith(field)
    assert not [word for word in PYDANTIC if word in complaint]


@pytest.mark.parametrize(
    "fields", [{"urls": "rtmp://me:hush@h/a/b"}, {"headers": {"Cookie": ["hush"]}}], ids=str
)
def test_no_secret_of_an_order_is_shown(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError) as raised:
        RecordSpec.parse({"urls": ["rtmp://h/a/b"], **fields})
    assert "hush" not in str(raised.value)
