//! The bytes to send, and the state of our sending direction.

use super::chunk_writer::Outgoing;
use super::{chunk_stream, kind, DEFAULT_CHUNK_BYTES};
use crate::amf0::{self, Value};
use crate::fault::Fault;
use crate::limits::RTMP_CHUNK_BYTES;

/// Writes commands and control messages, all with timestamp 0. They can only follow the handshake, whose end
/// is an event.
#[derive(Debug)]
pub struct Outbox {
    pub(super) bytes: Vec<u8>,
    chunk_size: usize,
    window_bytes: Option<u32>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            chunk_size: DEFAULT_CHUNK_BYTES,
            window_bytes: None,
        }
    }
}

impl Outbox {
    /// The bytes to send since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Sends a command in AMF0.
    pub fn command(&mut self, chunk_stream: u32, message_stream: u32, values: &[Value]) -> Result<(), Fault> {
        let payload = amf0::encode(values)?;
        self.send(chunk_stream, kind::COMMAND, message_stream, &payload)
    }

    /// Sends Set Chunk Size and obeys it. Fails for a size that we would not accept from a peer.
    pub fn chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        if !(1..=RTMP_CHUNK_BYTES).contains(&(size as usize)) {
            return Err(Fault::new(
                "rtmp.chunk_size",
                format!("cannot send chunks of {size} bytes"),
            ));
        }
        self.control(kind::SET_CHUNK_SIZE, &size.to_be_bytes())?;
        self.chunk_size = size as usize;
        Ok(())
    }

    /// Sends Acknowledgement.
    pub fn acknowledgement(&mut self, received_bytes: u32) -> Result<(), Fault> {
        self.control(kind::ACKNOWLEDGEMENT, &received_bytes.to_be_bytes())
    }

    /// Sends Window Acknowledgement Size.
    pub fn window_acknowledgement(&mut self, window_bytes: u32) -> Result<(), Fault> {
        self.window_bytes = Some(window_bytes);
        self.control(kind::WINDOW_ACKNOWLEDGEMENT_SIZE, &window_bytes.to_be_bytes())
    }

    /// Answers Set Peer Bandwidth: says the window unless the peer knows it (section 5.4.5).
    pub fn answer_peer_bandwidth(&mut self, window_bytes: u32) -> Result<(), Fault> {
        if self.window_bytes == Some(window_bytes) {
            return Ok(());
        }
        self.window_acknowledgement(window_bytes)
    }

    /// Sends Set Peer Bandwidth; limit types: 0 hard, 1 soft, 2 dynamic.
    pub fn peer_bandwidth(&mut self, window_bytes: u32, limit_type: u8) -> Result<(), Fault> {
        let [a, b, c, d] = window_bytes.to_be_bytes();
        self.control(kind::SET_PEER_BANDWIDTH, &[a, b, c, d, limit_type])
    }

    /// Sends a user control message of one or two 32-bit values.
    pub fn user_control(&mut self, event_type: u16, first: u32, second: Option<u32>) -> Result<(), Fault> {
        let mut payload = event_type.to_be_bytes().to_vec();
        for value in std::iter::once(first).chain(second) {
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.control(kind::USER_CONTROL, &payload)
    }

    fn control(&mut self, kind: u8, payload: &[u8]) -> Result<(), Fault> {
        self.send(chunk_stream::CONTROL, kind, 0, payload)
    }

    fn send(
        &mut self,
        chunk_stream: u32,
        kind: u8,
        message_stream: u32,
        payload: &[u8],
    ) -> Result<(), Fault> {
        Outgoing {
            chunk_stream,
            kind,
            message_stream,
            timestamp: 0,
            payload,
        }
        .write_to(self.chunk_size, &mut self.bytes)
    }
}
