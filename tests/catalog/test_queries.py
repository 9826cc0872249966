"""What is asked of the catalog, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import product
from typing import Any

from catalog.rows import KEY, NOON, at, callback, file, push, recording, rule, task, template

from engine.catalog import Catalog, aliyun, files, outbox, pushes, recordings, tasks
from engine.catalog.files import FileQuery
from engine.catalog.outbox import CallbackQuery
from engine.catalog.schema import (
    AliyunNotifyConfig,
    AliyunRecordConfig,
    CallbackAttempt,
    CallbackRule,
    CallbackTemplate,
)
from engine.catalog.templates import CALLBACK, RECORD

DOMAIN = KEY["domain"]


async def test_templates(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        normal, slow = template(formats={"flv": {"Enable": 1}}), template(is_delay_live=True)
        await RECORD.add(session, normal)
        await RECORD.add(session, slow)
        await RECORD.add_rule(session, rule(normal.id))
    async with catalog.read() as session:
        assert [one.id for one in await RECORD.listed(session)] == [normal.id, slow.id]
        assert await RECORD.count(session) == 2
        assert await RECORD.is_bound(session, normal.id)
        assert not await RECORD.is_bound(session, slow.id)
        found = await RECORD.get(session, normal.id)
        assert found is not None
        assert found.formats == {"flv": {"Enable": 1}}
    async with catalog.begin() as session:
        found = await RECORD.get(session, slow.id)
        assert found is not None
        await RECORD.remove(session, found)
        assert await RECORD.get(session, slow.id) is None


async def test_the_most_special_rule_is_the_best(catalog: Catalog) -> None:
    """Every set of rules that match, and some that do not."""
    matching = [(app, stream) for app, stream in product(("", "live"), ("", "x"))]
    order = [("live", "x"), ("", "x"), ("live", ""), ("", "")]
    async with catalog.begin() as session:
        await RECORD.add(session, one := template())
        await RECORD.add_rule(session, rule(one.id, "other", "x"))
        await RECORD.add_rule(session, rule(one.id, "live", "y"))
        await RECORD.add_rule(session, rule(one.id, domain="other.example.com"))
    for chosen in product((False, True), repeat=4):
        async with catalog.begin() as session:
            made = [
                rule(one.id, *names) for names, is_there in zip(matching, chosen, strict=True) if is_there
            ]
            for each in made:
                await RECORD.add_rule(session, each)
            best = await RECORD.best_rule(session, DOMAIN, "live", "x")
            there = {(each.app, each.stream) for each in made}
            expected = next((names for names in order if names in there), None)
            assert (None if best is None else (best.app, best.stream)) == expected
            assert len(await RECORD.rules(session)) == 3 + len(made)
            for each in made:
                assert await RECORD.rule(session, DOMAIN, each.app, each.stream) is each
                await RECORD.remove_rule(session, each)


async def test_callback_templates_and_rules(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        made = []
        for name in ("app", "domain"):
            one = CallbackTemplate(
                name=name, urls={}, key="k", exception_levels=[], created_at=NOON, updated_at=NOON
            )
            await CALLBACK.add(session, one)
            made.append(one)
        for one, app in zip(made, ("live", ""), strict=True):
            fields = {"domain": DOMAIN, "app": app, "created_at": NOON, "updated_at": NOON}
            await CALLBACK.add_rule(session, CallbackRule(**fields, template_id=one.id))
    async with catalog.read() as session:
        for app, expected in (("live", "app"), ("other", "domain")):
            found = await CALLBACK.template_for(session, DOMAIN, app)
            assert found is not None
            assert found.name == expected
        assert await CALLBACK.template_for(session, "other.example.com", "live") is None
        assert await CALLBACK.count(session) == len(await CALLBACK.listed(session)) == 2
        assert len(await CALLBACK.rules(session)) == 2
        assert await CALLBACK.is_bound(session, made[0].id)
    async with catalog.begin() as session:
        one = await CALLBACK.rule(session, DOMAIN, "live")
        assert one is not None
        await CALLBACK.remove_rule(session, one)
        assert not await CALLBACK.is_bound(session, made[0].id)
        bound = await CALLBACK.get(session, made[0].id)
        assert bound is not None
        await CALLBACK.remove(session, bound)


def aliyun_config(app: str, stream: str) -> AliyunRecordConfig:
    lists: dict[str, list[object]] = {"formats": [], "transcode_templates": [], "transcode_formats": []}
    names = {"domain": DOMAIN, "app": app, "stream": stream, "oss_endpoint": "e", "oss_bucket": "b"}
    return AliyunRecordConfig(**names, **lists, created_at=NOON, updated_at=NOON)


async def test_aliyun_configurations(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        for app, stream in (("live", "x"), ("live", "*"), ("*", "*"), ("*", "x")):
            await aliyun.add_config(session, aliyun_config(app, stream))
    async with catalog.begin() as session:
        for expected in (("live", "x"), ("live", "*"), ("*", "*"), None):
            best = await aliyun.best_config(session, DOMAIN, "live", "x")
            assert (None if best is None else (best.app, best.stream)) == expected
            if best is not None:
                assert await aliyun.config(session, DOMAIN, best.app, best.stream) is best
                assert await aliyun.get_config(session, best.id) is best
                await aliyun.remove_config(session, best)
    async with catalog.begin() as session:
        for number in range(7):
            await aliyun.add_config(session, aliyun_config("live", str(number)))
        page, total = await aliyun.configs(session, DOMAIN, "live", offset=5, limit=5, order="desc")
        assert ([one.stream for one in page], total) == (["1", "0"], 7)
        assert (await aliyun.configs(session, DOMAIN, "live", "3"))[1] == 1
        await aliyun.add_notify(
            session, AliyunNotifyConfig(domain=DOMAIN, notify_url="u", created_at=NOON, updated_at=NOON)
        )
        found = await aliyun.notify(session, DOMAIN)
        assert found is not None
        await aliyun.remove_notify(session, found)
        assert await aliyun.notify(session, DOMAIN) is None


async def test_tasks_are_found_and_counted(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, first := task("1"))
        await tasks.add(session, task("2", start_at=at(100), stream="y", template_id=7))
        await tasks.add(session, task("3", deleted_at=at(1)))
        await tasks.add(session, task("4", family="record", state="recording"))
        await tasks.add(session, task("5", state="stopped", is_real_time=True))
    async with catalog.read() as session:
        assert await tasks.get(session, "live", "1") is not None
        assert await tasks.get(session, "record", "1") is None
        assert await tasks.get(session, "live", "3") is None
        assert await tasks.created_since(session, ["live"], at(-3600)) == 2
        assert await tasks.created_since(session, ["live"], at(0)) == 0
        assert await tasks.running(session, ["live", "record"], at(50)) == 3
        assert await tasks.running(session, ["live"], at(3600)) == 0
        assert [one.public_id for one in await tasks.due(session, at(99))] == ["1", "3"]
        assert [one.public_id for one in await tasks.open_ones(session)] == ["1", "2", "3", "4"]
        found = await tasks.of_stream(session, *KEY.values(), states=["recording", "stopped"])
        assert [one.public_id for one in found] == ["4", "5"]
        same, other = task("9"), task("9", options={"a": 1})
        assert (await tasks.identical(session, same)) is not None
        assert (await tasks.identical(session, other)) is None
        known = await tasks.by_id(session, first.id)
        assert known is not None
        assert known.public_id == "1"


async def test_tasks_are_listed_page_by_page(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        for number in range(25):
            begins = at(number // 3)  # several begin at once
            await tasks.add(session, task(f"t{number}", family="record", start_at=begins, end_at=at(100)))
        await tasks.add(session, task("outside", family="record", start_at=at(-1), end_at=at(100)))
        await tasks.add(session, task("other", family="record", stream="y", end_at=at(100)))
    seen: list[str] = []
    after: tuple[datetime, int] | None = None
    async with catalog.read() as session:
        while page := await tasks.listed(session, "record", at(0), at(100), stream="x", after=after, limit=7):
            seen += [one.public_id for one in page]
            after = page[-1].start_at, page[-1].id
        assert seen == [f"t{number}" for number in range(25)]
        newest, total = await tasks.created_page(session, "record", at(-60), stream="x", offset=20, limit=10)
    assert total == 26
    assert [one.public_id for one in newest] == ["t5", "t4", "t3", "t2", "t1", "t0"][-len(newest) :]


async def test_recordings_files_and_pushes(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        await tasks.add(session, order := task("1"))
        await pushes.add(session, began := push())
        await recordings.add(session, recording("r1", task_id=order.id, push_id=began.id))
        await recordings.add(session, recording("r2", ended_at=at(50), state="ended"))
        await recordings.add(session, recording("r3", stream="y"))
        for number in range(12):
            more = {"created_at": at(number), "format": "mp4" if number % 2 else "flv"}
            await files.add(session, file(f"{number:02}", "r1", **more, name=f"x_%{number}"))
    async with catalog.read() as session:
        assert [one.id for one in await recordings.open_ones(session)] == ["r1", "r3"]
        assert [one.id for one in await recordings.open_of(session, *KEY.values())] == ["r1"]
        assert len(await recordings.of_session(session, "1")) == 3
        running = await recordings.overlapping(session, *KEY.values(), at(60), at(70))
        assert [one.id for one in running] == ["r1"]
        assert len(await tasks.files_of(session, order)) == 12
        assert await tasks.count_files(session, [order.id, 99]) == {order.id: 12}
        page, total = await files.search(
            session, FileQuery(streams=["x"], formats=["mp4"], offset=1, limit=2)
        )
        assert ([one.id for one in page], total) == (["09", "07"], 6)
        assert page[0].size_bytes == 1 << 40
        for query, count in (
            (FileQuery(name_prefixes=["x_%1"]), 3),
            (FileQuery(text="_%"), 12),
            (FileQuery(text="x%1"), 0),
            (FileQuery(created_after=at(3), created_before=at(5)), 3),
            (FileQuery(ended_after=at(11)), 0),
            (FileQuery(ids=["01", "99"]), 1),
            (FileQuery(domains=["other"]), 0),
        ):
            assert (await files.search(session, query))[1] == count
        assert [one.id for one in await files.get(session, ["01", "99"])] == ["01"]
        assert await files.at_path(session, "d/live/x/01.flv") is not None
        assert len(await files.of_recording(session, "r1")) == 12
        assert [one.id for one in await pushes.open_ones(session)] == [began.id]
        assert await pushes.has_history(session, *KEY.values())
        assert not await pushes.has_history(session, "other", "live", "x")
        open_one = await pushes.open_one(session, *KEY.values())
        assert open_one is not None
        assert await pushes.get(session, open_one.id) is open_one


async def test_files_are_found_by_their_names(catalog: Catalog) -> None:
    """Letters that mean more to a database than to a name, and both cases of one."""
    texts = ["".join(one) for length in (1, 2) for one in product("aA%_\\中", repeat=length)]
    async with catalog.begin() as session:
        await recordings.add(session, recording("r"))
        for number, name in enumerate(texts):
            await files.add(session, file(str(number), "r", name=name))
    async with catalog.read() as session:

        async def found(**query: Any) -> set[str]:
            page, _ = await files.search(session, FileQuery(**query, limit=99))
            return {one.name for one in page}

        for text in texts:
            within = {name for name in texts if text.lower() in name.lower()}
            assert await found(text=text) == within
            assert await found(names=[text, "none"]) == within
            begins = {name for name in texts if name.startswith(text)}
            assert await found(name_prefixes=["none", text]) == begins


async def test_a_message_is_made_once_whoever_makes_it_at_the_same_time(catalog: Catalog) -> None:
    async def tell(number: int) -> bool:
        async with catalog.begin() as session:
            return await outbox.add(session, callback(f"file:{number % 5}"))

    made = await asyncio.gather(*(tell(number) for number in range(50)))
    assert sum(made) == 5
    async with catalog.read() as session:
        assert (await outbox.page(session, CallbackQuery()))[1] == 5


async def test_the_outbox(catalog: Catalog) -> None:
    async with catalog.begin() as session:
        for number in range(6):
            assert await outbox.add(
                session, callback(str(number), next_at=at(-number), created_at=at(number))
            )
        due = await outbox.due(session, at(-2), limit=10)
        assert [one.once for one in due] == ["5", "4", "3", "2"]
        assert [one.once for one in await outbox.due(session, NOON, limit=2, besides=[due[0].id])] == [
            "4",
            "3",
        ]
        assert await outbox.next_at(session) == at(-5)
        assert await outbox.next_at(session, [due[0].id]) == at(-4)
        due[0].state = "delivered"
        for number in range(2):
            tried = {"at": at(number), "took_ms": 5, "status": 200, "headers": {}}
            await outbox.add_attempt(session, CallbackAttempt(callback_id=due[0].id, **tried))
    async with catalog.read() as session:
        found = await outbox.get(session, due[0].id)
        assert found is not None
        assert (found.state, found.message, found.attempts) == ("delivered", {"a": 1}, 0)
        assert len(await outbox.attempts(session, found.id)) == 2
        page, total = await outbox.page(session, CallbackQuery(states=["waiting"], offset=1, limit=2))
        assert ([one.once for one in page], total) == (["3", "2"], 5)
        query = CallbackQuery(vendor="tencent", stream="x", events=["100"], created_after=at(2), limit=99)
        assert (await outbox.page(session, query))[1] == 4
        assert (await outbox.page(session, CallbackQuery(app="other")))[1] == 0
