//! Every cap on what a peer or a file can make us hold, each with its reason.

/// Largest RTMP message. A 4K all-intra frame is about 2 MiB; 16 MiB is the largest an FLV tag can say.
pub const RTMP_MESSAGE_BYTES: usize = 16 << 20;

/// Largest FLV tag body: the size field has 24 bits, so this only states it.
pub const FLV_TAG_BYTES: usize = 16 << 20;

/// Largest chunk size a peer may set. Real servers use up to 65,536; a chunk is never buffered whole.
pub const RTMP_CHUNK_BYTES: usize = 1 << 20;

/// Chunk streams a peer may interleave. Real servers use fewer than ten.
pub const RTMP_CHUNK_STREAMS: usize = 64;

/// Bytes of unfinished messages over all chunk streams of one connection.
pub const RTMP_PARTIAL_BYTES: usize = 32 << 20;

/// Nested AMF objects. Real metadata nests three deep.
pub const AMF_DEPTH: usize = 16;

/// Values in one AMF message, so that a small message cannot ask for a million objects.
pub const AMF_VALUES: usize = 65_536;

/// Bytes that AMF3 references may repeat in one message: without it, 64 KiB could stand for gigabytes.
pub const AMF_EXPANSION_BYTES: usize = 1 << 20;

/// Commands and control messages waiting to be taken; a flood of them ends the connection.
pub const RTMP_PENDING_EVENTS: usize = 4_096;

/// Bytes of the commands waiting to be taken, what AMF3 references repeat included. Real commands are under 2 KiB, and decoded values take
/// about thirty times their encoded size.
pub const RTMP_PENDING_BYTES: usize = 1 << 20;

/// HTTP response or request head. Common servers accept 8 to 16 KiB.
pub const HTTP_HEAD_BYTES: usize = 16 << 10;

/// Header lines in one HTTP head.
pub const HTTP_HEADERS: usize = 100;

/// A chunk-size line of HTTP chunked coding, extensions included.
pub const HTTP_CHUNK_LINE_BYTES: usize = 1 << 10;

/// Bytes between the FLV header and the first tag (its DataOffset field).
pub const FLV_HEADER_BYTES: usize = 1 << 10;

/// Largest decoder configuration record looked into; real ones stay under 1 KiB.
pub const CONFIG_BYTES: usize = 64 << 10;

/// Tags and rows a reader holds between two takes. The rows' offsets have 32 bits; a take follows every
/// read of a socket (a few MiB at most), so only a caller that feeds without taking gets here.
pub const BATCH_BYTES: usize = 256 << 20;

/// The largest arena kept for a thread's next batch: a second of 30 Mb/s.
pub const SPARE_ARENA_BYTES: usize = 4 << 20;

/// Interim (1xx) responses before the one that counts. Real servers send one.
pub const HTTP_INTERIM_RESPONSES: usize = 8;

/// What a reader keeps allocated for its next unfinished tag; a larger buffer, left by a keyframe, is
/// given back so that a quiet recording stays small.
pub const IDLE_BUFFER_BYTES: usize = 64 << 10;

/// NAL units in one frame. Real frames stay under a few hundred, even with one slice per block row.
pub const NAL_UNITS: usize = 4_096;

/// Tracks of an MP4 file. A recording has one or two.
pub const MP4_TRACKS: usize = 64;

/// The leading `moov` of a fragmented MP4: it holds no samples, real ones stay under 4 KiB.
pub const MP4_INIT_BYTES: u64 = 16 << 20;

/// One `moof`. A fragment of 2 s takes about 3 KiB; 64 MiB would list four million samples.
pub const MP4_FRAGMENT_BYTES: u64 = 64 << 20;

/// Samples of one MP4 file: five days of video and audio at 75 a second.
pub const MP4_SAMPLES: usize = 1 << 25;

/// Boxes looked at in one MP4 file: two weeks of fragments of 2 s.
pub const MP4_BOXES: usize = 1 << 20;
