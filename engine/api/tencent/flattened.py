"""Parameters that came as a query or a form, as the objects and lists they stand for. Pure.

`Mp4Param.Enable=1` is a member of an object, `RecordExceptionLevels.0=error` an element of a list.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.faults import invalid_parameter

_MAX_DEPTH = 8  # the deepest parameter of any action has two parts


def nested(parameters: Mapping[str, object]) -> dict[str, object]:
    """Objects and lists from names with dots. What has no dots is kept as it is, so that the JSON object of a
    body passes unchanged.

    Raises:
        ApiFault: InvalidParameter, when a name is both a value and an object.
    """
    whole: dict[str, object] = {}
    for name, value in parameters.items():
        *path, last = name.split(".")
        place = whole
        for part in path[:_MAX_DEPTH]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise invalid_parameter(name, "is given both as a value and by its members")
            place = inner
        if last in place:
            raise invalid_parameter(name, "is given twice")
        place[last] = value
    return {name: _listed(value) for name, value in whole.items()}


def _listed(value: object) -> object:
    """`{"0": a, "1": b}` is the list of both, in the order of their numbers."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(member) for name, member in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=lambda name: (len(name), name))]
    return inner
