//! NAL units of length-prefixed access units.

use crate::fault::Fault;
use crate::fields::Fields;
use crate::limits;
use crate::tag::codec;

/// NAL unit types of an access unit in decoding order; units of no bytes are stepped over.
pub fn video_nal_types(codec_number: u8, length_size: u8, data: &[u8]) -> Result<Vec<u8>, Fault> {
    if !(1..=4).contains(&length_size) {
        return Err(Fault::new(
            "config.nal",
            format!("NAL unit lengths of {length_size} bytes"),
        ));
    }
    let mut fields = Fields::new(data, "config.short", "access unit");
    let mut types = Vec::new();
    while !fields.rest().is_empty() {
        let size = fields
            .take(usize::from(length_size))?
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let nal = fields.take(size)?;
        if nal.is_empty() {
            continue;
        }
        if types.len() == limits::NAL_UNITS {
            return Err(Fault::new(
                "config.nal",
                format!("more than {} NAL units in one frame", limits::NAL_UNITS),
            ));
        }
        types.push(nal_type(codec_number, nal)?);
    }
    Ok(types)
}

fn nal_type(codec_number: u8, nal: &[u8]) -> Result<u8, Fault> {
    let found = match codec_number {
        codec::H264 => nal.first().map(|byte| byte & 31),
        codec::H265 => nal.first().map(|byte| byte >> 1 & 63),
        codec::H266 => nal.get(1).map(|byte| byte >> 3),
        other => {
            return Err(Fault::new(
                "config.codec",
                format!("codec {other} has no NAL units"),
            ))
        }
    };
    found.ok_or_else(|| Fault::new("config.nal", "a NAL unit shorter than its header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_each_codec() {
        assert_eq!(
            video_nal_types(
                codec::H264,
                4,
                &[0, 0, 0, 1, 0x65, 0, 0, 0, 0, 0, 0, 0, 2, 0x41, 9]
            )
            .unwrap(),
            [5, 1]
        );
        assert_eq!(video_nal_types(codec::H265, 2, &[0, 2, 0x26, 1]).unwrap(), [19]);
        assert_eq!(video_nal_types(codec::H266, 1, &[2, 0, 0x39]).unwrap(), [7]);
    }

    #[test]
    fn cut_units_are_refused() {
        let error =
            |codec_number, size, data: &[u8]| video_nal_types(codec_number, size, data).unwrap_err().code;
        assert_eq!(error(codec::H264, 4, &[0, 0, 0, 2, 0x65]), "config.short");
        assert_eq!(error(codec::H264, 4, &[0, 0]), "config.short");
        assert_eq!(error(codec::H266, 1, &[1, 0]), "config.nal");
        assert_eq!(error(codec::AV1, 1, &[1, 0]), "config.codec");
        assert_eq!(error(codec::H264, 0, &[1]), "config.nal");
        assert_eq!(error(codec::H264, 4, &[0xFF; 8]), "config.short");
    }
}
