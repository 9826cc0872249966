//! HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3) and the H.265 sequence parameter set.

use super::bits::{rbsp, Bits};
use super::identity::{Identity, ParameterSets};
use super::{chroma_units, VideoConfig, Window};
use crate::fault::Fault;
use crate::fields::Fields;

const RECORD: &str = "HEVCDecoderConfigurationRecord";
const SPS: &str = "H.265 sequence parameter set";
const NAL_VPS: u8 = 32;
const NAL_SPS: u8 = 33;
const NAL_PPS: u8 = 34;

pub(super) fn parse(data: &[u8]) -> Result<VideoConfig, Fault> {
    let Record {
        general,
        length_size,
        sps,
        sets,
    } = Record::of(data)?;
    let (width, height) = picture(sps)?;
    let mut identity = Identity::default();
    identity.number(u32::from(length_size));
    identity.parameter_sets(&sets);
    let profile = general.first().copied().unwrap_or(0);
    let level = general.get(11).copied().unwrap_or(0);
    Ok(VideoConfig {
        width,
        height,
        profile: u32::from(profile & 31),
        level: u32::from(level),
        codec_string: codec_string(general),
        length_size,
        identity: identity.finish(),
    })
}

pub(super) fn framing(data: &[u8]) -> Result<(u8, ParameterSets<'_>), Fault> {
    Record::of(data).map(|record| (record.length_size, record.sets))
}

struct Record<'a> {
    /// Bytes 1 to 12.
    general: &'a [u8],
    length_size: u8,
    sps: &'a [u8],
    sets: ParameterSets<'a>,
}

impl<'a> Record<'a> {
    fn of(data: &'a [u8]) -> Result<Self, Fault> {
        let mut fields = Fields::new(data, "config.short", RECORD);
        let version = fields.byte()?;
        if version > 1 {
            return Err(Fault::new(
                "config.version",
                format!("{RECORD} of version {version}, not 1"),
            ));
        }
        let general = fields.take(12)?;
        fields.take(8)?;
        let length_size = (fields.byte()? & 3) + 1;
        let sets = parameter_sets(&mut fields)?;
        let Some(sps) = sets.first(NAL_SPS) else {
            return Err(Fault::new(
                "config.no_sps",
                format!("{RECORD} without a sequence parameter set"),
            ));
        };
        Ok(Self {
            general,
            length_size,
            sps,
            sets,
        })
    }
}

/// The parameter sets; arrays of SEI messages are stepped over.
fn parameter_sets<'a>(fields: &mut Fields<'a>) -> Result<ParameterSets<'a>, Fault> {
    let mut sets = ParameterSets::default();
    for _ in 0..fields.byte()? {
        let nal_type = fields.byte()? & 63;
        for _ in 0..fields.u16()? {
            let size = usize::from(fields.u16()?);
            let nal = fields.take(size)?;
            if matches!(nal_type, NAL_VPS | NAL_SPS | NAL_PPS) {
                sets.add(nal_type, nal);
            }
        }
    }
    Ok(sets)
}

/// `hvc1.` profile, compatibility flags in reverse bit order, tier and level, constraint bytes without
/// the trailing zero ones (ISO/IEC 14496-15 annex E.3). `general` are bytes 1 to 12 of the record.
fn codec_string(general: &[u8]) -> String {
    let byte = |at: usize| general.get(at).copied().unwrap_or(0);
    let first = byte(0);
    let space = ["", "A", "B", "C"][usize::from(first >> 6)];
    let compatibility = u32::from_be_bytes([byte(1), byte(2), byte(3), byte(4)]).reverse_bits();
    let tier = if first & 0x20 != 0 { 'H' } else { 'L' };
    let mut text = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", first & 31, byte(11));
    let constraints = general.get(5..11).unwrap_or_default();
    let used = constraints
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    for constraint in constraints.iter().take(used) {
        text.push_str(&format!(".{constraint:X}"));
    }
    text
}

fn picture(nal: &[u8]) -> Result<(u32, u32), Fault> {
    let payload = rbsp(nal.get(2..).unwrap_or_default());
    let mut bits = Bits::new(&payload, SPS);
    bits.skip(4)?;
    let sublayers = bits.bits(3)?;
    bits.skip(1)?;
    skip_profile_tier_level(&mut bits, sublayers)?;
    bits.ue()?;
    let mut chroma_format = bits.ue()?;
    if chroma_format == 3 && bits.flag()? {
        chroma_format = 0;
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

/// profile_tier_level(1, sublayers), H.265 section 7.3.3.
fn skip_profile_tier_level(bits: &mut Bits, sublayers: u32) -> Result<(), Fault> {
    const PROFILE_BITS: usize = 88;
    const LEVEL_BITS: usize = 8;
    bits.skip(PROFILE_BITS + LEVEL_BITS)?;
    let mut extra = 0;
    for _ in 0..sublayers {
        extra += if bits.flag()? { PROFILE_BITS } else { 0 };
        extra += if bits.flag()? { LEVEL_BITS } else { 0 };
    }
    if sublayers > 0 {
        bits.skip(2 * (8 - sublayers as usize))?;
    }
    bits.skip(extra)
}
