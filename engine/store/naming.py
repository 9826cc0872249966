"""File names from a template: safe for any stream name, never colliding (S1). Pure.

A template is a relative path with fields in braces. Names hold only what a URI holds as it is: playlists name
segments by URIs, which some players decode and others do not. What else a stream name brings is encoded, so
that it can neither leave the recording root nor break a name; different streams never share a name.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from engine.errors import UsageError

FIELDS = (
    "domain",
    "app",
    "stream",
    "title",
    "start",
    "date",
    "time",
    "local_date",
    "local_time",
    "seq",
)
DEFAULT = "{domain}/{app}/{stream}/{start}-{seq}"

_FIELD = re.compile(r"\{([^{}]*)\}")
_UNSAFE_LITERAL = re.compile(r"[^A-Za-z0-9._~\-+=,@!()/]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._\-]")
_MAX_PART_BYTES = 120  # of one field; file systems allow 255 for a whole name


@dataclass(frozen=True, slots=True)
class StreamName:
    """Whose recording a file is."""

    domain: str
    app: str
    stream: str

    @property
    def folder(self) -> str:
        """`DOMAIN/APP/STREAM`, safe in any template and below any folder."""
        return f"{_safe(self.domain)}/{_safe(self.app)}/{_safe(self.stream)}"


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """A checked template.

    `{start}` is in the zone and carries its offset, `{local_date}` and `{local_time}` are in the zone,
    `{date}` and `{time}` in UTC. A zone of None is the machine's.

    Raises:
        UsageError: an unknown field, an absolute path, `..`, or no `{seq}` to tell files apart.
    """

    text: str = DEFAULT
    zone: tzinfo | None = UTC
    title: str = ""

    def __post_init__(self) -> None:
        unknown = [name for name in _FIELD.findall(self.text) if name not in FIELDS]
        bare = _FIELD.sub("", self.text)
        if unknown:
            raise UsageError(f"name template: no field {{{unknown[0]}}}; there are {', '.join(FIELDS)}")
        if "{" in bare or "}" in bare:
            raise UsageError(f"name template {self.text!r}: a brace is left open")
        if (
            self.text.startswith("/")
            or ".." in self.text.split("/")
            or "\0" in self.text
            or not bare + self.text
        ):
            raise UsageError(f"name template {self.text!r} must be a path below the output folder")
        if "{seq}" not in self.text:
            raise UsageError("name template needs {seq}, so that files never collide")
        if unsafe := _UNSAFE_LITERAL.search(bare):
            raise UsageError(
                f"name template {self.text!r}: {unsafe[0]!r} does not go into the URIs of playlists"
            )

    def for_stream(self, name: StreamName) -> NameTemplate:
        """The template of one stream's files: its domain, app and name are filled in."""
        values = {"domain": _safe(name.domain), "app": _safe(name.app), "stream": _safe(name.stream)}
        return NameTemplate(
            _FIELD.sub(lambda match: values.get(match[1], match[0]), self.text), self.zone, self.title
        )

    @property
    def glob(self) -> str:
        """A pattern of `Path.glob` that matches every path of the template, without an ending."""
        return _FIELD.sub("*", self.text)  # literals hold no character that means something in a pattern

    def path(self, name: StreamName, started_at: datetime, seq: int, title: str = "") -> str:
        """The path, without an ending, of the seq-th file begun at a time.

        `title` is what the stream says of itself. The template's own goes before it, and the stream's name
        stands for one that is missing.
        """
        at, local = started_at.astimezone(UTC), started_at.astimezone(self.zone)
        offset = local.strftime("%z") if local.utcoffset() else "Z"
        values = {
            "domain": _safe(name.domain),
            "app": _safe(name.app),
            "stream": _safe(name.stream),
            "title": _safe(self.title or title or name.stream),
            "start": local.strftime("%Y%m%dT%H%M%S") + offset,
            "date": at.strftime("%Y-%m-%d"),
            "time": at.strftime("%H%M%S"),
            "local_date": local.strftime("%Y-%m-%d"),
            "local_time": local.strftime("%H%M%S"),
            "seq": f"{seq:03d}",
        }
        return _FIELD.sub(lambda match: values[match[1]], self.text)


def _safe(text: str) -> str:
    """One path part: unsafe bytes as `~` and two digits, never hidden, empty or too long."""
    encoded = "".join(
        f"~{byte:02X}" if _UNSAFE.match(chr(byte)) else chr(byte)
        for byte in text.encode("utf-8", "surrogatepass")
    )
    if encoded.startswith("."):
        encoded = "~2E" + encoded[1:]
    if len(encoded) > _MAX_PART_BYTES:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        encoded = f"{encoded[: _MAX_PART_BYTES - 18]}~~{digest}"
    return encoded or "~"  # no name that is encoded is this one
