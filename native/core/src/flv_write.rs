//! Writes FLV: the file header, and table rows as tags (FLV 10.1 annex E.2 to E.4).
//!
//! With [`Signalling::Source`] a body is written as it came. The other two re-signal codecs by rewriting
//! the few bytes in front of the coded payload:
//!
//! * `Enhanced`: private legacy ids (H.265 12, AV1 13, H.266 14, Opus 13) become FourCCs. H.264, AAC and MP3
//!   keep their legacy form, which every player reads.
//! * `Legacy`: every FourCC that has a legacy id becomes one. ModEx nanoseconds are left out, and a multitrack
//!   tag keeps track 0 only. Rows that carry no coded media and have no legacy form (HDR metadata, multichannel
//!   configuration, OpusHead, the end of an audio sequence), and multitrack tags without a track 0, are dropped.
//!
//! A row that has no form in the wanted signalling is written unchanged: codecs without the other form
//! (VP9, AC-3, ...), bodies that could not be read, command frames, empty NAL tags, an AV1 frame with a
//! composition time (its FourCC form has no place for one), an Opus configuration that is no OpusHead, and an
//! Opus frame that begins like one.

use crate::fault::Fault;
use crate::mux::{Pieces, PIECE_BYTES};
use crate::tag::classify::{four_cc_of_codec, has_composition_time, packet, OPUS_HEAD};
use crate::tag::framing::{previous_tag_size, tag_header, FRAMING_BYTES, TAG_HEADER_BYTES};
use crate::tag::{codec, flag, kind, rows, Role, Tag};

#[cfg(test)]
mod tests;

const LARGEST_BODY: usize = 0xff_ffff;
const ENHANCED_VIDEO: u8 = 0x80;
const ENHANCED_AUDIO: u8 = 0x90;
/// 44.1 kHz, 16 bits, stereo: what FLV demands for AAC, and the customary value where it says nothing.
const SOUND_BITS: u8 = 0x0f;

/// How codecs are signalled in what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalling {
    /// As they came.
    Source,
    /// FourCCs for the codecs that have only a private legacy id.
    Enhanced,
    /// Legacy ids wherever one exists.
    Legacy,
}

impl std::str::FromStr for Signalling {
    type Err = Fault;

    fn from_str(name: &str) -> Result<Self, Fault> {
        match name {
            "source" => Ok(Self::Source),
            "enhanced" => Ok(Self::Enhanced),
            "legacy" => Ok(Self::Legacy),
            _ => Err(Fault::new(
                "flv.signalling",
                format!("{name:?} is not source, enhanced or legacy"),
            )),
        }
    }
}

/// The file header and the first PreviousTagSize.
pub fn flv_header(has_audio: bool, has_video: bool) -> [u8; 13] {
    let flags = u8::from(has_audio) << 2 | u8::from(has_video);
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// Tags as bytes, and where each row's tag starts in them; a dropped row starts where the next one does.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct WrittenTags {
    /// Tags with their PreviousTagSize.
    pub bytes: Vec<u8>,
    /// One offset per row.
    pub starts: Vec<u32>,
}

/// Rows as FLV tags with the timestamp `dts - shift_ms` modulo 2^32.
///
/// `table` is rows as [`Tag::to_bytes`] gives them. Fails when it is not, when a row points outside the
/// arena, and when a body or the whole is larger than FLV or a 32-bit offset can say.
pub fn flv_tags(
    arena: &[u8],
    table: &[u8],
    shift_ms: i64,
    signalling: Signalling,
) -> Result<WrittenTags, Fault> {
    let tags = rows(table)?
        .enumerate()
        .map(|(row, tag)| Tagged::of(row, &tag, arena, signalling))
        .collect::<Result<Vec<_>, Fault>>()?;
    let total = tags
        .iter()
        .fold(0usize, |sum, tag| sum.saturating_add(tag.written_bytes()));
    if u32::try_from(total).is_err() {
        return Err(Fault::new(
            "flv.table",
            format!("{total} bytes of tags are more than one call writes"),
        ));
    }
    let mut written = WrittenTags {
        bytes: Vec::with_capacity(total),
        starts: Vec::with_capacity(tags.len()),
    };
    for tag in &tags {
        written.starts.push(written.bytes.len() as u32);
        tag.write(shift_ms, &mut written.bytes);
    }
    Ok(written)
}

/// Where an arena holds the tags that [`flv_tags`] would write, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The parts of the arena to write.
    pub pieces: Pieces,
    /// Where each row's tag starts in what they are together.
    pub starts: Vec<u32>,
}

/// The parts of the arena that are what [`flv_tags`] gives for the same arguments; None when there are none, as
/// a row is to be changed, moved in time or dropped, or is not framed, and when the parts are so short that a
/// copy costs less. The arena is not looked at: rows say what it holds, and it has left the cache by now.
pub fn flv_parts(arena: &[u8], table: &[u8], shift_ms: i64, signalling: Signalling) -> Option<Parts> {
    let rows = rows(table).ok()?;
    let mut starts = Vec::with_capacity(rows.len());
    let mut pieces = Pieces::default();
    let mut size = 0;
    for (row, tag) in rows.enumerate() {
        let tag = Tagged::of(row, &tag, arena, signalling).ok()?;
        let place = tag.place_in(arena, shift_ms)?;
        starts.push(u32::try_from(size).ok()?);
        size += place.len();
        pieces.lend(place);
    }
    u32::try_from(size).ok()?; // what flv_tags refuses
    let count = pieces.places.len();
    let pays = count == 1 || size >= count * PIECE_BYTES;
    (pays && count > 0).then_some(Parts { pieces, starts })
}

/// A row with what is to be written of it.
struct Tagged<'a> {
    kind: u8,
    offset: usize,
    dts: i64,
    framed_at: Option<u32>,
    prefix: Prefix,
    payload: &'a [u8],
    dropped: bool,
}

impl<'a> Tagged<'a> {
    fn of(row: usize, tag: &Tag, arena: &'a [u8], signalling: Signalling) -> Result<Self, Fault> {
        let outside = || {
            let message = format!("row {row} points outside the arena of {} bytes", arena.len());
            Fault::new("tag.arena", message)
        };
        let part = |offset: u32, size: u32| {
            let start = offset as usize;
            arena.get(start..start.checked_add(size as usize)?)
        };
        let body = part(tag.offset, tag.size).ok_or_else(outside)?;
        let media = part(tag.media_offset, tag.media_size).ok_or_else(outside)?;
        let (prefix, payload, dropped) = match resignal(tag, body, media, signalling) {
            Resignal::Keep => (Prefix::default(), body, false),
            Resignal::Drop => (Prefix::default(), &body[..0], true),
            Resignal::Rewrite(prefix) => (prefix, media, false),
        };
        let tagged = Self {
            kind: tag.kind,
            offset: tag.offset as usize,
            dts: tag.dts,
            framed_at: (tag.framed != 0).then_some(tag.timestamp),
            prefix,
            payload,
            dropped,
        };
        let size = tagged.body_bytes();
        if size > LARGEST_BODY {
            let message = format!("row {row} has {size} bytes; an FLV tag holds {LARGEST_BODY}");
            return Err(Fault::new("flv.tag_too_large", message));
        }
        Ok(tagged)
    }

    fn body_bytes(&self) -> usize {
        self.prefix.as_slice().len() + self.payload.len()
    }

    fn written_bytes(&self) -> usize {
        if self.dropped {
            return 0;
        }
        FRAMING_BYTES + self.body_bytes()
    }

    fn write(&self, shift_ms: i64, out: &mut Vec<u8>) {
        if self.dropped {
            return;
        }
        out.extend_from_slice(&self.header(shift_ms));
        out.extend_from_slice(self.prefix.as_slice());
        out.extend_from_slice(self.payload);
        out.extend_from_slice(&previous_tag_size(self.body_bytes()));
    }

    fn timestamp(&self, shift_ms: i64) -> u32 {
        self.dts.wrapping_sub(shift_ms) as u32
    }

    fn header(&self, shift_ms: i64) -> [u8; TAG_HEADER_BYTES] {
        tag_header(self.kind, self.body_bytes(), self.timestamp(shift_ms))
    }

    /// Where the arena holds the tag as it is to be written.
    fn place_in(&self, arena: &[u8], shift_ms: i64) -> Option<std::ops::Range<usize>> {
        // A rewritten body always has a prefix.
        let is_kept = !self.dropped && self.prefix.as_slice().is_empty();
        if !is_kept || self.framed_at != Some(self.timestamp(shift_ms)) {
            return None;
        }
        let start = self.offset.checked_sub(TAG_HEADER_BYTES)?;
        let place = start..start.checked_add(self.written_bytes())?;
        (place.end <= arena.len()).then_some(place)
    }
}

/// The bytes in front of a re-signalled payload; 8 at most.
#[derive(Debug, Default, Clone, Copy)]
struct Prefix {
    bytes: [u8; 8],
    size: usize,
}

impl Prefix {
    fn of(parts: &[&[u8]]) -> Self {
        let mut prefix = Self::default();
        for (place, &byte) in prefix.bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *place = byte;
            prefix.size += 1;
        }
        prefix
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }
}

/// What becomes of a row's body.
enum Resignal {
    Keep,
    Drop,
    /// These bytes, then the coded payload.
    Rewrite(Prefix),
}

fn resignal(tag: &Tag, body: &[u8], media: &[u8], signalling: Signalling) -> Resignal {
    let enhanced = tag.flags & flag::ENHANCED != 0;
    let frame_type = body.first().map_or(0, |first| first >> 4 & 7);
    match (signalling, tag.kind) {
        (Signalling::Enhanced, kind::VIDEO) if !enhanced => enhanced_video(tag, frame_type),
        (Signalling::Enhanced, kind::AUDIO) if !enhanced => enhanced_audio(tag),
        (Signalling::Legacy, kind::VIDEO) if enhanced => legacy_video(tag, frame_type),
        (Signalling::Legacy, kind::AUDIO) if enhanced => legacy_audio(tag, media),
        _ => Resignal::Keep,
    }
}

fn enhanced_video(tag: &Tag, frame_type: u8) -> Resignal {
    let private = matches!(tag.codec, codec::H265 | codec::AV1 | codec::H266);
    let Some(four_cc) = four_cc_of_codec(tag.codec).filter(|_| private) else {
        return Resignal::Keep;
    };
    let composed = has_composition_time(tag.codec);
    let mut cts: &[u8] = &[];
    let [_, cts_bytes @ ..] = tag.cts.to_be_bytes();
    let packet_type = match tag.role {
        CONFIG => packet::SEQUENCE_START,
        END => packet::SEQUENCE_END,
        FRAME if composed && tag.cts == 0 => packet::VIDEO_CODED_FRAMES_X,
        FRAME if composed => {
            cts = &cts_bytes;
            packet::CODED_FRAMES
        }
        FRAME if tag.cts == 0 => packet::CODED_FRAMES,
        _ => return Resignal::Keep,
    };
    Resignal::Rewrite(Prefix::of(&[
        &[ENHANCED_VIDEO | frame_type << 4 | packet_type],
        four_cc,
        cts,
    ]))
}

fn enhanced_audio(tag: &Tag) -> Resignal {
    let private = tag.codec == codec::OPUS;
    let Some(four_cc) = four_cc_of_codec(tag.codec).filter(|_| private) else {
        return Resignal::Keep;
    };
    let packet_type = match tag.role {
        CONFIG => packet::SEQUENCE_START,
        FRAME => packet::CODED_FRAMES,
        _ => return Resignal::Keep,
    };
    Resignal::Rewrite(Prefix::of(&[&[ENHANCED_AUDIO | packet_type], four_cc]))
}

fn legacy_video(tag: &Tag, frame_type: u8) -> Resignal {
    if !matches!(tag.codec, codec::H264 | codec::H265 | codec::AV1 | codec::H266) {
        return Resignal::Keep;
    }
    let packet_type = match tag.role {
        _ if tag.track != 0 => return Resignal::Drop,
        CONFIG => 0,
        FRAME => 1,
        END => 2,
        METADATA => return Resignal::Drop,
        _ => return Resignal::Keep,
    };
    let [_, cts @ ..] = tag.cts.to_be_bytes();
    Resignal::Rewrite(Prefix::of(&[&[frame_type << 4 | tag.codec, packet_type], &cts]))
}

fn legacy_audio(tag: &Tag, media: &[u8]) -> Resignal {
    let format = match tag.codec {
        codec::AAC | codec::MP3 | codec::OPUS => tag.codec - 100,
        _ => return Resignal::Keep,
    };
    let sound = format << 4 | SOUND_BITS;
    match (tag.codec, tag.role) {
        _ if tag.track != 0 => Resignal::Drop,
        (_, METADATA | END) => Resignal::Drop,
        (codec::AAC, CONFIG) => Resignal::Rewrite(Prefix::of(&[&[sound, 0]])),
        (codec::AAC, FRAME) => Resignal::Rewrite(Prefix::of(&[&[sound, 1]])),
        (codec::OPUS, CONFIG) if media.starts_with(OPUS_HEAD) => Resignal::Drop,
        // Its legacy form would be read as the configuration.
        (codec::OPUS, FRAME) if media.starts_with(OPUS_HEAD) => Resignal::Keep,
        (codec::OPUS | codec::MP3, FRAME) => Resignal::Rewrite(Prefix::of(&[&[sound]])),
        _ => Resignal::Keep,
    }
}

const FRAME: u8 = Role::Frame as u8;
const CONFIG: u8 = Role::Config as u8;
const END: u8 = Role::End as u8;
const METADATA: u8 = Role::Metadata as u8;
