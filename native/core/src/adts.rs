//! AAC in ADTS frames (ISO 14496-3 section 1.A.3).

use crate::config::aac::{object_type, program_layout, rate, PARAMETRIC_STEREO, RATES, SBR};
use crate::config::bits::Bits;
use crate::fault::Fault;
use crate::limits;

const RECORD: &str = "AudioSpecificConfig";
pub(crate) const HEADER_BYTES: usize = 7;
/// aac_frame_length has 13 bits.
const LONGEST_FRAME: usize = (1 << 13) - 1;
/// id_syn_ele of a program_config_element.
const PROGRAM_CONFIG: [u8; 3] = [1, 0, 1];

/// What the headers of a track say of its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adts {
    profile: u8,
    rate_index: u8,
    channel_configuration: u8,
    /// The program config element that says the channels when the header cannot; empty when it can.
    program_config: Vec<u8>,
}

impl Adts {
    /// Reads an AudioSpecificConfig (section 1.6.2). Fails when ADTS has no way to say the same.
    pub(crate) fn of(config: &[u8]) -> Result<Self, Fault> {
        if config.len() > limits::CONFIG_BYTES {
            return Err(unsayable(format!("{RECORD} of {} bytes", config.len())));
        }
        let mut bits = Bits::new(config, RECORD);
        let mut object = object_type(&mut bits)?;
        let rate_hz = rate(&mut bits)?;
        let channel_configuration = bits.bits(4)?;
        if matches!(object, SBR | PARAMETRIC_STEREO) {
            rate(&mut bits)?; // after band replication: decoders find it in the frames
            object = object_type(&mut bits)?;
        }
        if !(1..=4).contains(&object) {
            return Err(unsayable(format!("audio object type {object}")));
        }
        if channel_configuration > 7 {
            return Err(unsayable(format!(
                "channel configuration {channel_configuration}"
            )));
        }
        let Some(rate_index) = RATES.iter().position(|&known| known == rate_hz) else {
            return Err(unsayable(format!("a sample rate of {rate_hz} Hz")));
        };
        if bits.bits(3)? != 0 {
            return Err(unsayable(
                "frames of 960 samples, a core coder or an extension".into(),
            ));
        }
        let program_config = if channel_configuration == 0 {
            program_config_element(bits)?
        } else {
            Vec::new()
        };
        Ok(Self {
            profile: (object - 1) as u8,
            rate_index: rate_index as u8,
            channel_configuration: channel_configuration as u8,
            program_config,
        })
    }

    /// What stands before the other elements of a frame: nothing but in the first.
    pub(crate) fn program_config(&self, is_first: bool) -> &[u8] {
        if is_first {
            &self.program_config
        } else {
            &[]
        }
    }

    /// The header of a frame of this payload; None when the frame is longer than one can say.
    pub(crate) fn header(&self, payload_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
        let length = payload_bytes.checked_add(HEADER_BYTES)?;
        if length > LONGEST_FRAME {
            return None;
        }
        let fields = 0xfff1_u64 << 40 // syncword, MPEG-4, layer 0, no CRC
            | u64::from(self.profile) << 38
            | u64::from(self.rate_index) << 34
            | u64::from(self.channel_configuration) << 30
            | (length as u64) << 13
            | 0x7ff << 2; // a buffer fullness of "variable rate", one block
        let [_, header @ ..] = fields.to_be_bytes();
        Some(header)
    }
}

fn unsayable(what: String) -> Fault {
    Fault::new("adts.config", format!("ADTS has no place for {what}"))
}

/// The program_config_element (section 4.4.1.1) at `bits` as the first element of a frame. Its comment begins
/// at a byte border, which is elsewhere in the frame than in the record.
fn program_config_element(mut bits: Bits) -> Result<Vec<u8>, Fault> {
    let mut layout = bits.clone();
    let start_bits = bits.left();
    program_layout(&mut bits)?;
    let mut element = PROGRAM_CONFIG.to_vec();
    for _ in 0..start_bits - bits.left() {
        element.push(u8::from(layout.flag()?));
    }
    let mut bytes: Vec<u8> = element.chunks(8).map(octet).collect();
    bits.align();
    let comment_bytes = bits.bits(8)?;
    bytes.push(comment_bytes as u8);
    for _ in 0..comment_bytes {
        bytes.push(bits.bits(8)? as u8);
    }
    Ok(bytes)
}

/// Up to eight bits, the first one highest.
fn octet(bits: &[u8]) -> u8 {
    (0..8).fold(0, |sum, at| sum << 1 | bits.get(at).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ffmpeg_writes_it() {
        let adts = Adts::of(&[0x11, 0x88, 0x56, 0xe5, 0x00]).unwrap(); // LC, 48 kHz, mono
        assert_eq!(adts.header(186), Some([0xff, 0xf1, 0x4c, 0x40, 0x18, 0x3f, 0xfc]));
        assert!(adts.program_config(true).is_empty());
        assert_eq!(adts.header(8184).unwrap()[3..6], [0x43, 0xff, 0xff]);
        assert_eq!(adts.header(8185), None);
        assert_eq!(adts.header(usize::MAX), None);
    }

    #[test]
    fn band_replication_says_its_core() {
        // Object type 5, core 24 kHz, 2 channels, output 48 kHz, core object type 2.
        let adts = Adts::of(&[0x2b, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!(
            (adts.profile, adts.rate_index, adts.channel_configuration),
            (1, 6, 2)
        );
    }

    #[test]
    fn what_adts_cannot_say() {
        for (record, words) in [
            (&[0x17, 0x80, 0x56, 0x0c, 0x10][..], "44056 Hz"),
            (&[0xf9, 0x46, 0x40], "object type 42"),
            (&[0x11, 0xd8], "configuration 11"),
            (&[0x12, 0x14], "960"),
        ] {
            let fault = Adts::of(record).unwrap_err();
            assert!(fault.message.contains(words), "{fault}");
        }
        assert!(Adts::of(&[]).is_err());
        assert!(Adts::of(&vec![0x12; limits::CONFIG_BYTES + 1]).is_err());
        // 44.1 kHz in 24 bits is in the table.
        assert_eq!(Adts::of(&[0x17, 0x80, 0x56, 0x22, 0x10]).unwrap().rate_index, 4);
    }

    #[test]
    fn channels_that_only_an_element_says() {
        let bytes = |text: &str| -> Vec<u8> {
            let bits: Vec<u8> = text
                .bytes()
                .filter(|byte| *byte != b' ')
                .map(|byte| byte - b'0')
                .collect();
            bits.chunks(8).map(octet).collect()
        };
        // Tag 0, profile 1, rate 3, two front pairs, one low-frequency channel, no mix-down.
        let layout = "0000010011 0010 0000 0000 01 000 0000 000 10000 10001 0000";
        let record = [
            bytes(&format!("00010 0011 0000 000 {layout}")),
            vec![2, b'h', b'i'],
        ]
        .concat();
        let adts = Adts::of(&record).unwrap();
        let wanted = [bytes(&format!("101 {layout}")), vec![2, b'h', b'i']].concat();
        assert_eq!(adts.program_config(true), wanted);
        for cut in 0..record.len() {
            assert!(Adts::of(&record[..cut]).is_err());
        }
    }
}
