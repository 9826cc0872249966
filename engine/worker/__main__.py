"""`python -m engine.worker [LOG_LEVEL LOG_FORMAT]`: a worker process. It is started by a fleet, which holds
the other ends of its stdin and stdout."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any, cast

import uvloop

from engine.log import configure
from engine.worker.pipes import Pipes
from engine.worker.service import Service


async def main() -> None:
    """Serve until told to leave, or nobody is there any more. SIGTERM is an order to leave; SIGINT is for the
    process that started this one."""
    service = Service(await Pipes.open())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, service.leave)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    await service.run()


if __name__ == "__main__":
    configure(*cast("list[Any]", sys.argv[1:]))  # as the process that started it says
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
