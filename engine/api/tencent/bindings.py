"""What record and callback templates and their rules have in common: they are made while there are less than
the limit, seen by those they concern, and not removed while they are in use.

What changes templates or rules of a kind goes one after the other, so that limits hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.dialect import Caller
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.access import check_change, may_see
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer
from engine.catalog.schema import RecordRule
from engine.catalog.templates import R, T, Templates
from engine.media.civil_time import china_text

_VENDORS = {"domain": "DomainName", "app": "AppName", "stream": "StreamName"}


class OneTemplate(Parameters):
    """One of the templates."""

    template_id: Integer


class _Changing(Protocol):
    """What says how a template is to be."""

    @property
    def template_id(self) -> int:
        """The template."""


class TemplateActions(Generic[T, R]):
    """What the actions of both kinds do.

    Args:
        changing: Held by whoever changes templates or rules of this kind.
        change: Moves what a caller named into a template.
        described: A template as the vendor describes it.
    """

    def __init__(
        self,
        services: Services,
        changing: asyncio.Lock,
        templates: Templates[T, R],
        change: Callable[[T, Any], None],
        described: Callable[[T], Mapping[str, object]],
    ) -> None:
        self._services = services
        self._changing = changing
        self._templates = templates
        self._change = change
        self._described = described

    async def add(self, template: T) -> Mapping[str, object]:
        """A new template, while there are less than the limit."""
        limit = self._services.template_limit
        async with self._changing, self._services.catalog.begin() as session:
            if limit and await self._templates.count(session) >= limit:
                raise ApiFault("InternalError.ConfOutLimit", f"There are {limit} templates already.")
            await self._templates.add(session, template)
        return {"TemplateId": template.id}

    async def modify(self, asked: _Changing, caller: Caller) -> Mapping[str, object]:
        """For what begins later: what is recorded or waits to be told goes on as it began."""
        async with self._changing, self._services.catalog.begin() as session:
            template = await self._seen(session, asked.template_id, caller)
            check_change(caller, template.id, await self._templates.rules(session))
            self._change(template, asked)
            template.updated_at = self._services.now()
        return {}

    async def delete(self, asked: OneTemplate, caller: Caller) -> Mapping[str, object]:
        """Removes a template that no rule uses."""
        async with self._changing, self._services.catalog.begin() as session:
            template = await self._seen(session, asked.template_id, caller)
            if await self._templates.is_bound(session, template.id):
                raise ApiFault("FailedOperation.ConfInUsed", f"The template {template.id} has a rule.")
            await self._templates.remove(session, template)
        return {}

    async def describe(self, asked: OneTemplate, caller: Caller) -> Mapping[str, object]:
        """One template."""
        async with self._services.catalog.read() as session:
            template = await self._seen(session, asked.template_id, caller)
        return {"Template": self._described(template)}

    async def listed(self, caller: Caller, wanted: Callable[[T], bool]) -> Mapping[str, object]:
        """All that are wanted and the caller may see."""
        async with self._services.catalog.read() as session:
            found = await self._templates.listed(session)
            bound = await self._templates.rules(session)
        seen = (template for template in found if may_see(caller, template.id, bound))
        return {"Templates": [self._described(template) for template in seen if wanted(template)]}

    async def _seen(self, session: AsyncSession, id: int, caller: Caller) -> T:
        template = await self._templates.get(session, id)
        if template is None or not may_see(caller, id, await self._templates.rules(session)):
            raise ApiFault("InternalError.ConfNotFound", f"There is no template {id}.")
        return template


class _Named(Protocol):
    """What names a rule."""

    @property
    def domain_name(self) -> str:
        """The push domain."""

    @property
    def names(self) -> tuple[str, ...]:
        """The domain, and what the kind has below it."""


class _Binding(_Named, Protocol):
    """What makes one."""

    @property
    def template_id(self) -> int:
        """The template."""


class AllRules(Parameters):
    """Nothing is asked."""


class RuleActions(Generic[T, R]):
    """What the actions of both kinds do.

    Args:
        limit: How many rules there may be; 0: any number.
    """

    def __init__(
        self, services: Services, changing: asyncio.Lock, templates: Templates[T, R], limit: int = 0
    ) -> None:
        self._services = services
        self._changing = changing
        self._templates = templates
        self._limit = limit

    async def create(self, asked: _Binding, caller: Caller) -> Mapping[str, object]:
        """Binds a template, while there are less rules than the limit and none of exactly these names."""
        caller.check_domain(asked.domain_name)
        async with self._changing, self._services.catalog.begin() as session:
            bound = await self._templates.rules(session)
            template = await self._templates.get(session, asked.template_id)
            if template is None or not may_see(caller, asked.template_id, bound):
                raise ApiFault("InvalidParameter.ConfNotFound", f"There is no template {asked.template_id}.")
            if await self._templates.rule(session, *asked.names):
                raise ApiFault("FailedOperation.RuleAlreadyExist", "There is a rule of exactly these names.")
            if self._limit and len(bound) >= self._limit:
                raise ApiFault("InternalError.RuleOutLimit", f"There are {self._limit} rules already.")
            rule = self._templates.new_rule(asked.names, asked.template_id, self._services.now())
            if isinstance(rule, RecordRule):
                rule.request_id = caller.request_id
            await self._templates.add_rule(session, rule)
        return {}

    async def delete(self, asked: _Named, caller: Caller) -> Mapping[str, object]:
        """Unbinds. What goes by the rule goes on to the end of its push."""
        caller.check_domain(asked.domain_name)
        async with self._changing, self._services.catalog.begin() as session:
            rule = await self._templates.rule(session, *asked.names)
            if rule is None:
                raise ApiFault("FailedOperation.NotFound", "There is no rule of exactly these names.")
            await self._templates.remove_rule(session, rule)
        return {}

    async def describe(self, asked: AllRules, caller: Caller) -> Mapping[str, object]:
        """All rules of the caller's domains."""
        async with self._services.catalog.read() as session:
            found = await self._templates.rules(session)
        return {"Rules": [self._listed(rule) for rule in found if caller.may(rule.domain)]}

    def _listed(self, rule: R) -> dict[str, object]:
        return {
            "CreateTime": china_text(rule.created_at),
            "UpdateTime": china_text(rule.updated_at),
            "TemplateId": rule.template_id,
            **{_VENDORS[column]: value for column, value in self._templates.names_of(rule).items()},
        }
