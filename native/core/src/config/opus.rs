//! OpusHead (RFC 7845 section 5.1).

use super::identity::Identity;
use super::AudioConfig;
use crate::fault::Fault;
use crate::fields::Fields;

const RECORD: &str = "OpusHead";

pub(super) fn parse(data: &[u8]) -> Result<AudioConfig, Fault> {
    let mut fields = Fields::new(data, "config.short", RECORD);
    if fields.take(8)? != b"OpusHead" {
        return Err(Fault::new(
            "config.magic",
            "the record does not begin with OpusHead",
        ));
    }
    let version = fields.byte()?;
    if version > 15 {
        return Err(Fault::new(
            "config.version",
            format!("{RECORD} of version {version}, beyond 15"),
        ));
    }
    let channels = fields.byte()?;
    let pre_skip = fields.u16()?.swap_bytes();
    fields.take(4)?; // the rate before encoding: decoders run at 48 kHz whatever it is
    let gain = fields.u16()?;
    let family = fields.byte()?;
    if channels == 0 || (family == 0 && channels > 2) {
        return Err(Fault::new(
            "config.channels",
            format!("{RECORD} of {channels} channels in mapping family {family}"),
        ));
    }
    let mapping = if family == 0 {
        &[]
    } else {
        fields.take(2 + usize::from(channels))?
    };
    let mut identity = Identity::default();
    identity.part(&[channels, family]);
    identity.number(u32::from(pre_skip));
    identity.number(u32::from(gain));
    identity.part(mapping);
    Ok(AudioConfig {
        sample_rate: 48_000,
        channels: u32::from(channels),
        codec_string: "opus".into(),
        pre_skip: Some(u32::from(pre_skip)),
        identity: identity.finish(),
        ..AudioConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_head() {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
        let audio = parse(head).unwrap();
        assert_eq!(
            (audio.sample_rate, audio.channels, audio.pre_skip),
            (48_000, 2, Some(312))
        );
        for cut in 0..head.len() {
            assert_eq!(parse(&head[..cut]).unwrap_err().code, "config.short");
        }
        assert_eq!(parse(&head[8..]).unwrap_err().code, "config.magic");
    }
}
