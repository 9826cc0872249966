"""Bodies and queries of calls, read with a cap on size and depth before they are parsed."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from engine.api.v1.problems import Problem
from engine.validation import dotted, first_problem

M = TypeVar("M", bound=BaseModel)

LARGEST_BYTES = 64 << 10
DEEPEST = 8
"""Objects and lists within each other; the deepest body of ours has two."""

_BODY_S = 10.0


async def read_body(request: web.Request, model: type[M]) -> M:
    """The JSON body of a call.

    Raises:
        Problem: it is no JSON, too large, too deep, late, or not as the model says.
    """
    if request.content_type != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "Send JSON as `Content-Type: application/json`.",
        )
    data = await _read(request)
    if _depth(data) > DEEPEST:
        raise Problem(HTTPStatus.BAD_REQUEST, "usage", f"The body nests deeper than {DEEPEST} levels.")
    try:
        fields = json.loads(data.decode(), object_pairs_hook=_once)  # UTF-8 alone (RFC 8259, section 8.1)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "usage", f"The body is not JSON: {error}.") from None
    return _parsed(model, fields)


def read_query(request: web.Request, model: type[M]) -> M:
    """The query of a call; each name once.

    Raises:
        Problem: it is not as the model says.
    """
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, "usage", f"`{name}` is given twice: give it once.")
    return _parsed(model, dict(request.query))


async def _read(request: web.Request) -> bytes:
    too_large = Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"A body may have {LARGEST_BYTES} bytes."
    )
    if (request.content_length or 0) > LARGEST_BYTES:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in request.content.iter_any():
                data += piece
                if len(data) > LARGEST_BYTES:
                    raise too_large
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "late", "The body did not come in time.") from None
    except (ConnectionError, web.RequestPayloadError):
        raise Problem(HTTPStatus.BAD_REQUEST, "usage", "The body broke off.") from None
    return bytes(data)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object whose members are there once: of two of a name nobody knows which is meant."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _depth(data: bytes) -> int:
    """How deep brackets nest, strings included: never less than what JSON nests."""
    depth = deepest = 0
    for byte in data:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _parsed(model: type[M], fields: object) -> M:
    if not isinstance(fields, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "usage", "A JSON object is expected.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "usage", first_problem(error, model, dotted)) from None
