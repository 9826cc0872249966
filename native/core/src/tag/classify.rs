//! What an audio or video tag header says: legacy FLV and Enhanced RTMP.

use super::{codec, flag, kind, Role};

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
    /// A body that carries nothing: no payload, no keyframe.
    fn other(codec: u8, flags: u8) -> Self {
        Self {
            role: Role::Other,
            codec,
            flags,
            track: 0,
            cts: 0,
            start: 0,
            size: 0,
        }
    }

    /// `end - start` bytes of the body in `role`; an empty frame or configuration carries nothing.
    fn of(role: Role, codec: u8, flags: u8, start: usize, end: usize) -> Self {
        let size = end.saturating_sub(start);
        if size == 0 && matches!(role, Role::Frame | Role::Config) {
            return Self::other(codec, flags & !flag::KEY);
        }
        Self {
            role,
            start,
            size,
            ..Self::other(codec, flags)
        }
    }

    /// A frame with its composition time: a signed 24-bit number.
    fn composed(self, cts: &[u8]) -> Self {
        match cts {
            &[high, middle, low] if self.role == Role::Frame => Self {
                cts: i32::from_be_bytes([high, middle, low, 0]) >> 8,
                ..self
            },
            _ => self,
        }
    }
}

/// Reads the header of a tag body.
pub fn classify(tag_kind: u8, body: &[u8]) -> Media {
    match tag_kind {
        kind::VIDEO => classify_video(body),
        kind::AUDIO => classify_audio(body),
        _ => Media::of(Role::Script, codec::NONE, 0, 0, body.len()),
    }
}

const FRAME_KEY: u8 = 1;
const FRAME_GENERATED_KEY: u8 = 4;
const FRAME_COMMAND: u8 = 5;

/// How an Opus identification header begins (RFC 7845 section 5.1): the only way to tell a configuration
/// from a frame in sound format 13.
pub(crate) const OPUS_HEAD: &[u8] = b"OpusHead";

fn classify_video(body: &[u8]) -> Media {
    let Some(&first) = body.first() else {
        return Media::other(codec::NONE, 0);
    };
    if first & 0x80 != 0 {
        return classify_enhanced(body, false, (first >> 4) & 7, first & 15);
    }
    let frame_type = first >> 4;
    let id = first & 15;
    let key = if matches!(frame_type, FRAME_KEY | FRAME_GENERATED_KEY) {
        flag::KEY
    } else {
        0
    };
    if frame_type == FRAME_COMMAND {
        return Media::other(id, 0);
    }
    if !matches!(id, codec::H264 | codec::H265 | codec::AV1 | codec::H266) {
        return Media::of(Role::Frame, id, key, 1, body.len());
    }
    let Some(header) = body.get(1..5) else {
        return Media::other(id, 0);
    };
    match header[0] {
        0 => Media::of(Role::Config, id, key, 5, body.len()),
        1 => Media::of(Role::Frame, id, key, 5, body.len()).composed(&header[1..]),
        2 => Media::of(Role::End, id, 0, 5, body.len()),
        _ => Media::other(id, 0),
    }
}

fn classify_audio(body: &[u8]) -> Media {
    let Some(&first) = body.first() else {
        return Media::other(codec::NONE, 0);
    };
    let format = first >> 4;
    match format {
        9 => classify_enhanced(body, true, FRAME_KEY, first & 15),
        10 => match body.get(1) {
            Some(0) => Media::of(Role::Config, codec::AAC, flag::KEY, 2, body.len()),
            Some(1) => Media::of(Role::Frame, codec::AAC, flag::KEY, 2, body.len()),
            _ => Media::other(codec::AAC, 0),
        },
        _ => {
            let id = if format == 14 { codec::MP3 } else { 100 + format };
            let opus_head = id == codec::OPUS && body[1..].starts_with(OPUS_HEAD);
            Media::of(
                if opus_head { Role::Config } else { Role::Frame },
                id,
                flag::KEY,
                1,
                body.len(),
            )
        }
    }
}

/// Packet types of Enhanced RTMP; audio and video share those without a prefix.
pub(crate) mod packet {
    pub const SEQUENCE_START: u8 = 0;
    pub const CODED_FRAMES: u8 = 1;
    pub const SEQUENCE_END: u8 = 2;
    pub const VIDEO_CODED_FRAMES_X: u8 = 3;
    pub const METADATA: u8 = 4;
    pub const VIDEO_MULTITRACK: u8 = 6;
    pub const AUDIO_MULTITRACK: u8 = 5;
    pub const MOD_EX: u8 = 7;
}

fn classify_enhanced(body: &[u8], audio: bool, frame_type: u8, first_packet_type: u8) -> Media {
    let key = if matches!(frame_type, FRAME_KEY | FRAME_GENERATED_KEY) {
        flag::KEY
    } else {
        0
    };
    let unreadable = Media::other(codec::NONE, flag::ENHANCED);
    let mut at = 1;
    let mut packet_type = first_packet_type;
    while packet_type == packet::MOD_EX {
        let Some((next_type, next_at)) = skip_mod_ex(body, at) else {
            return unreadable;
        };
        (packet_type, at) = (next_type, next_at);
    }
    if !audio && frame_type == FRAME_COMMAND && packet_type != packet::METADATA {
        return unreadable;
    }
    let multitrack_type = if audio {
        packet::AUDIO_MULTITRACK
    } else {
        packet::VIDEO_MULTITRACK
    };
    if packet_type == multitrack_type {
        return classify_multitrack(body, at, audio, key).unwrap_or(unreadable);
    }
    let Some(four_cc) = body.get(at..at + 4) else {
        return unreadable;
    };
    let id = codec_of_four_cc(four_cc, audio);
    single_track(
        body,
        at + 4,
        body.len(),
        audio,
        packet_type,
        id,
        key | flag::ENHANCED,
    )
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
    const MANY_TRACKS: u8 = 1;
    const MANY_CODECS: u8 = 2;
    let head = *body.get(at)?;
    let (layout, packet_type) = (head >> 4, head & 15);
    if !matches!(layout, ONE_TRACK | MANY_TRACKS | MANY_CODECS) {
        return None;
    }
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
        first_left_out.get_or_insert(Media {
            track,
            ..Media::other(id, flags & !flag::KEY)
        });
        at = end;
    }
    first_left_out
}

/// One track's part of an enhanced body, `at..end`.
fn single_track(
    body: &[u8],
    at: usize,
    end: usize,
    audio: bool,
    packet_type: u8,
    id: u8,
    flags: u8,
) -> Media {
    let keyless = flags & !flag::KEY;
    match packet_type {
        packet::SEQUENCE_START => Media::of(Role::Config, id, flags, at, end),
        packet::CODED_FRAMES if !audio && has_composition_time(id) => match body.get(at..at + 3) {
            Some(cts) => Media::of(Role::Frame, id, flags, at + 3, end).composed(cts),
            None => Media::other(id, keyless),
        },
        packet::CODED_FRAMES => Media::of(Role::Frame, id, flags, at, end),
        packet::VIDEO_CODED_FRAMES_X if !audio => Media::of(Role::Frame, id, flags, at, end),
        packet::SEQUENCE_END => Media::of(Role::End, id, keyless, at, end),
        packet::METADATA => Media::of(Role::Metadata, id, keyless, at, end),
        _ => Media::other(id, keyless),
    }
}

/// Codecs whose enhanced coded frames carry a composition time.
pub(crate) fn has_composition_time(id: u8) -> bool {
    matches!(id, codec::H264 | codec::H265 | codec::H266)
}

const VIDEO_FOUR_CCS: [(&[u8; 4], u8); 6] = [
    (b"avc1", codec::H264),
    (b"hvc1", codec::H265),
    (b"vvc1", codec::H266),
    (b"av01", codec::AV1),
    (b"vp08", codec::VP8),
    (b"vp09", codec::VP9),
];

const AUDIO_FOUR_CCS: [(&[u8; 4], u8); 6] = [
    (b"mp4a", codec::AAC),
    (b".mp3", codec::MP3),
    (b"Opus", codec::OPUS),
    (b"ac-3", codec::AC3),
    (b"ec-3", codec::EAC3),
    (b"fLaC", codec::FLAC),
];

fn codec_of_four_cc(four_cc: &[u8], audio: bool) -> u8 {
    let (table, unknown) = if audio {
        (&AUDIO_FOUR_CCS, codec::UNKNOWN_AUDIO)
    } else {
        (&VIDEO_FOUR_CCS, codec::UNKNOWN_VIDEO)
    };
    table
        .iter()
        .find(|(name, _)| name.as_slice() == four_cc)
        .map_or(unknown, |&(_, id)| id)
}

/// The FourCC of a codec number, if it has one.
pub(crate) fn four_cc_of_codec(id: u8) -> Option<&'static [u8; 4]> {
    VIDEO_FOUR_CCS
        .iter()
        .chain(&AUDIO_FOUR_CCS)
        .find(|&&(_, number)| number == id)
        .map(|&(name, _)| name)
}
