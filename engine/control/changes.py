"""What a change of a stream's tracks is to those who are told of exceptions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.media.events import CodecChanged, TrackInfo, Warned


def warning_of(before: Sequence[TrackInfo], event: CodecChanged) -> Warned:
    """Of a change that only gave the picture another size, and of any other, for which files are cut."""
    resized = [_resized(track) for track in event.tracks] == [_resized(track) for track in before]
    return Warned(
        at=event.at,
        recording=event.recording,
        code="resolution_changed" if resized else "tracks_changed",
        message=f"{_named(before)} became {_named(event.tracks)}",
    )


def _resized(track: TrackInfo) -> TrackInfo:
    """But for what another size changes; its parameter sets may say another level."""
    if track.kind != "video":
        return track
    return track.model_copy(update={"codec_string": "", "width": None, "height": None})


def _named(tracks: Sequence[TrackInfo]) -> str:
    return " and ".join(map(_name, tracks)) or "nothing"


def _name(track: TrackInfo) -> str:
    if track.kind == "video":
        return f"{track.codec} {track.width}x{track.height}"
    return f"{track.codec} {track.sample_rate} Hz"
