"""What holds for any rules, any files and any order of transactions, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from catalog.rows import at, callback, file, recording, rule, task, template
from databases import KINDS, empty_catalog, empty_database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from engine.catalog import Catalog, aliyun, files, outbox, recordings, tasks
from engine.catalog.files import FileQuery
from engine.catalog.outbox import CallbackQuery
from engine.catalog.schema import (
    AliyunRecordConfig,
    Callback,
    CallbackRule,
    CallbackTemplate,
    File,
    RecordRule,
    Task,
)
from engine.catalog.templates import CALLBACK, RECORD

EXAMPLES = settings(max_examples=40)

Run = Callable[[Callable[[Catalog], Awaitable[None]]], None]


@pytest.fixture(params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Runs something on one catalog, which is there for all examples."""
    server = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        database = empty_database(request.param, tmp_path, server)
        url = runner.run(database.__aenter__())
        stack.callback(lambda: runner.run(database.__aexit__(None, None, None)))
        opened = empty_catalog(url)
        catalog = runner.run(opened.__aenter__())
        stack.callback(lambda: runner.run(opened.__aexit__(None, None, None)))

        async def on_catalog(do: Callable[[Catalog], Awaitable[None]]) -> None:
            await do(catalog)

        yield lambda do: runner.run(on_catalog(do))


NAMES = st.sampled_from(["a", "b"])
ANY_OR_NAME = st.sampled_from(["", "a", "b"])
TRIPLES = st.sets(st.tuples(NAMES, ANY_OR_NAME, ANY_OR_NAME))


def test_a_stream_is_recorded_by_the_rule_that_says_most_of_it(run: Run) -> None:
    @EXAMPLES
    @given(TRIPLES, NAMES, NAMES, NAMES)
    def holds(triples: set[tuple[str, str, str]], domain: str, app: str, stream: str) -> None:
        in_order = [(domain, app, stream), (domain, "", stream), (domain, app, ""), (domain, "", "")]

        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(RecordRule))
                await RECORD.add(session, made := template())
                for one in triples:
                    await RECORD.add_rule(session, rule(made.id, one[1], one[2], domain=one[0]))
                best = await RECORD.best_rule(session, domain, app, stream)
            assert (best and (best.domain, best.app, best.stream)) == first_in(in_order, triples)

        run(check)

    holds()


def test_a_stream_is_recorded_by_the_configuration_that_says_most_of_it(run: Run) -> None:
    @EXAMPLES
    @given(TRIPLES, NAMES, NAMES, NAMES)
    def holds(triples: set[tuple[str, str, str]], domain: str, app: str, stream: str) -> None:
        starred = {(one[0], one[1] or "*", one[2] or "*") for one in triples}
        in_order = [(domain, app, stream), (domain, app, "*"), (domain, "*", "*")]

        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(AliyunRecordConfig))
                for one in starred:
                    await aliyun.add_config(session, config(*one))
                best = await aliyun.best_config(session, domain, app, stream)
            assert (best and (best.domain, best.app, best.stream)) == first_in(in_order, starred)

        run(check)

    holds()


def test_events_go_by_the_apps_template_or_else_the_domains(run: Run) -> None:
    @EXAMPLES
    @given(st.sets(st.tuples(NAMES, ANY_OR_NAME)), NAMES, NAMES)
    def holds(pairs: set[tuple[str, str]], domain: str, app: str) -> None:
        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(CallbackRule))
                for one in pairs:
                    await CALLBACK.add(session, made := callback_template(name="/".join(one)))
                    await CALLBACK.add_rule(session, callback_rule(*one, made.id))
                found = await CALLBACK.template_for(session, domain, app)
            best = first_in([(domain, app), (domain, "")], pairs)
            assert (found and found.name) == (best and "/".join(best))

        run(check)

    holds()


class Refused(Exception):
    """What a block raises."""


PLANS = st.lists(
    st.tuples(st.sets(st.integers(0, 5), min_size=1, max_size=3), st.integers(0, 4), st.booleans()),
    min_size=1,
    max_size=12,
)
"""Of each transaction: what it tells of, how long it takes, and whether it is committed."""


def test_a_message_is_made_once_in_any_order_of_transactions(run: Run) -> None:
    @EXAMPLES
    @given(PLANS)
    def holds(plans: list[tuple[set[int], int, bool]]) -> None:
        async def tell(catalog: Catalog, keys: set[int], steps: int, is_kept: bool) -> list[int]:
            made = []
            try:
                async with catalog.begin() as session:
                    for key in sorted(keys):  # PostgreSQL: in other orders they would wait for each other
                        if await outbox.add(session, callback(str(key))):
                            made.append(key)
                        for _ in range(steps):
                            await asyncio.sleep(0)
                    if not is_kept:
                        raise Refused
            except Refused:
                return []
            return made

        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(Callback))
            made = await asyncio.gather(*(tell(catalog, *plan) for plan in plans))
            told = {str(key) for keys, _, is_kept in plans if is_kept for key in keys}
            async with catalog.read() as session:
                rows, _ = await outbox.page(session, CallbackQuery(limit=99))
            assert {row.once for row in rows} == told
            assert Counter(str(key) for keys in made for key in keys) == Counter(told)

        run(check)

    holds()


FATES = st.lists(st.tuples(st.sampled_from(["kept", "raises", "cancelled"]), st.integers(0, 6)), max_size=15)


def test_transactions_are_kept_whole_or_not_at_all(run: Run) -> None:
    """Whoever is cancelled may be so before or after its commit, but what was answered is there."""

    @EXAMPLES
    @given(FATES)
    def holds(fates: list[tuple[str, int]]) -> None:
        async def write(catalog: Catalog, number: int, fate: str, steps: int) -> None:
            async with catalog.begin() as session:
                await tasks.add(session, task(f"{number}a"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                await tasks.add(session, task(f"{number}b"))
                if fate == "raises":
                    raise Refused

        async def cancelled(one: asyncio.Task[None], steps: int) -> None:
            for _ in range(steps):
                await asyncio.sleep(0)
            one.cancel()

        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(Task))
            writing = [
                asyncio.create_task(write(catalog, number, *fate)) for number, fate in enumerate(fates)
            ]
            cancelling = [
                cancelled(one, steps * 3)
                for one, (fate, steps) in zip(writing, fates, strict=True)
                if fate == "cancelled"
            ]
            ended = await asyncio.gather(*writing, *cancelling, return_exceptions=True)
            async with catalog.read() as session:
                there = {one.public_id for one in await tasks.open_ones(session)}
            for number, ((fate, _), outcome) in enumerate(zip(fates, ended, strict=False)):
                found = there & {f"{number}a", f"{number}b"}
                assert len(found) in (0, 2)
                assert outcome is not None or found
                assert fate != "raises" or not found
                assert fate != "kept" or outcome is None

        run(check)

    holds()


FILES = st.lists(
    st.fixed_dictionaries(
        {
            "domain": NAMES,
            "stream": NAMES,
            "format": st.sampled_from(["flv", "mp4"]),
            "created_at": st.integers(0, 5).map(at),
            "started_at": st.integers(0, 5).map(at),
            "expires_at": st.none() | st.integers(0, 5).map(at),
        }
    ),
    max_size=12,
)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


def few(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=1, max_size=2)


MOMENTS = st.integers(0, 5).map(at)
FILTERS = {
    "domains": few(NAMES),
    "streams": few(NAMES),
    "formats": few(st.sampled_from(["flv", "mp4", "hls"])),
    "created_after": MOMENTS,
    "created_before": MOMENTS,
    "expires_after": MOMENTS,
    "expires_before": MOMENTS,
    "ended_after": MOMENTS,
    "started_before": MOMENTS,
}
PAGES = {
    "by": st.sampled_from(["created", "started"]),
    "order": st.sampled_from(["asc", "desc"]),
    "offset": st.integers(0, 4),
    "limit": st.integers(1, 5),
}
# Two filters at most: more of them find nothing, whatever they are. Names have a test of their own.
QUERIES = (
    st.sets(st.sampled_from(sorted(FILTERS)), max_size=2)
    .flatmap(lambda names: st.fixed_dictionaries({**PAGES, **{name: FILTERS[name] for name in names}}))
    .map(lambda fields: FileQuery(**fields))
)


def test_files_are_found_by_what_is_asked_of_them(run: Run) -> None:
    @EXAMPLES
    @given(FILES, QUERIES)
    def holds(fields: list[dict[str, Any]], query: FileQuery) -> None:
        made = [
            file(f"{number:02}", "r", **one, app="live", ended_at=one["started_at"])
            for number, one in enumerate(fields)
        ]

        async def check(catalog: Catalog) -> None:
            async with catalog.begin() as session:
                await session.execute(delete(File))
                if await recordings.get(session, "r") is None:
                    await recordings.add(session, recording("r"))
                for one in made:
                    await files.add(session, one)
            async with catalog.read() as session:
                page, total = await files.search(session, query)
                everything, _ = await files.search(session, replace(query, offset=0, limit=99))
            expected = [one.id for one in in_order(made, query) if matches(one, query)]
            assert [one.id for one in everything] == expected
            assert total == len(expected)
            assert [one.id for one in page] == expected[query.offset : query.offset + query.limit]

        run(check)

    holds()


def in_order(made: Sequence[File], query: FileQuery) -> list[File]:
    def key(one: File) -> tuple[datetime, str]:
        return (one.created_at if query.by == "created" else one.started_at, one.id)

    return sorted(made, key=key, reverse=query.order == "desc")


def matches(one: File, query: FileQuery) -> bool:
    checks = (
        not query.domains or one.domain in query.domains,
        not query.streams or one.stream in query.streams,
        not query.formats or one.format in query.formats,
        query.created_after is None or one.created_at >= query.created_after,
        query.created_before is None or one.created_at <= query.created_before,
        query.expires_after is None or (one.expires_at or FOR_EVER) >= query.expires_after,
        query.expires_before is None
        or (one.expires_at is not None and one.expires_at <= query.expires_before),
        query.ended_after is None or one.ended_at >= query.ended_after,
        query.started_before is None or one.started_at <= query.started_before,
    )
    return all(checks)


def first_in(in_order: Sequence[Any], there: set[Any]) -> Any:
    return next((one for one in in_order if one in there), None)


def config(domain: str, app: str, stream: str) -> AliyunRecordConfig:
    lists: dict[str, list[Any]] = {"formats": [], "transcode_templates": [], "transcode_formats": []}
    names = {"domain": domain, "app": app, "stream": stream, "oss_endpoint": "e", "oss_bucket": "b"}
    return AliyunRecordConfig(**names, **lists, created_at=at(0), updated_at=at(0))


def callback_template(name: str) -> CallbackTemplate:
    return CallbackTemplate(name=name, urls={}, exception_levels=[], created_at=at(0), updated_at=at(0))


def callback_rule(domain: str, app: str, template_id: int) -> CallbackRule:
    return CallbackRule(domain=domain, app=app, template_id=template_id, created_at=at(0), updated_at=at(0))
