"""Callback rules: which callback template a stream's events go by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.access import may_see
from engine.api.tencent.names import Domain, Name
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer
from engine.catalog import callbacks
from engine.catalog.schema import CallbackRule
from engine.media.civil_time import china_text


class OneRule(Parameters):
    """Of exactly this app; an empty one, which must be sent too, is any."""

    blank: ClassVar[frozenset[str]] = frozenset({"AppName"})

    domain_name: Domain
    app_name: Name


class CreateRule(OneRule):
    """What binds a template."""

    template_id: Integer


class AllRules(Parameters):
    """Nothing is asked."""


class CallbackRules:
    """The three actions."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        self._services = services
        self._changing = changing

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveCallbackRule", CreateRule, self.create, 200),
            Action("DeleteLiveCallbackRule", OneRule, self.delete, 200),
            Action("DescribeLiveCallbackRules", AllRules, self.describe, 200),
        ]

    async def create(self, asked: CreateRule, caller: Caller) -> Mapping[str, object]:
        """Binds a template to an app that has none."""
        caller.check_domain(asked.domain_name)
        async with self._changing, self._services.catalog.begin() as session:
            bound = await callbacks.rules(session)
            template = await callbacks.get_template(session, asked.template_id)
            if template is None or not may_see(caller, asked.template_id, bound):
                raise ApiFault("InvalidParameter.ConfNotFound", f"There is no template {asked.template_id}.")
            if await callbacks.rule(session, asked.domain_name, asked.app_name):
                raise ApiFault("FailedOperation.RuleAlreadyExist", "There is a rule of exactly these names.")
            now = self._services.now()
            rule = CallbackRule(
                domain=asked.domain_name,
                app=asked.app_name,
                template_id=asked.template_id,
                created_at=now,
                updated_at=now,
            )
            await callbacks.add_rule(session, rule)
        return {}

    async def delete(self, asked: OneRule, caller: Caller) -> Mapping[str, object]:
        """Unbinds."""
        caller.check_domain(asked.domain_name)
        async with self._changing, self._services.catalog.begin() as session:
            rule = await callbacks.rule(session, asked.domain_name, asked.app_name)
            if rule is None:
                raise ApiFault("FailedOperation.NotFound", "There is no rule of exactly these names.")
            await callbacks.remove_rule(session, rule)
        return {}

    async def describe(self, asked: AllRules, caller: Caller) -> Mapping[str, object]:
        """All rules of the caller's domains."""
        async with self._services.catalog.read() as session:
            found = await callbacks.rules(session)
        return {"Rules": [_listed(rule) for rule in found if caller.may(rule.domain)]}


def _listed(rule: CallbackRule) -> dict[str, object]:
    return {
        "CreateTime": china_text(rule.created_at),
        "UpdateTime": china_text(rule.updated_at),
        "TemplateId": rule.template_id,
        "DomainName": rule.domain,
        "AppName": rule.app,
    }
