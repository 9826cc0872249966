"""Refusals of `/v1`: problem details as RFC 9457 describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from engine import errors

_STATUS: Mapping[type[errors.ReelError], HTTPStatus] = {
    errors.UsageError: HTTPStatus.BAD_REQUEST,
    errors.UnknownFile: HTTPStatus.NOT_FOUND,
    errors.UnknownRecording: HTTPStatus.NOT_FOUND,
    errors.UnknownRule: HTTPStatus.NOT_FOUND,
    errors.RuleExists: HTTPStatus.CONFLICT,
    errors.TooManyRules: HTTPStatus.CONFLICT,
    errors.TooManyTemplates: HTTPStatus.CONFLICT,
    errors.StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(Exception):
    """A call is refused.

    Args:
        code: A word for programs; the last part of `type`.
        detail: What happened, to what, and what to do.
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: errors.ReelError) -> Problem | None:
        """The problem that an error of control is; None: a defect."""
        status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
        return None if status is None else cls(status, error.code, str(error))

    def response(self, request_id: str) -> web.Response:
        """The answer (RFC 9457, section 3). `instance` is the id that the log calls `request_id`."""
        members = {
            "type": f"urn:reelkeeper:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id}",
        }
        return web.Response(
            body=json.dumps(members, ensure_ascii=False).encode("utf-8", "backslashreplace"),
            status=self.status.value,
            headers={**self.headers, "Content-Type": "application/problem+json"},
        )
