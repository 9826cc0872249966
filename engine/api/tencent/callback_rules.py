"""Callback rules: which callback template a stream's events go by."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from engine.api.dialect import Action
from engine.api.services import Services
from engine.api.tencent.bindings import AllRules, RuleActions
from engine.api.tencent.names import Domain, Name
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer
from engine.catalog.schema import CallbackRule, CallbackTemplate
from engine.catalog.templates import CALLBACK


class OneRule(Parameters):
    """Of exactly this app; an empty one, which must be sent too, is any."""

    blank: ClassVar[frozenset[str]] = frozenset({"AppName"})

    domain_name: Domain
    app_name: Name

    @property
    def names(self) -> tuple[str, ...]:
        """What the rule is for."""
        return self.domain_name, self.app_name


class CreateRule(OneRule):
    """What binds a template."""

    template_id: Integer


class CallbackRules(RuleActions[CallbackTemplate, CallbackRule]):
    """The three actions."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        super().__init__(services, changing, CALLBACK)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveCallbackRule", CreateRule, self.create, 200),
            Action("DeleteLiveCallbackRule", OneRule, self.delete, 200),
            Action("DescribeLiveCallbackRules", AllRules, self.describe, 200),
        ]
