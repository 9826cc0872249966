"""The clock of control: looks at the wall a few times a second, and does what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from engine.control.board import Board, Due
from engine.control.commands import Commands
from engine.control.reconcile import Reconciler
from engine.control.schedule import Steps
from engine.control.tasks import Tasks
from engine.errors import CatalogFailed, CatalogUnavailable

_log = structlog.get_logger()

LOOK_S = 0.2
"""Between two looks. Sleeping until the next moment instead would miss that the wall clock stepped."""

_AGAIN = timedelta(seconds=1)
"""What could not be done, because the catalog does not answer, is tried again after this."""


class Timing:
    """Runs until it is cancelled."""

    def __init__(
        self,
        board: Board,
        reconciler: Reconciler,
        tasks: Tasks,
        commands: Commands,
        steady: Callable[[], float],
    ) -> None:
        self._steady = steady
        self._board = board
        self._reconciler = reconciler
        self._tasks = tasks
        self._commands = commands

    async def run(self) -> None:
        """Look, do what is due, sleep.

        Raises:
            CatalogFailed: nothing can be stored any more.
        """
        steps = Steps(self._board.now(), self._steady())
        while True:
            now = self._board.now()
            stepped = steps.look(now, self._steady())
            if stepped is not None:
                _log.warning("clock.stepped", by_s=stepped.total_seconds())
                self._board.schedule.step(stepped)
            await self._do(self._board.schedule.due(now))
            await asyncio.sleep(LOOK_S)

    async def _do(self, dues: list[Due]) -> None:
        begins = [due for due in dues if due.what == "task_begins"]
        ends = [due for due in dues if due.what == "task_ends"]
        if begins:
            await self._try(self._tasks.begin([(due.key, _number(due)) for due in begins]), begins)
        if ends:
            await self._try(self._tasks.end([(due.key, _number(due)) for due in ends]), ends)
        for due in dues:
            if due.what not in ("task_begins", "task_ends"):
                await self._try(self._one(due), [due])

    async def _try(self, work: Awaitable[None], dues: list[Due]) -> None:
        try:
            await work
        except CatalogFailed:
            raise
        except Exception as error:
            if not isinstance(error, CatalogUnavailable):  # the catalog says so
                _log.exception("schedule.delayed", due=len(dues))
            for due in dues:
                self._board.schedule.put(due, self._board.now() + _AGAIN, is_delay=True)

    async def _one(self, due: Due) -> None:
        async with self._board.change(due.key) as change:
            match due:
                case Due(what="delay_over", of=str() as id):
                    await self._commands.delay_over(change, id)
                case Due(what="try_again", of=(str() as slot, str() as label)):
                    change.desk.held_off.discard((slot, label))
            await self._reconciler.settle(change)


def _number(due: Due) -> int:
    assert isinstance(due.of, int)
    return due.of
