//! PES packets in transport stream packets (ISO 13818-1 sections 2.4.3.2 to 2.4.3.7).

use super::PACKET_BYTES;

const SYNC_BYTE: u8 = 0x47;
const HEADER_BYTES: usize = 4;
/// What a transport stream packet holds behind its header.
pub(super) const ROOM_BYTES: usize = PACKET_BYTES - HEADER_BYTES;
const PAYLOAD_UNIT_START: u8 = 0x40;
const HAS_PAYLOAD: u8 = 0x10;
const HAS_ADAPTATION: u8 = 0x20;
const COUNTER_MASK: u8 = 0x0f;
const STUFFING: u8 = 0xff;

const RANDOM_ACCESS: u8 = 0x40;
const HAS_CLOCK: u8 = 0x10;

const LONGEST_PES_HEADER: usize = 19;
/// Bytes of a PES packet up to and with PES_packet_length, which does not count them.
const UNCOUNTED_BYTES: usize = 6;
const ALIGNED: u8 = 0x84; // '10', data_alignment_indicator
const NOT_ALIGNED: u8 = 0x80;
const PTS_ALONE: u8 = 2;
const PTS_AND_DTS: u8 = 3;
const DTS: u8 = 1;

const CLOCK_MASK: u64 = (1 << 33) - 1;

/// What the headers of a PES packet say. Times are in ticks of 90 kHz and written modulo 2^33.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PesHead {
    pub pid: u16,
    pub stream_id: u8,
    pub pts: i64,
    pub dts: i64,
    /// The packet begins with a keyframe.
    pub random_access: bool,
    /// The PID carries the program clock reference.
    pub has_clock: bool,
    /// Its length is left out, as it may be for video, and its payload begins with an access unit.
    pub is_video: bool,
}

impl PesHead {
    /// The PES packet header, and how many of its bytes there are.
    fn bytes(&self, payload_bytes: usize) -> ([u8; LONGEST_PES_HEADER], usize) {
        let has_dts = self.dts != self.pts;
        let stamp_bytes: u8 = if has_dts { 10 } else { 5 };
        let size = 9 + usize::from(stamp_bytes);
        let counted = payload_bytes.saturating_add(size - UNCOUNTED_BYTES);
        let length = if self.is_video {
            0
        } else {
            u16::try_from(counted).unwrap_or(0)
        };
        let [high, low] = length.to_be_bytes();
        let (alignment, kinds) = (
            if self.is_video { ALIGNED } else { NOT_ALIGNED },
            if has_dts { PTS_AND_DTS } else { PTS_ALONE },
        );
        let mut header = [0; LONGEST_PES_HEADER];
        header[..9].copy_from_slice(&[
            0,
            0,
            1,
            self.stream_id,
            high,
            low,
            alignment,
            kinds << 6,
            stamp_bytes,
        ]);
        header[9..14].copy_from_slice(&time_stamp(kinds, self.pts));
        header[14..].copy_from_slice(&time_stamp(DTS, self.dts));
        (header, size)
    }

    /// The flags of the adaptation field and what they announce, and how many bytes these are.
    fn adaptation(&self) -> ([u8; 7], usize) {
        let random_access = if self.random_access { RANDOM_ACCESS } else { 0 };
        if !self.has_clock {
            return ([random_access; 7], usize::from(self.random_access));
        }
        let [a, b, c, d, e, f] = clock_reference(self.dts);
        ([random_access | HAS_CLOCK, a, b, c, d, e, f], 7)
    }
}

/// Five bytes with marker bits (section 2.4.3.6).
fn time_stamp(kind: u8, ticks: i64) -> [u8; 5] {
    let ticks = ticks as u64 & CLOCK_MASK;
    let middle = ((ticks >> 15 & 0x7fff) as u16) << 1 | 1;
    let low = ((ticks & 0x7fff) as u16) << 1 | 1;
    let [b, c] = middle.to_be_bytes();
    let [d, e] = low.to_be_bytes();
    [kind << 4 | ((ticks >> 30) as u8) << 1 | 1, b, c, d, e]
}

/// program_clock_reference (section 2.4.3.5): its base, six set bits, an extension of 0.
fn clock_reference(ticks: i64) -> [u8; 6] {
    let field = (ticks as u64 & CLOCK_MASK) << 15 | 0x3f << 9;
    let [_, _, a, b, c, d, e, f] = field.to_be_bytes();
    [a, b, c, d, e, f]
}

/// One PES packet being written: its payload comes in pieces, whose sum was said before.
pub(super) struct PesWriter<'a> {
    out: &'a mut Vec<u8>,
    counter: &'a mut u8,
    pid: u16,
    /// Bytes that the transport stream packet in hand still takes.
    room: usize,
    /// Bytes of the PES packet that are not written yet.
    left: usize,
}

impl<'a> PesWriter<'a> {
    /// Writes the headers. `counter` is the next continuity counter of the PID.
    pub(super) fn begin(
        head: &PesHead,
        payload_bytes: usize,
        out: &'a mut Vec<u8>,
        counter: &'a mut u8,
    ) -> Self {
        let (header, header_bytes) = head.bytes(payload_bytes);
        let (adaptation, adaptation_bytes) = head.adaptation();
        let mut writer = Self {
            out,
            counter,
            pid: head.pid,
            room: 0,
            left: header_bytes.saturating_add(payload_bytes),
        };
        writer.start_packet(
            PAYLOAD_UNIT_START,
            adaptation.get(..adaptation_bytes).unwrap_or_default(),
        );
        writer.put(header.get(..header_bytes).unwrap_or_default());
        writer
    }

    /// Appends to the payload; what is beyond the announced size is left out.
    pub(super) fn put(&mut self, piece: &[u8]) {
        let mut rest = piece.get(..self.left).unwrap_or(piece);
        while !rest.is_empty() {
            if self.room == 0 {
                rest = self.put_whole_packets(rest);
                if rest.is_empty() {
                    return;
                }
                self.start_packet(0, &[]);
            }
            let (taken, behind) = rest.split_at(rest.len().min(self.room));
            self.out.extend_from_slice(taken);
            self.room -= taken.len();
            self.left -= taken.len();
            rest = behind;
        }
    }

    /// Writes the packets that a piece fills, which are nearly all of them: a copy of a known size costs a
    /// fraction of any other. What is left of the piece.
    fn put_whole_packets<'b>(&mut self, piece: &'b [u8]) -> &'b [u8] {
        let packets = piece.chunks_exact(ROOM_BYTES);
        let rest = packets.remainder();
        let [high, low] = self.pid.to_be_bytes();
        self.out.reserve(packets.len() * PACKET_BYTES);
        self.left -= piece.len() - rest.len();
        for packet in packets {
            let mut bytes = [0; PACKET_BYTES];
            let (header, room) = bytes.split_at_mut(HEADER_BYTES);
            header.copy_from_slice(&[SYNC_BYTE, high, low, HAS_PAYLOAD | *self.counter & COUNTER_MASK]);
            room.copy_from_slice(packet);
            self.out.extend_from_slice(&bytes);
            *self.counter = self.counter.wrapping_add(1) & COUNTER_MASK;
        }
        rest
    }

    /// Begins a transport stream packet. The last one of the PES packet is filled up by its adaptation field.
    fn start_packet(&mut self, start_flag: u8, adaptation: &[u8]) {
        let [high, low] = self.pid.to_be_bytes();
        let field_bytes = if adaptation.is_empty() {
            0
        } else {
            1 + adaptation.len()
        };
        let stuffing = (ROOM_BYTES - field_bytes).saturating_sub(self.left);
        let filled = field_bytes + stuffing;
        let has_adaptation = if filled == 0 { 0 } else { HAS_ADAPTATION };
        let control = HAS_PAYLOAD | has_adaptation | *self.counter & COUNTER_MASK;
        *self.counter = self.counter.wrapping_add(1) & COUNTER_MASK;
        self.out
            .extend_from_slice(&[SYNC_BYTE, high | start_flag, low, control]);
        if filled > 0 {
            self.put_adaptation(adaptation, filled);
        }
        self.room = ROOM_BYTES - filled;
    }

    /// An adaptation field that takes `filled` bytes with its length; stuffing needs flags before it.
    fn put_adaptation(&mut self, adaptation: &[u8], filled: usize) {
        let end = self.out.len() + filled;
        self.out.push((filled - 1) as u8);
        if adaptation.is_empty() && filled > 1 {
            self.out.push(0);
        }
        self.out.extend_from_slice(adaptation);
        self.out.resize(end, STUFFING);
    }
}

/// A section alone in a packet (section 2.4.4), behind a pointer_field of 0. `counter` is that of the PID.
pub(super) fn put_section(pid: u16, counter: u8, section: &[u8], out: &mut Vec<u8>) {
    let end = out.len() + PACKET_BYTES;
    let [high, low] = pid.to_be_bytes();
    let control = HAS_PAYLOAD | counter & COUNTER_MASK;
    out.extend_from_slice(&[SYNC_BYTE, high | PAYLOAD_UNIT_START, low, control, 0]);
    out.extend_from_slice(section);
    out.resize(end, STUFFING);
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: PesHead = PesHead {
        pid: 0x16e,
        stream_id: 0xc0,
        pts: 90,
        dts: 90,
        random_access: false,
        has_clock: false,
        is_video: false,
    };

    fn written(head: &PesHead, payload: &[u8]) -> Vec<u8> {
        let (mut out, mut counter) = (Vec::new(), 14);
        let mut writer = PesWriter::begin(head, payload.len(), &mut out, &mut counter);
        for piece in payload.chunks(7) {
            writer.put(piece);
        }
        assert_eq!(writer.left, 0);
        assert_eq!(usize::from(counter), (14 + out.len() / PACKET_BYTES) % 16);
        out
    }

    /// The PES packet in the packets, read without the writer's constants.
    fn joined(data: &[u8]) -> Vec<u8> {
        assert_eq!(data.len() % 188, 0);
        let mut pes = Vec::new();
        for (number, packet) in data.chunks(188).enumerate() {
            assert_eq!(packet[0], 0x47);
            assert_eq!(packet[1] & 0x40 != 0, number == 0);
            assert_eq!(usize::from(packet[3] & 15), (14 + number) % 16);
            let start = if packet[3] & 0x20 == 0 {
                4
            } else {
                5 + usize::from(packet[4])
            };
            assert!(start < 188, "no adaptation field without a payload");
            pes.extend_from_slice(&packet[start..]);
        }
        pes
    }

    #[test]
    fn every_size_is_filled_up() {
        let clock = PesHead {
            random_access: true,
            has_clock: true,
            dts: 80,
            ..AUDIO
        };
        let key = PesHead {
            random_access: true,
            ..AUDIO
        };
        for size in 0..800 {
            let payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
            for (head, header) in [(AUDIO, 14), (clock, 19), (key, 14)] {
                let pes = joined(&written(&head, &payload));
                assert_eq!(pes[header..], payload);
                assert_eq!(
                    u16::from_be_bytes([pes[4], pes[5]]) as usize,
                    header - 6 + payload.len()
                );
            }
        }
    }

    #[test]
    fn as_ffmpeg_writes_it() {
        let data = written(
            &PesHead {
                pts: 1215,
                dts: 1215,
                random_access: true,
                ..AUDIO
            },
            &[7; 193],
        );
        assert_eq!(
            data[..20],
            [0x47, 0x41, 0x6e, 0x3e, 1, 0x40, 0, 0, 1, 0xc0, 0, 0xc9, 0x80, 0x80, 5, 0x21, 0, 1, 9, 0x7f]
        );
        assert_eq!(data[188..194], [0x47, 0x01, 0x6e, 0x3f, 0x9e, 0]);
    }

    #[test]
    fn times_are_written_modulo_their_33_bits() {
        assert_eq!(time_stamp(2, -1), [0x2f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(time_stamp(3, 1 << 33), [0x31, 0, 1, 0, 1]);
        assert_eq!(clock_reference(0x1_2345_6789), [0x91, 0xa2, 0xb3, 0xc4, 0xfe, 0]);
        assert_eq!(clock_reference(-1), [0xff, 0xff, 0xff, 0xff, 0xfe, 0]);
        let video = PesHead {
            has_clock: true,
            is_video: true,
            dts: 1 << 33,
            ..AUDIO
        };
        let data = written(&video, &[0; 70_000]);
        assert_eq!(data[4..12], [7, 0x10, 0, 0, 0, 0, 0x7e, 0]);
        assert_eq!(data[16..20], [0, 0, 0x84, 0xc0]);
    }

    #[test]
    fn a_length_that_has_no_16_bits_is_left_out() {
        let pes = joined(&written(&AUDIO, &[0; 65_527]));
        assert_eq!(pes[4..6], [0xff, 0xff]);
        let pes = joined(&written(&AUDIO, &[0; 65_528]));
        assert_eq!(pes[4..6], [0, 0]);
    }
}
