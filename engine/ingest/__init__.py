"""Sockets to batches: RTMP pull, HTTP-FLV pull and file replay, read by tick."""

from engine.ingest.alarm import Slot, Slots
from engine.ingest.source import Source, SourceOptions, open_source, stream_name

__all__ = [
    "Slot",
    "Slots",
    "Source",
    "SourceOptions",
    "open_source",
    "stream_name",
]
