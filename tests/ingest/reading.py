"""Sources read to their end, and what a file holds in the same form."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine import _native
from engine.errors import ReelError
from engine.ingest import SourceOptions, open_source
from engine.media.batch import Batch

Row = tuple[int, int, bytes]
"""Kind, timestamp, body."""

_READ_S = 20.0


@dataclass(frozen=True, slots=True)
class Read:
    """What a source gave, and the error it ended with."""

    rows: list[Row]
    error: ReelError | None


def rows_of(batch: Batch) -> list[Row]:
    """The rows of a batch."""
    return [(int(tag["kind"]), int(tag["timestamp"]), batch.body(row)) for row, tag in enumerate(batch.tags)]


def file_rows(path: Path) -> list[Row]:
    """The rows of an FLV file."""
    reader = _native.FlvReader()
    reader.feed(path.read_bytes())
    reader.finish()
    assert reader.fault is None
    taken = reader.take()
    assert taken is not None
    return rows_of(Batch.from_native(taken))


async def read_source(url: str, *, up_to: int | None = None, **options: object) -> Read:
    """Open a source and read it to its end, or up to a number of rows."""
    source = open_source(url, SourceOptions(random=Random(1), **options))  # type: ignore[arg-type]
    rows: list[Row] = []
    try:
        async with asyncio.timeout(_READ_S):
            await source.open()
            while up_to is None or len(rows) < up_to:
                batch = await source.read()
                if batch is None:
                    break
                rows += rows_of(batch)
    except ReelError as error:
        return Read(rows, error)
    finally:
        source.close()
    return Read(rows[:up_to], None)
