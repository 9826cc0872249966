"""One sentence for a value that a user gave wrongly: which one, what was given, and what is allowed.

Options, the JSON of `--spec` and the settings file are all checked by pydantic; its own words name the
program's types, which users never see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Location = Sequence[str | int]

_MAX_SHOWN = 60  # characters of a wrong value

_NUMBER = "a number is expected"
_INTEGER = "a whole number is expected"
_EXPECTED = {
    "bool_parsing": "true or false is expected",
    "bool_type": "true or false is expected",
    "finite_number": "a finite number is expected",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_from_float": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": _INTEGER,
    "int_type": _INTEGER,
    "dict_type": "an object (a table) is expected",
    "model_type": "an object (a table) is expected",
    "model_attributes_type": "an object (a table) is expected",
    "list_type": "a list is expected",
    "tuple_type": "a list is expected",
    "path_type": "a path is expected",
    "string_type": "text is expected",
    "string_unicode": "text is expected",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def dotted(location: Location) -> str:
    """A place in nested objects as settings and specifications name it: `api.keys[0].id`."""
    text = ""
    for part in _named(location):
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def first_problem(
    error: ValidationError,
    model: type[BaseModel] | None = None,
    name: Callable[[Location], str] = dotted,
    given: Mapping[str, Any] | None = None,
) -> str:
    """Describe the first error of a validation in one sentence.

    Args:
        error: What pydantic raised.
        model: The model that was validated, if it was one: it knows keys and secrets.
        name: How the user named the field at a location; empty where the message names it.
        given: The fields before they were converted, so that a value is shown as it was typed.
    """
    problem = error.errors(include_url=False)[0]
    location = problem["loc"]
    what = _sentence(problem, model, given or {})
    named = name(location) if location else ""
    return f"{named}: {what}" if named else what


def _sentence(problem: ErrorDetails, model: type[BaseModel] | None, given: Mapping[str, Any]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    location = problem["loc"]
    if kind == "extra_forbidden":
        return _unknown_key(str(location[-1]), _known_keys(model, location[:-1]))
    if kind == "missing":
        return "it is required"
    if kind == "json_invalid":
        return "it is not JSON"
    expected = _expected(kind, context)
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "it must not be empty"
    if kind in ("value_error", "assertion_error") or _is_secret(model, location):
        return expected  # a validator of ours says itself what may be shown
    return f"{expected}, not {_shown(_typed(given, location, problem['input']))}"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = context[key]
        return f"{words} {bound:.15g} is expected" if isinstance(bound, int | float) else f"{words} {bound}"
    if kind in ("enum", "literal_error"):
        return f"{str(context['expected']).replace(chr(39), '')} is expected"
    if kind in ("too_short", "string_too_short"):
        return f"a length of at least {context['min_length']} is expected"
    if kind in ("too_long", "string_too_long"):
        return f"a length of at most {context['max_length']} is expected"
    if kind == "string_pattern_mismatch":
        return f"text of the form {context['pattern']} is expected"
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "it must not be empty"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    return _EXPECTED.get(kind, "another kind of value is expected")


def _unknown_key(key: str, known: Sequence[str]) -> str:
    near = get_close_matches(key, known, n=1)
    if near:
        return f"there is no such key; did you mean {near[0]}?"
    return f"there is no such key; there are {', '.join(known)}" if known else "there is no such key"


def _known_keys(model: type[BaseModel] | None, location: Location) -> list[str]:
    """The keys of the object at a location."""
    inner = model
    for field in _fields(model, location):
        inner = _model_in(field.annotation)
    return [] if inner is None else list(inner.model_fields)


def _fields(model: type[BaseModel] | None, location: Location) -> list[FieldInfo]:
    """The fields on the way to a location."""
    fields: list[FieldInfo] = []
    inner = model
    for part in location:
        if isinstance(part, str) and inner is not None and part in inner.model_fields:
            fields.append(inner.model_fields[part])
            inner = _model_in(fields[-1].annotation)
    return fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds, such as `Key` of `tuple[Key, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((inner for inner in found if inner is not None), None)


def _is_secret(model: type[BaseModel] | None, location: Location) -> bool:
    """Fields that must never be shown are those that pydantic leaves out of `repr`, all below them, and
    objects that hold one."""
    fields = _fields(model, location)
    if any(not field.repr for field in fields):
        return True
    inner = _model_in(fields[-1].annotation) if fields else None
    return inner is not None and _holds_secret(inner)


def _holds_secret(model: type[BaseModel]) -> bool:
    inner = (_model_in(field.annotation) for field in model.model_fields.values())
    return any(not field.repr for field in model.model_fields.values()) or any(
        found is not None and _holds_secret(found) for found in inner
    )


def _named(location: Location) -> Location:
    """A location without what only pydantic knows: the place in a list of plain values, a key's marker."""
    parts = [part for part in location if part != "[key]"]
    while parts and isinstance(parts[-1], int):
        parts.pop()
    return parts


def _typed(given: Mapping[str, Any], location: Location, value: Any) -> Any:
    """The value at a location as the user gave it."""
    if not location or not all(isinstance(part, str) for part in location):
        return value
    found: Any = given
    for part in location:
        if not isinstance(found, Mapping) or part not in found:
            return value
        found = found[part]
    return found


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, str | int | float):
        text = repr(value) if isinstance(value, str) else f"{value}"
        return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple | set) else "that"
