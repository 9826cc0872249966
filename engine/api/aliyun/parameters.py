"""The parameters of an action, read as the vendor reads them: what it does not know is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_pascal
from pydantic_core import ErrorDetails

from engine.api.aliyun.faults import malformed, missing
from engine.api.faults import ApiFault
from engine.api.flattened import Ambiguous, nested


class Members(BaseModel):
    """An object of the vendor's, its members in our spelling: `stream_name` is sent as `StreamName`. An empty
    text is an absent one."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_pascal)

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return {name: value for name, value in values.items() if value not in ("", None)}


class Parameters(Members):
    """All that an action takes."""

    @classmethod
    def missing(cls, name: str, *, is_empty: bool) -> ApiFault:
        """A parameter is not there, or is an empty text."""
        return missing(name)

    @classmethod
    def malformed(cls, name: str, why: str, code: str = "") -> ApiFault:
        """A parameter is not what it must be."""
        return malformed(name, why, code)


P = TypeVar("P", bound=Parameters)


def read(model: type[P], parameters: Mapping[str, object]) -> P:
    """The parameters of a call: texts by flattened names.

    Raises:
        ApiFault: the first mistake, what is missing before what is malformed.
    """
    known = {field.alias for field in model.model_fields.values()}
    own = {name: value for name, value in parameters.items() if name.partition(".")[0] in known}
    try:
        return model.model_validate(nested(own))
    except Ambiguous as error:
        raise model.malformed(error.name, error.why) from None
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        first = min(mistakes, key=lambda mistake: mistake["type"] != "missing")
        raise _fault(model, first, own) from None


def _fault(model: type[Parameters], mistake: ErrorDetails, given: Mapping[str, object]) -> ApiFault:
    # Elements of a list are counted from 1.
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in mistake["loc"])
    if mistake["type"] == "missing":
        return model.missing(name, is_empty=name in given)
    context = mistake.get("ctx", {})
    if "why" in context:
        return model.malformed(name, context["why"], context["code"])
    # Pydantic's own: what should be an object or a list is none.
    return model.malformed(name, "has no numbered elements")
