//! The identity of a configuration: what a decoder is configured with, without what may differ between two
//! records of the same configuration (reserved bits, the order of arrays, hints, padding).

use std::collections::BTreeMap;

/// Bytes to compare. Every part is written with its length, so that different parts never read alike.
#[derive(Debug, Default)]
pub(super) struct Identity(Vec<u8>);

impl Identity {
    /// Appends a part of any length.
    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    /// Appends a number.
    pub(super) fn number(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends parameter sets: by type, and within a type in the order of the record.
    pub(super) fn parameter_sets(&mut self, sets: &ParameterSets) {
        for (nal_type, nals) in &sets.0 {
            for nal in nals {
                self.number(u32::from(*nal_type));
                self.part(nal);
            }
        }
    }

    /// The finished bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The parameter sets of a record by NAL unit type.
#[derive(Debug, Default)]
pub(super) struct ParameterSets<'a>(BTreeMap<u8, Vec<&'a [u8]>>);

impl<'a> ParameterSets<'a> {
    /// Adds a NAL unit.
    pub(super) fn add(&mut self, nal_type: u8, nal: &'a [u8]) {
        self.0.entry(nal_type).or_default().push(nal);
    }

    /// All NAL units, by type: the order of an access unit in every codec here.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.0.values().flatten().copied()
    }

    /// The first NAL unit of a type.
    pub(super) fn first(&self, nal_type: u8) -> Option<&'a [u8]> {
        self.0.get(&nal_type)?.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::tag::codec;

    fn identity(codec_number: u8, record: &[u8]) -> Vec<u8> {
        match parse(codec_number, record).unwrap() {
            super::super::Config::Video(video) => video.identity,
            super::super::Config::Audio(audio) => audio.identity,
        }
    }

    /// Each record configures a decoder like the first (true), or in another way.
    fn compare(codec_number: u8, records: &[(&[u8], bool)]) {
        let first = identity(codec_number, records[0].0);
        for (at, (record, same)) in records.iter().enumerate() {
            assert_eq!(identity(codec_number, record) == first, *same, "record {at}");
        }
    }

    #[test]
    fn general_audio() {
        compare(
            codec::AAC,
            &[
                (&[0x12, 0x10], true),
                (&[0x12, 0x10, 0, 0, 0], true),           // padding
                (&[0x12, 0x10, 0x56, 0xE5, 0x00], true),  // "no band replication"
                (&[0x12, 0x10, 0x56, 0xE5, 0x90], false), // band replication to 48 kHz
                (&[0x12, 0x08], false),                   // one channel
                (&[0x11, 0x90], false),                   // 48 kHz
                (&[0x0A, 0x10], false),                   // object type 1
                (&[0x12, 0x14], false),                   // frames of 960 samples
                (&[0x17, 0x80, 0x56, 0x22, 0x10], true),  // 44.1 kHz in 24 bits
                (&[0x17, 0x80, 0x56, 0x22, 0x10, 0xFF], true),
            ],
        );
        compare(
            codec::AAC,
            &[
                (&[0x2B, 0x11, 0x88, 0x00], true),
                (&[0x13, 0x10, 0x56, 0xE5, 0x98], true), // the same, signalled behind the core
                (&[0x2B, 0x12, 0x08, 0x00], false),      // to 44.1 kHz
                (&[0xEB, 0x11, 0x88, 0x00], false),      // with parametric stereo
            ],
        );
    }

    #[test]
    fn opus_heads() {
        compare(
            codec::OPUS,
            &[
                (b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00", true),
                (b"OpusHead\x02\x02\x38\x01\x44\xac\x00\x00\x00\x00\x00..", true), // version, input rate, rest
                (b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00", false),
                (b"OpusHead\x01\x02\x00\x01\x80\xbb\x00\x00\x00\x00\x00", false), // pre-skip
                (b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x01\x00\x00", false), // gain
                (
                    b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x01\x01\x00\x01",
                    false,
                ),
                (
                    b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x01\x01\x01\x00",
                    false,
                ),
            ],
        );
    }
}
