"""A clock that jumped while its section has yet to begin.

A section can begin at a keyframe only. What comes between the jump and that keyframe stays in the section
before, and its times continue there. Each kind jumps at a row of its own: until then it is on the old clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.media.batch import Kind
from engine.media.limits import JUMP_AHEAD_MS, JUMP_BACK_MS

_NOMINAL_STEP_MS = {Kind.VIDEO: 40, Kind.AUDIO: 23}  # between a frame and one whose clock jumped


@dataclass(slots=True)
class SectionClock:
    """Which clock each kind is on. `epoch` counts the jumps; a section belongs to one epoch."""

    epoch: int = 0
    last: dict[int, int] = field(default_factory=dict)  # kind -> dts of its last frame, in its section
    waiting: bool = False  # the newest epoch has media that is still in a section of an older one
    _shift_ms: int = 0  # from the newest epoch's clock to the one before
    _jumped: set[int] = field(default_factory=set)  # kinds on the newest epoch's clock

    def epoch_of(self, kind: int) -> int:
        """The epoch that a kind's rows belong to."""
        return self.epoch if not self.waiting or kind in self._jumped else self.epoch - 1

    def is_jump(self, kind: int, dts: int, epoch: int, *, flagged: bool) -> bool:
        """Take in the time of a frame whose kind is in a section of this epoch; true when it begins another
        epoch, which `jump` must be told of.

        The kind that did not jump first follows without a flag, or with one of its own.
        """
        if not self.waiting or kind in self._jumped or epoch == self.epoch:
            return flagged
        if flagged and not self._follows(kind, dts + self._shift_ms):
            return True
        if flagged or not self._follows(kind, dts):
            self._jumped.add(kind)
        return False

    def _follows(self, kind: int, dts: int) -> bool:
        return kind in self.last and -JUMP_BACK_MS <= dts - self.last[kind] <= JUMP_AHEAD_MS

    def jump(self, kind: int, dts: int) -> None:
        """The clock of a kind jumped to `dts`."""
        self.epoch += 1
        self.waiting = True
        self._jumped = {kind}
        self._shift_ms = max(self.last.values(), default=dts) + _NOMINAL_STEP_MS[Kind(kind)] - dts

    def shift_ms(self, kind: int, epoch: int) -> int:
        """What continues a kind's time in a section of this epoch."""
        return self._shift_ms if self.waiting and kind in self._jumped and epoch < self.epoch else 0

    def settle(self) -> None:
        """Every section is of the newest epoch."""
        self.waiting = False
        self._jumped.clear()
