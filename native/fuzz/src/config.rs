//! Configuration records of every codec, NAL units and MPEG audio headers: believable numbers or a fault.

use crate::memory::within;
use reelkeeper_core::config::{parse, parse_mp3_header, video_nal_types, AudioConfig, Config, VideoConfig};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::limits::NAL_UNITS;
use reelkeeper_core::tag::codec;

const CODECS: [u8; 6] = [
    codec::H264,
    codec::H265,
    codec::H266,
    codec::AV1,
    codec::AAC,
    codec::OPUS,
];

/// Codec strings go into playlists between quotation marks; H.266 has up to 63 bytes of constraints in base 32.
fn check_codec_string(text: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    assert!(
        !text.is_empty() && text.len() < 128 && text.bytes().all(plain),
        "codec string {text:?}"
    );
}

fn check_video(number: u8, video: &VideoConfig) {
    check_codec_string(&video.codec_string);
    let (width, height) = (video.width, video.height);
    let unknown = matches!(number, codec::AV1 | codec::H266) && (width, height) == (0, 0);
    let believable = (1..=16_384).contains(&width) && (1..=16_384).contains(&height);
    assert!(unknown || believable, "a picture of {width}x{height}");
    let lengths = if number == codec::AV1 { 0..=0 } else { 1..=4 };
    assert!(
        lengths.contains(&video.length_size),
        "lengths of {} bytes",
        video.length_size
    );
}

fn check_audio(audio: &AudioConfig) {
    check_codec_string(&audio.codec_string);
    for rate in std::iter::once(audio.sample_rate).chain(audio.output_sample_rate) {
        assert!((1..=192_000).contains(&rate), "{rate} Hz");
    }
    assert!((1..=255).contains(&audio.channels), "{} channels", audio.channels);
}

/// See the module.
pub fn check(data: &[u8]) {
    check_with(parse, data);
}

/// Checks a parser of records by codec number, beside the others.
pub fn check_with(parse: impl Fn(u8, &[u8]) -> Result<Config, Fault>, data: &[u8]) {
    let cap = 8 * data.len() + (64 << 10);
    for number in CODECS {
        match within(cap, || parse(number, data)) {
            Ok(Config::Video(video)) => check_video(number, &video),
            Ok(Config::Audio(audio)) => check_audio(&audio),
            Err(fault) => assert!(!fault.message.contains('\n'), "{:?}", fault.message),
        }
        for length_size in 0..=5 {
            if let Ok(types) = within(cap, || video_nal_types(number, length_size, data)) {
                assert!(types.len() <= NAL_UNITS && types.iter().all(|&kind| kind < 64));
            }
        }
    }
    if let Ok(header) = parse_mp3_header(data) {
        assert!((8_000..=48_000).contains(&header.sample_rate), "{header:?}");
        assert!(
            (1..=2).contains(&header.channels) && (1..=3).contains(&header.layer),
            "{header:?}"
        );
        assert!(
            header.bitrate <= 448_000 && matches!(header.samples, 384 | 576 | 1152),
            "{header:?}"
        );
    }
}
