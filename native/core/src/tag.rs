//! The tag table: what every reader produces, one row per FLV tag or RTMP message.
//!
//! A [`Batch`] is an arena of FLV tags and a table of fixed-size [`Tag`] rows that point at their bodies.
//! [`classify()`] reads the audio or video tag header (FLV 10.1 annex E.4, Enhanced RTMP v2) and never
//! fails: a body it cannot read gets the role [`Role::Other`], is kept in FLV and carries nothing elsewhere.

use std::cell::Cell;

use crate::limits;

pub(crate) mod classify;
pub(crate) mod framing;
mod rows;
#[cfg(test)]
mod tests;

pub use classify::{classify, Media};
use framing::{previous_tag_size, tag_header, FRAMING_BYTES, TAG_HEADER_BYTES};
pub use rows::{frames, rows};

thread_local! {
    /// The arena that the next batch of this thread begins with: its memory is mapped and in the cache.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Tag types of FLV and message types of RTMP: they share their numbers.
pub mod kind {
    /// Audio data.
    pub const AUDIO: u8 = 8;
    /// Video data.
    pub const VIDEO: u8 = 9;
    /// Script data (AMF0).
    pub const SCRIPT: u8 = 18;
}

/// What a tag carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// One coded frame.
    Frame = 0,
    /// A decoder configuration (sequence header).
    Config = 1,
    /// End of sequence.
    End = 2,
    /// Enhanced metadata (HDR) or multichannel configuration.
    Metadata = 3,
    /// Command frames, empty tags, unreadable headers. It points at no payload and is never a keyframe.
    Other = 4,
    /// Script data.
    Script = 5,
}

/// Codec numbers of the table: legacy FLV ids as they are for video, plus 100 for audio; codecs that
/// have only a FourCC get numbers from 64 (video) and 164 (audio).
pub mod codec {
    /// No codec: script data, or a body without one.
    pub const NONE: u8 = 0;
    /// H.264.
    pub const H264: u8 = 7;
    /// H.265.
    pub const H265: u8 = 12;
    /// AV1.
    pub const AV1: u8 = 13;
    /// H.266.
    pub const H266: u8 = 14;
    /// VP8, enhanced only.
    pub const VP8: u8 = 64;
    /// VP9, enhanced only.
    pub const VP9: u8 = 65;
    /// A video FourCC not known here.
    pub const UNKNOWN_VIDEO: u8 = 63;
    /// MP3 (sound formats 2 and 14).
    pub const MP3: u8 = 102;
    /// AAC.
    pub const AAC: u8 = 110;
    /// Opus.
    pub const OPUS: u8 = 113;
    /// AC-3, enhanced only.
    pub const AC3: u8 = 164;
    /// E-AC-3, enhanced only.
    pub const EAC3: u8 = 165;
    /// FLAC, enhanced only.
    pub const FLAC: u8 = 166;
    /// An audio FourCC not known here.
    pub const UNKNOWN_AUDIO: u8 = 163;
}

/// Bits of [`Tag::flags`].
pub mod flag {
    /// A keyframe. Audio frames have it too: each can be decoded alone.
    pub const KEY: u8 = 1;
    /// Signalled with a FourCC (Enhanced RTMP).
    pub const ENHANCED: u8 = 2;
    /// Signalled as multitrack, possibly with a single track. Only track 0 is pointed at; a tag without
    /// it is [`Role::Other`](super::Role::Other) with the id of its first track.
    pub const MULTITRACK: u8 = 4;
    /// The media clock does not continue from the tag before (set by the timeline, never by a reader).
    pub const DISCONTINUITY: u8 = 8;
}

/// One row of the table; 40 bytes, the layout of the numpy dtype `engine.media.batch.TAG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Tag {
    /// Media time in ms. A reader sets it to the wire timestamp; the timeline unwraps it.
    pub dts: i64,
    /// Wire timestamp in ms, as received.
    pub timestamp: u32,
    /// Composition time offset in ms, signed 24 bits on the wire.
    pub cts: i32,
    /// Where the tag body starts in the arena.
    pub offset: u32,
    /// Length of the tag body.
    pub size: u32,
    /// Where the coded payload (or configuration record) starts in the arena.
    pub media_offset: u32,
    /// Length of the coded payload.
    pub media_size: u32,
    /// See [`kind`].
    pub kind: u8,
    /// See [`Role`].
    pub role: u8,
    /// See [`codec`].
    pub codec: u8,
    /// See [`flag`].
    pub flags: u8,
    /// Track id of Enhanced RTMP multitrack; 0 otherwise.
    pub track: u8,
    /// 1: the arena holds the whole tag around the body, with `timestamp`, as every reader's does.
    pub framed: u8,
    /// Always 0.
    pub reserved: [u8; 2],
}

/// Size of a row in bytes.
pub const TAG_BYTES: usize = std::mem::size_of::<Tag>();

impl Tag {
    /// The row of a body that lies at `offset` in an arena, framed as in FLV; its length is known to fit.
    pub(crate) fn of(tag_kind: u8, timestamp: u32, body: &[u8], offset: usize) -> Self {
        let media = classify(tag_kind, body);
        Self {
            dts: i64::from(timestamp),
            timestamp,
            cts: media.cts,
            offset: offset as u32,
            size: body.len() as u32,
            media_offset: (offset + media.start) as u32,
            media_size: media.size as u32,
            kind: tag_kind,
            role: media.role as u8,
            codec: media.codec,
            flags: media.flags,
            track: media.track,
            framed: 1,
            reserved: [0; 2],
        }
    }

    /// The row in native byte order, as numpy reads it.
    pub fn to_bytes(&self) -> [u8; TAG_BYTES] {
        let mut row = [0; TAG_BYTES];
        row[..8].copy_from_slice(&self.dts.to_ne_bytes());
        let words = [
            self.timestamp,
            self.cts as u32,
            self.offset,
            self.size,
            self.media_offset,
            self.media_size,
        ];
        for (place, word) in row[8..32].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        let bytes = [
            self.kind,
            self.role,
            self.codec,
            self.flags,
            self.track,
            self.framed,
        ];
        row[32..38].copy_from_slice(&bytes);
        row
    }

    /// Appends the row to `out` in native byte order.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }

    /// The row that [`Tag::to_bytes`] wrote.
    pub fn read_from(row: &[u8; TAG_BYTES]) -> Self {
        let word = |at: usize| u32::from_ne_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let mut dts = [0; 8];
        dts.copy_from_slice(&row[..8]);
        Self {
            dts: i64::from_ne_bytes(dts),
            timestamp: word(8),
            cts: word(12) as i32,
            offset: word(16),
            size: word(20),
            media_offset: word(24),
            media_size: word(28),
            kind: row[32],
            role: row[33],
            codec: row[34],
            flags: row[35],
            track: row[36],
            framed: row[37],
            reserved: [0; 2],
        }
    }
}

/// An arena of tags and the table that points into it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Tags as an FLV file holds them, back to back: header, body, PreviousTagSize. Rows that are recorded
    /// as they came are written from here.
    pub arena: Vec<u8>,
    /// One row per tag, in the order received.
    pub tags: Vec<Tag>,
}

impl Batch {
    /// True when there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether one more body of `size` bytes keeps the batch within [`limits::BATCH_BYTES`].
    pub fn has_room(&self, size: usize) -> bool {
        let table = (self.tags.len() + 1).saturating_mul(TAG_BYTES);
        let arena = self
            .arena
            .len()
            .saturating_add(FRAMING_BYTES)
            .saturating_add(size);
        arena.saturating_add(table) <= limits::BATCH_BYTES
    }

    /// Makes room in an empty arena for `bytes`, so that it does not grow by doubling.
    pub fn begin(&mut self, bytes: usize) {
        if self.arena.capacity() == 0 {
            self.arena = SPARE.take();
            self.arena.reserve_exact(bytes);
        }
    }

    /// Gives the arena's memory to the next batch of this thread; a very large one goes back to the system.
    pub fn recycle(mut self) {
        if self.arena.capacity() <= limits::SPARE_ARENA_BYTES {
            self.arena.clear();
            SPARE.set(self.arena);
        }
    }

    /// Appends one tag: its body is copied into the arena, framed as in FLV, and classified.
    pub fn push(&mut self, tag_kind: u8, timestamp: u32, body: &[u8]) {
        self.begin(FRAMING_BYTES + body.len());
        let offset = self.arena.len() + TAG_HEADER_BYTES;
        self.arena
            .extend_from_slice(&tag_header(tag_kind, body.len(), timestamp));
        self.arena.extend_from_slice(body);
        self.arena.extend_from_slice(&previous_tag_size(body.len()));
        self.tags.push(Tag::of(tag_kind, timestamp, body, offset));
    }
}
