"""Cuts behind the first cut point: by interval and size, and where tracks or the clock change.

Each kind (audio, video) is routed to a section. At a cut the kinds move to the new section one after the
other: video at a keyframe, audio when its time reaches the cut, so that no packet is lost or doubled. Until
the last has moved, the new section waits: changes of both tracks that belong together make one section, and a
section's tracks are those that really came. Batches in which nothing of this happens pass whole.
"""

from __future__ import annotations

import math

import numpy as np

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import CUT_HOLD_MS, JUMP_BACK_MS, OPENING_BYTES
from engine.media.track import Track
from engine.segment.clock import SectionClock
from engine.segment.cut_rule import CutRule, Grown, NextCut, file_bytes
from engine.segment.operations import Cause, End, Media, Note, Operation, joined
from engine.segment.section import LeftOut, Section
from engine.segment.tracks import TrackBook

_DISCONTINUITY = int(Flag.DISCONTINUITY)


class Sections:
    """Routes the rows of a started push to sections."""

    def __init__(
        self,
        book: TrackBook,
        rule: CutRule,
        first_section: int,
        before: Grown,
    ) -> None:
        self._book = book
        self._next_cut = NextCut(rule, before)
        self.next_section = first_section
        self._clock = SectionClock()
        self._queue: list[Section] = []  # those that have not ended, oldest first
        self._at: dict[int, Section] = {}  # kind -> the section its rows go to
        self._ahead: list[Batch] = []  # single audio rows ahead of the video while a cut is due
        self._video_dts = 0  # the last video frame's, in or out of a section
        self._key_dts = 0  # the last keyframe's
        self._needs_key = True  # video cannot go on without a keyframe
        self._left_out = LeftOut()
        self._audio_from: int | None = None  # until audio has reached the first cut point: its dts
        self._out: list[Operation] = []
        self._steady: dict[int, int] | None = None  # the codecs of a surveyed batch, once one passed whole
        self._steady_until_ms = math.inf  # the next cut

    def start(self, kinds: tuple[int, ...], dts_ms: int) -> list[Operation]:
        """Begin the first section."""
        section = self._append(Cause.FIRST, dts_ms)
        for kind in kinds:
            self._join(kind, section)
        self._begin(section)
        self._needs_key = Kind.VIDEO not in kinds
        if len(kinds) == 2:
            self._audio_from = dts_ms
        return self._take()

    def feed(self, batch: Batch) -> list[Operation]:
        """The operations of a batch."""
        survey = batch.survey
        if survey is not None and survey.codecs == self._steady and survey.last_ms < self._steady_until_ms:
            section = self._queue[-1]
            size_bytes = section.file_bytes + file_bytes(batch)
            if size_bytes < self._next_cut.due_bytes:
                section.file_bytes = size_bytes
                self._note_times(survey)  # as the batch before it, which changed nothing else
                return [Media(section.number, batch)]
        self._steady = None
        if self._passes_whole(batch):
            self._pass_whole(batch)
        else:
            for row in range(len(batch)):
                self._feed_row(batch.rows(slice(row, row + 1)))
        return self._take()

    def finish(self) -> list[Operation]:
        """End every section."""
        if self._queue:
            self._release_ahead(None)
            self._at.clear()
            self._retire()
            self._out.append(End(self._queue.pop().number))
        self._out += self._left_out.notes(Kind.VIDEO, Kind.AUDIO)
        return self._take()

    def _take(self) -> list[Operation]:
        out, self._out = self._out, []
        return joined(out)

    # Batches without an event

    def _passes_whole(self, batch: Batch) -> bool:
        if len(self._queue) > 1 or self._ahead or self._clock.waiting or self._left_out.any:
            return False
        if self._audio_from is not None:
            return False
        section, book, survey = self._queue[-1], self._book, batch.survey
        last_ms = int(batch.tags["dts"].max()) if survey is None else survey.last_ms
        if last_ms >= self._cut_ms() or section.file_bytes + file_bytes(batch) >= self._next_cut.due_bytes:
            return False
        kinds = (
            set(batch.tags["kind"].tolist()) - {int(Kind.SCRIPT)} if survey is None else survey.codecs.keys()
        )
        if not kinds <= self._at.keys():
            return False
        if Kind.VIDEO in kinds and (self._needs_key or not section.has_video):
            return False
        for kind in self._at:
            if section.tracks[kind] is not book.tracks[kind] and section.tracks[kind] != book.tracks[kind]:
                return False
        if survey is not None and not book.reads_frames:
            return all(codec == book.tracks[kind].codec for kind, codec in survey.codecs.items())
        if (batch.tags["flags"] & _DISCONTINUITY).any():
            return False
        return not any(book.is_news(batch, int(row)) for row in book.candidates(batch))

    def _cut_ms(self) -> float:
        """When the newest section has lasted long enough."""
        return self._queue[-1].dts_ms + self._next_cut.due_ms

    def _pass_whole(self, batch: Batch) -> None:
        if batch.survey is None:
            self._look_at_rows(batch)
        else:
            self._note_times(batch.survey)
            if not self._book.reads_frames:
                self._steady, self._steady_until_ms = batch.survey.codecs, self._cut_ms()
        self._queue[-1].file_bytes += file_bytes(batch)
        self._out.append(Media(self._queue[-1].number, batch))

    def _note_times(self, survey: _native.Survey) -> None:
        self._clock.last.update(survey.last_of)
        video = survey.video
        if video is not None:
            self._video_dts = video.last_ms
            self._key_dts = self._key_dts if video.last_key_ms is None else video.last_key_ms

    def _look_at_rows(self, batch: Batch) -> None:
        for row in self._book.candidates(batch):
            self._book.learn(batch, int(row))
        frames = batch.rows(batch.tags["role"] == Role.FRAME)
        if len(frames):
            self._clock.last.update(frames.last_dts())
            self._video_dts = self._clock.last.get(Kind.VIDEO, self._video_dts)
            is_key = (frames.tags["kind"] == Kind.VIDEO) & (frames.tags["flags"] & Flag.KEY != 0)
            if is_key.any():
                self._key_dts = int(frames.tags["dts"][is_key][-1])

    # Row by row

    def _feed_row(self, row: Batch) -> None:
        tag = row.tags[0]
        kind, role, book = int(tag["kind"]), int(tag["role"]), self._book
        if kind == Kind.SCRIPT:
            book.learn(row, 0)
            self._put_script(row)
            return
        if book.is_news(row, 0) or tag["flags"] & Flag.MULTITRACK:
            book.learn(row, 0)
        if role == Role.FRAME:
            self._feed_frame(kind, row)
        elif kind in self._at and (role != Role.CONFIG or self._is_repeated_config(kind, row)):
            if kind == Kind.AUDIO and self._ahead:
                self._ahead.append(row)  # keeps its place among the frames
            else:
                self._put(kind, row)
        elif kind == Kind.AUDIO:
            self._release_ahead(None)  # of the configuration before

    def _is_repeated_config(self, kind: int, row: Batch) -> bool:
        """Not one that cannot be read, and not one of a change: the next section begins with that."""
        track = self._book.tracks.get(kind)
        return track is not None and track.config == row.media(0) and self._at[kind].tracks[kind] == track

    def _feed_frame(self, kind: int, row: Batch) -> None:
        tag = row.tags[0]
        dts, track = int(tag["dts"]), self._book.tracks.get(kind)
        epoch = self._at.get(kind, self._queue[0]).epoch
        if self._clock.is_jump(kind, dts, epoch, flagged=bool(tag["flags"] & Flag.DISCONTINUITY)):
            self._audio_from = None
            self._release_ahead(None)
            self._settle()
            self._clock.jump(kind, dts)
        for section in self._queue[1:]:
            section.arrived.add(kind)
        if track is None or track.codec != tag["codec"]:
            self._left_out.add(kind)
            self._needs_key = self._needs_key or kind == Kind.VIDEO
        elif kind == Kind.VIDEO:
            self._feed_video(row, track)
        else:
            self._out += self._left_out.notes(Kind.AUDIO)
            self._feed_audio(row, track)

    # Video

    def _feed_video(self, row: Batch, track: Track) -> None:
        tag = row.tags[0]
        dts, is_key = int(tag["dts"]), bool(tag["flags"] & Flag.KEY)
        section = self._at.get(Kind.VIDEO)
        self._video_dts = dts + (self._clock.shift_ms(Kind.VIDEO, section.epoch) if section else 0)
        if is_key:
            self._needs_key = False
            self._out += self._left_out.notes(Kind.VIDEO)
        elif self._needs_key or (section is not None and section.tracks[Kind.VIDEO] != track):
            self._left_out.add(Kind.VIDEO)
            self._needs_key = True
            self._release_ahead(self._video_dts)
            return
        cause = self._cause_to_cut(section, track, is_key=is_key)
        if cause is None:
            self._put(Kind.VIDEO, row)
            self._release_ahead(self._video_dts)
        else:
            self._cut_at_video(cause, row, track)

    def _cause_to_cut(self, section: Section | None, track: Track, *, is_key: bool) -> Cause | None:
        """Why a section begins at a video frame."""
        if section is None or section.tracks[Kind.VIDEO] != track:
            return self._cause_of_change()
        newest = self._queue[-1]
        if is_key and section is not newest:
            return newest.cause  # it waits for a keyframe
        age_ms, cut = self._video_dts - section.dts_ms, self._next_cut
        cause = cut.cause(age_ms, section.file_bytes) if is_key else cut.cause_without_key(age_ms)
        if section.epoch < self._clock.epoch and (is_key or cause is not None):
            return Cause.JUMP
        if is_key and self._audio_will_change():
            return Cause.TRACKS
        return cause

    def _audio_will_change(self) -> bool:
        """Its header came, its frames did not yet."""
        section = self._at.get(Kind.AUDIO)
        return section is not None and section.tracks[Kind.AUDIO] != self._book.tracks[Kind.AUDIO]

    def _cause_of_change(self) -> Cause:
        return Cause.JUMP if self._queue[-1].epoch < self._clock.epoch else Cause.TRACKS

    def _cut_at_video(self, cause: Cause, row: Batch, track: Track) -> None:
        """Audio ahead of the cut stays before it in time."""
        dts, newest = int(row.tags["dts"][0]), self._queue[-1]
        self._release_ahead(self._video_dts - 1)
        rest, self._ahead = self._ahead, []
        can_join = not newest.begun or newest.tracks.get(Kind.VIDEO) == track
        if newest is self._at.get(Kind.VIDEO) or not can_join:
            newest = self._append(cause, dts)
        self._join(Kind.VIDEO, newest)
        self._needs_key = False
        self._retire()
        self._put(Kind.VIDEO, row)
        for early in rest:
            self._feed_row(early)

    # Audio

    def _feed_audio(self, row: Batch, track: Track) -> None:
        dts = int(row.tags["dts"][0])
        if self._audio_from is not None:
            if self._audio_from - JUMP_BACK_MS <= dts < self._audio_from:
                return  # it arrives late, and belongs before the first cut point (F4)
            self._audio_from = None
        section = self._at.get(Kind.AUDIO)
        if section is None or section.tracks[Kind.AUDIO] != track:
            self._release_ahead(None)
            self._change_audio(section, dts)
        else:
            section = self._follow(section, dts)
            cause = self._cause_to_cut_at_audio(section, dts)
            if cause is not None:
                self._release_ahead(None)
                self._join(Kind.AUDIO, self._append(cause, dts))
                self._retire()
            elif self._ahead or self._is_ahead_of_cut(section, dts):
                self._ahead.append(row)  # none overtakes those that wait
                while dts - int(self._ahead[0].tags["dts"][0]) > CUT_HOLD_MS:
                    self._put(Kind.AUDIO, self._ahead.pop(0))
                return
        self._put(Kind.AUDIO, row)

    def _change_audio(self, section: Section | None, dts: int) -> None:
        """Audio that changed or came back leaves its section at once, for one that waits or a new one."""
        behind = self._queue[1 if section is None else self._queue.index(section) + 1 :]
        waiting = [after for after in behind if not after.begun]
        if waiting:
            in_time = [after for after in waiting if after.dts_ms <= dts]
            self._join(Kind.AUDIO, (in_time or waiting[:1])[-1])
        else:
            self._join(Kind.AUDIO, self._append(self._cause_of_change(), dts))
        self._retire()

    def _follow(self, section: Section, dts: int) -> Section:
        """The section that the time of an audio frame has reached."""
        for after in self._queue[self._queue.index(section) + 1 :]:
            if after.begun or after.epoch > self._clock.epoch_of(Kind.AUDIO) or dts < after.dts_ms:
                break
            self._join(Kind.AUDIO, after)
            section = after
        self._retire()
        return section

    def _cause_to_cut_at_audio(self, section: Section, dts: int) -> Cause | None:
        """Why a section begins at an audio frame: there is no video to cut at."""
        if section is not self._queue[-1]:
            return None
        age_ms, size_bytes = dts - section.dts_ms, section.file_bytes
        if Kind.VIDEO not in self._at:
            if section.epoch < self._clock.epoch:
                return Cause.JUMP
            return self._next_cut.cause(age_ms, size_bytes)
        silent_ms = dts - self._video_dts
        if self._clock.waiting or silent_ms < CUT_HOLD_MS:
            return None
        cause = self._next_cut.cause_without_video(age_ms, size_bytes)
        if cause is not None:
            line = f"no video for {silent_ms} ms: cut without a keyframe"
            self._out.append(Note("cut_without_keyframe", line))
        return cause

    def _is_ahead_of_cut(self, section: Section, dts: int) -> bool:
        """Audio that may belong behind a cut whose keyframe has not come yet."""
        if self._at.get(Kind.VIDEO) is not section or self._clock.waiting or dts <= self._video_dts:
            return False
        return self._next_cut.cause(dts - section.dts_ms, section.file_bytes) is not None

    def _release_ahead(self, up_to_dts: int | None) -> None:
        """Audio that was ahead goes to its section, up to a time; all of it with None."""
        while self._ahead and (up_to_dts is None or int(self._ahead[0].tags["dts"][0]) <= up_to_dts):
            self._put(Kind.AUDIO, self._ahead.pop(0))

    # From section to section

    def _append(self, cause: Cause, dts: int) -> Section:
        """A section that waits until all kinds have left the ones before it."""
        if any(section.begun for section in self._queue[1:]):
            self._settle()
        if cause is not Cause.FIRST:
            self._next_cut = NextCut(self._next_cut.rule)
        section = Section(self.next_section, cause, dts, self._clock.epoch, self._book.metadata)
        self.next_section += 1
        self._queue.append(section)
        return section

    def _join(self, kind: int, section: Section) -> None:
        """From here on the rows of a kind go to a section."""
        self._at[kind] = section
        if section.begun:
            return
        section.tracks[kind] = self._book.tracks[kind]
        if kind in self._book.headers:
            section.headers[kind] = self._book.headers[kind]

    def _retire(self) -> None:
        """End the sections that every kind has left; the one behind begins."""
        while len(self._queue) > 1 and self._queue[0] not in self._at.values():
            ended = self._queue.pop(0)
            if not self._queue[0].begun:
                self._begin(self._queue[0], behind=ended)
            else:
                self._out.append(End(ended.number))
        if self._clock.waiting and all(section.epoch == self._clock.epoch for section in self._queue):
            self._clock.settle()

    def _begin(self, section: Section, behind: Section | None = None) -> None:
        section.begun = True
        self._out.append(section.begin())
        if behind is not None:
            self._out.append(End(behind.number))
        self._out += [Media(section.number, row) for row in section.held]
        section.held.clear()

    def _resolve(self, section: Section) -> None:
        """A section has waited long enough for the kinds that are still in the one before it.

        Those that did not come at all since are gone: it begins without them. Late audio moves now; video
        needs a keyframe to, and until that comes the two sections overlap.
        """
        before = self._queue[0]
        for kind in [kind for kind, at in self._at.items() if at is before]:
            if kind not in section.arrived:
                del self._at[kind]
            elif kind == Kind.AUDIO or len(self._queue) > 2:
                self._move(kind, section)
            elif before.tracks[kind] == self._book.tracks[kind]:
                section.tracks[kind] = before.tracks[kind]
                if kind in self._book.headers:
                    section.headers[kind] = self._book.headers[kind]
        self._retire()
        if not section.begun:
            self._begin(section)

    def _settle(self) -> None:
        """Finish every move that is under way, before the clock jumps or a third section overlaps."""
        newest = self._queue[-1]
        for kind, section in tuple(self._at.items()):
            if section is not newest:
                self._move(kind, newest)
        self._retire()

    def _move(self, kind: int, section: Section) -> None:
        """Move a kind in the middle of its frames."""
        track = self._book.tracks[kind]
        if kind == Kind.VIDEO and self._at[kind].tracks[kind] != track:
            self._needs_key = True
        if section.begun and section.tracks.get(kind) != track:
            del self._at[kind]  # it comes back with a section of its own
        else:
            self._join(kind, section)

    # Rows into sections

    def _put(self, kind: int, row: Batch) -> None:
        """Add a row of a kind to its section."""
        section = self._at[kind]
        shift_ms = self._clock.shift_ms(kind, section.epoch)
        if shift_ms or row.tags["flags"][0] & _DISCONTINUITY:
            row = Batch(row.arena, row.tags.copy())
            row.tags["dts"] += shift_ms
            row.tags["flags"] &= ~np.uint8(_DISCONTINUITY)  # the section's cause says it
        tag = row.tags[0]
        dts = int(tag["dts"])
        if tag["role"] == Role.FRAME:
            self._clock.last[kind] = dts
            if kind == Kind.VIDEO:
                self._note_keys(section, dts, is_key=bool(tag["flags"] & Flag.KEY))
        self._add(section, row)
        if not section.begun:
            self._limit_waiting(section, dts)

    def _note_keys(self, section: Section, dts: int, *, is_key: bool) -> None:
        if not is_key and not section.has_video:
            line = f"no keyframe for {dts - self._key_dts} ms: cut without one"
            self._out.append(Note("cut_without_keyframe", line))
        section.has_video = True
        if is_key:
            self._key_dts = dts

    def _put_script(self, row: Batch) -> None:
        section = self._queue[-1]
        if section.epoch < self._clock.epoch:
            row = Batch(row.arena, row.tags.copy())
            row.tags["dts"] = max(self._clock.last.values(), default=section.dts_ms)
        self._add(section, row)

    def _add(self, section: Section, row: Batch) -> None:
        section.file_bytes += file_bytes(row)
        if section.begun:
            self._out.append(Media(section.number, row))
        else:
            section.held.append(row)
            section.held_bytes += row.size_bytes

    def _limit_waiting(self, section: Section, dts: int) -> None:
        """No section waits for longer than `CUT_HOLD_MS` of media, nor for more than `OPENING_BYTES`."""
        while not section.begun:
            oldest = self._queue[1]
            held_bytes = sum(waiting.held_bytes for waiting in self._queue[1:])
            is_late = oldest.epoch == section.epoch and dts - oldest.dts_ms > CUT_HOLD_MS
            if not is_late and held_bytes <= OPENING_BYTES:
                return
            self._resolve(oldest)
