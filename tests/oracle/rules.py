"""The rules of recording.md as assertions; see the modules they come from."""

from oracle.fidelity import assert_f1, assert_f2
from oracle.hls_rules import assert_playlist
from oracle.playback import assert_f3, assert_plays, playable

__all__ = ["assert_f1", "assert_f2", "assert_f3", "assert_playlist", "assert_plays", "playable"]
