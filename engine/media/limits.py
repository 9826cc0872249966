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

READ_BYTES = 64 << 10
"""What is copied out of what it came in is read in pieces of this size, each of which takes the place of the
one before: a larger one would drive what a recording works with out of the processor's cache, once a tick."""

TICK_FIRST_S = 0.02
"""Ticks start short: the kernel's receive window has yet to grow."""

TICK_LAST_S = 1.25
"""The longest tick. A process that is killed loses what came since the last one, and that may be 2 s (S2):
the rest is for the wait until a busy process comes to it and has written it."""

WINDOW_LAST_BYTES = 8 << 20
"""The largest receive buffer that is asked for: 13 Mb/s in the longest tick. The kernel holds so much of a
stream while a disk stalls."""

TICK_SLOTS = 14
"""In a longest tick. Recordings of one process wake in them together, at most so many times a second."""

SLOT_RECORDINGS = 24
"""A slot is filled so far before the next one is used: they are done while the processor's caches are
warm. Of 3 Mb/s each they take 12 MB at once."""

OPENING_WAIT_MS = 2_000
"""How long a promised track is waited for before the recording starts without it (F4)."""

OPENING_BYTES = 16 << 20
"""Media held while waiting for a track, or for the keyframe behind a discontinuity; 2 s of a 64 Mb/s
stream."""

JUMP_BACK_MS = 1_000
JUMP_AHEAD_MS = 10_000
"""Beyond these a clock has jumped: encoders hiccup by less (F6)."""

REJOIN_WAIT_S = 2.0
"""How long a reconnect is held while its content, on another clock than the recorded one, may yet turn out to
be a replay: an origin sends what it kept at once, so that what comes later is live; and what is held is lost
when the process is killed (S2)."""

REMEMBERED_MS = 20_000
"""How far back media that comes again after a reconnect is recognised: origins replay their last group of
pictures, and encoders make those of 10 s at the longest, as a rule."""

REMEMBERED_PACKETS = 2048
"""At 24 bytes each 49 KB a recording, whatever the stream does: 20 s of 100 packets a second."""

REPLAY_JITTER_MS = 1
"""An origin that counts in other units than milliseconds rounds a replayed timestamp the other way."""

FINISH_S = 5.0
"""How long the end of a push that is over is read for: what the origin still holds of it comes in this
time."""

CUT_HOLD_MS = 2_000
"""Audio ahead of the video is held back at a cut for this long at the most."""

HOLE_MS = 2_000
"""Media time without a packet of any track that is a gap in the source: slower pictures than this are not a
live stream's."""

JOIN_WAIT_S = 5.0
"""How long files stay open when a connection breaks: a reconnect that goes on exactly where it broke off goes
on in them. It spans the first three tries."""

WORKER_QUEUED_BYTES = 512 << 20
"""Media of all recordings of one worker waiting for disks: eight that are stalled at their own cap."""

STORAGE_RETRY_FIRST_S = 1.0
STORAGE_RETRY_LAST_S = 30.0
"""Waits before a format whose storage failed tries a new file: doubled each time, so that a full disk sees no
storm of small files."""

FREE_FLOOR_BYTES = 256 << 20
FREE_FLOOR_SHARE = 0.01
"""Free space below which no file is begun, unless a setting says otherwise: the smaller of the two."""

RESERVE_BYTES = 16 << 10
"""Kept beside each growing file for its end on a full disk: a playlist, a manifest, a page of the journal."""

FREE_RETURN_BYTES = 4 << 20
FREE_RETURN_SHARE = 0.1
"""Free space above the floor that a recording whose storage failed waits for: the smaller of the two."""

CHECK_S = 2.0
"""How often it is seen that a growing file is still there."""

MOST_NOTES = 100
"""Repairs that one file's manifest lists: a clock that jumps all the time fills no disk."""

CLOCK_SLIP_MS = 50
"""A file's journal is told when its media was made earlier than it says by more than this. From it recovery
knows when the recording ended."""

HEARTBEAT_S = 2.0
"""How often a recording leaves a sign of life for the process after it."""

JOURNAL_BYTES = 16 << 20
"""Of a journal that recovery reads: an HLS recording of a week writes about 8 MiB."""

MANIFEST_BYTES = 16 << 20
"""Of a manifest that is read back."""
