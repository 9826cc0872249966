"""A playlist of some of the segments that other playlists list. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.mux.playlist import Entry, Playlist
from engine.mux.recover.playlist_text import Listed, PlaylistText

_AIM_S = 1.0  # of a playlist that has ended the longest segment counts alone


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A playlist to be put beside those it was made of."""

    text: str
    uris: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class _Piece:
    folder: str
    number: int
    listed: Listed
    starts_at: datetime
    independent: bool

    @property
    def uri(self) -> str:
        return f"{self.folder}/{self.listed.name}"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(milliseconds=self.listed.duration_ms)


def excerpt(
    playlists: Iterable[tuple[str, PlaylistText]],
    start: datetime,
    end: datetime,
    *,
    one_more: bool = False,
    is_there: Callable[[str], bool] = lambda _: True,
) -> Excerpt | None:
    """The segments that end after `start` and not after `end`; with `one_more` also the next one, when `end`
    lies in it. None when there are none.

    Each of `playlists` comes with the name of the folder of its segments, which stands beside it. What two of
    them list of the same time is taken of that which begins earlier; segments of another container than the
    first one's, and those that `is_there` denies by their URI, are left out.
    """
    merged = _merged(_pieces(folder, playlist) for folder, playlist in playlists)
    chosen = [piece for piece in _chosen(merged, start, end, one_more) if is_there(piece.uri)]
    if not chosen:
        return None
    made = Playlist(_AIM_S)
    made.independent = all(piece.independent for piece in chosen)
    for before, piece in zip([None, *chosen], chosen, strict=False):
        made.append(_entry(piece, before is not None and _breaks(before, piece)))
    return Excerpt(
        text=made.render(ended=True),
        uris=tuple(piece.uri for piece in chosen),
        starts_at=chosen[0].starts_at,
        ends_at=chosen[-1].ends_at,
        duration_ms=sum(piece.listed.duration_ms for piece in chosen),
    )


def _pieces(folder: str, playlist: PlaylistText) -> Sequence[_Piece]:
    """A playlist's segments, as far as it is said what o'clock they are of."""
    return [
        _Piece(folder, number, listed, listed.starts_at, playlist.independent)
        for number, listed in enumerate(playlist.segments)
        if listed.starts_at is not None and listed.starts_at.tzinfo is not None
    ]


def _merged(playlists: Iterable[Sequence[_Piece]]) -> Iterator[_Piece]:
    """One playlist after the other, without what was there already."""
    taken_to: datetime | None = None
    for pieces in sorted(filter(None, playlists), key=lambda pieces: pieces[0].starts_at):
        new = [piece for piece in pieces if taken_to is None or piece.starts_at >= taken_to]
        yield from new
        if new:
            taken_to = new[-1].ends_at


def _chosen(pieces: Iterable[_Piece], start: datetime, end: datetime, one_more: bool) -> list[_Piece]:
    chosen: list[_Piece] = []
    for piece in pieces:
        if piece.ends_at <= start or (chosen and _is_fragmented(piece) != _is_fragmented(chosen[0])):
            continue
        if piece.ends_at <= end:
            chosen.append(piece)
        elif one_more and piece.starts_at < end:
            chosen.append(piece)
            break
    return chosen


def _is_fragmented(piece: _Piece) -> bool:
    return piece.listed.map_name is not None


def _breaks(before: _Piece, piece: _Piece) -> bool:
    """The second does not go on where the first ends."""
    follows = (piece.folder, piece.number) == (before.folder, before.number + 1)
    return piece.listed.discontinuity or not follows


def _entry(piece: _Piece, breaks: bool) -> Entry:
    listed = piece.listed
    map_uri = None if listed.map_name is None else f"{piece.folder}/{listed.map_name}"
    return Entry(piece.uri, listed.duration_ms, piece.starts_at, breaks, map_uri)
