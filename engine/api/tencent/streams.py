"""The state of streams, and the end of a push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from engine.api.dialect import Action, Caller
from engine.api.paging import pages
from engine.api.services import Services
from engine.api.tencent.names import Domain, Name
from engine.api.tencent.parameters import Parameters
from engine.api.values import Integer, Text, within
from engine.catalog.schema import Push
from engine.control.streams import StreamKey
from engine.media.civil_time import iso_text


class OneStream(Parameters):
    """A stream by its whole name."""

    app_name: Name
    domain_name: Domain
    stream_name: Name


class OnlineList(Parameters):
    """Live streams, a page at a time; an absent name is any."""

    domain_name: Text = ""
    app_name: Text = ""
    stream_name: Text = ""
    page_num: Annotated[Integer, within(1, 2**31)] = 1
    page_size: Annotated[Integer, within(10, 300_000)] = 10


class Streams:
    """The three actions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("DescribeLiveStreamState", OneStream, self.state, 300),
            Action("DescribeLiveStreamOnlineList", OnlineList, self.online),
            Action("DropLiveStream", OneStream, self.drop),
        ]

    async def state(self, asked: OneStream, caller: Caller) -> Mapping[str, object]:
        """Whether it is being pushed; a stream that nobody ever heard of is not."""
        caller.check_domain(asked.domain_name)
        is_live = self._services.control.is_live(_key(asked))
        return {"StreamState": "active" if is_live else "inactive"}

    async def online(self, asked: OnlineList, caller: Caller) -> Mapping[str, object]:
        """Live streams by the beginning of their push."""
        if asked.domain_name:
            caller.check_domain(asked.domain_name)
        online = self._services.control.online(
            domain=asked.domain_name, app=asked.app_name, stream=asked.stream_name
        )
        live = [push for push in online if caller.may(push.domain)]
        first = (asked.page_num - 1) * asked.page_size
        return {
            "TotalNum": len(live),
            "TotalPage": pages(len(live), asked.page_size),
            "PageNum": asked.page_num,
            "PageSize": asked.page_size,
            "OnlineInfo": [_online(push) for push in live[first : first + asked.page_size]],
        }

    async def drop(self, asked: OneStream, caller: Caller) -> Mapping[str, object]:
        """Cuts the push, which may come back; nothing when there is none."""
        caller.check_domain(asked.domain_name)
        await self._services.control.drop(_key(asked))
        return {}


def _key(asked: OneStream) -> StreamKey:
    return StreamKey(asked.domain_name, asked.app_name, asked.stream_name)


def _online(push: Push) -> dict[str, object]:
    return {
        "StreamName": push.stream,
        "AppName": push.app,
        "DomainName": push.domain,
        "PublishTimeList": [{"PublishTime": iso_text(push.began_at)}],
        "PushToDelay": 0,
    }
