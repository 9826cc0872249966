//! The simple handshake (section 5.2). The digest variant of Flash is not spoken: a client that offers it
//! (ffmpeg, librtmp, OBS) falls back when the answer's version field is zero, as ours is.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::connection::Role;
use crate::fault::Fault;

const VERSION: u8 = 3;
const PACKET_BYTES: usize = 1536;

/// What the next bytes of the peer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Version,
    /// C1 or S1, which is answered with its echo.
    Packet,
    /// C2 or S2, which nobody checks.
    Echo,
    Done,
}

/// One side of the handshake.
#[derive(Debug)]
pub struct Handshake {
    role: Role,
    step: Step,
    packet: Vec<u8>,
}

impl Handshake {
    /// A handshake; a client's first bytes are appended to `out`.
    pub fn new(role: Role, out: &mut Vec<u8>) -> Self {
        if role == Role::Client {
            append_hello(out);
        }
        Self {
            role,
            step: Step::Version,
            packet: Vec::new(),
        }
    }

    /// Both sides have agreed.
    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Reads handshake bytes from the front of `data`, appends the answers to `out`, and returns how many
    /// bytes were the handshake's.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut used = 0;
        while !self.is_done() {
            let Some(&first) = data.get(used) else { break };
            if self.step == Step::Version {
                if first != VERSION {
                    let message =
                        format!("the peer speaks RTMP version {first}, not {VERSION} (or not RTMP at all)");
                    return Err(Fault::new("rtmp.version", message));
                }
                used += 1;
                self.step = Step::Packet;
                continue;
            }
            let count = (PACKET_BYTES - self.packet.len()).min(data.len() - used);
            self.packet.extend_from_slice(&data[used..used + count]);
            used += count;
            if self.packet.len() == PACKET_BYTES {
                self.close_packet(out);
            }
        }
        Ok(used)
    }

    fn close_packet(&mut self, out: &mut Vec<u8>) {
        let packet = std::mem::take(&mut self.packet);
        if self.step == Step::Echo {
            self.step = Step::Done;
            return;
        }
        if self.role == Role::Server {
            append_hello(out);
        }
        out.extend_from_slice(&packet);
        self.step = Step::Echo;
    }
}

/// C0 and C1, or S0 and S1: version, time 0, zero, and bytes that only have to differ between connections.
fn append_hello(out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    let random = RandomState::new();
    for block in 0..(PACKET_BYTES as u64 - 8) / 8 {
        let mut hasher = random.build_hasher();
        hasher.write_u64(block);
        out.extend_from_slice(&hasher.finish().to_be_bytes());
    }
}
