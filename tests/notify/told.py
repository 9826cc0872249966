"""A catalog with somebody to tell, and what was put into its outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog.rows import KEY, NOON

from engine.catalog import Catalog, aliyun, outbox
from engine.catalog.schema import AliyunNotifyConfig, Callback, CallbackRule, CallbackTemplate
from engine.catalog.templates import CALLBACK
from engine.notify import Messages
from engine.notify.tencent import URLS

DATED: dict[str, Any] = {"created_at": NOON, "updated_at": NOON}
ALL_URLS = {member: f"http://h/{event}" for event, member in URLS.items()}


def messages(now: Any = lambda: NOON) -> Messages:
    return Messages(appid=12345678, public_url="http://h/files", now=now)


async def add_template(
    catalog: Catalog, urls: dict[str, str] = ALL_URLS, *, app: str = "", levels: Sequence[str] = ()
) -> None:
    """A callback template, bound to the domain or an app of it."""
    template = CallbackTemplate(name="t", urls=urls, key="k", exception_levels=list(levels), **DATED)
    async with catalog.begin() as session:
        await CALLBACK.add(session, template)
        rule = CallbackRule(domain=KEY["domain"], app=app, template_id=template.id, **DATED)
        await CALLBACK.add_rule(session, rule)


async def add_notify(catalog: Catalog, **more: Any) -> None:
    """The domain's notify configuration."""
    fields = {"domain": KEY["domain"], "notify_url": "http://n/cb", **DATED}
    async with catalog.begin() as session:
        await aliyun.add_notify(session, AliyunNotifyConfig(**{**fields, **more}))


async def change_notify(catalog: Catalog, **fields: Any) -> None:
    async with catalog.begin() as session:
        config = await aliyun.notify(session, KEY["domain"])
        for name, value in fields.items():
            setattr(config, name, value)


async def told(catalog: Catalog) -> list[Callback]:
    """The messages, the first first."""
    async with catalog.read() as session:
        found, _ = await outbox.page(session, outbox.CallbackQuery(limit=1000))
    return list(found)[::-1]
