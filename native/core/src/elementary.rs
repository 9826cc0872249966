//! Files of one audio track alone: AAC in ADTS frames, and bare MP3.

use crate::adts::Adts;
use crate::fault::Fault;
use crate::mux::Muxed;
use crate::tag::{codec, frames};

/// Writes the frames of a track back to back.
#[derive(Debug)]
pub struct ElementaryWriter {
    codec: u8,
    /// For AAC; an MP3 frame has a header of its own.
    adts: Option<Adts>,
    is_first: bool,
    refused_run: u32,
}

impl ElementaryWriter {
    /// A writer of this codec, and for AAC of this AudioSpecificConfig. Fails when a file cannot hold it.
    pub fn new(codec_number: u8, config: &[u8]) -> Result<Self, Fault> {
        let adts = match codec_number {
            codec::AAC => Some(Adts::of(config)?),
            codec::MP3 => None,
            other => {
                let message = format!("codec {other} has no file of its own");
                return Err(Fault::new("elementary.codec", message));
            }
        };
        Ok(Self {
            codec: codec_number,
            adts,
            is_first: true,
            refused_run: 0,
        })
    }

    /// Appends the track's frames among these rows to `out`; all other rows are stepped over.
    ///
    /// `table` is rows as [`crate::tag::Tag::to_bytes`] gives them. Fails, and writes nothing, when it is not, and
    /// when a payload is outside of the arena.
    pub fn mux(&mut self, arena: &[u8], table: &[u8], out: &mut Vec<u8>) -> Result<Muxed, Fault> {
        let rows = frames(arena, table)?.collect::<Result<Vec<_>, Fault>>()?;
        let mut muxed = Muxed::default();
        for (_, payload) in rows.iter().filter(|(tag, _)| tag.codec == self.codec) {
            if self.put(payload, out).is_some() {
                self.is_first = false;
                self.refused_run = 0;
            } else {
                muxed.refused += 1;
                self.refused_run += 1;
            }
        }
        muxed.refused_run = self.refused_run;
        Ok(muxed)
    }

    /// None when the frame is longer than its header can say.
    fn put(&self, payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if let Some(adts) = &self.adts {
            let channels = adts.program_config(self.is_first);
            let header = adts.header(channels.len().checked_add(payload.len())?)?;
            out.extend_from_slice(&header);
            out.extend_from_slice(channels);
        }
        out.extend_from_slice(payload);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Batch, Tag};

    fn mux(writer: &mut ElementaryWriter, bodies: &[(u8, &[u8])]) -> (Vec<u8>, Muxed) {
        let mut batch = Batch::default();
        for (kind, body) in bodies {
            batch.push(*kind, 0, body);
        }
        let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
        let mut out = Vec::new();
        let muxed = writer.mux(&batch.arena, &table, &mut out).unwrap();
        (out, muxed)
    }

    #[test]
    fn aac_has_a_header_before_each_frame() {
        let mut writer = ElementaryWriter::new(codec::AAC, &[0x12, 0x10]).unwrap();
        let video: &[u8] = &[0x17, 1, 0, 0, 0, 0x65];
        let (data, muxed) = mux(
            &mut writer,
            &[(8, &[0xaf, 1, 9, 9]), (9, video), (8, &[0xaf, 1, 7])],
        );
        assert_eq!(muxed, Muxed::default());
        let header = |size: u8| [0xff, 0xf1, 0x50, 0x80, size >> 3, size << 5 | 0x1f, 0xfc];
        assert_eq!(data, [&header(9)[..], &[9, 9], &header(8), &[7]].concat());
    }

    #[test]
    fn a_frame_that_no_header_can_say_is_refused() {
        let mut writer = ElementaryWriter::new(codec::AAC, &[0x12, 0x10]).unwrap();
        let long = [vec![0xaf, 1], vec![0; 8185]].concat();
        let (data, muxed) = mux(&mut writer, &[(8, &long), (8, &long)]);
        assert_eq!((data.len(), muxed.refused, muxed.refused_run), (0, 2, 2));
        assert_eq!(mux(&mut writer, &[(8, &long[..8186])]).1.refused_run, 0);
    }

    #[test]
    fn mp3_is_written_as_it_is() {
        let mut writer = ElementaryWriter::new(codec::MP3, &[]).unwrap();
        let (data, _) = mux(&mut writer, &[(8, &[0x2f, 0xff, 0xfb]), (8, &[0x2f, 0xff, 0xfa])]);
        assert_eq!(data, [0xff, 0xfb, 0xff, 0xfa]);
    }

    #[test]
    fn what_has_no_file_of_its_own() {
        assert!(ElementaryWriter::new(codec::OPUS, &[]).is_err());
        assert!(ElementaryWriter::new(codec::AAC, &[0xff]).is_err());
    }
}
