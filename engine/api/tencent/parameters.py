"""The parameters of an action, read as the vendor reads them: which of several mistakes is told, and how."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_pascal
from pydantic_core import ErrorDetails

from engine.api.faults import ApiFault, invalid_parameter, missing_parameter, unknown_parameter
from engine.api.flattened import Ambiguous, nested
from engine.api.tencent.values import INVALID, NOT_ALLOWED


class _Rank(IntEnum):
    """The order in which mistakes are told."""

    UNKNOWN = 0
    TYPE = 1
    MISSING = 2
    RANGE = 3


class Members(BaseModel):
    """An object of the vendor's, its members in our spelling: `stream_name` is sent as `StreamName`.

    Null is absent, and so is an empty text where `blank` does not name the member as it is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)

    blank: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        known = {field.alias for field in cls.model_fields.values()} - cls.blank
        return {
            name: value
            for name, value in values.items()
            if value is not None and (value != "" or name not in known)
        }


class Parameters(Members):
    """All that an action takes."""


P = TypeVar("P", bound=Parameters)


def read(model: type[P], parameters: Mapping[str, object]) -> P:
    """The parameters of a call: the members of a JSON object, or texts by flattened names.

    Raises:
        ApiFault: the first mistake: unknown keys before types, types before absent ones, those before ranges.
    """
    try:
        return model.model_validate(nested(parameters))
    except Ambiguous as error:
        raise invalid_parameter(error.name, error.why) from None
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        raise _fault(min(mistakes, key=_rank)) from None


def _rank(mistake: ErrorDetails) -> _Rank:
    ranks = {"extra_forbidden": _Rank.UNKNOWN, "missing": _Rank.MISSING, "refused": _Rank.RANGE}
    return ranks.get(mistake["type"], _Rank.TYPE)


def _fault(mistake: ErrorDetails) -> ApiFault:
    name = ".".join(str(part) for part in mistake["loc"])
    match _rank(mistake):
        case _Rank.UNKNOWN:
            return unknown_parameter(name)
        case _Rank.MISSING:
            return missing_parameter(name)
    context = mistake.get("ctx", {})
    if "why" in context:
        usual = NOT_ALLOWED if _rank(mistake) is _Rank.RANGE else INVALID
        return ApiFault(context["code"] or usual, f"The parameter `{name}` {context['why']}.")
    # Pydantic's own: what should be an object or a list is none.
    return invalid_parameter(name, f"must be {'a list' if mistake['type'] == 'tuple_type' else 'an object'}")
