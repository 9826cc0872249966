"""Cuts behind the first cut point: by interval, and where tracks or the clock change.

Each kind (audio, video) is routed to a section. At a cut the kinds move to the new section one after the
other: video at a keyframe, audio when its time reaches the cut, so that two sections overlap for a moment and
no packet is lost or doubled. Batches in which nothing of this happens pass whole.
"""

from __future__ import annotations

import numpy as np

from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import CUT_HOLD_MS, JUMP_BACK_MS
from engine.segment.operations import Begin, Cause, End, Media, Note, Operation, joined
from engine.segment.tracks import TrackBook

_DISCONTINUITY = int(Flag.DISCONTINUITY)
_NOMINAL_STEP_MS = {Kind.VIDEO: 40, Kind.AUDIO: 23}  # between a frame and one whose clock jumped


class Sections:
    """Routes the rows of a started push to sections."""

    def __init__(self, book: TrackBook, interval_ms: int | None, first_section: int) -> None:
        self._book = book
        self._interval_ms = interval_ms
        self.next_section = first_section
        self._route: dict[int, int] = {}  # kind -> section
        self._moving: dict[int, int] = {}  # kind -> the dts from which it belongs to the newest section
        self._start_dts = 0  # of the newest section
        self._video_dts = 0  # the last video frame's
        self._held: list[Batch] = []  # single audio rows ahead of the video while a cut is due
        self._change: Cause | None = None  # a section must begin at the next keyframe, and why
        self._shift: dict[int, int] = {}  # kind -> added to dts until the section of a jumped clock begins
        self._last_dts: dict[int, int] = {}
        self._undecodable = False  # video since a configuration change, until its keyframe
        self._left_out = 0  # video frames that had no keyframe yet
        self._audio_from: int | None = None  # until audio has reached the first cut point: its dts
        self._out: list[Operation] = []

    def start(self, kinds: tuple[int, ...], dts_ms: int) -> list[Operation]:
        """Begin the first section."""
        self._begin(Cause.FIRST, dts_ms, kinds)
        if len(kinds) == 2:
            self._audio_from = dts_ms
        return self._take()

    def feed(self, batch: Batch) -> list[Operation]:
        """The operations of a batch."""
        if self._passes_whole(batch):
            self._pass_whole(batch)
        else:
            for row in range(len(batch)):
                self._feed_row(batch.rows(slice(row, row + 1)))
        return self._take()

    def finish(self) -> list[Operation]:
        """End every section."""
        self._release_held(None)
        for section in sorted(set(self._route.values())):
            self._out.append(End(section))
        self._route.clear()
        return self._take()

    def _take(self) -> list[Operation]:
        out, self._out = self._out, []
        return joined(out)

    # Batches without an event

    def _passes_whole(self, batch: Batch) -> bool:
        if self._moving or self._held or self._change or self._shift or self._audio_from is not None:
            return False
        tags = batch.tags
        if self._interval_ms is not None and tags["dts"].max() >= self._start_dts + self._interval_ms:
            return False
        if batch.is_plain and self._is_of_known_tracks(batch):
            return True
        if (tags["flags"] & _DISCONTINUITY).any():
            return False
        return not any(self._book.is_news(batch, int(row)) for row in self._book.candidates(batch))

    def _is_of_known_tracks(self, batch: Batch) -> bool:
        tracks = self._book.tracks
        known = {int(tracks[kind].codec) for kind in self._route if kind in tracks}
        return known.issuperset(batch.tags["codec"].tolist())

    def _pass_whole(self, batch: Batch) -> None:
        if not batch.is_plain:
            for row in self._book.candidates(batch):
                self._book.learn(batch, int(row))
        last = batch.last_dts()
        last.pop(Kind.SCRIPT, None)
        for kind in last.keys() - self._route.keys():
            batch = batch.rows(batch.tags["kind"] != kind)
            del last[kind]
        self._last_dts.update(last)
        self._video_dts = self._last_dts.get(Kind.VIDEO, self._video_dts)
        if len(batch):
            self._out.append(Media(self._newest, batch))

    # Row by row

    def _feed_row(self, row: Batch) -> None:
        tag = row.tags[0]
        kind, role = int(tag["kind"]), int(tag["role"])
        if kind == Kind.SCRIPT:
            self._book.learn(row, 0)
            self._out.append(Media(self._newest, row))
            return
        changed = self._book.is_news(row, 0) and self._book.learn(row, 0)
        if changed and kind in self._route:
            self._tracks_changed(kind, int(tag["dts"]))
            if role == Role.CONFIG:
                return  # the next section starts with it; in this one it would have no frames
        if tag["flags"] & Flag.DISCONTINUITY:
            self._clock_jumped(kind, int(tag["dts"]))
        if role == Role.FRAME and not self._is_decodable(kind, int(tag["codec"])):
            return
        if kind == Kind.VIDEO:
            self._feed_video(row)
        else:
            self._feed_audio(row)

    def _is_decodable(self, kind: int, codec: int) -> bool:
        track = self._book.tracks.get(kind)
        return track is not None and track.codec == codec

    def _feed_video(self, row: Batch) -> None:
        tag = row.tags[0]
        dts = int(tag["dts"])
        sections_before = self.next_section
        if int(tag["role"]) == Role.FRAME:
            is_key = bool(tag["flags"] & Flag.KEY)
            self._cut_before_video(dts, is_key=is_key)
            self._video_dts = dts
            if self._undecodable or Kind.VIDEO not in self._route:
                self._left_out += 1
                return
        if Kind.VIDEO in self._route:
            self._emit(Kind.VIDEO, row)
            self._release_held(dts if self.next_section == sections_before else None)

    def _cut_before_video(self, dts: int, *, is_key: bool) -> None:
        if is_key and Kind.VIDEO in self._moving:
            self._move(Kind.VIDEO)
        elif is_key and (self._change is not None or Kind.VIDEO not in self._route):
            self._cut(self._change or Cause.TRACKS, dts)
        elif self._interval_ms is not None and Kind.VIDEO in self._route and not self._change:
            age = dts - self._start_dts
            if is_key and age >= self._interval_ms:
                self._cut(Cause.INTERVAL, dts)
            elif age >= 2 * self._interval_ms:
                self._out.append(Note("cut_without_keyframe", f"no keyframe for {age} ms: cut without one"))
                self._cut(Cause.INTERVAL, dts)
        if is_key:
            self._undecodable = False
            if self._left_out:
                line = f"{self._left_out} video frames came before the keyframe they need: left out"
                self._out.append(Note("undecodable", line))
                self._left_out = 0

    def _feed_audio(self, row: Batch) -> None:
        tag = row.tags[0]
        dts, is_frame = int(tag["dts"]), int(tag["role"]) == Role.FRAME
        if Kind.AUDIO not in self._route:
            if is_frame:
                self._add_audio(dts)
            else:
                return
        if is_frame and self._audio_from is not None:
            if self._audio_from - JUMP_BACK_MS <= dts < self._audio_from:
                return  # it arrives late, and belongs before the first cut point (F4)
            self._audio_from = None
        cut_dts = self._moving.get(Kind.AUDIO)
        if cut_dts is not None and (dts >= cut_dts or self._video_dts >= cut_dts + CUT_HOLD_MS):
            self._move(Kind.AUDIO)
        if is_frame and Kind.VIDEO not in self._route:
            self._cut_audio_only(dts)
        if self._is_ahead_of_cut(dts, is_frame):
            self._held.append(row)
            if dts - int(self._held[0].tags["dts"][0]) > CUT_HOLD_MS:
                self._release_held(None)
            return
        self._emit(Kind.AUDIO, row)

    def _cut_audio_only(self, dts: int) -> None:
        if self._change is not None:
            self._cut(self._change, dts)
        elif self._interval_ms is not None and dts - self._start_dts >= self._interval_ms:
            self._cut(Cause.INTERVAL, dts)

    def _is_ahead_of_cut(self, dts: int, is_frame: bool) -> bool:
        """Audio that may belong behind a cut whose keyframe has not come yet."""
        if self._held and not is_frame:
            return True  # keeps its place among the frames
        if self._interval_ms is None or Kind.VIDEO not in self._route or self._moving or self._shift:
            return False
        return dts >= self._start_dts + self._interval_ms and dts > self._video_dts

    # Changes

    def _tracks_changed(self, kind: int, dts: int) -> None:
        if kind == Kind.VIDEO:
            self._change = Cause.TRACKS
            self._undecodable = True
            return
        self._settle()
        kinds = tuple(sorted(self._route, reverse=True))
        old_route = dict(self._route)
        self._begin(Cause.TRACKS, dts, kinds)
        if Kind.VIDEO in old_route:
            self._route[Kind.VIDEO] = old_route[Kind.VIDEO]
            self._moving[Kind.VIDEO] = dts
        else:
            self._out.append(End(old_route[Kind.AUDIO]))

    def _add_audio(self, dts: int) -> None:
        self._settle()
        old = self._route[Kind.VIDEO]
        self._begin(Cause.TRACKS, dts, (Kind.VIDEO, Kind.AUDIO))
        self._route[Kind.VIDEO] = old
        self._moving[Kind.VIDEO] = dts

    def _clock_jumped(self, kind: int, dts: int) -> None:
        """Until the section of the new clock begins, rows continue the old one."""
        self._audio_from = None
        self._release_held(None)
        self._settle()
        self._change = self._change or Cause.JUMP
        step = max(self._last_dts.values(), default=dts) + _NOMINAL_STEP_MS[Kind(kind)] - dts
        self._shift = dict.fromkeys(self._route, step)
        self._video_dts = dts

    def _cut(self, cause: Cause, dts: int) -> None:
        """Begin a section at a video frame (or an audio packet without video); audio follows by time."""
        self._settle()
        old_route = dict(self._route)
        self._change = None
        kinds = {*old_route, Kind.VIDEO} if Kind.VIDEO in self._book.tracks else set(old_route)
        self._begin(cause, dts, tuple(sorted(kinds, reverse=True)))
        if Kind.AUDIO in old_route and Kind.VIDEO in kinds:
            self._route[Kind.AUDIO] = old_route[Kind.AUDIO]
            self._moving[Kind.AUDIO] = dts
            self._release_held(dts - 1)
            if self._held:  # it belongs behind the cut, and follows the keyframe
                self._move(Kind.AUDIO)
        else:
            self._shift.clear()
            self._end_unrouted(old_route)
        self._shift.pop(Kind.VIDEO, None)
        if Kind.VIDEO in old_route and Kind.AUDIO not in old_route:
            self._shift.clear()

    def _move(self, kind: int) -> None:
        """The last kind of the old section goes over to the newest one."""
        del self._moving[kind]
        old_route = dict(self._route)
        self._route[kind] = self.next_section - 1
        self._shift.pop(kind, None)
        self._end_unrouted(old_route)

    def _settle(self) -> None:
        """Finish a move that is still under way, before another section begins."""
        for kind in tuple(self._moving):
            self._move(kind)

    def _begin(self, cause: Cause, dts: int, kinds: tuple[int, ...]) -> None:
        section = self.next_section
        self.next_section += 1
        self._start_dts = dts
        for kind in kinds:
            self._route[kind] = section
        book = self._book
        tracks, headers = book.known(kinds), book.known_headers(kinds)
        self._out.append(Begin(section, cause, tracks, headers, book.metadata, dts))

    def _end_unrouted(self, old_route: dict[int, int]) -> None:
        for section in sorted(set(old_route.values()) - set(self._route.values())):
            self._out.append(End(section))

    # Emission

    @property
    def _newest(self) -> int:
        return max(self._route.values())

    def _emit(self, kind: int, row: Batch) -> None:
        shift = self._shift.get(kind, 0)
        if shift:
            row = Batch(row.arena, row.tags.copy())
            row.tags["dts"] += shift
            row.tags["flags"] &= ~np.uint8(Flag.DISCONTINUITY)
        if int(row.tags["role"][0]) == Role.FRAME:
            self._last_dts[kind] = int(row.tags["dts"][0])
        self._out.append(Media(self._route[kind], row))

    def _release_held(self, up_to_dts: int | None) -> None:
        """Emit held audio up to a time; all of it with None."""
        while self._held and (up_to_dts is None or int(self._held[0].tags["dts"][0]) <= up_to_dts):
            self._emit(Kind.AUDIO, self._held.pop(0))
