"""Errands of one key follow each other; those of different keys do not wait for each other."""

from __future__ import annotations

import asyncio

from engine.control.errands import Errands


async def test_one_after_the_other() -> None:
    errands, done, gate = Errands(), [], asyncio.Event()

    async def wait() -> None:
        await gate.wait()
        done.append("waited")

    async def fail() -> None:
        raise ValueError("a defect")

    async def note(what: str) -> None:
        done.append(what)

    errands.put("a", wait)
    errands.put("a", fail)
    errands.put("a", lambda: note("after"))
    errands.put("b", lambda: note("other"))
    while done != ["other"]:
        await asyncio.sleep(0)
    gate.set()
    await errands.drain()
    assert done == ["other", "waited", "after"]
    errands.put("a", lambda: note("again"))
    await errands.drain()
    assert done[-1] == "again"
