"""What a call is refused with."""

from __future__ import annotations

from collections.abc import Mapping


class ApiFault(Exception):
    """A call is refused: the vendor's code, and a message for a person.

    `code` is written as its vendor writes it (`ResourceNotFound.TaskId`, `InvalidDomain.NotFound`). Tencent's
    legacy dialect takes Tencent's codes too and turns them into its numbers. `status` is the HTTP status of
    Aliyun's answer; Tencent's answers are always 200. A message that repeats the whole call may hold secrets,
    and is not `is_loggable`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        is_loggable: bool = True,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
        self.is_loggable = is_loggable


def missing_parameter(name: str) -> ApiFault:
    """Tencent: a required parameter is absent."""
    return ApiFault("MissingParameter", f"The request is missing a required parameter `{name}`.")


def unknown_parameter(name: str) -> ApiFault:
    """Tencent: a key that the action does not define."""
    return ApiFault("UnknownParameter", f"The parameter `{name}` is not recognized.")


def invalid_parameter(name: str, why: str) -> ApiFault:
    """Tencent: of the wrong type or format. `why` goes on after "The parameter `X` "."""
    return ApiFault("InvalidParameter", f"The parameter `{name}` {why}.")


def invalid_value(name: str, why: str) -> ApiFault:
    """Tencent: well formed, but not allowed. `why` goes on after "The value of the parameter `X` "."""
    return ApiFault("InvalidParameterValue", f"The value of the parameter `{name}` {why}.")
