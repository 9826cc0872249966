"""Record templates: how a stream is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from engine.api.dialect import Action, Caller
from engine.api.services import Services
from engine.api.tencent.bindings import OneTemplate, TemplateActions
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.template_members import (
    CreateTemplate,
    ModifyTemplate,
    blank_formats,
    change,
    described,
)
from engine.api.tencent.values import Flag
from engine.catalog.schema import RecordRule, RecordTemplate
from engine.catalog.templates import RECORD


class Templates(Parameters):
    """All templates of ordinary, or of slow live streams."""

    is_delay_live: Flag = 0


class RecordTemplates(TemplateActions[RecordTemplate, RecordRule]):
    """The five actions."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        super().__init__(services, changing, RECORD, change, described)

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
        """A template whose formats that are not named record nothing."""
        now = self._services.now()
        template = RecordTemplate(
            formats=blank_formats(),
            is_delay_live=asked.is_delay_live == 1,
            cos_store=asked.cos_store == 1,
            created_at=now,
            updated_at=now,
        )
        change(template, asked)
        return await self.add(template)

    async def describe_all(self, asked: Templates, caller: Caller) -> Mapping[str, object]:
        """All of the kind that is asked for, and that the caller may see."""
        is_delay_live = asked.is_delay_live == 1
        return await self.listed(caller, lambda template: template.is_delay_live == is_delay_live)
