//! AV1CodecConfigurationRecord (AV1 in ISOBMFF section 2.3) and the AV1 sequence header OBU.

use super::bits::Bits;
use super::identity::Identity;
use super::VideoConfig;
use crate::fault::Fault;
use crate::fields::Fields;

const RECORD: &str = "AV1CodecConfigurationRecord";
const SEQUENCE: &str = "AV1 sequence header";
const OBU_SEQUENCE_HEADER: u8 = 1;

pub(super) fn parse(data: &[u8]) -> Result<VideoConfig, Fault> {
    let mut fields = Fields::new(data, "config.short", RECORD);
    let head = fields.byte()?;
    if head != 0x81 {
        return Err(Fault::new(
            "config.version",
            format!("{RECORD} begins with 0x{head:02x}, not with 0x81"),
        ));
    }
    let (first, second) = (fields.byte()?, fields.byte()?);
    fields.byte()?; // how much a player should buffer: no part of the identity
    let (profile, level) = (first >> 5, first & 31);
    let tier = if second & 0x80 != 0 { 'H' } else { 'M' };
    let depth = match (second & 0x40 != 0, second & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let sequence_header = sequence_header(fields)?;
    let (width, height) = sequence_header.map_or(Ok((0, 0)), size_of)?;
    let mut identity = Identity::default();
    identity.part(&[first, second]);
    identity.part(sequence_header.unwrap_or_default());
    Ok(VideoConfig {
        width,
        height,
        profile: u32::from(profile),
        level: u32::from(level),
        codec_string: format!("av01.{profile}.{level:02}{tier}.{depth:02}"),
        length_size: 0,
        identity: identity.finish(),
    })
}

/// The payload of the first sequence header among the record's OBUs.
fn sequence_header<'a>(mut fields: Fields<'a>) -> Result<Option<&'a [u8]>, Fault> {
    while !fields.rest().is_empty() {
        let head = fields.byte()?;
        if head & 0x80 != 0 {
            return Err(Fault::new(
                "config.obu",
                format!("{RECORD} holds an OBU with its forbidden bit set"),
            ));
        }
        if head & 4 != 0 {
            fields.byte()?;
        }
        let size = if head & 2 != 0 {
            leb128(&mut fields)?
        } else {
            fields.rest().len()
        };
        let payload = fields.take(size)?;
        if head >> 3 & 15 == OBU_SEQUENCE_HEADER {
            return Ok(Some(payload));
        }
    }
    Ok(None)
}

fn leb128(fields: &mut Fields) -> Result<usize, Fault> {
    let mut value = 0u64;
    for at in 0..8 {
        let byte = fields.byte()?;
        value |= u64::from(byte & 127) << (7 * at);
        if byte & 128 == 0 {
            return usize::try_from(value).map_err(|_| Fault::new("config.obu", "OBU size out of range"));
        }
    }
    Err(Fault::new(
        "config.obu",
        format!("{RECORD} holds an OBU size of more than 8 bytes"),
    ))
}

/// max_frame_width and max_frame_height of sequence_header_obu (AV1 section 5.5.1).
fn size_of(payload: &[u8]) -> Result<(u32, u32), Fault> {
    let mut bits = Bits::new(payload, SEQUENCE);
    bits.skip(4)?;
    if bits.flag()? {
        bits.skip(5)?;
    } else {
        skip_operating_points(&mut bits)?;
    }
    let width_bits = bits.bits(4)? + 1;
    let height_bits = bits.bits(4)? + 1;
    Ok((bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1))
}

fn skip_operating_points(bits: &mut Bits) -> Result<(), Fault> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            skip_uvlc(bits)?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.bits(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = bits.flag()?;
    for _ in 0..=bits.bits(5)? {
        bits.skip(12)?;
        if bits.bits(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = delay_bits {
            if bits.flag()? {
                bits.skip(2 * delay_bits + 1)?;
            }
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Ok(())
}

/// uvlc(), AV1 section 4.10.3.
fn skip_uvlc(bits: &mut Bits) -> Result<(), Fault> {
    let mut zeros = 0;
    while !bits.flag()? {
        zeros += 1;
    }
    if zeros < 32 {
        bits.skip(zeros)?;
    }
    Ok(())
}
