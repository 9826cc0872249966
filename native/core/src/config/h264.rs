//! AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3) and the H.264 sequence parameter set.

use super::bits::{rbsp, Bits};
use super::identity::{Identity, ParameterSets};
use super::{chroma_units, VideoConfig, Window};
use crate::fault::Fault;
use crate::fields::Fields;

const RECORD: &str = "AVCDecoderConfigurationRecord";
const SPS: &str = "H.264 sequence parameter set";
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
/// Profiles whose parameter set says its chroma format (H.264 section 7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

pub(super) fn parse(data: &[u8]) -> Result<VideoConfig, Fault> {
    let record = Record::of(data)?;
    let mut identity = Identity::default();
    identity.part(record.profile_and_level);
    identity.number(u32::from(record.length_size));
    identity.parameter_sets(&record.sets);
    Ok(VideoConfig {
        length_size: record.length_size,
        identity: identity.finish(),
        ..parse_sps(record.sps)?
    })
}

pub(super) fn framing(data: &[u8]) -> Result<(u8, ParameterSets<'_>), Fault> {
    Record::of(data).map(|record| (record.length_size, record.sets))
}

struct Record<'a> {
    profile_and_level: &'a [u8],
    length_size: u8,
    sps: &'a [u8],
    sets: ParameterSets<'a>,
}

impl<'a> Record<'a> {
    fn of(data: &'a [u8]) -> Result<Self, Fault> {
        let mut fields = Fields::new(data, "config.short", RECORD);
        let version = fields.byte()?;
        if version != 1 {
            return Err(Fault::new(
                "config.version",
                format!("{RECORD} of version {version}, not 1"),
            ));
        }
        let profile_and_level = fields.take(3)?;
        let length_size = (fields.byte()? & 3) + 1;
        let mut sets = ParameterSets::default();
        take_sets(&mut fields, 31, NAL_SPS, &mut sets)?;
        let Some(sps) = sets.first(NAL_SPS) else {
            return Err(Fault::new(
                "config.no_sps",
                format!("{RECORD} without a sequence parameter set"),
            ));
        };
        take_sets(&mut fields, 255, NAL_PPS, &mut sets)?;
        Ok(Self {
            profile_and_level,
            length_size,
            sps,
            sets,
        })
    }
}

/// A count (its other bits are reserved) and as many parameter sets, each with its length.
fn take_sets<'a>(
    fields: &mut Fields<'a>,
    count_mask: u8,
    nal_type: u8,
    sets: &mut ParameterSets<'a>,
) -> Result<(), Fault> {
    for _ in 0..fields.byte()? & count_mask {
        let size = usize::from(fields.u16()?);
        sets.add(nal_type, fields.take(size)?);
    }
    Ok(())
}

fn parse_sps(nal: &[u8]) -> Result<VideoConfig, Fault> {
    let &[header, profile, constraints, level, ..] = nal else {
        return Err(Fault::new(
            "config.short",
            format!("{SPS} of {} bytes", nal.len()),
        ));
    };
    if header & 31 != NAL_SPS {
        return Err(Fault::new(
            "config.not_sps",
            format!("NAL unit of type {} in place of the {SPS}", header & 31),
        ));
    }
    let payload = rbsp(nal.get(1..).unwrap_or_default());
    let mut bits = Bits::new(&payload, SPS);
    bits.skip(24)?;
    let (width, height) = picture(&mut bits, u32::from(profile))?;
    Ok(VideoConfig {
        width,
        height,
        profile: u32::from(profile),
        level: u32::from(level),
        codec_string: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
        ..VideoConfig::default()
    })
}

/// The visible picture size; `bits` stand at seq_parameter_set_id.
fn picture(bits: &mut Bits, profile: u32) -> Result<(u32, u32), Fault> {
    bits.ue()?;
    let mut chroma_format = 1;
    if HIGH_PROFILES.contains(&profile) {
        chroma_format = bits.ue()?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
        if bits.flag()? {
            let lists = if chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        if separate_planes {
            chroma_format = 0;
        }
    }
    bits.ue()?;
    skip_order_count(bits)?;
    bits.ue()?;
    bits.skip(1)?;
    let width_blocks = u64::from(bits.ue()?) + 1;
    let height_units = u64::from(bits.ue()?) + 1;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let fields_per_frame = if frames_only { 1 } else { 2 };
    let (unit_x, unit_y) = chroma_units(chroma_format);
    let side = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
    let window = Window {
        width: side(width_blocks * 16),
        height: side(height_units * 16 * fields_per_frame),
        crop,
        unit_x,
        unit_y: unit_y * fields_per_frame as u32,
    };
    Ok(window.visible())
}

/// scaling_list, H.264 section 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits, size: u32) -> Result<(), Fault> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// pic_order_cnt_type and what belongs to it.
fn skip_order_count(bits: &mut Bits) -> Result<(), Fault> {
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.ue()?;
            bits.ue()?;
            for _ in 0..bits.ue()?.min(256) {
                bits.ue()?;
            }
        }
        _ => {}
    }
    Ok(())
}
