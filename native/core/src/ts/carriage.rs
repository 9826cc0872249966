//! How each codec is carried (ISO 13818-1 table 2-34): what its PES packets hold and what the tables say.

use super::annexb::{AccessUnit, AnnexB};
use super::opus;
use super::packets::PesWriter;
use super::TrackSetup;
use crate::adts::{self, Adts};
use crate::fault::Fault;
use crate::tag::codec;

/// MPEG-1 audio has no sample rate below; what has is MPEG-2's.
const LEAST_MPEG_1_RATE: u32 = 32_000;

/// The way of a track.
#[derive(Debug)]
pub(super) enum Carriage {
    Video { annexb: AnnexB, codec: u8 },
    Aac(Adts),
    MpegAudio { stream_type: u8 },
    Opus { descriptors: [u8; 10] },
}

impl Carriage {
    pub(super) fn of(setup: &TrackSetup) -> Result<Self, Fault> {
        match setup.codec {
            codec::H264 | codec::H265 | codec::H266 => Ok(Self::Video {
                annexb: AnnexB::of(setup.codec, setup.config)?,
                codec: setup.codec,
            }),
            codec::AAC => Adts::of(setup.config).map(Self::Aac),
            codec::MP3 => {
                let is_mpeg_2 = (1..LEAST_MPEG_1_RATE).contains(&setup.sample_rate);
                let stream_type = if is_mpeg_2 { 0x04 } else { 0x03 };
                Ok(Self::MpegAudio { stream_type })
            }
            codec::OPUS => {
                let [r0, r1, r2, r3, r4, r5] = *b"\x05\x04Opus"; // registration
                let code = opus::channel_code(setup.config, setup.channels)?;
                Ok(Self::Opus {
                    descriptors: [r0, r1, r2, r3, r4, r5, 0x7f, 2, 0x80, code],
                })
            }
            other => Err(Fault::new(
                "ts.codec",
                format!("codec {other} is not carried in a transport stream"),
            )),
        }
    }

    pub(super) fn is_video(&self) -> bool {
        matches!(self, Self::Video { .. })
    }

    pub(super) fn stream_type(&self) -> u8 {
        match self {
            Self::Video {
                codec: codec::H264, ..
            } => 0x1b,
            Self::Video {
                codec: codec::H265, ..
            } => 0x24,
            Self::Video { .. } => 0x33,
            Self::Aac(_) => 0x0f,
            Self::MpegAudio { stream_type } => *stream_type,
            Self::Opus { .. } => 0x06,
        }
    }

    /// Of the stream in the program map table.
    pub(super) fn descriptors(&self) -> &[u8] {
        match self {
            Self::Video {
                codec: codec::H265, ..
            } => b"\x05\x04HEVC", // registration
            Self::Opus { descriptors } => descriptors,
            _ => &[],
        }
    }

    /// stream_id (table 2-22).
    pub(super) fn stream_id(&self) -> u8 {
        match self {
            Self::Video { .. } => 0xe0,
            Self::Aac(_) | Self::MpegAudio { .. } => 0xc0,
            Self::Opus { .. } => 0xbd,
        }
    }

    /// What a PES packet of this frame holds; None when it cannot be carried. `is_first`: in its segment.
    pub(super) fn payload<'a>(
        &'a self,
        frame: &'a [u8],
        is_key: bool,
        is_first: bool,
    ) -> Option<Payload<'a>> {
        match self {
            Self::Video { annexb, .. } => annexb
                .access_unit(frame, is_key, is_key || is_first)
                .map(Payload::AccessUnit),
            Self::Aac(adts) => {
                let channels = adts.program_config(is_first);
                let header = adts.header(channels.len().checked_add(frame.len())?)?;
                Some(Payload::Adts {
                    header,
                    channels,
                    frame,
                })
            }
            Self::MpegAudio { .. } => Some(Payload::Plain(frame)),
            Self::Opus { .. } => Some(Payload::Opus(frame)),
        }
    }
}

/// The payload of one PES packet.
pub(super) enum Payload<'a> {
    AccessUnit(AccessUnit<'a>),
    Adts {
        header: [u8; adts::HEADER_BYTES],
        channels: &'a [u8],
        frame: &'a [u8],
    },
    Opus(&'a [u8]),
    Plain(&'a [u8]),
}

impl Payload<'_> {
    /// The bytes that [`Payload::write`] writes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::AccessUnit(unit) => unit.size,
            Self::Adts {
                header,
                channels,
                frame,
            } => header.len() + channels.len() + frame.len(),
            Self::Opus(frame) => opus::control_bytes(frame.len()) + frame.len(),
            Self::Plain(frame) => frame.len(),
        }
    }

    pub(super) fn write(&self, pes: &mut PesWriter) {
        match self {
            Self::AccessUnit(unit) => unit.write(pes),
            Self::Adts {
                header,
                channels,
                frame,
            } => {
                pes.put(header);
                pes.put(channels);
                pes.put(frame);
            }
            Self::Opus(frame) => {
                opus::control_header(frame.len(), |piece| pes.put(piece));
                pes.put(frame);
            }
            Self::Plain(frame) => pes.put(frame),
        }
    }
}
