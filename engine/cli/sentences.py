"""Events of a recording as lines for a person. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.media import events
from engine.media.events import TrackInfo

_WORD = 12  # columns of the first word


def sentence(event: events.Event, url: str) -> str | None:
    """Describe an event of the recording of a URL in one line; None: it is no change of its state."""
    match event:
        case events.Connecting():
            if event.reason is None:
                return _line("connecting", url)
            return _line("connecting", f"{url} (try {event.attempt}, after: {_reason(event.reason, url)})")
        case events.Live():
            return _line("live", f"{url}: {_tracks(event.tracks)}")
        case events.CodecChanged():
            return _line("changed", f"{url}: {_tracks(event.tracks)}")
        case events.Interrupted():
            return _line("interrupted", f"{url}: {_reason(event.reason, url)}")
        case events.Waiting():
            next_try_s = (event.next_try_at - event.at).total_seconds()
            tries = f"next try in {next_try_s:.1f} s, last one at {_time(event.until)}"
            return _line("waiting", f"{url}: {_reason(event.reason, url)}; {tries}")
        case events.FileFinished():
            seconds, megabytes = event.duration_ms / 1000, event.size_bytes / 1e6
            recovered = ", left by a process that died" if event.recovered else ""
            return _line("finished", f"{event.path} ({seconds:.1f} s, {megabytes:.1f} MB{recovered})")
        case events.Warned():
            return _line("warning", f"{url}: {_warning(event)}")
        case events.Finished():
            return _line("stopped", f"{url}: {_END[event.reason]}; {_sum(event)}")
        case _:
            return None


_END = {"stopped": "by a signal", "duration": "its duration is over", "stream_ended": "the stream ended"}


def _line(word: str, text: str) -> str:
    return f"{word:<{_WORD}}{' '.join(text.split())}"


def _reason(reason: str, url: str) -> str:
    """Without the URL, which stands in the line already."""
    return reason.removeprefix(f"{url}: ")


def _warning(event: events.Warned) -> str:
    """With the format in front, unless the message begins with it."""
    format = "" if event.format is None else event.format.value
    return event.message if event.message.startswith(format) else f"{format}: {event.message}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"


def _sum(event: events.Finished) -> str:
    files = "1 file" if event.files == 1 else f"{event.files} files"
    gaps = "1 gap" if event.gaps == 1 else f"{event.gaps or 'no'} gaps"
    return f"{files}, {gaps}"


def _tracks(tracks: list[TrackInfo]) -> str:
    return " + ".join(map(_track, tracks)) or "no track"


def _track(track: TrackInfo) -> str:
    if track.kind == "video":
        return f"{track.codec} {track.width}x{track.height}" if track.width else track.codec
    rate = f" {track.sample_rate / 1000:g} kHz" if track.sample_rate else ""
    layout = {None: "", 1: " mono", 2: " stereo"}.get(track.channels, f" {track.channels} channels")
    return f"{track.codec}{rate}{layout}"
