"""Record rules: which template a stream is recorded by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.access import may_see
from engine.api.tencent.names import Name, RuleDomain
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer
from engine.catalog import rules, templates
from engine.catalog.schema import RecordRule
from engine.media.civil_time import china_text


class CreateRule(Parameters):
    """An empty app or stream is any."""

    domain_name: RuleDomain
    template_id: Integer
    app_name: Name = ""
    stream_name: Name = ""


class OneRule(Parameters):
    """The rule of exactly these; what is empty here is empty there."""

    domain_name: RuleDomain
    app_name: Name = ""
    stream_name: Name = ""


class AllRules(Parameters):
    """Nothing is asked."""


class RecordRules:
    """The three actions. Changes count for pushes that begin later."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        self._services = services
        self._changing = changing

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveRecordRule", CreateRule, self.create, 200),
            Action("DeleteLiveRecordRule", OneRule, self.delete, 200),
            Action("DescribeLiveRecordRules", AllRules, self.describe, 200),
        ]

    async def create(self, asked: CreateRule, caller: Caller) -> Mapping[str, object]:
        """Binds a template, while there are less rules than the limit and none of the same streams."""
        caller.check_domain(asked.domain_name)
        key = (asked.domain_name, asked.app_name, asked.stream_name)
        limit = self._services.rule_limit
        async with self._changing, self._services.catalog.begin() as session:
            bound = await rules.listed(session)
            template = await templates.get(session, asked.template_id)
            if template is None or not may_see(caller, asked.template_id, bound):
                raise ApiFault("InvalidParameter.ConfNotFound", f"There is no template {asked.template_id}.")
            if await rules.get(session, *key):
                raise ApiFault("FailedOperation.RuleAlreadyExist", "There is a rule of exactly these names.")
            if limit and len(bound) >= limit:
                raise ApiFault("InternalError.RuleOutLimit", f"There are {limit} rules already.")
            now = self._services.now()
            rule = RecordRule(
                domain=asked.domain_name,
                app=asked.app_name,
                stream=asked.stream_name,
                template_id=asked.template_id,
                created_at=now,
                updated_at=now,
            )
            await rules.add(session, rule)
        return {}

    async def delete(self, asked: OneRule, caller: Caller) -> Mapping[str, object]:
        """Unbinds. What is recorded by the rule goes on to the end of its push."""
        caller.check_domain(asked.domain_name)
        async with self._changing, self._services.catalog.begin() as session:
            rule = await rules.get(session, asked.domain_name, asked.app_name, asked.stream_name)
            if rule is None:
                raise ApiFault("FailedOperation.NotFound", "There is no rule of exactly these names.")
            await rules.remove(session, rule)
        return {}

    async def describe(self, asked: AllRules, caller: Caller) -> Mapping[str, object]:
        """All rules of the caller's domains."""
        async with self._services.catalog.read() as session:
            found = await rules.listed(session)
        return {"Rules": [_listed(rule) for rule in found if caller.may(rule.domain)]}


def _listed(rule: RecordRule) -> dict[str, object]:
    return {
        "CreateTime": china_text(rule.created_at),
        "UpdateTime": china_text(rule.updated_at),
        "TemplateId": rule.template_id,
        "DomainName": rule.domain,
        "AppName": rule.app,
        "StreamName": rule.stream,
    }
