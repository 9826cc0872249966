//! Decoder configuration records: what a stream says about its codec before the first frame.
//!
//! [`parse`] looks only as far as the picture size, the rates and the codec string need; the records
//! themselves travel on unchanged.

pub(crate) mod aac;
mod av1;
pub(crate) mod bits;
mod h264;
mod h265;
mod h266;
mod identity;
mod mp3;
mod nal;
mod opus;

pub use mp3::{parse_mp3_header, Mp3Header};
pub use nal::video_nal_types;

use crate::fault::Fault;
use crate::limits;
use crate::tag::codec;

/// What a configuration record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Config {
    /// A picture stream.
    Video(VideoConfig),
    /// A sound stream.
    Audio(AudioConfig),
}

/// The parameters of a video record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VideoConfig {
    /// Picture width after cropping; 0 when an AV1 or H.266 record does not say it.
    pub width: u32,
    /// Picture height after cropping.
    pub height: u32,
    /// Profile number of the codec.
    pub profile: u32,
    /// Level number, in the codec's own units (H.264: 31 is 3.1; H.265: 93 is 3.1).
    pub level: u32,
    /// RFC 6381 codec string.
    pub codec_string: String,
    /// Bytes of the length before each NAL unit; 0 for AV1.
    pub length_size: u8,
    /// The same for records that configure a decoder alike, different otherwise.
    pub identity: Vec<u8>,
}

/// The parameters of an audio record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AudioConfig {
    /// Core sample rate in Hz: the clock of the frames.
    pub sample_rate: u32,
    /// Rate after spectral band replication, when the record announces it.
    pub output_sample_rate: Option<u32>,
    /// Channels of the core.
    pub channels: u32,
    /// AAC: the audio object type of the core. Opus: 0.
    pub profile: u32,
    /// RFC 6381 codec string.
    pub codec_string: String,
    /// AAC: parametric stereo is announced (one coded channel plays as two).
    pub parametric_stereo: bool,
    /// Opus: samples at 48 kHz to drop from the start.
    pub pre_skip: Option<u32>,
    /// The same for records that configure a decoder alike, different otherwise.
    pub identity: Vec<u8>,
}

/// Reads the configuration record of a table codec number.
pub fn parse(codec_number: u8, data: &[u8]) -> Result<Config, Fault> {
    check_size(data)?;
    match codec_number {
        codec::H264 => h264::parse(data).and_then(checked),
        codec::H265 => h265::parse(data).and_then(checked),
        codec::H266 => h266::parse(data).and_then(checked_or_unknown),
        codec::AV1 => av1::parse(data).and_then(checked_or_unknown),
        codec::AAC => aac::parse(data).map(Config::Audio),
        codec::OPUS => opus::parse(data).map(Config::Audio),
        other => Err(Fault::new(
            "config.codec",
            format!("codec {other} has no configuration record that is known"),
        )),
    }
}

/// How a video record says that access units are framed.
pub(crate) struct Framing<'a> {
    /// Bytes of the length before each NAL unit.
    pub length_size: u8,
    /// The parameter sets in the order in which an access unit has them.
    pub parameter_sets: Vec<&'a [u8]>,
}

/// Reads what a record of a codec with NAL units says about its access units.
pub(crate) fn framing(codec_number: u8, data: &[u8]) -> Result<Framing<'_>, Fault> {
    check_size(data)?;
    let (length_size, sets) = match codec_number {
        codec::H264 => h264::framing(data)?,
        codec::H265 => h265::framing(data)?,
        codec::H266 => h266::framing(data)?,
        other => {
            return Err(Fault::new(
                "config.codec",
                format!("codec {other} has no NAL units"),
            ))
        }
    };
    Ok(Framing {
        length_size,
        parameter_sets: sets.all().collect(),
    })
}

fn check_size(data: &[u8]) -> Result<(), Fault> {
    if data.len() <= limits::CONFIG_BYTES {
        return Ok(());
    }
    Err(Fault::new(
        "config.too_large",
        format!(
            "{} bytes, more than the {} allowed",
            data.len(),
            limits::CONFIG_BYTES
        ),
    ))
}

/// Largest picture side believed: twice 8K.
const MAX_SIDE: u32 = 16_384;

fn checked(video: VideoConfig) -> Result<Config, Fault> {
    if video.width == 0 || video.height == 0 || video.width > MAX_SIDE || video.height > MAX_SIDE {
        return Err(Fault::new(
            "config.size",
            format!(
                "a picture of {}x{} is not believed (1 to {MAX_SIDE} a side)",
                video.width, video.height
            ),
        ));
    }
    Ok(Config::Video(video))
}

fn checked_or_unknown(video: VideoConfig) -> Result<Config, Fault> {
    if video.width == 0 && video.height == 0 {
        return Ok(Config::Video(video));
    }
    checked(video)
}

/// A coded picture size and the window cut out of it.
struct Window {
    width: u32,
    height: u32,
    /// Left, right, top, bottom in crop units.
    crop: [u32; 4],
    unit_x: u32,
    unit_y: u32,
}

impl Window {
    /// Width and height after cropping; 0 when the window eats the picture.
    fn visible(&self) -> (u32, u32) {
        let cut = |size: u32, first: u32, second: u32, unit: u32| {
            let crop = (u64::from(first) + u64::from(second)) * u64::from(unit);
            u64::from(size).checked_sub(crop).map_or(0, |left| left as u32)
        };
        let [left, right, top, bottom] = self.crop;
        (
            cut(self.width, left, right, self.unit_x),
            cut(self.height, top, bottom, self.unit_y),
        )
    }
}

/// Luma samples per chroma sample, horizontally and vertically, for a chroma_format_idc.
fn chroma_units(chroma_format: u32) -> (u32, u32) {
    match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    }
}
