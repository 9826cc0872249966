"""FFmpeg through PyAV. Everything in this folder takes it from here, so that what it says is always kept.

Imported only where FFmpeg is asked: it takes 17 MB of a process, and a third of a second.
"""

from __future__ import annotations

import logging

import av
import av.error
import av.logging

__all__ = ["av"]

# Without a level PyAV drops FFmpeg's words, which go into MuxError and into reports. PyAV also hands them to
# this logger, which without a handler would print them on stderr.
av.logging.set_level(av.logging.ERROR)
# Otherwise a file whose first complaint is the last one of the file before it is taken for whole.
av.logging.set_skip_repeated(False)
_libav = logging.getLogger("libav")  # noqa: TID251
_libav.addHandler(logging.NullHandler())
_libav.propagate = False
