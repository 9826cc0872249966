"""What Aliyun refuses calls with: its codes, their HTTP status, its sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.faults import ApiFault

_STATUS: Mapping[str, int] = {
    "InvalidDomain.NotFound": 404,
    "InvalidStream.NotFound": 404,
    "StreamNotFound": 409,
    "TaskAlreadyStarted": 409,
}
"""Of codes whose status is not 400."""


def fault(code: str, message: str) -> ApiFault:
    """With the status that its code has."""
    return ApiFault(code, message, status=_STATUS.get(code, 400))


def missing(name: str) -> ApiFault:
    """A parameter that must be there is not. `name` is as it is sent: `RecordFormat.1.Format`."""
    return fault(f"Missing{_last(name)}", f"{name} is mandatory for this action.")


def malformed(name: str, why: str, code: str = "") -> ApiFault:
    """A parameter is not what it must be. `why` goes on after "The specified parameter X "."""
    return fault(code or f"Invalid{_last(name)}.Malformed", f"The specified parameter {name} {why}.")


def try_later(code: str, what: str) -> ApiFault:
    """The recording service's own way to say no."""
    return fault(code, f"{what}, please check and try again later.")


def no_config(what: str) -> ApiFault:
    """There is no such configuration."""
    return try_later("CodeConfigNotFound", f"No configuration of {what} is found")


def config_exists(what: str) -> ApiFault:
    """There is such a configuration already."""
    return fault("ConfigAlreadyExists", f"A configuration of {what} already exists.")


def _last(name: str) -> str:
    """The part that is no number of a repeated parameter."""
    return next(part for part in reversed(name.split(".")) if not part.isdecimal())
