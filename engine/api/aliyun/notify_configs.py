"""Notify configurations: whom a domain's recordings are told to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.aliyun.faults import config_exists, malformed, missing, no_config
from engine.api.aliyun.parameters import Parameters
from engine.api.aliyun.values import Domain
from engine.api.dialect import Action, Caller
from engine.api.services import Services
from engine.api.values import Boolean, Text, sound
from engine.catalog import aliyun
from engine.catalog.schema import AliyunNotifyConfig
from engine.notify.addresses import may_be_public

_PRINTABLE = re.compile(r"[!-~]+")
_KEY = re.compile(r"[A-Za-z0-9]{16,32}")


def _url_fault(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    return None if is_whole and _PRINTABLE.fullmatch(value) else "must begin with http:// or https://"


def _key_fault(value: str) -> str | None:
    return None if _KEY.fullmatch(value) else "must be 16 to 32 letters and digits"


Url = Annotated[Text, sound(_url_fault)]


class NotifyConfig(Parameters):
    """Of one domain."""

    domain_name: Domain
    notify_url: Url
    on_demand_url: Url = ""
    need_status_notify: Boolean = False
    notify_req_auth: Boolean = False
    notify_auth_key: Annotated[Text, sound(_key_fault)] = ""


class OneDomain(Parameters):
    """The configuration of exactly this domain."""

    domain_name: Domain


class NotifyConfigs:
    """The four actions. A new key counts for pushes that begin later."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("AddLiveRecordNotifyConfig", NotifyConfig, self.add, 30),
            Action("UpdateLiveRecordNotifyConfig", NotifyConfig, self.update, 30),
            Action("DeleteLiveRecordNotifyConfig", OneDomain, self.delete, 30),
            Action("DescribeLiveRecordNotifyConfig", OneDomain, self.describe, 50),
        ]

    async def add(self, asked: NotifyConfig, caller: Caller) -> Mapping[str, object]:
        """One for each domain."""
        self._check(asked, caller)
        now = self._services.now()
        config = AliyunNotifyConfig(
            domain=asked.domain_name,
            notify_url=asked.notify_url,
            on_demand_url=asked.on_demand_url,
            need_status=asked.need_status_notify,
            needs_auth=asked.notify_req_auth,
            auth_key=asked.notify_auth_key,
            created_at=now,
            updated_at=now,
        )
        _check_key(config)
        try:
            async with self._services.catalog.begin() as session:
                await aliyun.add_notify(session, config)
        except IntegrityError:
            raise config_exists(asked.domain_name) from None
        return {}

    async def update(self, asked: NotifyConfig, caller: Caller) -> Mapping[str, object]:
        """Members that are absent keep their value."""
        self._check(asked, caller)
        given = asked.model_fields_set
        async with self._services.catalog.begin() as session:
            config = await _found(session, asked.domain_name)
            config.notify_url = asked.notify_url
            if "on_demand_url" in given:
                config.on_demand_url = asked.on_demand_url
            if "need_status_notify" in given:
                config.need_status = asked.need_status_notify
            if "notify_req_auth" in given:
                config.needs_auth = asked.notify_req_auth
            if "notify_auth_key" in given:
                config.auth_key = asked.notify_auth_key
            _check_key(config)
            config.updated_at = self._services.now()
        return {}

    async def delete(self, asked: OneDomain, caller: Caller) -> Mapping[str, object]:
        """Messages that wait go where they were to go."""
        caller.check_domain(asked.domain_name)
        async with self._services.catalog.begin() as session:
            await aliyun.remove_notify(session, await _found(session, asked.domain_name))
        return {}

    async def describe(self, asked: OneDomain, caller: Caller) -> Mapping[str, object]:
        """The domain's."""
        caller.check_domain(asked.domain_name)
        async with self._services.catalog.read() as session:
            config = await _found(session, asked.domain_name)
        return {
            "LiveRecordNotifyConfig": {
                "DomainName": config.domain,
                "NotifyUrl": config.notify_url,
                "OnDemandUrl": config.on_demand_url,
                "NeedStatusNotify": config.need_status,
                "NotifyReqAuth": config.needs_auth,
                "NotifyAuthKey": config.auth_key,
            }
        }

    def _check(self, asked: NotifyConfig, caller: Caller) -> None:
        caller.check_domain(asked.domain_name)
        if self._services.private_addresses:
            return
        for name, url in (("NotifyUrl", asked.notify_url), ("OnDemandUrl", asked.on_demand_url)):
            if url and not may_be_public(url):
                raise malformed(name, "names a private address", f"Invalid{name}.Unsafe")


def _check_key(config: AliyunNotifyConfig) -> None:
    if config.needs_auth and not config.auth_key:
        raise missing("NotifyAuthKey")


async def _found(session: AsyncSession, domain: str) -> AliyunNotifyConfig:
    config = await aliyun.notify(session, domain)
    if config is None:
        raise no_config(domain)
    return config
