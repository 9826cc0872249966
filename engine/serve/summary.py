"""What `reel serve` prints when it is up: where to push, what is recorded, and where that is found. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.api.hooks import KINDS
from engine.api.hooks import ROUTE as HOOKS
from engine.config import Api, OriginSettings, Record, Settings, source_text
from engine.masking import masked
from engine.media.codecs import Format
from engine.media.quantities import duration_text


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server can be reached, as people type it."""

    api: str
    """The URL of the API."""
    files: str
    """The URL that files are below."""
    push: str | None
    """The RTMP URL of the app `live`; None: an outside origin is pulled."""


def summary(settings: Settings, file: Path | None, addresses: Addresses) -> Iterator[str]:
    """The lines, each with what it is about.

    Args:
        settings: The settings in effect.
        file: The file that they were read from.
        addresses: Where the server that runs by them is.
    """
    rows = (
        ("Settings", source_text(file)),
        ("Pulled" if addresses.push is None else "Push", _origin(settings.origin, addresses)),
        ("Recorded", _recorded(settings.record)),
        ("Files", f"{settings.storage.root.resolve()}, by the names {settings.record.name}"),
        ("URLs", f"{addresses.files}/NAME"),
        ("API", f"{addresses.api}, {_callers(settings.api)}"),
    )
    return (f"{about:<10}{text}" for about, text in rows)


def _origin(origin: OriginSettings, addresses: Addresses) -> str:
    if addresses.push is not None:
        return f"Server {addresses.push}, Stream key: any name (in OBS: Settings, Stream, Custom)"
    heard = []
    if origin.hook_secret:
        url = f"{addresses.api}{HOOKS}/KIND?secret=SECRET"
        heard.append(f"its hooks call {url} (SECRET: origin.hook_secret; KIND: {', '.join(KINDS)})")
    if origin.poll_s:
        heard.append(f"every {origin.poll_s:g}s it is asked for the streams that tasks and rules name")
    if not heard:
        heard.append("nothing says when streams begin: set origin.hook_secret or origin.poll_s")
    return f"from {masked(origin.url)}; {'; '.join(heard)}"


def _recorded(record: Record) -> str:
    if not record.formats:
        return "only what rules and tasks name: record.formats is empty"
    formats = " and ".join(record.formats) + (", audio alone" if record.audio_only else "")
    is_cut = record.interval_s and set(record.formats) != {Format.HLS}
    cut = f"a new file every {duration_text(record.interval_s)}" if is_cut else "one file for each push"
    return f"every push as {formats}, {cut}, unless a rule or a configuration matches it"


def _callers(api: Api) -> str:
    if not api.keys and not api.token:
        return "without keys: every program of this machine may call it, and no other"
    vendors = "with a key of api.keys" if api.keys else "from this machine"
    own = "with api.token" if api.token else "from this machine"
    return f"called by vendors' SDKs {vendors}, /v1 {own}"
