"""Answers of `/v1` as JSON."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel


def answer(model: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A model as JSON."""
    return web.Response(
        body=model.model_dump_json().encode(),
        status=status.value,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
