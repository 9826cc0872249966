"""Every bound of the Python side, each with its reason. Those of the wire parsers are in native/core."""

CONNECT_TIMEOUT_S = 5.0
"""To connect, shake hands and get the stream accepted. A healthy origin needs a few round trips."""

NO_DATA_TIMEOUT_S = 10.0
"""A live stream sends many packets a second; after this long without one the connection is dead."""

BACKOFF_FIRST_S = 0.5
"""The first wait before connecting again; doubled each time."""

BACKOFF_LAST_S = 15.0
"""The longest wait: a publisher that returns is missed for this long at the most."""

MAX_REDIRECTS = 5
"""As browsers and curl users expect of a short chain; more is a loop."""

QUEUED_BYTES = 64 << 20
"""Media of one recording waiting for the disk. At 3 Mb/s this outlasts a stall of two minutes; beyond it
reading pauses and TCP holds the origin."""

RECEIVE_BUFFER_BYTES = 1 << 20
"""One per worker: a 250 ms tick of a 30 Mb/s stream. What does not fit is read by the next call."""

TICK_FIRST_S = 0.02
"""Ticks start short: the kernel's receive window has yet to grow."""

TICK_LAST_S = 0.25
"""The longest tick: design decision 1 measured no gain worth the latency beyond it."""

OPENING_WAIT_MS = 2_000
"""How long a promised track is waited for before the recording starts without it (F4)."""

OPENING_BYTES = 16 << 20
"""Media held while waiting for a track, or for the keyframe behind a discontinuity; 2 s of a 64 Mb/s
stream."""

JUMP_BACK_MS = 1_000
JUMP_AHEAD_MS = 10_000
"""Beyond these a clock has jumped: encoders hiccup by less (F6)."""

REMEMBERED_MS = 20_000
"""How far back media that comes again after a reconnect is recognised: origins replay their last group of
pictures, and encoders make those of 10 s at the longest, as a rule."""

REMEMBERED_PACKETS = 2048
"""At 17 bytes each 34 KB a recording, whatever the stream does: 20 s of 100 packets a second."""

REPLAY_JITTER_MS = 1
"""An origin that counts in other units than milliseconds rounds a replayed timestamp the other way."""

CUT_HOLD_MS = 2_000
"""Audio ahead of the video is held back at a cut for this long at the most."""
