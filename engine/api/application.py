"""The API as an aiohttp application: reads a call, has it checked by its transport, runs its action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypedDict

import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from engine.api.binding import is_loopback
from engine.api.dialect import Caller, Dialects
from engine.api.dispatch import LEGACY_PATH, Family, family
from engine.api.faults import ApiFault
from engine.api.keys import KeyRing
from engine.api.rates import Rates
from engine.api.request import MAX_TARGET, Call, read_call
from engine.api.signatures.hosts import host_name
from engine.api.transports.aliyun import AliyunWire
from engine.api.transports.legacy import LegacyWire
from engine.api.transports.tencent import TencentWire
from engine.api.transports.wire import Gate, Reply, Wire
from engine.clock import wall_now
from engine.errors import CatalogUnavailable, ReelError
from engine.log import StormLog

_log = structlog.get_logger()
_strangers = StormLog()

_LONGEST_MESSAGE = 200  # letters of a message in the log: some repeat what the caller sent


class RunnerOptions(TypedDict):
    """What the server library must be told."""

    max_line_size: int
    auto_decompress: bool
    access_log: None
    shutdown_timeout: float


# A line longer than Tencent's limit must reach us to be told so, and a body is signed as it was sent.
RUNNER_OPTIONS = RunnerOptions(
    max_line_size=4 * MAX_TARGET,
    auto_decompress=False,
    access_log=None,
    shutdown_timeout=5.0,  # for downloads that go on: recordings end after this
)
"""For `aiohttp.web.AppRunner(application, **RUNNER_OPTIONS)`."""


def application(
    dialects: Dialects,
    *,
    keys: KeyRing,
    rates: Rates | None = None,
    now: Callable[[], datetime] = wall_now,
) -> web.Application:
    """The API on `/` and `/v2/index.php`; other routes may be added to it. To be run with RUNNER_OPTIONS.

    Without keys nobody is asked for a signature: see `binding.check_binding`.
    """
    gate = Gate(keys, rates or Rates(), now)
    api = _Api(
        {
            Family.TENCENT: TencentWire(dialects.tencent, gate),
            Family.LEGACY: LegacyWire(dialects.legacy, gate),
            Family.ALIYUN: AliyunWire(dialects.aliyun, gate),
        },
        is_open=not keys,
    )
    app = web.Application()
    for path in ("/", LEGACY_PATH):
        app.router.add_route("*", path, api.handle)
    return app


class _Api:
    def __init__(self, wires: Mapping[Family, Wire], *, is_open: bool) -> None:
        self._wires = wires
        self._is_open = is_open

    async def handle(self, request: web.Request) -> web.Response:
        try:
            call = await read_call(request)
        except (web.HTTPBadRequest, web.HTTPRequestTimeout) as error:
            _strangers.info("request.cut_off", peer=request.remote, status=error.status)
            raise
        reply = await self._reply(call)
        # Not web.Response(content_type=...): it may add a charset, with which Tencent's SDK takes every error
        # for a success.
        headers = {**reply.headers, "Content-Type": reply.content_type}
        return web.Response(body=reply.body, status=reply.status, headers=headers)

    async def _reply(self, call: Call) -> Reply:
        kind = family(call)
        wire = self._wires[kind]
        request_id = wire.new_request_id()
        with bound_contextvars(request_id=request_id, dialect=kind.value, action="", key=""):
            try:
                reply = await self._run(wire, call, request_id)
            except ApiFault as fault:
                self._log_refusal(call, fault)
                return wire.refuse(call, fault, request_id)
            except CatalogUnavailable as error:
                _log.info("call.failed", error=str(error), peer=call.peer)
                return wire.refuse(call, wire.defect(), request_id)
            except Exception:
                _log.exception("call.failed", peer=call.peer)
                return wire.refuse(call, wire.defect(), request_id)
            _log.info("call.answered", peer=call.peer)
            return reply

    def _log_refusal(self, call: Call, fault: ApiFault) -> None:
        """Log a refusal; of callers without a proven key so many a second, since there may be any number."""
        is_known = bool(get_contextvars().get("key")) or self._is_open
        log = _log.info if is_known else _strangers.info
        message = fault.message[:_LONGEST_MESSAGE] if fault.is_loggable else ""
        log("call.refused", code=fault.code, message=message, peer=call.peer)

    async def _run(self, wire: Wire, call: Call, request_id: str) -> Reply:
        if self._is_open and (call.is_from_page or not is_loopback(host_name(call.header("Host")))):
            raise wire.from_page()
        admitted = wire.admit(call)
        action = admitted.action
        bind_contextvars(action=action.name, key=admitted.key.id if admitted.key else "")
        model = wire.dialect.parse(action, admitted.parameters)
        caller = Caller(request_id, admitted.key, wire.forbidden, call.peer)
        try:
            members = await action.run(model, caller)
        except ReelError as error:
            if (fault := wire.dialect.refusal(error, action.name)) is None:
                raise
            raise fault from error
        return wire.answer(call, action.name, members, request_id)
