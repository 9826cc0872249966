//! The tag table: what every reader produces, one row per FLV tag or RTMP message.
//!
//! A [`Batch`] is an arena of tag bodies and a table of fixed-size [`Tag`] rows that point into it.
//! [`classify`] reads the audio or video tag header (FLV 10.1 annex E.4, Enhanced RTMP v2) and never
//! fails: a body it cannot read gets the role [`Role::Other`], is kept in FLV and carries nothing elsewhere.

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
    /// Command frames, empty tags, unreadable headers.
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
    /// One of several tracks in its tag; only track 0 is pointed at.
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
    /// Always 0.
    pub reserved: [u8; 3],
}

/// Size of a row in bytes.
pub const TAG_BYTES: usize = std::mem::size_of::<Tag>();

impl Tag {
    /// Appends the row to `out` in native byte order, as numpy reads it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.dts.to_ne_bytes());
        for word in [self.timestamp, self.cts as u32, self.offset, self.size, self.media_offset, self.media_size] {
            out.extend_from_slice(&word.to_ne_bytes());
        }
        out.extend_from_slice(&[self.kind, self.role, self.codec, self.flags, self.track, 0, 0, 0]);
    }

    /// Reads a row written by [`Tag::write_to`]; `row` holds at least [`TAG_BYTES`] bytes.
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
            reserved: [0; 3],
        }
    }
}

/// An arena of tag bodies and the table that points into it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Bodies, back to back.
    pub arena: Vec<u8>,
    /// One row per tag, in the order received.
    pub tags: Vec<Tag>,
}

impl Batch {
    /// True when there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Appends one tag: its body is copied into the arena and classified.
    pub fn push(&mut self, tag_kind: u8, timestamp: u32, body: &[u8]) {
        let offset = self.arena.len();
        self.arena.extend_from_slice(body);
        self.close_tag(tag_kind, timestamp, offset);
    }

    /// Makes the bytes of the arena from `offset` to its end one tag: for readers that assemble a
    /// body in the arena itself.
    pub fn close_tag(&mut self, tag_kind: u8, timestamp: u32, offset: usize) {
        let body = &self.arena[offset..];
        let media = classify(tag_kind, body);
        self.tags.push(Tag {
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
            reserved: [0; 3],
        });
    }
}

/// What [`classify`] reads from a tag body. `start` and `size` say where in the body the payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// What the tag carries.
    pub role: Role,
    /// See [`codec`].
    pub codec: u8,
    /// See [`flag`].
    pub flags: u8,
    /// Track id.
    pub track: u8,
    /// Composition time offset in ms.
    pub cts: i32,
    /// Payload start, from the start of the body.
    pub start: usize,
    /// Payload length.
    pub size: usize,
}

impl Media {
    fn other(codec: u8, flags: u8) -> Self {
        Self { role: Role::Other, codec, flags, track: 0, cts: 0, start: 0, size: 0 }
    }
}

/// Reads the header of a tag body.
pub fn classify(tag_kind: u8, body: &[u8]) -> Media {
    match tag_kind {
        kind::VIDEO => classify_video(body),
        kind::AUDIO => classify_audio(body),
        _ => Media { role: Role::Script, size: body.len(), ..Media::other(codec::NONE, 0) },
    }
}

const FRAME_KEY: u8 = 1;
const FRAME_GENERATED_KEY: u8 = 4;
const FRAME_COMMAND: u8 = 5;

fn classify_video(body: &[u8]) -> Media {
    let Some(&first) = body.first() else { return Media::other(codec::NONE, 0) };
    if first & 0x80 != 0 {
        return classify_enhanced(body, false, (first >> 4) & 7, first & 15);
    }
    let frame_type = first >> 4;
    let id = first & 15;
    let key = if matches!(frame_type, FRAME_KEY | FRAME_GENERATED_KEY) { flag::KEY } else { 0 };
    if frame_type == FRAME_COMMAND {
        return Media::other(id, 0);
    }
    if !matches!(id, codec::H264 | codec::H265 | codec::AV1 | codec::H266) {
        return Media { role: Role::Frame, start: 1, size: body.len() - 1, ..Media::other(id, key) };
    }
    if body.len() < 5 {
        return Media::other(id, 0);
    }
    let media = Media { cts: signed_24(&body[2..5]), start: 5, size: body.len() - 5, ..Media::other(id, key) };
    match body[1] {
        0 if media.size > 0 => Media { role: Role::Config, cts: 0, ..media },
        1 if media.size > 0 => Media { role: Role::Frame, ..media },
        2 => Media { role: Role::End, cts: 0, ..media },
        _ => Media { flags: 0, ..media },
    }
}

fn classify_audio(body: &[u8]) -> Media {
    let Some(&first) = body.first() else { return Media::other(codec::NONE, 0) };
    let format = first >> 4;
    match format {
        9 => classify_enhanced(body, true, FRAME_KEY, first & 15),
        10 => {
            let media = Media::other(codec::AAC, flag::KEY);
            match body.get(1) {
                Some(0) if body.len() > 2 => Media { role: Role::Config, start: 2, size: body.len() - 2, ..media },
                Some(1) if body.len() > 2 => Media { role: Role::Frame, start: 2, size: body.len() - 2, ..media },
                _ => media,
            }
        }
        _ => {
            let id = if format == 14 { codec::MP3 } else { 100 + format };
            let media = Media { start: 1, size: body.len() - 1, ..Media::other(id, flag::KEY) };
            if media.size == 0 {
                media
            } else if id == codec::OPUS && body[1..].starts_with(b"OpusHead") {
                Media { role: Role::Config, ..media }
            } else {
                Media { role: Role::Frame, ..media }
            }
        }
    }
}

/// Packet types of Enhanced RTMP; audio and video share those below 8 but for 3, 4 and 5.
mod packet {
    pub const SEQUENCE_START: u8 = 0;
    pub const CODED_FRAMES: u8 = 1;
    pub const SEQUENCE_END: u8 = 2;
    pub const CODED_FRAMES_X: u8 = 3;
    pub const METADATA: u8 = 4;
    pub const VIDEO_MULTITRACK: u8 = 6;
    pub const AUDIO_MULTITRACK: u8 = 5;
    pub const MOD_EX: u8 = 7;
}

fn classify_enhanced(body: &[u8], audio: bool, frame_type: u8, first_packet_type: u8) -> Media {
    let key = if matches!(frame_type, FRAME_KEY | FRAME_GENERATED_KEY) { flag::KEY } else { 0 };
    let unreadable = Media::other(codec::NONE, flag::ENHANCED);
    let mut at = 1;
    let mut packet_type = first_packet_type;
    while packet_type == packet::MOD_EX {
        let Some((next_type, next_at)) = skip_mod_ex(body, at) else { return unreadable };
        (packet_type, at) = (next_type, next_at);
    }
    if !audio && frame_type == FRAME_COMMAND && packet_type != packet::METADATA {
        return unreadable;
    }
    let multitrack_type = if audio { packet::AUDIO_MULTITRACK } else { packet::VIDEO_MULTITRACK };
    if packet_type == multitrack_type {
        return classify_multitrack(body, at, audio, key).unwrap_or(unreadable);
    }
    let Some(four_cc) = body.get(at..at + 4) else { return unreadable };
    let id = codec_of_four_cc(four_cc, audio);
    single_track(body, at + 4, body.len(), audio, packet_type, id, key | flag::ENHANCED)
}

/// Steps over one ModEx block (its data only refines the timestamp by nanoseconds) to the packet
/// type behind it.
fn skip_mod_ex(body: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut size = usize::from(*body.get(at)?) + 1;
    let mut at = at + 1;
    if size == 256 {
        size = usize::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])) + 1;
        at += 2;
    }
    at += size;
    Some((body.get(at)? & 15, at + 1))
}

/// Finds track 0 in a multitrack tag; other tracks are left out (a warning of the recorder names them).
fn classify_multitrack(body: &[u8], at: usize, audio: bool, key: u8) -> Option<Media> {
    const ONE_TRACK: u8 = 0;
    const MANY_CODECS: u8 = 2;
    let head = *body.get(at)?;
    let (layout, packet_type) = (head >> 4, head & 15);
    let flags = key | flag::ENHANCED | flag::MULTITRACK;
    let mut at = at + 1;
    let mut id = codec::NONE;
    if layout != MANY_CODECS {
        id = codec_of_four_cc(body.get(at..at + 4)?, audio);
        at += 4;
    }
    let mut first_left_out = None;
    while at < body.len() {
        if layout == MANY_CODECS {
            id = codec_of_four_cc(body.get(at..at + 4)?, audio);
            at += 4;
        }
        let track = *body.get(at)?;
        at += 1;
        let mut end = body.len();
        if layout != ONE_TRACK {
            let size = body.get(at..at + 3)?;
            at += 3;
            end = at + (usize::from(size[0]) << 16 | usize::from(size[1]) << 8 | usize::from(size[2]));
            if end > body.len() {
                return None;
            }
        }
        if track == 0 {
            return Some(single_track(body, at, end, audio, packet_type, id, flags));
        }
        first_left_out.get_or_insert(Media { track, ..Media::other(id, flags & !flag::KEY) });
        at = end;
    }
    first_left_out
}

fn single_track(body: &[u8], at: usize, end: usize, audio: bool, packet_type: u8, id: u8, flags: u8) -> Media {
    let media = Media { start: at, size: end - at, ..Media::other(id, flags) };
    let has_cts = matches!(id, codec::H264 | codec::H265 | codec::H266);
    match packet_type {
        packet::SEQUENCE_START if media.size > 0 => Media { role: Role::Config, ..media },
        packet::CODED_FRAMES if !audio && has_cts => match body.get(at..at + 3) {
            Some(cts) if end > at + 3 => {
                Media { role: Role::Frame, cts: signed_24(cts), start: at + 3, size: end - at - 3, ..media }
            }
            _ => Media { flags: flags & !flag::KEY, ..media },
        },
        packet::CODED_FRAMES if media.size > 0 => Media { role: Role::Frame, ..media },
        packet::CODED_FRAMES_X if !audio && media.size > 0 => Media { role: Role::Frame, ..media },
        packet::SEQUENCE_END => Media { role: Role::End, ..media },
        packet::METADATA => Media { role: Role::Metadata, ..media },
        _ => Media { flags: flags & !flag::KEY, ..media },
    }
}

fn codec_of_four_cc(four_cc: &[u8], audio: bool) -> u8 {
    match (four_cc, audio) {
        (b"avc1", false) => codec::H264,
        (b"hvc1", false) => codec::H265,
        (b"vvc1", false) => codec::H266,
        (b"av01", false) => codec::AV1,
        (b"vp08", false) => codec::VP8,
        (b"vp09", false) => codec::VP9,
        (_, false) => codec::UNKNOWN_VIDEO,
        (b"mp4a", true) => codec::AAC,
        (b".mp3", true) => codec::MP3,
        (b"Opus", true) => codec::OPUS,
        (b"ac-3", true) => codec::AC3,
        (b"ec-3", true) => codec::EAC3,
        (b"fLaC", true) => codec::FLAC,
        (_, true) => codec::UNKNOWN_AUDIO,
    }
}

fn signed_24(bytes: &[u8]) -> i32 {
    i32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]) >> 8
}
