"""Callback templates: whom to tell of what, and the key that signs it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic.alias_generators import to_pascal

from engine.api.dialect import Action, Caller
from engine.api.faults import missing_parameter
from engine.api.services import Services
from engine.api.tencent.bindings import OneTemplate, TemplateActions
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer, Text, bytes_at_most, one_of, refused
from engine.catalog.schema import CallbackRule, CallbackTemplate
from engine.catalog.templates import CALLBACK

_BAD_NAME = "InvalidParameter.ArgsNotMatch"
_NAME = re.compile(r"[\w-]+")
_MAX_URL_BYTES = 2048
_PRINTABLE = re.compile(r"[!-~]+")


def _template_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise refused(_BAD_NAME, "may hold letters, digits, _ and - only")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not _PRINTABLE.fullmatch(value):
        raise refused("InvalidParameter.UrlNotSafe", "must be a URL of http or https")
    return value


Url = Annotated[Text, bytes_at_most(_MAX_URL_BYTES), AfterValidator(_url)]
TemplateName = Annotated[Text, bytes_at_most(255, _BAD_NAME), AfterValidator(_template_name)]
Level = Annotated[Text, one_of("error", "warning", "info")]

_RETIRED = "stream_mix_notify_url"
_URLS = (
    "stream_begin_notify_url",
    "stream_end_notify_url",
    "record_notify_url",
    "record_status_notify_url",
    "record_exception_notify_url",
    "snapshot_notify_url",
    "porn_censorship_notify_url",
    "push_exception_notify_url",
    "audio_audit_notify_url",
    _RETIRED,
)


class _Template(Parameters):
    """What Create and Modify both take."""

    description: Annotated[Text, bytes_at_most(1024)] = ""
    stream_begin_notify_url: Url = ""
    stream_end_notify_url: Url = ""
    record_notify_url: Url = ""
    record_status_notify_url: Url = ""
    record_exception_notify_url: Url = ""
    record_exception_levels: tuple[Level, ...] = ()
    snapshot_notify_url: Url = ""
    porn_censorship_notify_url: Url = ""
    push_exception_notify_url: Url = ""
    audio_audit_notify_url: Url = ""
    callback_key: Text = ""


class CreateCallbackTemplate(_Template):
    """A new template."""

    template_name: TemplateName
    stream_mix_notify_url: Url = ""


class ModifyCallbackTemplate(_Template):
    """Members that are absent keep their value."""

    template_id: Integer
    template_name: TemplateName = ""


class AllTemplates(Parameters):
    """Nothing is asked."""


def change(template: CallbackTemplate, asked: CreateCallbackTemplate | ModifyCallbackTemplate) -> None:
    """Moves what the caller named into the template."""
    given = asked.model_fields_set
    urls = {to_pascal(name): getattr(asked, name) for name in _URLS if name in given}
    template.urls = {**template.urls, **urls}
    if "template_name" in given:
        template.name = asked.template_name
    if "description" in given:
        template.description = asked.description
    if "callback_key" in given:
        template.key = asked.callback_key
    if "record_exception_levels" in given:
        template.exception_levels = list(dict.fromkeys(asked.record_exception_levels))


def described(template: CallbackTemplate) -> dict[str, object]:
    """A CallBackTemplateInfo with all of its members, and the RecordStatusNotifyUrl that the SDKs' lacks."""
    return {
        "TemplateId": template.id,
        "TemplateName": template.name,
        "Description": template.description,
        **{to_pascal(name): template.urls.get(to_pascal(name), "") for name in _URLS},
        "CallbackKey": template.key,
        "RecordExceptionLevels": template.exception_levels,
    }


class CallbackTemplates(TemplateActions[CallbackTemplate, CallbackRule]):
    """The five actions."""

    def __init__(self, services: Services, changing: asyncio.Lock) -> None:
        super().__init__(services, changing, CALLBACK, change, described)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveCallbackTemplate", CreateCallbackTemplate, self.create, 200),
            Action("ModifyLiveCallbackTemplate", ModifyCallbackTemplate, self.modify, 200),
            Action("DeleteLiveCallbackTemplate", OneTemplate, self.delete, 200),
            Action("DescribeLiveCallbackTemplate", OneTemplate, self.describe, 200),
            Action("DescribeLiveCallbackTemplates", AllTemplates, self.describe_all, 200),
        ]

    async def create(self, asked: CreateCallbackTemplate, caller: Caller) -> Mapping[str, object]:
        """A template that tells somebody of something."""
        if not asked.model_fields_set.intersection(_URLS):
            raise missing_parameter("RecordNotifyUrl")
        now = self._services.now()
        template = CallbackTemplate(urls={}, exception_levels=[], created_at=now, updated_at=now)
        change(template, asked)
        return await self.add(template)

    async def describe_all(self, asked: AllTemplates, caller: Caller) -> Mapping[str, object]:
        """All that the caller may see."""
        return await self.listed(caller, lambda _: True)
