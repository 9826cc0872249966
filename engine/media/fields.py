"""Field types of options and settings that users write as text: durations, sizes and lists of formats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from engine.media.codecs import Format
from engine.media.quantities import (
    DURATION_FORMS,
    MIB,
    SIZE_FORMS,
    parse_duration_s,
    parse_size_bytes,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """Annotates a number that may be written with a unit, and says within which bounds it is allowed."""

    parse: Callable[[str], float]
    forms: str
    unit: str
    examples: tuple[str, ...]
    more_than: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Convert text, and check the bounds in the user's words."""
        return core_schema.no_info_before_validator_function(self._convert, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        """A number with its bounds, or text."""
        bounds = {"exclusiveMinimum": self.more_than, "minimum": self.at_least, "maximum": self.at_most}
        kept = {key: bound for key, bound in bounds.items() if bound is not None}
        return {**handler(schema), "type": ["number", "string"], **kept, "examples": [*self.examples]}

    def _convert(self, value: object) -> object:
        if isinstance(value, str):
            number = self.parse(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = value
        else:
            raise ValueError(f"another kind of value is expected: write {self.forms}")
        if self.more_than is not None and not number > self.more_than:
            raise ValueError(f"more than {self.more_than:g} {self.unit} is expected, not {value}")
        if self.at_least is not None and not number >= self.at_least:
            raise ValueError(f"at least {self.at_least:g} {self.unit} is expected, not {value}")
        if self.at_most is not None and not number <= self.at_most:
            raise ValueError(f"at most {self.at_most:.15g} {self.unit} is expected, not {value}")
        if not math.isfinite(number):
            raise ValueError(f"a finite number is expected, not {value}")
        return number


def duration_s(
    *, more_than: float | None = None, at_least: float | None = None, at_most: float | None = None
) -> Quantity:
    """Annotates a field of seconds: text with units is read too."""
    return Quantity(
        parse_duration_s, DURATION_FORMS, "s", ("90", "1m30s", "1:30:00"), more_than, at_least, at_most
    )


def size_mib(*, more_than: float | None = None, at_least: float | None = None) -> Quantity:
    """Annotates a field of MiB, at most 10^9: text with units is read too."""
    return Quantity(_parse_size_mib, SIZE_FORMS, "MiB", ("512MiB", "1GB"), more_than, at_least, 10**9)


def _parse_size_mib(text: str) -> float:
    return parse_size_bytes(text) / MIB


def _split_formats(value: object) -> object:
    """The names of formats in a list, or in text with commas: each once, in lower case."""
    if isinstance(value, str):
        value = [name for part in value.split(",") if (name := part.strip())]
    if not isinstance(value, list | tuple):
        return value
    names = [name.strip().lower() if isinstance(name, str) else name for name in value]
    return [name for at, name in enumerate(names) if name not in names[:at]]


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


ANY_CASE = BeforeValidator(_lower)
"""Annotates a field with a few fixed words: they are read in any case."""

Formats = Annotated[
    tuple[Format, ...],
    BeforeValidator(_split_formats),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"enum": [format.value for format in Format]}},
                {"type": "string", "description": "The same with commas between, in any case."},
            ]
        }
    ),
]
"""Formats: a list, or text with commas, in any case."""
