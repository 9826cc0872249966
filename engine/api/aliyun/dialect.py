"""Aliyun's dialect as the transport knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from engine import errors
from engine.api.aliyun.commands import Commands
from engine.api.aliyun.faults import fault
from engine.api.aliyun.index_files import IndexFiles
from engine.api.aliyun.notify_configs import NotifyConfigs
from engine.api.aliyun.notify_records import NotifyRecords
from engine.api.aliyun.parameters import Parameters, read
from engine.api.aliyun.record_configs import RecordConfigs
from engine.api.aliyun.record_files import RecordFiles
from engine.api.dialect import Action, Dialect
from engine.api.faults import ApiFault
from engine.api.services import Services

VERSION = "2016-11-01"

_LATER = "{}, please check and try again later."
_WORDS: Mapping[type[errors.ReelError], tuple[str, str]] = {
    errors.UnknownConfig: ("CodeConfigNotFound", _LATER),
    errors.StreamNotLive: ("StreamNotFound", _LATER),
    errors.AlreadyStarted: ("TaskAlreadyStarted", "{}, please do not start again."),
}


def aliyun(services: Services) -> Dialect:
    """The recording actions of Aliyun Live."""
    return _Aliyun(services)


class _Aliyun:
    """Version 2016-11-01."""

    def __init__(self, services: Services) -> None:
        parts = (
            Commands(services),
            RecordConfigs(services),
            RecordFiles(services),
            IndexFiles(services),
            NotifyConfigs(services),
            NotifyRecords(services),
        )
        self.actions: Mapping[tuple[str, str], Action[Any]] = {
            (VERSION, action.name): action for part in parts for action in part.actions()
        }

    def parse(self, action: Action[Any], parameters: Mapping[str, object]) -> BaseModel:
        """The action's model.

        Raises:
            ApiFault: the first mistake.
        """
        model: type[Parameters] = action.model
        return read(model, parameters)

    def refusal(self, error: errors.ReelError, action: str) -> ApiFault | None:
        """Aliyun's code for an error of control, whose message goes into the vendor's sentence."""
        words = _WORDS.get(type(error))
        if words is None:
            return None
        code, sentence = words
        return fault(code, sentence.format(error))
