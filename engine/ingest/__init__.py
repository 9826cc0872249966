"""Sockets to batches: RTMP pull, HTTP-FLV pull and file replay, read by tick."""

from engine.ingest.alarm import Alarm, Slot
from engine.ingest.source import ReadBuffer, Source, SourceOptions, open_source, stream_name
from engine.ingest.tick import Slots

__all__ = [
    "Alarm",
    "ReadBuffer",
    "Slot",
    "Slots",
    "Source",
    "SourceOptions",
    "open_source",
    "stream_name",
]
