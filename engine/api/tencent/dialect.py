"""Tencent's two dialects as the transport knows them: API 3.0, and the legacy v2."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from engine import errors
from engine.api.dialect import Action
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.callback_records import CallbackRecords
from engine.api.tencent.callback_rules import CallbackRules
from engine.api.tencent.callback_templates import CallbackTemplates
from engine.api.tencent.concurrency import Concurrency
from engine.api.tencent.legacy import Records
from engine.api.tencent.live_records import LiveRecords
from engine.api.tencent.media import Media
from engine.api.tencent.parameters import Parameters, read
from engine.api.tencent.record_tasks import RecordTasks
from engine.api.tencent.rules import RecordRules
from engine.api.tencent.streams import Streams
from engine.api.tencent.templates import RecordTemplates

LIVE = "2018-08-01"
VOD = "2018-07-17"
LEGACY = ""
"""The versions that actions are found by."""

_WORDS: Mapping[type[errors.ReelError], str] = {
    errors.UnknownTask: "ResourceNotFound.TaskId",
    errors.TaskIsRunning: "FailedOperation.AlterTaskState",
    errors.StreamNotLive: "ResourceUnavailable.StreamNotExist",
    errors.TooManyTasks: "LimitExceeded.MaximumTask",
    errors.TooManyRunning: "LimitExceeded.MaximumRunningTask",
    errors.NoSuchWindow: "InvalidParameterValue",
}
_TASK_WORDS = {**_WORDS, errors.UnknownTask: "InvalidParameter", errors.NoSuchWindow: "InvalidParameter"}
"""The RecordTask actions list no other codes for these."""


class _Dialect:
    """Actions by version and name, read and refused as Tencent does."""

    def __init__(self, versions: Mapping[str, Iterable[Action[Any]]]) -> None:
        self.actions: Mapping[tuple[str, str], Action[Any]] = {
            (version, action.name): action for version, actions in versions.items() for action in actions
        }

    def parse(self, action: Action[Any], parameters: Mapping[str, object]) -> BaseModel:
        """The action's model.

        Raises:
            ApiFault: the first mistake.
        """
        model: type[Parameters] = action.model
        return read(model, parameters)

    def refusal(self, error: errors.ReelError, action: str) -> ApiFault | None:
        """Tencent's code for an error of control; the message is control's own."""
        words = _TASK_WORDS if action.endswith("RecordTask") else _WORDS
        code = words.get(type(error))
        return ApiFault(code, f"{error}.") if code else None


class Tencent(_Dialect):
    """API 3.0: live 2018-08-01, and a part of VOD 2018-07-17."""

    def __init__(self, services: Services) -> None:
        records, callbacks = services.rules_changing, asyncio.Lock()
        live = (
            LiveRecords(services),
            RecordTasks(services),
            RecordTemplates(services, records),
            RecordRules(services, records),
            CallbackTemplates(services, callbacks),
            CallbackRules(services, callbacks),
            CallbackRecords(services),
            Streams(services),
            Concurrency(services),
        )
        super().__init__(
            {LIVE: [action for part in live for action in part.actions()], VOD: Media(services).actions()}
        )


class Legacy(_Dialect):
    """v2: the CreateRecord family."""

    def __init__(self, services: Services) -> None:
        super().__init__({LEGACY: Records(services).actions()})
