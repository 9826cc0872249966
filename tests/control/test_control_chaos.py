"""Whatever happens in whatever order: what is known, what is stored and what runs agree."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from random import Random

import pytest
from house import KEY, ON, House

from engine.catalog import pushes, recordings, tasks
from engine.control.desk import plan
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder
from engine.errors import ControlError

KEYS = [KEY, StreamKey(KEY.domain, "live", "t")]
COMMANDS = ["start", "stop", "cancel_delay", "restart"]


class Chaos:
    """Does one thing after the other, drawn from a seed."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = Random(seed)
        self.made: list[tuple[str, str]] = []
        self.steps = [
            self.push,
            self.push,
            self.leave,
            self.create,
            self.create,
            self.stop,
            self.delete,
            self.command,
            self.command,
            self.wait,
            self.wait,
            self.live,
            self.live,
            self.break_off,
            self.fail,
            self.end_by_itself,
        ]

    @property
    def key(self) -> StreamKey:
        return self.random.choice(KEYS)

    def running(self) -> str | None:
        ids = sorted(self.house.fleet.running)
        return self.random.choice(ids) if ids else None

    async def push(self) -> None:
        source = self.random.choice(["srs", "srs", "embedded", "poll"])
        params = self.random.choice(["", "a=b"])
        await self.house.control.push_began(self.key, params=params, source=source)

    async def leave(self) -> None:
        await self.house.control.push_ended(self.key)

    async def create(self) -> None:
        family = self.random.choice(["live", "legacy", "record", "record"])
        begins = self.random.choice([None, timedelta(0), timedelta(seconds=50), timedelta(seconds=300)])
        start_at = None if begins is None else self.house.clock() + begins
        order = TaskOrder(
            family=family,  # type: ignore[arg-type]
            key=self.key,
            start_at=start_at,
            end_at=(start_at or self.house.clock()) + timedelta(seconds=self.random.choice([40, 200, 900])),
            is_real_time=self.random.random() < 0.2,
            template_id=self.random.choice([None, 1, 2]),
        )
        task = await self.house.control.create_task(order)
        self.made.append((family, task.public_id))

    async def stop(self) -> None:
        if self.made:
            await self.house.control.stop_task(*self.random.choice(self.made))  # type: ignore[arg-type]

    async def delete(self) -> None:
        if self.made:
            await self.house.control.delete_task(*self.random.choice(self.made))  # type: ignore[arg-type]

    async def command(self) -> None:
        await self.house.control.command(self.key, self.random.choice(COMMANDS))  # type: ignore[arg-type]

    async def wait(self) -> None:
        seconds = self.random.choice([1, 20, 100, 400])
        if self.random.random() < 0.1:
            self.house.clock.step(self.random.choice([-1000, 1000]))
        self.house.clock.forward(seconds)

    async def live(self) -> None:
        if id := self.running():
            await self.house.fleet.live(id)

    async def break_off(self) -> None:
        if id := self.running():
            await self.house.fleet.gap(id)
            if self.random.random() < 0.5:
                await self.house.fleet.goes_on(id)

    async def fail(self) -> None:
        if id := self.running():
            await self.house.fleet.fail(id, self.random.choice(["connect_failed", "unsupported_codec"]))

    async def end_by_itself(self) -> None:
        if id := self.running():
            await self.house.fleet.end(id)


async def assert_agreed(house: House) -> None:
    """Nothing is left to do, and all three agree."""
    board = house.control._board
    await house.looked()
    await board.errands.drain()
    known_tasks, known_running = {}, {}
    for desk in board.desks.values():
        known_tasks.update({id: task.state.value for id, task in desk.tasks.items()})
        known_running.update(desk.running)
        made = plan(desk, desk.standing(board.now(), board.quotas.per_stream))
        assert (made.stop, made.finish, made.rejoin, made.start) == ([], [], [], [])
        slots = [(one.slot, one.group.label) for one in desk.running.values() if not one.is_ending]
        assert len(slots) == len(set(slots))
        limited = {one.slot for one in desk.running.values() if one.slot.startswith("task:")}
        of_records = [slot for slot in limited if desk.tasks[int(slot[5:])].family == "record"]
        assert len(of_records) <= board.quotas.per_stream
    assert set(known_running) == set(house.fleet.running) == set(board.where)
    async with house.catalog.read() as session:
        assert known_tasks == {task.id: task.state for task in await tasks.open_ones(session)}
        assert set(known_running) == {row.id for row in await recordings.open_ones(session)}
        open_pushes = {push.id for push in await pushes.open_ones(session)}
    assert {desk.push.id for desk in board.desks.values() if desk.push is not None} == open_pushes
    counted = {id for desk in board.desks.values() for id in desk.tasks}
    assert set(board.windows) <= counted


@pytest.mark.parametrize("seed", range(2))
async def test_chaos(house: House, seed: int) -> None:
    first = await house.template(30, flv=ON, hls=ON)
    await house.template()
    await house.rule(first, stream="s")
    await house.config(7, app="live", stream="s", delay_s=60)
    await house.config(0, app="live", stream="t", delay_s=15)
    chaos = Chaos(house, seed)
    for _ in range(3):
        async with AsyncExitStack() as process:
            await process.enter_async_context(house.open())
            await assert_agreed(house)
            for _ in range(20):
                with suppress(ControlError):
                    await chaos.random.choice(chaos.steps)()
                if chaos.random.random() < 0.4:
                    await assert_agreed(house)
            await assert_agreed(house)
