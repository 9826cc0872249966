"""Which warnings are exceptions in Tencent's sense, and their numbers. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from engine.media.events import Warned

Level = Literal["info", "warning", "error"]


class ExceptionKind(NamedTuple):
    """How bad it is, and the vendor's number of it."""

    level: Level
    type: int


_AUDIO_JUMPS, _VIDEO_JUMPS, _PULL_FAILED, _WRITE_FAILED = -8, -9, -16, -104
_RESIZED, _TRACKS_CHANGED = -100, -120
_FRAMES_DROPPED, _NO_KEYFRAME = -130, -132

_JUMPS = frozenset({"timestamp_jump", "timestamp_continued", "timestamp_wrap", "glued_push"})

_KINDS: dict[str, ExceptionKind] = {
    **dict.fromkeys(
        (
            "connect_failed",
            "stream_not_found",
            "access_denied",
            "bad_response",
            "stalled",
            "not_a_stream",
            "not_flv",
            "malformed_flv",
            "malformed_rtmp",
            "malformed_http",
        ),
        ExceptionKind("error", _PULL_FAILED),
    ),
    **dict.fromkeys(
        ("storage", "name_taken", "mux", "unsupported_codec"), ExceptionKind("error", _WRITE_FAILED)
    ),
    "resolution_changed": ExceptionKind("warning", _RESIZED),
    "tracks_changed": ExceptionKind("warning", _TRACKS_CHANGED),
    "undecodable": ExceptionKind("warning", _FRAMES_DROPPED),
    "duplicate_media": ExceptionKind("info", _FRAMES_DROPPED),
    "cut_without_keyframe": ExceptionKind("warning", _NO_KEYFRAME),
}


def kind_of(warning: Warned) -> ExceptionKind | None:
    """What a warning is to the vendor; None: it has no number for that."""
    if warning.code in _JUMPS:  # the message says of which track, nothing else does
        return ExceptionKind("warning", _AUDIO_JUMPS if "audio" in warning.message else _VIDEO_JUMPS)
    return _KINDS.get(warning.code)
