"""Record rules: which template a stream is recorded by."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.api.dialect import Action
from engine.api.services import Services
from engine.api.tencent.bindings import AllRules, RuleActions
from engine.api.tencent.names import Name, RuleDomain
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer
from engine.catalog.schema import RecordRule, RecordTemplate
from engine.catalog.templates import RECORD


class OneRule(Parameters):
    """The rule of exactly these; an empty app or stream is any."""

    domain_name: RuleDomain
    app_name: Name = ""
    stream_name: Name = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What the rule is for."""
        return self.domain_name, self.app_name, self.stream_name


class CreateRule(OneRule):
    """What binds a template."""

    template_id: Integer


class RecordRules(RuleActions[RecordTemplate, RecordRule]):
    """The three actions. Changes count for pushes that begin later."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        super().__init__(services, changing, RECORD, services.rule_limit)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveRecordRule", CreateRule, self.create, 200),
            Action("DeleteLiveRecordRule", OneRule, self.delete, 200),
            Action("DescribeLiveRecordRules", AllRules, self.describe, 200),
        ]
