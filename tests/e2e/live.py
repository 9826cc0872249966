"""What a live stream made, against what the files of one format hold of it and their manifests say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import flv_rewrite
from e2e.sources import AUDIO, VIDEO
from oracle.ledger import Stretch, is_missing, stretches
from oracle.packets import output_packets, source_packets
from origins.troubled import Stream

EDGE = timedelta(seconds=0.5)  # the last packet of one track may have waited for the other
KINDS = {"video": VIDEO, "audio": AUDIO}


@dataclass(frozen=True, slots=True)
class Frame:
    """One coded frame, as every container holds it."""

    at: datetime
    digest: str


def frames_of(stream: Stream, kind: str) -> list[Frame]:
    """The frames that a stream made of one kind so far."""
    tags = [tag for tag in stream.picture.frames if tag.kind == KINDS[kind]]
    held: dict[str, list[str]] = {}
    source = source_packets(flv_rewrite.file_bytes([*stream.picture.headers, *tags], {}))
    packets = iter(source.track(kind))
    digests: list[list[str]] = []
    for packet in packets:
        if packet.exact:  # the first of its tag
            digests.append([])
        digests[-1].append(packet.digest)
    for tag, found in zip(tags, digests, strict=True):
        held[hashlib.sha256(tag.body).hexdigest()[:16]] = found
    made = [made for made in tuple(stream.made) if made.kind == KINDS[kind]]
    return [Frame(one.at, digest) for one in made for digest in held[one.digest]]


def assert_accounted(
    stream: Stream, files: Sequence[Path], slack_s: float, *, beyond: Sequence[str] = (), again_s: float = 0.0
) -> list[Stretch]:
    """Each file holds a run of what the stream made, unbroken and in order; what lies between them is in
    gaps, and nothing that is in a gap is in a file. What the manifests say.

    Args:
        files: those of one format, in order.
        beyond: kinds of tracks that the format does not hold.
        again_s: so much of the end of a file may come again in the next one, which another process wrote: an
            origin sends what it has from the last keyframe on, and a file begins with one.
    """
    told = stretches(files)
    for kind in KINDS:
        if kind in beyond:
            continue
        made = frames_of(stream, kind)
        missing: list[Frame] = []
        end = 0
        for file in files:
            again = end
            while again and made[end - 1].at - made[again - 1].at < timedelta(seconds=again_s):
                again -= 1
            start, count = _place(made, file, kind, again)
            missing += made[end:start]
            end = max(end, start + count)
            for frame in made[start : start + count]:
                assert not is_missing(told, frame.at, -slack_s), (
                    f"{file.name}: {kind} {frame} is in a gap: {told}"
                )
        for frame in missing + made[end:]:
            outside = not told[0].start <= frame.at <= told[-1].end - EDGE
            assert outside or is_missing(told, frame.at, slack_s), (
                f"{kind} of {frame.at} is lost, and no gap says so: {told}"
            )
    return told


def _place(made: Sequence[Frame], file: Path, kind: str, after: int) -> tuple[int, int]:
    """Where a file's run stands among what was made: the stream repeats itself, so the manifest decides."""
    run = [packet.digest for packet in output_packets(file).track(kind)]
    if not run:  # a file of a few pictures may end before its first sound
        assert len(output_packets(file).packets) < 10, f"{file.name} holds no {kind}"
        return after, 0
    digests = [frame.digest for frame in made]
    fits = [at for at in range(after, len(digests)) if digests[at : at + len(run)] == run]
    assert fits, f"{file.name}: its {kind} is no unbroken run of what was made"
    recorded = [piece.end for piece in stretches([file]) if not piece.reason]
    last = len(run) - 1
    ended = recorded[-1] if recorded else made[fits[0] + last].at
    start = min(fits, key=lambda at: abs(made[at + last].at - ended))
    return start, len(run)
