//! Length-prefixed access units (ISO 14496-15 section 4.3.2) as byte streams with start codes (annex B of
//! ITU-T H.264, H.265 and H.266), with the delimiters that ISO 13818-1 sections 2.14 and 2.17 demand.

use super::packets::PesWriter;
use crate::config;
use crate::fault::Fault;
use crate::tag::codec;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The video codecs with NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    H264,
    H265,
    H266,
}

impl Coding {
    fn nal_type(self, nal: &[u8]) -> Option<u8> {
        match (self, nal) {
            (Self::H264, [first, ..]) => Some(first & 31),
            (Self::H265, [first, _, ..]) => Some(first >> 1 & 63),
            (Self::H266, [_, second, ..]) => Some(second >> 3),
            _ => None,
        }
    }

    fn is_slice(self, nal_type: u8) -> bool {
        match self {
            Self::H264 => (1..=5).contains(&nal_type),
            Self::H265 => nal_type < 32,
            Self::H266 => nal_type < 12,
        }
    }

    fn is_delimiter(self, nal_type: u8) -> bool {
        match self {
            Self::H264 => nal_type == 9,
            Self::H265 => nal_type == 35,
            Self::H266 => nal_type == 20,
        }
    }

    fn is_sps(self, nal_type: u8) -> bool {
        match self {
            Self::H264 => nal_type == 7,
            Self::H265 => nal_type == 33,
            Self::H266 => nal_type == 15,
        }
    }

    fn is_parameter_set(self, nal_type: u8) -> bool {
        match self {
            Self::H264 => matches!(nal_type, 7 | 8),
            Self::H265 => matches!(nal_type, 32..=34),
            Self::H266 => matches!(nal_type, 12..=16),
        }
    }

    /// A delimiter that allows for every kind of slice.
    fn delimiter(self, is_key: bool) -> &'static [u8] {
        match self {
            Self::H264 => &[0x09, 0xf0],
            Self::H265 => &[0x46, 0x01, 0x50],
            Self::H266 if is_key => &[0x00, 0xa1, 0xa8],
            Self::H266 => &[0x00, 0xa1, 0x28],
        }
    }
}

/// How the access units of a track become byte streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnnexB {
    coding: Coding,
    length_size: usize,
    /// The parameter sets of the configuration, behind start codes.
    parameter_sets: Vec<u8>,
}

impl AnnexB {
    /// Reads a decoder configuration record.
    pub(super) fn of(codec_number: u8, record: &[u8]) -> Result<Self, Fault> {
        let coding = match codec_number {
            codec::H264 => Coding::H264,
            codec::H265 => Coding::H265,
            _ => Coding::H266,
        };
        let framing = config::framing(codec_number, record)?;
        let mut parameter_sets = Vec::new();
        for nal in framing.parameter_sets.into_iter().filter(|nal| !nal.is_empty()) {
            parameter_sets.extend_from_slice(&START_CODE);
            parameter_sets.extend_from_slice(nal);
        }
        Ok(Self {
            coding,
            length_size: usize::from(framing.length_size),
            parameter_sets,
        })
    }

    /// What becomes of an access unit; None when its NAL units cannot be told apart or there are none.
    /// `is_start`: a decoder may begin here, and is given the parameter sets that the unit does not carry.
    pub(super) fn access_unit<'a>(
        &'a self,
        payload: &'a [u8],
        is_key: bool,
        is_start: bool,
    ) -> Option<AccessUnit<'a>> {
        let mut unit = AccessUnit {
            coding: self.coding,
            nals: Nals {
                rest: payload,
                length_size: self.length_size,
            },
            delimiter: self.coding.delimiter(is_key),
            parameter_sets: &[],
            size: 0,
        };
        let (mut has_slice, mut has_sps) = (false, false);
        for nal in unit.nals {
            let nal = nal?;
            let nal_type = self.coding.nal_type(nal)?;
            if self.coding.is_delimiter(nal_type) && !has_slice {
                unit.delimiter = nal;
                continue;
            }
            has_slice |= self.coding.is_slice(nal_type);
            has_sps |= self.coding.is_sps(nal_type);
            unit.size += start_code(self.coding, nal_type).len() + nal.len();
        }
        if unit.size == 0 {
            return None;
        }
        if is_start && !has_sps {
            unit.parameter_sets = &self.parameter_sets;
        }
        unit.size += START_CODE.len() + unit.delimiter.len() + unit.parameter_sets.len();
        Some(unit)
    }
}

fn start_code(coding: Coding, nal_type: u8) -> &'static [u8] {
    match &START_CODE {
        all if coding.is_parameter_set(nal_type) => all,
        [_, short @ ..] => short,
    }
}

/// An access unit that can be written.
pub(super) struct AccessUnit<'a> {
    coding: Coding,
    nals: Nals<'a>,
    /// The unit's own, wherever it stood before the first slice, or another.
    delimiter: &'a [u8],
    parameter_sets: &'a [u8],
    /// Bytes that it has when it is written.
    pub size: usize,
}

impl AccessUnit<'_> {
    /// Writes the delimiter, the parameter sets, then the NAL units as they came.
    pub(super) fn write(&self, pes: &mut PesWriter) {
        pes.put(&START_CODE);
        pes.put(self.delimiter);
        pes.put(self.parameter_sets);
        let mut has_slice = false;
        for nal in self.nals.flatten() {
            let nal_type = self.coding.nal_type(nal).unwrap_or_default();
            if self.coding.is_delimiter(nal_type) && !has_slice {
                continue;
            }
            has_slice |= self.coding.is_slice(nal_type);
            pes.put(start_code(self.coding, nal_type));
            pes.put(nal);
        }
    }
}

/// The NAL units of an access unit; those of no bytes are stepped over. None stands for one that is cut.
#[derive(Debug, Clone, Copy)]
struct Nals<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Nals<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest.get(..count);
        self.rest = self.rest.get(count..).unwrap_or_default();
        taken
    }

    fn take_one(&mut self) -> Option<&'a [u8]> {
        let length = self.take(self.length_size)?;
        let size = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        self.take(size)
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.take_one() {
                Some([]) => {}
                found => return Some(found),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::packets::PesHead;
    use super::*;

    /// AVCDecoderConfigurationRecord with lengths of 2 bytes.
    const AVC: &[u8] = &[1, 100, 0, 31, 0xfd, 0xe1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 2];

    fn avc() -> AnnexB {
        AnnexB::of(codec::H264, AVC).unwrap()
    }

    fn framed(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&(nal.len() as u16).to_be_bytes(), *nal].concat())
            .collect()
    }

    fn written(annexb: &AnnexB, payload: &[u8], is_key: bool, is_start: bool) -> Option<Vec<u8>> {
        let unit = annexb.access_unit(payload, is_key, is_start)?;
        let head = PesHead {
            pid: 0x107,
            stream_id: 0xe0,
            pts: 0,
            dts: 0,
            random_access: false,
            has_clock: false,
            is_video: true,
        };
        let (mut out, mut counter) = (Vec::new(), 0);
        unit.write(&mut PesWriter::begin(&head, unit.size, &mut out, &mut counter));
        assert_eq!(out.len(), 188, "small enough for one packet");
        Some(out[188 - unit.size..].to_vec())
    }

    #[test]
    fn delimiter_and_parameter_sets_are_put_in_front() {
        let payload = framed(&[&[0x06, 5], &[], &[0x65, 9, 9]]);
        let plain = [0, 0, 1, 0x06, 5, 0, 0, 1, 0x65, 9, 9];
        let delimiter = [0, 0, 0, 1, 0x09, 0xf0];
        let sets = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2];
        assert_eq!(
            written(&avc(), &payload, true, true),
            Some([&delimiter[..], &sets, &plain].concat())
        );
        assert_eq!(
            written(&avc(), &payload, false, false),
            Some([&delimiter[..], &plain].concat())
        );
    }

    #[test]
    fn own_delimiter_and_parameter_sets_stay() {
        let payload = framed(&[&[0x67, 7], &[0x09, 0x10], &[0x68, 8], &[0x65, 9], &[0x09, 0x30]]);
        let wanted = [
            &[0, 0, 0, 1, 0x09, 0x10][..], // moved to where it must be
            &[0, 0, 0, 1, 0x67, 7],
            &[0, 0, 0, 1, 0x68, 8],
            &[0, 0, 1, 0x65, 9],
            &[0, 0, 1, 0x09, 0x30], // of a second field
        ];
        assert_eq!(written(&avc(), &payload, true, true), Some(wanted.concat()));
    }

    #[test]
    fn what_is_no_access_unit() {
        for bad in [
            &[][..],
            &[0],
            &[0, 0],
            &[0, 1],
            &[0, 3, 0x65, 1],
            &[0, 1, 0x65, 0],
            &[0, 1, 0x65, 0, 9, 1],
            &[0, 2, 0x09, 0xf0],
        ] {
            assert!(avc().access_unit(bad, true, true).is_none(), "{bad:?}");
        }
        let vvc = AnnexB::of(codec::H266, &[0xfa, 0]).unwrap();
        assert!(vvc.access_unit(&[0, 1, 0], true, true).is_none());
    }

    #[test]
    fn the_other_codecs() {
        let vvc = AnnexB::of(codec::H266, &[0xfa, 1, 0x8f, 0, 1, 0, 2, 0, 0x79]).unwrap();
        let payload = framed(&[&[0x00, 0x39, 1]]);
        assert_eq!(
            written(&vvc, &payload, true, true).unwrap(),
            [0, 0, 0, 1, 0, 0xa1, 0xa8, 0, 0, 0, 1, 0, 0x79, 0, 0, 1, 0, 0x39, 1]
        );
        assert_eq!(written(&vvc, &payload, false, false).unwrap()[6], 0x28);
        let mut hvcc = vec![1; 23];
        hvcc[21] = 1;
        hvcc[22] = 2;
        hvcc.extend_from_slice(&[39, 0, 1, 0, 2, 0x4e, 1, 33, 0, 1, 0, 2, 0x42, 1]);
        let hevc = AnnexB::of(codec::H265, &hvcc).unwrap();
        assert_eq!(
            written(&hevc, &framed(&[&[0x26, 1, 5]]), true, true).unwrap(),
            [0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 0, 1, 0x42, 1, 0, 0, 1, 0x26, 1, 5],
            "messages of the record are no parameter sets"
        );
        assert!(AnnexB::of(codec::H265, &hvcc[..30]).is_err());
        assert!(AnnexB::of(codec::H264, &[]).is_err());
    }
}
