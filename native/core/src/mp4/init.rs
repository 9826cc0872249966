//! Reading the leading `moov` of a fragmented file.

use super::boxes::{children, malformed, Child, FourCc};
use super::tables::Samples;
use crate::fault::Fault;
use crate::limits;

/// The leading `moov`: what the fragments need, and what is copied into the final one.
#[derive(Debug)]
pub struct Movie {
    /// Payload of mvhd.
    pub header: Vec<u8>,
    /// udta and meta, whole.
    pub extras: Vec<u8>,
    /// One per trak.
    pub tracks: Vec<Track>,
}

/// One trak of the leading `moov`, and the samples its fragments added.
#[derive(Debug, Default)]
pub struct Track {
    /// track_ID.
    pub id: u32,
    /// Ticks per second.
    pub timescale: u32,
    /// Language code of mdhd.
    pub language: u16,
    /// Payload of tkhd.
    pub header: Vec<u8>,
    /// hdlr, whole.
    pub handler: Vec<u8>,
    /// The boxes of minf but for stbl, whole: media header, data information.
    pub media_information: Vec<u8>,
    /// stsd, whole.
    pub descriptions: Vec<u8>,
    /// udta of the trak, whole.
    pub extras: Vec<u8>,
    /// The samples of all fragments read so far.
    pub samples: Samples,
    /// What its trex says.
    pub defaults: Defaults,
    /// Where the next sample starts when its fragment does not say so.
    pub clock: u64,
}

/// What trex says about samples whose fragment is silent.
#[derive(Debug, Default, Clone, Copy)]
pub struct Defaults {
    /// Sample description, from 1.
    pub description: u32,
    /// Duration in ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// sample_flags.
    pub flags: u32,
}

impl Movie {
    /// Reads the payload of the leading `moov`.
    pub fn read(payload: &[u8]) -> Result<Self, Fault> {
        let mut movie = Self {
            header: Vec::new(),
            extras: Vec::new(),
            tracks: Vec::new(),
        };
        let mut defaults = Vec::new();
        for child in children(payload, "moov") {
            let child = child?;
            match &child.kind {
                b"mvhd" => movie.header = child.payload.to_vec(),
                b"trak" if movie.tracks.len() == limits::MP4_TRACKS => {
                    return Err(Fault::new(
                        "mp4.too_large",
                        format!("more than {} tracks", limits::MP4_TRACKS),
                    ));
                }
                b"trak" => movie.tracks.push(Track::read(child.payload)?),
                b"mvex" => read_defaults(child.payload, &mut defaults)?,
                b"udta" | b"meta" => movie.extras.extend_from_slice(child.whole),
                _ => {}
            }
        }
        for (id, value) in defaults {
            if let Some(track) = movie.tracks.iter_mut().find(|track| track.id == id) {
                track.defaults = value;
            }
        }
        if movie.header.is_empty() {
            return Err(malformed("box 'moov' without 'mvhd'"));
        }
        Ok(movie)
    }

    /// Samples of all tracks.
    pub fn samples(&self) -> usize {
        self.tracks.iter().map(|track| track.samples.sizes().len()).sum()
    }
}

/// trex, ISO/IEC 14496-12 section 8.8.3.
fn read_defaults(payload: &[u8], defaults: &mut Vec<(u32, Defaults)>) -> Result<(), Fault> {
    for child in children(payload, "mvex") {
        let child = child?;
        if &child.kind == b"trex" && defaults.len() < limits::MP4_TRACKS {
            let mut fields = child.fields("trex");
            fields.u32()?;
            let id = fields.u32()?;
            let (description, duration) = (fields.u32()?, fields.u32()?);
            defaults.push((
                id,
                Defaults {
                    description,
                    duration,
                    size: fields.u32()?,
                    flags: fields.u32()?,
                },
            ));
        }
    }
    Ok(())
}

impl Track {
    fn read(payload: &[u8]) -> Result<Self, Fault> {
        let mut track = Self::default();
        for child in children(payload, "trak") {
            let child = child?;
            match &child.kind {
                b"tkhd" => {
                    let mut fields = child.fields("tkhd");
                    fields.take(if version(&child) == 1 { 20 } else { 12 })?;
                    track.id = fields.u32()?;
                    track.header = child.payload.to_vec();
                }
                b"mdia" => track.read_media(child.payload)?,
                b"udta" => track.extras.extend_from_slice(child.whole),
                _ => {}
            }
        }
        if track.id == 0 || track.timescale == 0 || track.descriptions.is_empty() {
            return Err(malformed(format!(
                "box 'trak' of track {} without tkhd, mdhd or stsd",
                track.id
            )));
        }
        Ok(track)
    }

    fn read_media(&mut self, payload: &[u8]) -> Result<(), Fault> {
        for child in children(payload, "mdia") {
            let child = child?;
            match &child.kind {
                b"mdhd" => {
                    let long = version(&child) == 1;
                    let mut fields = child.fields("mdhd");
                    fields.take(if long { 20 } else { 12 })?;
                    self.timescale = fields.u32()?;
                    fields.take(if long { 8 } else { 4 })?;
                    self.language = fields.u16()?;
                }
                b"hdlr" => self.handler = child.whole.to_vec(),
                b"minf" => self.read_media_information(child.payload)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_media_information(&mut self, payload: &[u8]) -> Result<(), Fault> {
        for child in children(payload, "minf") {
            let child = child?;
            if &child.kind != b"stbl" {
                self.media_information.extend_from_slice(child.whole);
                continue;
            }
            for table in children(child.payload, "stbl") {
                let table = table?;
                if &table.kind == b"stsd" {
                    self.descriptions = table.whole.to_vec();
                }
            }
        }
        Ok(())
    }

    /// The type of its first sample entry (`avc1`, `Opus`).
    pub fn entry_kind(&self) -> Option<FourCc> {
        self.descriptions
            .get(20..24)
            .and_then(|kind| kind.try_into().ok())
    }
}

/// The version of a full box.
pub fn version(child: &Child) -> u8 {
    child.payload.first().copied().unwrap_or(0)
}
