"""Pushes: publishers that come and go, and what each of them is to be recorded by."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import parse_qs, unquote

import structlog

from engine.catalog import aliyun
from engine.catalog.schema import AliyunRecordConfig, Push
from engine.catalog.templates import RECORD
from engine.control.board import Board, Change, Due
from engine.control.desk import Desk, Running
from engine.control.log_ids import push_ids
from engine.control.orders import Order, of_config, of_rule, of_settings
from engine.control.reconcile import Reconciler
from engine.control.states import TaskState
from engine.control.streams import StreamKey
from engine.control.surroundings import AskOnDemand

_log = structlog.get_logger()

REPLACED = 4
"""The end code of a push that another one took the place of: its connection broke."""

_LOOKED_FOR = "poll"
"""Who tells of pushes to an origin that tells nothing itself."""

_ALWAYS, _ASK, _BY_PARAMETER = 0, 1, 2


class Presence:
    """What is done when publishers come and go."""

    def __init__(self, board: Board, reconciler: Reconciler, on_demand: AskOnDemand | None) -> None:
        self._board = board
        self._reconciler = reconciler
        self._on_demand = on_demand

    async def began(
        self, key: StreamKey, params: str, client_ip: str, source: str, at: datetime | None
    ) -> None:
        """As `Control.push_began`."""
        known = self._board.desk(key).push
        if known is not None and (source == _LOOKED_FOR or _same(known, params, client_ip, source)):
            return
        async with self._board.change(key) as change:
            old = change.desk.push
            if old is not None and old.source == _LOOKED_FOR:
                await self._learn(change, old, params, client_ip, source)
                return
            if old is not None:
                if _same(old, params, client_ip, source):
                    return
                await self._end(change, REPLACED, at or change.now)
            push = Push(
                domain=key.domain,
                app=key.app,
                stream=key.stream,
                began_at=at or change.now,
                ended_at=None,
                end_code=0,
                params=params,
                client_ip=client_ip,
                source=source,
            )
            await self._begin(change, push)

    async def _learn(self, change: Change, push: Push, params: str, client_ip: str, source: str) -> None:
        """Of a push that was found by looking, its hook tells more."""
        known = await change.session.get_one(Push, push.id)
        known.params, known.client_ip, known.source = params, client_ip, source
        change.desk.push = known

    async def _begin(self, change: Change, push: Push) -> None:
        desk = change.desk
        change.session.add(push)
        await change.session.flush()
        change.log("push.started", **push_ids(push), source=push.source, peer=push.client_ip)
        await self._board.messages.push(change.session, push, True)
        desk.push = push
        desk.is_stopped = False
        desk.orders.clear()
        desk.held_off.clear()
        desk.tries.clear()
        await self.resolve(change)
        self._take_up_paused(change)
        await self._reconciler.settle(change)

    def _take_up_paused(self, change: Change) -> None:
        """What was stopped by command while another push lasted goes on with this one, when it is recorded
        automatically and as it was then."""
        order = change.desk.orders.get("aliyun")
        for running in list(change.desk.running.values()):
            if not running.is_paused:
                continue
            if order is None or running.group not in order.groups or not order.stands(change.now):
                self._reconciler.end(change, running, "stop")
            else:
                change.desk.running[running.id] = replace(running, is_paused=False)
                change.afterwards.append(
                    partial(self._board.schedule.drop, Due("delay_over", change.desk.key, running.id))
                )

    async def ended(self, key: StreamKey, code: int, at: datetime | None) -> None:
        """As `Control.push_ended`."""
        if self._board.desk(key).push is None:
            return
        async with self._board.change(key) as change:
            if change.desk.push is not None:
                await self._end(change, code, at or change.now)

    async def _end(self, change: Change, code: int, at: datetime) -> None:
        desk = change.desk
        assert desk.push is not None
        push = await change.session.get_one(Push, desk.push.id)
        push.ended_at, push.end_code = max(at, push.began_at), code
        duration_s = round((push.ended_at - push.began_at).total_seconds(), 3)
        change.log("push.ended", **push_ids(push), code=code, duration_s=duration_s)
        await self._board.messages.push(change.session, push, False)
        desk.push = None
        for running in list(desk.running.values()):
            if running.is_paused and running.task_id is not None:  # started by hand: it ends with the push
                self._reconciler.end(change, running, "stop")
        await self._reconciler.settle(change)
        for task in list(desk.tasks.values()):
            if task.family == "aliyun":
                over = TaskState.FAILED if task.state is TaskState.WAITING else TaskState.FINISHED
                await self._reconciler.enter(change, task, over)
            elif task.is_deleted:
                await self._reconciler.enter(change, task, TaskState.STOPPED)

    async def recording_ended(self, change: Change, running: Running) -> None:
        """Of a push that nobody tells the end of, a recording does that ends by itself: a stream is not
        looked for while it is being recorded."""
        push = change.desk.push
        if push is None or push.source != _LOOKED_FOR or running.is_ending or running.push_id != push.id:
            return
        await self._end(change, 0, change.now)

    # What a push is recorded by

    async def resolve(self, change: Change) -> None:
        """Fix what records a push that begins: its rule and its configuration, or, when neither matches, the
        settings. A rule without formats and a configuration that declines match too."""
        desk, key = change.desk, change.desk.key
        found = await RECORD.rule_for(change.session, key.domain, key.app, key.stream)
        if found is not None:
            rule, template = found
            is_mixed = self._reconciler.is_mixed(change)
            desk.orders["rule"] = of_rule(template, is_mixed=is_mixed, request_id=rule.request_id)
        has_config = await self.resolve_config(change)
        if found is None and not has_config and self._board.fallback:
            is_mixed = self._reconciler.is_mixed(change)
            desk.orders["settings"] = of_settings(self._board.fallback, is_mixed=is_mixed)

    async def resolve_config(self, change: Change) -> bool:
        """Fix what a configuration says of it, or ask. False: no configuration matches."""
        desk, key = change.desk, change.desk.key
        assert desk.push is not None
        config = await aliyun.best_config(change.session, key.domain, key.app, key.stream)
        if config is None:
            return False
        if config.on_demand == _ALWAYS or (config.on_demand == _BY_PARAMETER and wanted_by(desk.push.params)):
            self._accept(change, of_config(config, is_mixed=self._reconciler.is_mixed(change)))
        elif config.on_demand == _ASK and self._on_demand is not None:
            change.errands.append(partial(self._ask, self._on_demand, key, desk.push.id, config))
        return True

    def _accept(self, change: Change, order: Order) -> None:
        change.desk.orders["aliyun"] = order
        for at in (order.start_at, order.end_at):
            if at is not None and at > change.now:
                due = Due("look", change.desk.key, at)
                change.afterwards.append(partial(self._board.schedule.put, due, at))

    async def _ask(
        self, on_demand: AskOnDemand, key: StreamKey, push_id: int, config: AliyunRecordConfig
    ) -> None:
        accepted = await on_demand(key, config)
        if accepted is None:
            _log.info("on_demand.declined", stream=str(key), push=push_id)
            return
        async with self._board.change(key) as change:
            if _is_of(change.desk, push_id) and "aliyun" not in change.desk.orders:
                is_mixed = self._reconciler.is_mixed(change)
                self._accept(change, of_config(config, is_mixed=is_mixed, accepted=accepted))
                await self._reconciler.settle(change)


def wanted_by(params: str) -> bool:
    """The push URL says `record_config={"NeedRecord":true}`, URL-encoded once or twice."""
    for text in parse_qs(params).get("record_config", ()):
        for candidate in (text, unquote(text)):
            try:
                said = json.loads(candidate)
            except ValueError:
                continue
            return isinstance(said, dict) and said.get("NeedRecord") is True
    return False


def _same(push: Push, params: str, client_ip: str, source: str) -> bool:
    return (push.params, push.client_ip, push.source) == (params, client_ip, source)


def _is_of(desk: Desk, push_id: int) -> bool:
    return desk.push is not None and desk.push.id == push_id
