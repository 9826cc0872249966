"""Record templates: how a stream is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.access import check_change, may_see
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.template_members import (
    CreateTemplate,
    ModifyTemplate,
    blank_formats,
    change,
    described,
)
from engine.api.tencent.values import Flag
from engine.api.values import Integer
from engine.catalog import rules, templates
from engine.catalog.schema import RecordTemplate


class OneTemplate(Parameters):
    """One of the templates."""

    template_id: Integer


class Templates(Parameters):
    """All templates of ordinary, or of slow live streams."""

    is_delay_live: Flag = 0


class RecordTemplates:
    """The five actions. What changes templates goes one after the other, so that limits hold."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        self._services = services
        self._changing = changing

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveRecordTemplate", CreateTemplate, self.create, 200),
            Action("ModifyLiveRecordTemplate", ModifyTemplate, self.modify, 200),
            Action("DeleteLiveRecordTemplate", OneTemplate, self.delete, 200),
            Action("DescribeLiveRecordTemplate", OneTemplate, self.describe, 200),
            Action("DescribeLiveRecordTemplates", Templates, self.describe_all, 200),
        ]

    async def create(self, asked: CreateTemplate, caller: Caller) -> Mapping[str, object]:
        """A new template, while there are less than the limit."""
        now = self._services.now()
        template = RecordTemplate(
            formats=blank_formats(),
            is_delay_live=asked.is_delay_live == 1,
            cos_store=asked.cos_store == 1,
            created_at=now,
            updated_at=now,
        )
        change(template, asked)
        limit = self._services.template_limit
        async with self._changing, self._services.catalog.begin() as session:
            if limit and await templates.count(session) >= limit:
                raise ApiFault("InternalError.ConfOutLimit", f"There are {limit} templates already.")
            await templates.add(session, template)
        return {"TemplateId": template.id}

    async def modify(self, asked: ModifyTemplate, caller: Caller) -> Mapping[str, object]:
        """For pushes that begin later: what is recorded now goes on as it began."""
        async with self._changing, self._services.catalog.begin() as session:
            template = await self._seen(session, asked.template_id, caller)
            check_change(caller, template.id, await rules.listed(session))
            change(template, asked)
            template.updated_at = self._services.now()
        return {}

    async def delete(self, asked: OneTemplate, caller: Caller) -> Mapping[str, object]:
        """Removes a template that no rule uses."""
        async with self._changing, self._services.catalog.begin() as session:
            template = await self._seen(session, asked.template_id, caller)
            if await templates.is_bound(session, template.id):
                raise ApiFault("FailedOperation.ConfInUsed", f"The template {template.id} has a rule.")
            await templates.remove(session, template)
        return {}

    async def describe(self, asked: OneTemplate, caller: Caller) -> Mapping[str, object]:
        """One template."""
        async with self._services.catalog.read() as session:
            template = await self._seen(session, asked.template_id, caller)
        return {"Template": described(template)}

    async def describe_all(self, asked: Templates, caller: Caller) -> Mapping[str, object]:
        """All that the caller may see."""
        async with self._services.catalog.read() as session:
            found = await templates.listed(session, is_delay_live=asked.is_delay_live == 1)
            bound = await rules.listed(session)
        return {
            "Templates": [described(template) for template in found if may_see(caller, template.id, bound)]
        }

    async def _seen(self, session: AsyncSession, id: int, caller: Caller) -> RecordTemplate:
        template = await templates.get(session, id)
        if template is None or not may_see(caller, id, await rules.listed(session)):
            raise ApiFault("InternalError.ConfNotFound", f"There is no template {id}.")
        return template
