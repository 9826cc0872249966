//! Opus access units in PES packets (Xiph's draft "OpusTS", which FFmpeg follows): a control header before
//! each packet, and what the descriptor says of the channels.

use crate::config;
use crate::fault::Fault;
use crate::tag::codec;

/// control_header_prefix of 11 bits, no trims, no extension.
const PREFIX: [u8; 2] = [0x7f, 0xe0];
const COUNTED_BY_A_BYTE: usize = 255;
/// Where OpusHead says its channel mapping family (RFC 7845 section 5.1).
const FAMILY_AT: usize = 18;
/// Streams that hold two channels, by the channel count from 1 on, and where each channel is, as the Vorbis
/// order of mapping family 1 is usually coded.
const SURROUND: [(u8, &[u8]); 8] = [
    (0, &[0]),
    (1, &[0, 1]),
    (1, &[0, 2, 1]),
    (2, &[0, 1, 2, 3]),
    (2, &[0, 4, 1, 2, 3]),
    (2, &[0, 4, 1, 2, 3, 5]),
    (3, &[0, 4, 1, 2, 3, 5, 6]),
    (3, &[0, 6, 1, 2, 3, 4, 5, 7]),
];

/// channel_config_code of the Opus descriptor; `channels` counts without a record.
pub(super) fn channel_code(head: &[u8], channels: u32) -> Result<u8, Fault> {
    if head.is_empty() {
        return match channels {
            1 => Ok(1),
            2 => Ok(2),
            _ => Err(unsayable(channels)),
        };
    }
    config::parse(codec::OPUS, head)?;
    let count = head.get(9).copied().unwrap_or(0);
    let usual = SURROUND.get(usize::from(count).wrapping_sub(1));
    match (head.get(FAMILY_AT..), usual) {
        (Some([0, ..]), Some(_)) => Ok(count),
        (Some([1, streams, coupled, mapping @ ..]), Some((pairs, places)))
            if coupled == pairs && *streams == count - pairs && mapping.starts_with(places) =>
        {
            Ok(count)
        }
        _ => Err(unsayable(u32::from(count))),
    }
}

fn unsayable(channels: u32) -> Fault {
    let message = format!("Opus of {channels} channels in this mapping has no code in a transport stream");
    Fault::new("ts.config", message)
}

/// How many bytes [`control_header`] gives.
pub(super) fn control_bytes(payload_bytes: usize) -> usize {
    PREFIX.len() + payload_bytes / COUNTED_BY_A_BYTE + 1
}

/// The opus_control_header of a packet in pieces: the size is a sum of bytes, the last one below 255.
pub(super) fn control_header(payload_bytes: usize, mut put: impl FnMut(&[u8])) {
    put(&PREFIX);
    for _ in 0..payload_bytes / COUNTED_BY_A_BYTE {
        put(&[0xff]);
    }
    put(&[(payload_bytes % COUNTED_BY_A_BYTE) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(channels: u8, mapping: &[u8]) -> Vec<u8> {
        [b"OpusHead\x01", &[channels][..], &[0; 8], mapping].concat()
    }

    #[test]
    fn channel_codes() {
        assert_eq!(channel_code(&head(1, &[0]), 0), Ok(1));
        assert_eq!(channel_code(&head(2, &[0]), 0), Ok(2));
        assert_eq!(channel_code(&[], 2), Ok(2));
        assert_eq!(
            channel_code(&head(6, &[1, 4, 2, 0, 4, 1, 2, 3, 5]), 0),
            Ok(6),
            "5.1"
        );
        for odd in [
            head(6, &[1, 4, 2, 0, 1, 2, 3, 4, 5]),
            head(2, &[255, 2, 0, 0, 1]),
            head(9, &[1, 5, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
            head(2, &[1, 1, 1, 0]),
            head(0, &[0]),
            b"OpusHead".to_vec(),
        ] {
            assert!(channel_code(&odd, 2).is_err(), "{odd:?}");
        }
        assert!(channel_code(&[], 0).is_err());
        assert!(channel_code(&[], 3).is_err());
    }

    #[test]
    fn sizes_are_sums() {
        for (size, wanted) in [
            (159, &[0x7f, 0xe0, 159][..]),
            (255, &[0x7f, 0xe0, 255, 0]),
            (700, &[0x7f, 0xe0, 255, 255, 190]),
        ] {
            let mut header = Vec::new();
            control_header(size, |piece| header.extend_from_slice(piece));
            assert_eq!((header.len(), &header[..]), (control_bytes(size), wanted));
        }
    }
}
