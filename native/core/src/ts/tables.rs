//! The program association and program map tables (ISO 13818-1 sections 2.4.4.3 and 2.4.4.8).

use super::packets::put_section;

/// Of the program map table.
pub(super) const MAP_PID: u16 = 0x1000;
const ASSOCIATION_PID: u16 = 0;
const ASSOCIATION_TABLE: u8 = 0;
const MAP_TABLE: u8 = 2;
const STREAM_ID: u16 = 1;
const PROGRAM: u16 = 1;
/// Bits that are reserved before a PID and before a 12-bit length.
const RESERVED_3: u16 = 0xe000;
const RESERVED_4: u16 = 0xf000;
/// section_syntax_indicator, 0, reserved.
const LONG_SECTION: u16 = 0xb000;
/// Version 0, which applies now.
const CURRENT: u8 = 0xc1;
const CRC_BYTES: usize = 4;

/// One elementary stream of the program.
pub(super) struct Stream<'a> {
    pub stream_type: u8,
    pub pid: u16,
    pub descriptors: &'a [u8],
}

/// Both tables, a packet each, which have the same continuity counter: one never comes without the other.
pub(super) fn put_tables(streams: &[Stream], clock_pid: u16, counter: u8, out: &mut Vec<u8>) {
    put_section(ASSOCIATION_PID, counter, &association(), out);
    put_section(MAP_PID, counter, &map(streams, clock_pid), out);
}

fn association() -> Vec<u8> {
    let [high, low] = PROGRAM.to_be_bytes();
    let [map_high, map_low] = (RESERVED_3 | MAP_PID).to_be_bytes();
    section(ASSOCIATION_TABLE, STREAM_ID, &[high, low, map_high, map_low])
}

fn map(streams: &[Stream], clock_pid: u16) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&(RESERVED_3 | clock_pid).to_be_bytes());
    body.extend_from_slice(&RESERVED_4.to_be_bytes());
    for stream in streams {
        body.push(stream.stream_type);
        body.extend_from_slice(&(RESERVED_3 | stream.pid).to_be_bytes());
        body.extend_from_slice(&(RESERVED_4 | stream.descriptors.len() as u16).to_be_bytes());
        body.extend_from_slice(stream.descriptors);
    }
    section(MAP_TABLE, PROGRAM, &body)
}

/// A section of a table that has only this one.
fn section(table: u8, number: u16, body: &[u8]) -> Vec<u8> {
    let mut section = vec![table];
    let counted = 5 + body.len() + CRC_BYTES;
    section.extend_from_slice(&(LONG_SECTION | counted as u16).to_be_bytes());
    section.extend_from_slice(&number.to_be_bytes());
    section.extend_from_slice(&[CURRENT, 0, 0]);
    section.extend_from_slice(body);
    let crc = crc_32(&section);
    section.extend_from_slice(&crc.to_be_bytes());
    section
}

/// The CRC of annex A.
fn crc_32(data: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let shifted = crc << 1;
            if crc >> 31 == 1 {
                shifted ^ POLYNOMIAL
            } else {
                shifted
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn as_ffmpeg_writes_them() {
        assert_eq!(association(), bytes("00b00d0001c100000001f0002ab104b2"));
        let video = |codec: u16, stream_type, descriptors| Stream {
            stream_type,
            pid: 0x100 + codec,
            descriptors,
        };
        let aac = || Stream {
            stream_type: 0x0f,
            pid: 0x16e,
            descriptors: &[],
        };
        assert_eq!(
            map(&[video(7, 0x1b, &[]), aac()], 0x107),
            bytes("02b0170001c10000e107f0001be107f0000fe16ef0007defb9a2")
        );
        assert_eq!(
            map(&[video(12, 0x24, b"\x05\x04HEVC"), aac()], 0x10c),
            bytes("02b01d0001c10000e10cf00024e10cf0060504484556430fe16ef0007f57557e")
        );
        let opus = Stream {
            stream_type: 6,
            pid: 0x171,
            descriptors: b"\x05\x04Opus\x7f\x02\x80\x01",
        };
        assert_eq!(
            map(&[video(7, 0x1b, &[]), opus], 0x107),
            bytes("02b0210001c10000e107f0001be107f00006e171f00a05044f7075737f028001364afac9")
        );
    }

    #[test]
    fn a_packet_each() {
        let mut out = Vec::new();
        put_tables(&[], 0x1fff, 17, &mut out);
        assert_eq!(out.len(), 2 * 188);
        assert_eq!(out[..6], [0x47, 0x40, 0x00, 0x11, 0, 0]);
        assert_eq!(out[188..194], [0x47, 0x50, 0x00, 0x11, 0, 2]);
        assert_eq!(out[375], 0xff);
    }
}
