//! The MPEG audio frame header (ISO/IEC 11172-3 section 2.4.1.3, ISO/IEC 13818-3, MPEG-2.5).

use crate::fault::Fault;

/// What the header of an MPEG audio frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mp3Header {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u32,
    /// 1, 2 or 3.
    pub layer: u32,
    /// Bits per second; 0 for the free format.
    pub bitrate: u32,
    /// Samples per channel in the frame.
    pub samples: u32,
}

/// kb/s by bitrate index (1 to 14): MPEG-1 layers 1, 2, 3; MPEG-2 layer 1, layers 2 and 3.
const BITRATES: [[u32; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Reads the frame header at the start of `data`.
pub fn parse_mp3_header(data: &[u8]) -> Result<Mp3Header, Fault> {
    let &[first, second, third, fourth, ..] = data else {
        return Err(Fault::new(
            "config.short",
            format!("{} bytes hold no MPEG audio frame header", data.len()),
        ));
    };
    let malformed = |why: &str| {
        let text =
            format!("{why} in the MPEG audio frame header {first:02x}{second:02x}{third:02x}{fourth:02x}");
        Fault::new("config.mp3", text)
    };
    if first != 0xFF || second & 0xE0 != 0xE0 {
        return Err(malformed("no sync word"));
    }
    let rate_divisor = match second >> 3 & 3 {
        3 => 1,
        2 => 2,
        0 => 4,
        _ => return Err(malformed("reserved version")),
    };
    let layer = match second >> 1 & 3 {
        0 => return Err(malformed("reserved layer")),
        bits => 4 - u32::from(bits),
    };
    let base_rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3)).copied();
    let Some(base_rate) = base_rate else {
        return Err(malformed("reserved sample rate"));
    };
    let mpeg1 = rate_divisor == 1;
    let row = match (mpeg1, layer) {
        (true, _) => layer as usize - 1,
        (false, 1) => 3,
        (false, _) => 4,
    };
    let bitrate = match usize::from(third >> 4) {
        0 => 0,
        15 => return Err(malformed("forbidden bit rate")),
        index => BITRATES
            .get(row)
            .and_then(|rates| rates.get(index - 1))
            .map_or(0, |rate| rate * 1000),
    };
    let samples = match (layer, mpeg1) {
        (1, _) => 384,
        (3, false) => 576,
        _ => 1152,
    };
    let channels = if fourth >> 6 == 3 { 1 } else { 2 };
    Ok(Mp3Header {
        sample_rate: base_rate / rate_divisor,
        channels,
        layer,
        bitrate,
        samples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_layers() {
        let header = |bytes: [u8; 4]| parse_mp3_header(&bytes).unwrap();
        let mpeg1 = Mp3Header {
            sample_rate: 44_100,
            channels: 2,
            layer: 3,
            bitrate: 128_000,
            samples: 1152,
        };
        assert_eq!(header([0xFF, 0xFB, 0x90, 0x64]), mpeg1);
        let mpeg2 = Mp3Header {
            sample_rate: 24_000,
            channels: 1,
            layer: 3,
            bitrate: 64_000,
            samples: 576,
        };
        assert_eq!(header([0xFF, 0xF3, 0x84, 0xC4]), mpeg2);
        assert_eq!(header([0xFF, 0xE3, 0x18, 0xC0]).sample_rate, 8_000);
        assert_eq!(header([0xFF, 0xFD, 0x90, 0x00]).layer, 2);
    }

    #[test]
    fn reserved_values_are_refused() {
        for bytes in [
            [0xFF, 0xEB, 0x90, 0],
            [0xFF, 0xF9, 0x90, 0],
            [0xFF, 0xFB, 0xF0, 0],
            [0xFF, 0xFB, 0x9C, 0],
        ] {
            assert_eq!(parse_mp3_header(&bytes).unwrap_err().code, "config.mp3");
        }
        assert_eq!(parse_mp3_header(b"ID3").unwrap_err().code, "config.short");
        assert_eq!(parse_mp3_header(b"ID3\x04").unwrap_err().code, "config.mp3");
    }
}
