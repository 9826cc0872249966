//! One side of a connection: handshake, chunks, acknowledgements.

use super::chunk_reader::{ChunkReader, HEADER_BYTES};
use super::handshake::Handshake;
use super::inbox::Inbox;
use super::message::Event;
use super::outbox::Outbox;
use crate::fault::Fault;

/// Which side of the connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We connected.
    Client,
    /// We accepted.
    Server,
}

/// Acknowledgements are at least this far apart, so that a tiny window cannot make us send more than we get.
const MIN_ACKNOWLEDGED_BYTES: u64 = 1 << 10;

/// Takes bytes; gives rows, events and bytes to send. After bad input [`Connection::fault`] is set, what came
/// before stays to be taken, and further bytes are ignored.
#[derive(Debug)]
pub struct Connection {
    handshake: Handshake,
    reader: ChunkReader,
    /// A chunk header cut by the end of the input.
    cut_header: Vec<u8>,
    received_bytes: u64,
    acknowledged_bytes: u64,
    fault: Option<Fault>,
    /// Rows and events to take.
    pub inbox: Inbox,
    /// Bytes to send.
    pub outbox: Outbox,
}

impl Connection {
    /// A new connection; a client has bytes to send at once.
    pub fn new(role: Role) -> Self {
        let mut outbox = Outbox::default();
        Self {
            handshake: Handshake::new(role, &mut outbox.bytes),
            reader: ChunkReader::default(),
            cut_header: Vec::new(),
            received_bytes: 0,
            acknowledged_bytes: 0,
            fault: None,
            inbox: Inbox::default(),
            outbox,
        }
    }

    /// Takes received bytes.
    pub fn feed(&mut self, data: &[u8]) {
        if self.fault.is_none() {
            self.fault = self.read(data).err();
            self.reader.release();
            if self.fault.is_some() {
                self.reader = ChunkReader::default();
            }
        }
    }

    /// Why reading stopped.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Memory taken by messages that are not whole, and kept for the next ones.
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes()
    }

    fn read(&mut self, data: &[u8]) -> Result<(), Fault> {
        if self.handshake.is_done() {
            return self.read_messages(data);
        }
        let used = self.handshake.read(data, &mut self.outbox.bytes)?;
        self.received_bytes += used as u64;
        if !self.handshake.is_done() {
            return Ok(());
        }
        self.inbox.push_event(Event::Handshake, 0)?;
        self.read_messages(&data[used..])
    }

    fn read_messages(&mut self, mut data: &[u8]) -> Result<(), Fault> {
        if !self.cut_header.is_empty() {
            // A few bytes more always tell what the cut header says.
            let cut = self.cut_header.len();
            let mut joined = std::mem::take(&mut self.cut_header);
            joined.extend_from_slice(&data[..data.len().min(HEADER_BYTES)]);
            let used = self.read_chunks(&joined)?;
            if used < cut {
                joined.drain(..used);
                self.cut_header = joined;
                return Ok(());
            }
            data = &data[used - cut..];
        }
        let used = self.read_chunks(data)?;
        self.cut_header.extend_from_slice(&data[used..]);
        Ok(())
    }

    /// Reads chunks up to the end of `data` or a cut chunk header; gives the bytes used.
    fn read_chunks(&mut self, data: &[u8]) -> Result<usize, Fault> {
        let mut used = 0;
        while used < data.len() {
            let progress = self.reader.read(&data[used..])?;
            if progress.used == 0 {
                break;
            }
            used += progress.used;
            self.received_bytes += progress.used as u64;
            if let Some(message) = progress.message {
                self.inbox.accept(&message, &mut self.outbox)?;
            }
            if progress.chunk_ended {
                self.acknowledge()?;
            }
        }
        Ok(used)
    }

    /// Acknowledges at half of the window, so that a peer that waits for it never does.
    fn acknowledge(&mut self) -> Result<(), Fault> {
        let due = u64::from(self.inbox.peer_window_bytes / 2).max(MIN_ACKNOWLEDGED_BYTES);
        if self.received_bytes - self.acknowledged_bytes < due {
            return Ok(());
        }
        self.acknowledged_bytes = self.received_bytes;
        self.outbox.acknowledgement(self.received_bytes as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk_writer::Outgoing;
    use super::*;
    use crate::amf0::Value;
    use crate::limits::RTMP_CHUNK_STREAMS;
    use crate::tag::Tag;

    /// A server past its handshake, its output thrown away.
    fn server() -> Connection {
        let mut server = Connection::new(Role::Server);
        server.feed(&[&[3][..], &[0; 1536], &[0; 1536]].concat());
        server.outbox.take();
        server.inbox.take_events();
        server
    }

    fn message(chunk_stream: u32, kind: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Outgoing {
            chunk_stream,
            kind,
            message_stream: 1,
            timestamp,
            payload,
        }
        .write_to(128, &mut out)
        .unwrap();
        out
    }

    fn timestamps(connection: &mut Connection) -> Vec<u32> {
        connection
            .inbox
            .take_batch()
            .unwrap()
            .tags
            .iter()
            .map(|tag| tag.timestamp)
            .collect()
    }

    #[test]
    fn both_roles_agree() {
        let (mut client, mut server) = (Connection::new(Role::Client), Connection::new(Role::Server));
        for _ in 0..2 {
            server.feed(&client.outbox.take());
            client.feed(&server.outbox.take());
        }
        let call = vec![Value::Text("call".into())];
        client.outbox.command(3, 0, &call).unwrap();
        server.feed(&client.outbox.take());
        assert!(client.fault().is_none() && server.fault().is_none());
        assert_eq!(client.inbox.take_events(), [(0, Event::Handshake)]);
        let command = Event::Command {
            message_stream: 0,
            values: call,
        };
        assert_eq!(server.inbox.take_events(), [(0, Event::Handshake), (0, command)]);
    }

    #[test]
    fn another_version_is_refused() {
        for version in [0, 6, 8, b'H'] {
            let mut server = Connection::new(Role::Server);
            server.feed(&[version; 2000]);
            assert_eq!(server.fault().unwrap().code, "rtmp.version");
        }
    }

    #[test]
    fn a_look_ahead_that_was_payload_and_the_next_header_is_given_back() {
        // The second chunk leaves the extended timestamp out and starts with its first two bytes; they are
        // the end of the message, and the third is the next chunk's header.
        let mut payload = vec![0xAA; 130];
        payload[128..].copy_from_slice(&[0x01, 0x02]);
        let mut bytes = message(4, 8, 0x0102_C403, &payload);
        bytes.drain(16 + 128 + 1..16 + 128 + 5);
        bytes.extend_from_slice(&message(4, 8, 9, b"x"));
        let mut whole = server();
        whole.feed(&bytes);
        let mut split = server();
        bytes.chunks(1).for_each(|byte| split.feed(byte));
        for mut connection in [whole, split] {
            assert_eq!(connection.fault(), None);
            let batch = connection.inbox.take_batch().unwrap();
            let body = |tag: &Tag| &batch.arena[tag.offset as usize..][..tag.size as usize];
            assert_eq!(
                batch.tags.iter().map(body).collect::<Vec<_>>(),
                [&payload[..], b"x"]
            );
            assert_eq!(
                batch.tags.iter().map(|tag| tag.timestamp).collect::<Vec<_>>(),
                [0x0102_C403, 9]
            );
        }
    }

    #[test]
    fn deltas_wrap_and_repeat() {
        let mut connection = server();
        connection.feed(&message(4, 8, u32::MAX - 5, b"x"));
        connection.feed(&[0x44, 0, 0, 10, 0, 0, 1, 8, b'x']); // type 1
        connection.feed(&[0x84, 0, 0, 20, b'x']); // type 2
        connection.feed(&[0xC4, b'x']); // type 3
        assert_eq!(timestamps(&mut connection), [u32::MAX - 5, 4, 24, 44]);
    }

    #[test]
    fn acknowledges_half_windows_pings_and_bandwidth() {
        let mut connection = server();
        connection.feed(&message(2, 5, 0, &4000_u32.to_be_bytes()));
        connection.feed(&message(2, 4, 0, &[0, 6, 1, 2, 3, 4]));
        connection.feed(&message(2, 6, 0, &[0, 0, 1, 0, 2]));
        connection.feed(&message(2, 6, 0, &[0, 0, 1, 0, 2]));
        let received = 3073 + 16 + 18 + 17 * 2_u32;
        let acknowledged = message(2, 3, 0, &(3073 + 16_u32).to_be_bytes());
        let pong = message(2, 4, 0, &[0, 7, 1, 2, 3, 4]);
        let window = message(2, 5, 0, &[0, 0, 1, 0]);
        let on_control = |bytes: Vec<u8>| [&bytes[..8], &[0; 4], &bytes[12..]].concat();
        assert_eq!(
            connection.outbox.take(),
            [acknowledged, pong, window].map(on_control).concat()
        );
        assert_eq!(u64::from(received), connection.received_bytes);
        assert!(connection.inbox.take_events().is_empty());
    }

    #[test]
    fn what_references_repeat_counts_as_waiting() {
        // 4.5 KiB that decode to a list of 251 texts of 4,000 bytes: one of them waits, not two hundred.
        let text = [&[0x06, 0xBE, 0x41][..], &[b'x'; 4_000]].concat();
        let list = [
            &[0x11, 0x09, 0x83, 0x77, 0x01][..],
            &text,
            &[0x06, 0x00].repeat(250),
        ]
        .concat();
        let command = message(3, 20, 0, &list);
        let mut connection = server();
        for _ in 0..20 {
            connection.feed(&command);
        }
        assert_eq!(connection.inbox.take_events().len(), 1);
        assert_eq!(connection.fault().map(|fault| fault.code), Some("rtmp.events"));
    }

    #[test]
    fn bad_chunks_have_named_faults() {
        let many: Vec<u8> = (0..=RTMP_CHUNK_STREAMS as u32)
            .flat_map(|id| message(3 + id, 8, 0, b""))
            .collect();
        let cases = [
            (message(2, 1, 0, &[0; 4]), "rtmp.chunk_size"),
            (
                message(2, 1, 0, &0x7FFF_FFFF_u32.to_be_bytes()),
                "rtmp.chunk_size",
            ),
            (message(2, 5, 0, &[0; 3]), "rtmp.control"),
            (message(2, 4, 0, &[0]), "rtmp.control"),
            (vec![0xC5, 1], "rtmp.no_header"),
            (
                [&message(4, 9, 0, &[0; 200])[..12 + 128], &message(4, 9, 0, b"x")].concat(),
                "rtmp.interrupted",
            ),
            (many, "rtmp.chunk_streams"),
            (message(3, 20, 0, &[0xFF]), "amf.marker"),
            (message(3, 20, 0, &vec![5; 2 << 20]), "rtmp.events"),
            (message(2, 4, 0, &[0, 1, 0, 0, 0, 1]).repeat(5000), "rtmp.events"),
        ];
        for (bytes, code) in cases {
            let mut connection = server();
            connection.feed(&message(9, 8, 5, b"kept"));
            connection.feed(&bytes);
            connection.feed(&message(9, 8, 6, b"ignored"));
            assert_eq!(connection.fault().map(|fault| fault.code), Some(code));
            assert_eq!(timestamps(&mut connection)[0], 5);
        }
    }
}
