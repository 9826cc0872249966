"""RealTimeRecordCommand: recording by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from engine.api.aliyun.faults import try_later
from engine.api.aliyun.parameters import Parameters
from engine.api.aliyun.values import one_name_fault
from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault
from engine.api.names import domain_fault
from engine.api.services import Services
from engine.api.values import Text, one_of, sound
from engine.control.streams import StreamKey

Command = Literal["start", "stop", "cancel_delay", "restart"]


class RealTimeRecordCommand(Parameters):
    """One stream, and what to do. What is absent is refused as everywhere, what is wrong in the action's own
    words."""

    domain_name: Annotated[Text, sound(domain_fault)]
    app_name: Annotated[Text, sound(one_name_fault)]
    stream_name: Annotated[Text, sound(one_name_fault)]
    command: Annotated[Text, one_of("start", "stop", "cancel_delay", "restart")]

    @classmethod
    def missing(cls, name: str, *, is_empty: bool) -> ApiFault:
        """A parameter that is sent empty has a code of its own."""
        if is_empty:
            return try_later("MissingParam", f"The parameter {name} is empty")
        return super().missing(name, is_empty=is_empty)

    @classmethod
    def malformed(cls, name: str, why: str, code: str = "") -> ApiFault:
        """A parameter is not what it must be."""
        return try_later(code or "MalformedParam", f"The parameter {name} {why}")


class Commands:
    """The action."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [Action("RealTimeRecordCommand", RealTimeRecordCommand, self.command, 50)]

    async def command(self, asked: RealTimeRecordCommand, caller: Caller) -> Mapping[str, object]:
        """Control knows what each of them does."""
        caller.check_domain(asked.domain_name)
        key = StreamKey(asked.domain_name, asked.app_name, asked.stream_name)
        await self._services.control.command(key, cast("Command", asked.command), caller.request_id)
        return {}
