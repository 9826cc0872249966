//! Continuity counters of MPEG transport stream packets (ISO 13818-1 section 2.4.3.3), carried over from one
//! media segment to the next.

use crate::fault::Fault;

/// Size of a transport stream packet.
pub const PACKET_BYTES: usize = 188;
const PIDS: usize = 1 << 13;
const PID_MASK: usize = PIDS - 1;
const COUNTER_MASK: u8 = 0x0f;

/// Counts on where the segment before ended: each segment comes from a muxer that starts its counters at 0.
#[derive(Debug, Clone)]
pub struct Continuity {
    shifts: Vec<u8>,
    /// The last counter of each PID; one that was never seen is followed by 0.
    lasts: Vec<u8>,
}

impl Default for Continuity {
    fn default() -> Self {
        Self {
            shifts: vec![0; PIDS],
            lasts: vec![COUNTER_MASK; PIDS],
        }
    }
}

impl Continuity {
    /// A new muxer starts: its 0 is the counter after the last one written.
    pub fn next_segment(&mut self) {
        for (shift, last) in self.shifts.iter_mut().zip(&self.lasts) {
            *shift = last.wrapping_add(1) & COUNTER_MASK;
        }
    }

    /// Counts packets on, in place. Fails when `data` is not whole packets.
    pub fn carry(&mut self, data: &mut [u8]) -> Result<(), Fault> {
        let size = data.len();
        let packets = data.chunks_exact_mut(PACKET_BYTES);
        if size % PACKET_BYTES != 0 {
            let message = format!("{size} bytes are not whole transport stream packets");
            return Err(Fault::new("ts.packet", message));
        }
        for packet in packets {
            let [_, high, low, control, ..] = packet else {
                continue;
            };
            let pid = (usize::from(*high) << 8 | usize::from(*low)) & PID_MASK;
            let (Some(shift), Some(last)) = (self.shifts.get(pid), self.lasts.get_mut(pid)) else {
                continue;
            };
            *last = control.wrapping_add(*shift) & COUNTER_MASK;
            *control = *control & !COUNTER_MASK | *last;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, counter: u8) -> Vec<u8> {
        let mut packet = vec![0x47, (pid >> 8) as u8 | 0x40, pid as u8, 0x10 | counter];
        packet.resize(PACKET_BYTES, 0xff);
        packet
    }

    fn counters(data: &[u8]) -> Vec<u8> {
        data.chunks(PACKET_BYTES).map(|packet| packet[3]).collect()
    }

    #[test]
    fn each_pid_counts_on_where_it_ended() {
        let mut continuity = Continuity::default();
        let mut first = [packet(0x100, 0), packet(0x100, 1), packet(0x1fff, 0)].concat();
        continuity.carry(&mut first).unwrap();
        assert_eq!(counters(&first), [0x10, 0x11, 0x10]);
        continuity.next_segment();
        let mut second = [
            packet(0x100, 0),
            packet(0x1fff, 0),
            packet(0x101, 0),
            packet(0x100, 1),
        ]
        .concat();
        continuity.carry(&mut second).unwrap();
        assert_eq!(counters(&second), [0x12, 0x11, 0x10, 0x13]);
        assert_eq!(&second[1..3], [0x41, 0x00], "only the counter changes");
    }

    #[test]
    fn counters_wrap() {
        let mut continuity = Continuity::default();
        let mut data: Vec<u8> = (0..18).flat_map(|number| packet(7, number & 0x0f)).collect();
        continuity.carry(&mut data).unwrap();
        continuity.next_segment();
        let mut next = packet(7, 15);
        continuity.carry(&mut next).unwrap();
        assert_eq!(counters(&next), [0x11]);
    }

    #[test]
    fn half_a_packet_is_refused() {
        assert!(Continuity::default()
            .carry(&mut [0x47; PACKET_BYTES + 1])
            .is_err());
    }
}
