//! AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2).

use super::bits::Bits;
use super::identity::Identity;
use super::AudioConfig;
use crate::fault::Fault;

const RECORD: &str = "AudioSpecificConfig";
/// Sample rates by their index (table 1.18).
pub(crate) const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
/// Highest sample rate believed; the table ends at 96 kHz, the explicit field could say 16 MHz.
const MAX_RATE: u32 = 192_000;

pub(crate) const SBR: u32 = 5;
pub(crate) const PARAMETRIC_STEREO: u32 = 29;
const BSAC: u32 = 22;
/// Object types that carry a GASpecificConfig.
const GENERAL_AUDIO: [u32; 12] = [1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23];

pub(super) fn parse(data: &[u8]) -> Result<AudioConfig, Fault> {
    let mut bits = Bits::new(data, RECORD);
    let mut object_type = object_type(&mut bits)?;
    let sample_rate = rate(&mut bits)?;
    let channel_configuration = bits.bits(4)?;
    let mut audio = AudioConfig {
        sample_rate,
        ..AudioConfig::default()
    };
    let announced = object_type;
    if matches!(object_type, SBR | PARAMETRIC_STEREO) {
        audio.parametric_stereo = object_type == PARAMETRIC_STEREO;
        audio.output_sample_rate = Some(rate(&mut bits)?);
        object_type = self::object_type(&mut bits)?;
        if object_type == BSAC {
            bits.skip(4)?;
        }
    }
    audio.profile = object_type;
    audio.channels = channels(channel_configuration)?;
    let mut identity = Identity::default();
    if GENERAL_AUDIO.contains(&object_type) {
        let counted = general_audio(&mut bits, object_type, channel_configuration, &mut identity)?;
        audio.channels = counted.unwrap_or(audio.channels);
    } else {
        identity.part(data); // what follows is another structure for each object type: compared as it is
    }
    if audio.channels == 0 {
        return Err(Fault::new(
            "config.channels",
            format!("{RECORD} without channels"),
        ));
    }
    let mut shown = announced;
    if audio.output_sample_rate.is_none() && GENERAL_AUDIO.contains(&object_type) {
        shown = trailing_extension(&mut bits, &mut audio).unwrap_or(announced);
    }
    audio.codec_string = format!("mp4a.40.{shown}");
    identity.part(&[
        audio.profile as u8,
        channel_configuration as u8,
        u8::from(audio.parametric_stereo),
    ]);
    identity.number(audio.sample_rate);
    identity.number(audio.output_sample_rate.unwrap_or(0));
    audio.identity = identity.finish();
    Ok(audio)
}

/// GetAudioObjectType (section 1.6.2.1).
pub(crate) fn object_type(bits: &mut Bits) -> Result<u32, Fault> {
    let short = bits.bits(5)?;
    let object_type = if short == 31 { 32 + bits.bits(6)? } else { short };
    if object_type == 0 {
        return Err(Fault::new(
            "config.object_type",
            format!("{RECORD} with audio object type 0"),
        ));
    }
    Ok(object_type)
}

/// A sample rate as an index, or in 24 bits.
pub(crate) fn rate(bits: &mut Bits) -> Result<u32, Fault> {
    let index = bits.bits(4)?;
    let rate = if index == 15 {
        bits.bits(24)?
    } else {
        RATES.get(index as usize).copied().unwrap_or(0)
    };
    if rate == 0 || rate > MAX_RATE {
        return Err(Fault::new(
            "config.rate",
            format!("{RECORD} with sample rate index {index} ({rate} Hz)"),
        ));
    }
    Ok(rate)
}

/// Channels of a channelConfiguration (ISO/IEC 14496-3 table 1.19); 0 says that a program config counts them.
fn channels(configuration: u32) -> Result<u32, Fault> {
    match configuration {
        0..=6 => Ok(configuration),
        7 | 12 | 14 => Ok(8),
        11 => Ok(7),
        13 => Ok(24),
        _ => Err(Fault::new(
            "config.channels",
            format!("{RECORD} with reserved channel configuration {configuration}"),
        )),
    }
}

/// GASpecificConfig (section 4.4.1); the channels its program config element counts, when it has one. All of it
/// but that element's comment goes into the identity.
fn general_audio(
    bits: &mut Bits,
    object_type: u32,
    channel_configuration: u32,
    identity: &mut Identity,
) -> Result<Option<u32>, Fault> {
    identity.number(bits.bits(1)?); // frames of 1024 or of 960 samples
    if bits.flag()? {
        identity.number(1 << 14 | bits.bits(14)?);
    }
    let extension = bits.flag()?;
    let counted = if channel_configuration == 0 {
        Some(program_config(bits, identity)?)
    } else {
        None
    };
    if matches!(object_type, 6 | 20) {
        identity.number(bits.bits(3)?);
    }
    if extension {
        match object_type {
            BSAC => identity.number(bits.bits(16)?),
            17 | 19 | 20 | 23 => identity.number(bits.bits(3)?),
            _ => {}
        }
        bits.skip(1)?;
    }
    Ok(counted)
}

/// program_config_element (section 4.4.1.1): counts front, side, back and low-frequency channels.
fn program_config(bits: &mut Bits, identity: &mut Identity) -> Result<u32, Fault> {
    let mut layout = bits.clone();
    let start_bits = bits.left();
    let channels = program_layout(bits)?;
    for _ in 0..start_bits - bits.left() {
        identity.part(&[u8::from(layout.flag()?)]);
    }
    bits.align();
    let comment = bits.bits(8)? as usize;
    bits.skip(8 * comment)?;
    Ok(channels)
}

/// The fields of a program_config_element before its comment; the channels they count.
pub(crate) fn program_layout(bits: &mut Bits) -> Result<u32, Fault> {
    bits.skip(4 + 2 + 4)?;
    let paired_groups = [bits.bits(4)?, bits.bits(4)?, bits.bits(4)?];
    let low_frequency = bits.bits(2)?;
    let data_elements = bits.bits(3)?;
    let coupling_elements = bits.bits(4)?;
    for width in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(width)?;
        }
    }
    let mut channels = low_frequency;
    for _ in 0..paired_groups.iter().sum::<u32>() {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    bits.skip((4 * (low_frequency + data_elements) + 5 * coupling_elements) as usize)?;
    Ok(channels)
}

/// Backward compatible signalling behind the core configuration (section 1.6.5). What it announces; None when
/// there is none or it is cut, which players ignore too.
fn trailing_extension(bits: &mut Bits, audio: &mut AudioConfig) -> Option<u32> {
    const SYNC_SBR: u32 = 0x2B7;
    const SYNC_PARAMETRIC_STEREO: u32 = 0x548;
    if bits.left() < 16
        || bits.bits(11).ok()? != SYNC_SBR
        || bits.bits(5).ok()? != SBR
        || !bits.flag().ok()?
    {
        return None;
    }
    audio.output_sample_rate = Some(rate(bits).ok()?);
    if bits.left() >= 12 && bits.bits(11).ok()? == SYNC_PARAMETRIC_STEREO && bits.flag().ok()? {
        audio.parametric_stereo = true;
        return Some(PARAMETRIC_STEREO);
    }
    Some(SBR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_low_complexity() {
        let audio = parse(&[0x12, 0x10]).unwrap();
        assert_eq!((audio.sample_rate, audio.channels, audio.profile), (44_100, 2, 2));
        assert_eq!(
            (audio.output_sample_rate, audio.codec_string.as_str()),
            (None, "mp4a.40.2")
        );
    }

    #[test]
    fn explicit_and_trailing_band_replication() {
        // Object type 5, core 24 kHz, 2 channels, output 48 kHz, core object type 2.
        let explicit = parse(&[0x2B, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!(
            (explicit.sample_rate, explicit.output_sample_rate),
            (24_000, Some(48_000))
        );
        assert_eq!(
            (explicit.profile, explicit.codec_string.as_str()),
            (2, "mp4a.40.5")
        );
        // Object type 2 at 24 kHz, then 0x2B7, object type 5, present, 48 kHz.
        let trailing = parse(&[0x13, 0x10, 0x56, 0xE5, 0x98]).unwrap();
        assert_eq!(
            (trailing.sample_rate, trailing.output_sample_rate),
            (24_000, Some(48_000))
        );
        assert_eq!(trailing.codec_string, "mp4a.40.5");
        let stereo = parse(&[0x13, 0x08, 0x56, 0xE5, 0x9D, 0x48, 0x80]).unwrap();
        assert!(stereo.parametric_stereo);
        assert_eq!((stereo.channels, stereo.codec_string.as_str()), (1, "mp4a.40.29"));
    }

    #[test]
    fn explicit_rate_and_escape() {
        // 00010 1111 (24 bits: 44056) 0010 000
        let audio = parse(&[0x17, 0x80, 0x56, 0x0C, 0x10]).unwrap();
        assert_eq!((audio.sample_rate, audio.channels), (44_056, 2));
        // 11111 001010 (object type 42) 0011 0010
        let audio = parse(&[0xF9, 0x46, 0x40]).unwrap();
        assert_eq!(
            (audio.profile, audio.sample_rate, audio.channels),
            (42, 48_000, 2)
        );
        assert_eq!(audio.codec_string, "mp4a.40.42");
    }

    #[test]
    fn channels_are_mapped_or_counted() {
        assert_eq!(parse(&[0x11, 0xB8]).unwrap().channels, 8);
        assert_eq!(parse(&[0x11, 0xC8]).unwrap_err().code, "config.channels");
        // Configuration 0 with a program config: two front pairs, one low-frequency channel.
        // 00010 0011 0000 000 | tag 0000 profile 01 rate 0011 | front 2, side 0, back 0, lfe 1, data 0, cc 0
        let text = "0001000110000000 0000010011 0010 0000 0000 01 000 0000 000 10000 10001 0000";
        let mut bytes = Vec::new();
        let bits: Vec<u8> = text
            .bytes()
            .filter(|byte| *byte != b' ')
            .map(|byte| byte - b'0')
            .collect();
        for octet in bits.chunks(8) {
            bytes.push(
                octet
                    .iter()
                    .enumerate()
                    .fold(0, |sum, (at, bit)| sum | bit << (7 - at)),
            );
        }
        bytes.push(0);
        assert_eq!(parse(&bytes).unwrap().channels, 5);
    }

    #[test]
    fn reserved_rate_and_empty_record_are_refused() {
        assert_eq!(parse(&[0x16, 0x90]).unwrap_err().code, "config.rate");
        assert_eq!(parse(&[]).unwrap_err().code, "config.short");
        assert_eq!(parse(&[0x00, 0x10]).unwrap_err().code, "config.object_type");
    }
}
