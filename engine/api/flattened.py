"""Parameters that came as a query or a form, as the objects and lists they stand for. Pure.

`Mp4Param.Enable=1` is a member of an object, `RecordExceptionLevels.0=error` an element of a list. Tencent
counts them from 0, Aliyun from 1: their order counts here, whatever they begin with.
"""

from __future__ import annotations

from collections.abc import Mapping

_MAX_DEPTH = 8  # the deepest parameter of any action has two parts


class Ambiguous(Exception):
    """A parameter stands for two things. `why` goes on after "The parameter `name` "."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name
        self.why = why


def nested(parameters: Mapping[str, object]) -> dict[str, object]:
    """Objects and lists from names with dots. What has no dots is kept as it is, so that the JSON object of a
    body passes unchanged.

    Raises:
        Ambiguous: a name is both a value and an object.
    """
    whole: dict[str, object] = {}
    for name, value in parameters.items():
        *path, last = name.split(".")
        place = whole
        for part in path[:_MAX_DEPTH]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise Ambiguous(name, "is given both as a value and by its members")
            place = inner
        if last in place:
            raise Ambiguous(name, "is given twice")
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
