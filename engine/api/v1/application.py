"""`/v1` and `/healthz` as routes of the API's server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from structlog.contextvars import bound_contextvars

from engine.api.services import Services
from engine.api.v1.access import Access
from engine.api.v1.files import Files
from engine.api.v1.problems import Problem
from engine.api.v1.recordings import Recordings
from engine.api.v1.rules import Rules
from engine.api.v1.status import ServerFacts, StatusPages
from engine.errors import ReelError
from engine.log import StormLog

_log = structlog.get_logger()
_strangers = StormLog()

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_v1(app: web.Application, services: Services, facts: ServerFacts, *, token: str) -> None:
    """Serve `/v1` and `/healthz` from an application.

    Args:
        token: Who may call `/v1`: holders of this token; empty: programs of this machine alone.
    """
    pages = StatusPages(services, facts)
    v1 = web.Application(middlewares=[_answers(Access(token))])
    for part in (pages, Recordings(services), Rules(services), Files(services)):
        part.add_routes(v1)
    app.add_subapp("/v1", v1)
    app.router.add_get("/healthz", pages.health)


def _answers(access: Access) -> Middleware:
    """Check callers, and turn whatever goes wrong into problem details."""

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        request_id = str(uuid4())
        action = f"{request.method} {request.path}"
        with bound_contextvars(request_id=request_id, dialect="v1", action=action):
            is_known = False
            try:
                access.check(request)
                is_known = True
                response = await handler(request)
            except Exception as error:
                problem = _problem(error)
                if problem.status is HTTPStatus.INTERNAL_SERVER_ERROR:
                    _log.exception("call.failed", peer=request.remote)
                else:
                    log = _log.info if is_known else _strangers.info
                    log("call.refused", code=problem.code, message=problem.detail, peer=request.remote)
                response = problem.response(request_id)
            else:
                log = _log.debug if request.method in ("GET", "HEAD") else _log.info  # looks change nothing
                log("call.answered", peer=request.remote)
            response.headers["X-Request-Id"] = request_id
            return response

    return middleware


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ReelError) and (problem := Problem.of(error)) is not None:
        return problem
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"Use {allowed}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPException) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(HTTPStatus(error.status), "not_found", "There is nothing under this path.")
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "A defect of the server: its log tells more."
    )
