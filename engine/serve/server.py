"""The parts of `reel serve`, started in the order in which they need each other, and ended the other way
round: nothing is asked of a part that is gone, and what recordings say at their end is still heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from engine.api.aliyun import aliyun
from engine.api.application import RUNNER_OPTIONS, application
from engine.api.binding import check_binding
from engine.api.dialect import Dialects
from engine.api.files import ROUTE as FILES
from engine.api.files import add_files
from engine.api.hooks import add_hooks
from engine.api.keys import Key, KeyRing
from engine.api.rates import Rates
from engine.api.services import Services
from engine.api.tencent.dialect import Legacy, Tencent
from engine.api.v1 import ServerFacts, add_v1
from engine.catalog import Catalog, wanted
from engine.clock import wall_now
from engine.config import Record, Settings
from engine.control.control import Control
from engine.control.orders import Group, settings_groups
from engine.control.quotas import Quotas
from engine.control.recorded_files import RecordedFiles
from engine.control.streams import Routes, StreamKey
from engine.errors import StorageError, UsageError
from engine.fleet import LocalFleet
from engine.heap import settle
from engine.masking import masked
from engine.media.events import Event
from engine.notify import Delivery, Messages, OnDemand, Schedule
from engine.origin import Origin
from engine.origin.address import Address
from engine.serve.background import Background
from engine.serve.patience import Patience
from engine.serve.polling import poll
from engine.serve.presence import EmbeddedPushes
from engine.serve.retention import keep
from engine.serve.routes import EmbeddedRoutes, OutsideRoutes
from engine.serve.summary import Addresses
from engine.store import check_root

_log = structlog.get_logger()

_LISTEN = "api.listen (or REEL_API__LISTEN)"


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs."""

    addresses: Addresses
    background: Background

    async def until(self, stopped: asyncio.Event) -> None:
        """Wait for `stopped`.

        Raises:
            ReelError: the server can go on no longer. Leave its block: every file is finalized.
        """
        await self.background.until(stopped)


@asynccontextmanager
async def serve(settings: Settings, file: Path | None = None) -> AsyncIterator[Serving]:
    """A whole server, while the block runs. `file` is where the settings come from.

    Raises:
        CatalogFailed: the disk of the database failed.
        UsageError: settings that cannot be.
        StorageError: the folder of the files cannot be made.
        OriginError: an address is in use or not this machine's.
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached.
    """
    keys = KeyRing(Key(one.id, one.secret, one.domains) for one in settings.api.keys)
    check_binding(Address.parse(settings.api.listen, _LISTEN).host, keys)
    settings = _with_public_url(settings)
    _make_root(settings.storage.root)
    async with Background() as background, AsyncExitStack() as parts:
        catalog = await parts.enter_async_context(Catalog(settings.catalog.url))
        await catalog.migrate()
        background.start(parts, "catalog", catalog.wait_failed())
        delivery = await parts.enter_async_context(_delivery(settings, catalog))
        background.start(parts, "callbacks", delivery.wait_failed())
        patience = Patience()
        pushes = EmbeddedPushes(settings.origin.domain, patience)
        origin = await _embedded(parts, settings, pushes)
        control = await _control(parts, background, patience, settings, catalog, delivery, origin)
        if origin is not None:
            background.start(parts, "origin", origin.wait_ended())
            background.start(parts, "pushes", pushes.hand_on(control))
        elif settings.origin.poll_s:
            background.start(parts, "polling", _polling(settings, catalog, control))
        storage, keep_days = settings.storage, settings.catalog.keep_days
        recorded = RecordedFiles(catalog, storage.root)
        background.start(parts, "retention", keep(catalog, recorded, keep_days, expire=storage.expire))
        push = None if origin is None else origin.push_url("live")
        facts = ServerFacts(
            started_at=wall_now(),
            settings_file=file,
            push_url=None if origin is None else origin.push_url("").rstrip("/"),
            origin_url=masked(settings.origin.url) if settings.origin.url else None,
            workers=control.workers,
        )
        api = await _listen(parts, settings, keys, catalog, control, facts)
        if origin is not None:
            parts.callback(origin.refuse_pushes)
        settle()
        _log.info("server.started", api=api, push=push)
        yield Serving(Addresses(api, settings.storage.public_url, push), background)
        _log.info("server.shutdown_started")


def _with_public_url(settings: Settings) -> Settings:
    """The settings with the URL of our own `/files`, unless they name one."""
    if settings.storage.public_url:
        return settings
    address = Address.parse(settings.api.listen, _LISTEN)
    if not address.port:
        raise UsageError("storage.public_url is empty, and api.listen has no port to make it of: set either")
    storage = settings.storage.model_copy(update={"public_url": f"http://{address.for_people}{FILES}"})
    return settings.model_copy(update={"storage": storage})


def _make_root(root: Path) -> None:
    check_root(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"storage.root: {root}: {error.strerror}") from None


async def _embedded(parts: AsyncExitStack, settings: Settings, pushes: EmbeddedPushes) -> Origin | None:
    if settings.origin.url:
        return None
    return await parts.enter_async_context(
        Origin(
            rtmp=settings.origin.rtmp,
            http=settings.origin.http,
            watch=pushes,
            keys=("origin.rtmp (or REEL_ORIGIN__RTMP)", "origin.http (or REEL_ORIGIN__HTTP)"),
        )
    )


async def _control(
    parts: AsyncExitStack,
    background: Background,
    patience: Patience,
    settings: Settings,
    catalog: Catalog,
    delivery: Delivery,
    origin: Origin | None,
) -> Control:
    async def hear(event: Event) -> None:
        await patience.store(partial(control.on_event, event))
        delivery.wake()

    async def drop(key: StreamKey) -> None:
        if origin is not None:
            origin.hub.drop(f"{key.app}/{key.stream}")

    fleet = LocalFleet(settings.workers.count, hear)
    control = Control(
        catalog,
        fleet,
        routes=_routes(settings, origin),
        quotas=_quotas(settings),
        root=settings.storage.root,
        messages=Messages(appid=settings.tencent.appid, public_url=settings.storage.public_url),
        on_demand=await parts.enter_async_context(
            OnDemand(
                catalog,
                timeout_s=settings.aliyun.timeout_s,
                private_addresses=settings.aliyun.private_addresses,
            )
        ),
        drop=None if origin is None else drop,
        default_format=settings.tencent.default_format,
        fallback=_fallback(settings.record),
        tz=settings.storage.tz,
    )
    await parts.enter_async_context(fleet)
    parts.callback(patience.end)
    background.start(parts, "workers", fleet.wait_failed())
    await parts.enter_async_context(control)
    background.start(parts, "control", control.wait_failed())
    return control


def _routes(settings: Settings, origin: Origin | None) -> Routes:
    if origin is not None:
        return EmbeddedRoutes(origin.http_url)
    return OutsideRoutes(settings.origin.url, settings.origin.mixed_url)


def _fallback(record: Record) -> tuple[Group, ...]:
    return settings_groups(
        record.formats,
        interval_s=record.interval_s,
        splice_s=record.splice_s,
        audio_only=record.audio_only,
        name=record.name,
    )


def _quotas(settings: Settings) -> Quotas:
    limits = settings.limits
    return Quotas(
        daily=limits.daily_tasks,
        running=limits.running_tasks,
        per_stream=limits.tasks_per_stream,
        templates=limits.templates,
        rules=limits.rules,
    )


def _delivery(settings: Settings, catalog: Catalog) -> Delivery:
    one, other = settings.tencent, settings.aliyun
    return Delivery(
        catalog,
        schedules={
            "tencent": Schedule(one.retry_s, one.retries, one.timeout_s),
            "aliyun": Schedule(other.retry_s, other.retries, other.timeout_s, other.private_addresses),
        },
        in_flight=settings.callbacks.in_flight,
        in_flight_per_receiver=settings.callbacks.in_flight_per_receiver,
    )


async def _polling(settings: Settings, catalog: Catalog, control: Control) -> None:
    async def names() -> set[StreamKey]:
        async with catalog.read() as session:
            found = {StreamKey(*one) for one in await wanted.wanted(session, wall_now())}
        found |= {StreamKey(one.domain, one.app, one.stream) for one in control.online()}
        return {key for key in found if not control.is_recorded(key)}

    await poll(control, _routes(settings, None), names, settings.origin.poll_s)


async def _listen(
    parts: AsyncExitStack,
    settings: Settings,
    keys: KeyRing,
    catalog: Catalog,
    control: Control,
    facts: ServerFacts,
) -> str:
    """The API's URL."""
    services = Services(
        catalog=catalog,
        control=control,
        root=settings.storage.root,
        public_url=settings.storage.public_url,
        domain=settings.origin.domain,
        private_addresses=settings.aliyun.private_addresses,
        template_limit=settings.limits.templates,
        rule_limit=settings.limits.rules,
    )
    app = application(
        Dialects(Tencent(services), Legacy(services), aliyun(services)),
        keys=keys,
        rates=Rates(settings.api.rate_limits, is_on=settings.api.rates),
    )
    add_files(app, settings.storage.root)
    add_v1(app, services, facts, token=settings.api.token)
    add_hooks(app, control, secret=settings.origin.hook_secret, domain=settings.origin.domain)
    runner = web.AppRunner(app, **RUNNER_OPTIONS)
    parts.push_async_callback(runner.cleanup)
    await runner.setup()
    address = Address.parse(settings.api.listen, _LISTEN)
    try:
        await web.TCPSite(runner, address.host or None, address.port).start()
    except OSError as error:
        raise address.refusal("the API", _LISTEN, error) from None
    port = runner.addresses[0][1]
    return f"http://{Address(address.host, port).for_people}"
