//! VvcDecoderConfigurationRecord (ISO/IEC 14496-15 section 11.2.4) and the H.266 sequence parameter set.

use super::bits::{rbsp, Bits};
use super::identity::{Identity, ParameterSets};
use super::{chroma_units, VideoConfig, Window};
use crate::fault::Fault;
use crate::fields::Fields;

const RECORD: &str = "VvcDecoderConfigurationRecord";
const SPS: &str = "H.266 sequence parameter set";
const NAL_OPI: u8 = 12;
const NAL_DCI: u8 = 13;
const NAL_SPS: u8 = 15;
const NAL_SUFFIX_APS: u8 = 18;

/// Prefers the parameter set for the size (it knows the conformance window), then the record's own fields.
pub(super) fn parse(data: &[u8]) -> Result<VideoConfig, Fault> {
    let Record { mut video, sets } = Record::of(data)?;
    let mut identity = Identity::default();
    identity.number(u32::from(video.length_size));
    identity.parameter_sets(&sets);
    if let Some(sps) = sets.first(NAL_SPS) {
        (video.width, video.height) = picture(sps)?;
    } else {
        identity.part(data); // the parameter sets are in the frames: the record is all there is to compare
    }
    video.identity = identity.finish();
    Ok(video)
}

/// The parameter sets may be in the frames alone.
pub(super) fn framing(data: &[u8]) -> Result<(u8, ParameterSets<'_>), Fault> {
    Record::of(data).map(|record| (record.video.length_size, record.sets))
}

struct Record<'a> {
    /// What the record's own fields say.
    video: VideoConfig,
    sets: ParameterSets<'a>,
}

impl<'a> Record<'a> {
    fn of(data: &'a [u8]) -> Result<Self, Fault> {
        let mut fields = Fields::new(data, "config.short", RECORD);
        let head = fields.byte()?;
        if head & 0xF8 != 0xF8 {
            return Err(Fault::new(
                "config.version",
                format!("{RECORD} begins with 0x{head:02x}, not with five set bits"),
            ));
        }
        let mut video = VideoConfig {
            codec_string: "vvc1".into(),
            ..VideoConfig::default()
        };
        if head & 1 == 1 {
            video = profile_tier_level(&mut fields)?;
        }
        video.length_size = (head >> 1 & 3) + 1;
        let sets = parameter_sets(&mut fields)?;
        Ok(Self { video, sets })
    }
}

/// The record's fields from ols_idx to avg_frame_rate.
fn profile_tier_level(fields: &mut Fields) -> Result<VideoConfig, Fault> {
    let sublayers = usize::from(fields.u16()? >> 4 & 7);
    fields.byte()?;
    let constraint_bytes = usize::from(fields.byte()? & 63);
    let (profile, level) = (fields.byte()?, fields.byte()?);
    let constraints = fields.take(constraint_bytes)?;
    if sublayers > 1 {
        let present = fields.byte()? >> (9 - sublayers);
        fields.take(present.count_ones() as usize)?;
    }
    let sub_profiles = usize::from(fields.byte()?);
    fields.take(4 * sub_profiles)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.u16()?;
    let tier = if profile & 1 == 1 { 'H' } else { 'L' };
    let mut codec_string = format!("vvc1.{}.{tier}{level}", profile >> 1);
    let used = constraints
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    if used > 0 {
        codec_string.push_str(".C");
        codec_string.push_str(&base32(constraints.get(..used).unwrap_or_default()));
    }
    let (profile, level) = (u32::from(profile >> 1), u32::from(level));
    Ok(VideoConfig {
        width,
        height,
        profile,
        level,
        codec_string,
        ..VideoConfig::default()
    })
}

/// RFC 4648 base32 without padding.
fn base32(data: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for five in data.chunks(5) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().skip(3).zip(five) {
            *to = *from;
        }
        let word = u64::from_be_bytes(word);
        for letter in 0..(five.len() * 8).div_ceil(5) {
            text.push(char::from(LETTERS[(word >> (35 - 5 * letter) & 31) as usize]));
        }
    }
    text
}

/// What configures a decoder, from operating point information to adaptation parameter sets; SEI messages are
/// stepped over.
fn parameter_sets<'a>(fields: &mut Fields<'a>) -> Result<ParameterSets<'a>, Fault> {
    let mut sets = ParameterSets::default();
    for _ in 0..fields.byte()? {
        let nal_type = fields.byte()? & 31;
        let count = if matches!(nal_type, NAL_OPI | NAL_DCI) {
            1
        } else {
            fields.u16()?
        };
        for _ in 0..count {
            let size = usize::from(fields.u16()?);
            let nal = fields.take(size)?;
            if (NAL_OPI..=NAL_SUFFIX_APS).contains(&nal_type) {
                sets.add(nal_type, nal);
            }
        }
    }
    Ok(sets)
}

fn picture(nal: &[u8]) -> Result<(u32, u32), Fault> {
    let payload = rbsp(nal.get(2..).unwrap_or_default());
    let mut bits = Bits::new(&payload, SPS);
    bits.skip(8)?;
    let sublayers_minus_1 = bits.bits(3)?;
    let chroma_format = bits.bits(2)?;
    bits.skip(2)?;
    if bits.flag()? {
        skip_profile_tier_level(&mut bits, sublayers_minus_1)?;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(1)?;
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let (unit_x, unit_y) = chroma_units(chroma_format);
    Ok(Window {
        width,
        height,
        crop,
        unit_x,
        unit_y,
    }
    .visible())
}

/// profile_tier_level(1, sublayers_minus_1), H.266 section 7.3.3.1.
fn skip_profile_tier_level(bits: &mut Bits, sublayers_minus_1: u32) -> Result<(), Fault> {
    /// Constraint flags between gci_present_flag and gci_num_additional_bits (section 7.3.3.2).
    const CONSTRAINT_FLAGS: usize = 71;
    bits.skip(8 + 8 + 2)?;
    if bits.flag()? {
        bits.skip(CONSTRAINT_FLAGS)?;
        let additional = bits.bits(8)? as usize;
        bits.skip(additional)?;
    }
    bits.align();
    let mut levels = 0;
    for _ in 0..sublayers_minus_1 {
        levels += u32::from(bits.flag()?);
    }
    bits.align();
    bits.skip(8 * levels as usize)?;
    let sub_profiles = bits.bits(8)? as usize;
    bits.skip(32 * sub_profiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_of_rfc_4648() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(&[0x80]), "QA");
    }
}
