//! Chunks to messages (section 5.3.1).
//!
//! Two points where real peers leave the specification:
//!
//! * A type 3 chunk should repeat the extended timestamp when the header before it had one; some peers
//!   leave it out. The four bytes there are taken as a timestamp only when they equal the field of that
//!   header or the timestamp of the message.
//! * Some clients begin the chunk stream of user control messages with a type 1 header: it counts from 0.
//!
//! A type 3 chunk that begins a message repeats the timestamp field of the header before it as a delta, also
//! after a type 0 header (section 5.3.1.2.4).

use super::{kind, DEFAULT_CHUNK_BYTES, EXTENDED_TIMESTAMP};
use crate::fault::Fault;
use crate::limits::{
    IDLE_BUFFER_BYTES, RTMP_CHUNK_BYTES, RTMP_CHUNK_STREAMS, RTMP_MESSAGE_BYTES, RTMP_PARTIAL_BYTES,
};

/// The longest chunk header: basic header of 3 bytes, message header of 11, extended timestamp of 4.
pub const HEADER_BYTES: usize = 18;

// The length field has 24 bits, so that no message can be larger than the cap.
const _: () = assert!(RTMP_MESSAGE_BYTES > 0xFF_FFFF);

/// A whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// See [`kind`] and [`crate::tag::kind`].
    pub kind: u8,
    /// Message stream.
    pub message_stream: u32,
    /// Milliseconds.
    pub timestamp: u32,
    /// The message body.
    pub payload: &'a [u8],
}

/// What one [`ChunkReader::read`] did.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Bytes taken from the front of the input.
    pub used: usize,
    /// The input's front was the end of a chunk.
    pub chunk_ended: bool,
    /// The message that the chunk ended.
    pub message: Option<Message<'a>>,
}

#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    /// The timestamp field of the last header: absolute after type 0, a delta after types 1 and 2.
    field: u32,
    /// Whether that field was in the extended place.
    extended: bool,
    timestamp: u32,
    length: usize,
    kind: u8,
    message_stream: u32,
    /// A message has begun and is not whole.
    unfinished: bool,
    payload: Vec<u8>,
}

/// A parsed chunk header, not yet applied.
struct Header {
    size: usize,
    index: usize,
    new_stream: Option<u32>,
    header_type: u8,
    /// Timestamp field of types 0, 1 and 2.
    field: Option<(u32, bool)>,
    length_and_kind: Option<(usize, u8)>,
    message_stream: Option<u32>,
}

/// The payload part of the chunk being read.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    index: usize,
    left: usize,
}

/// Takes bytes, gives messages; applies Set Chunk Size and Abort itself.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    chunk: Option<Chunk>,
    /// The stream whose buffer the last message was lent from.
    lent: Option<usize>,
    partial_bytes: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_BYTES,
            streams: Vec::new(),
            chunk: None,
            lent: None,
            partial_bytes: 0,
        }
    }
}

impl ChunkReader {
    /// Reads at most one chunk from the front of `data`. Uses nothing when the chunk header there is cut,
    /// which takes fewer than [`HEADER_BYTES`] bytes: the caller keeps them and comes back with more.
    pub fn read<'a>(&'a mut self, data: &'a [u8]) -> Result<Progress<'a>, Fault> {
        self.release();
        let (chunk, head_used) = match self.chunk {
            Some(chunk) => (chunk, 0),
            None => match self.parse_header(data)? {
                Some(header) => (self.apply(&header), header.size),
                None => {
                    return Ok(Progress {
                        used: 0,
                        chunk_ended: false,
                        message: None,
                    })
                }
            },
        };
        let body = &data[head_used..];
        let body = &body[..chunk.left.min(body.len())];
        let left = chunk.left - body.len();
        self.chunk = (left > 0).then_some(Chunk { left, ..chunk });
        let used = head_used + body.len();
        let chunk_ended = left == 0;
        let message = self.append(chunk.index, body)?;
        Ok(Progress {
            used,
            chunk_ended,
            message,
        })
    }

    /// Memory taken by messages that are not whole, and kept for the next ones.
    pub fn held_bytes(&self) -> usize {
        self.streams.iter().map(|stream| stream.payload.capacity()).sum()
    }

    /// Frees the buffer that the last message was lent from when it is large.
    pub fn release(&mut self) {
        let Some(index) = self.lent.take() else { return };
        let payload = &mut self.streams[index].payload;
        payload.clear();
        if payload.capacity() > IDLE_BUFFER_BYTES {
            *payload = Vec::new();
        }
    }

    /// Adds payload bytes to a stream's message and gives the message when that makes it whole.
    fn append<'a>(&'a mut self, index: usize, body: &'a [u8]) -> Result<Option<Message<'a>>, Fault> {
        let stream = &mut self.streams[index];
        let in_one_piece = body.len() == stream.length;
        if !in_one_piece {
            self.partial_bytes += body.len();
            if self.partial_bytes > RTMP_PARTIAL_BYTES {
                let message = format!("unfinished messages hold more than {RTMP_PARTIAL_BYTES} bytes");
                return Err(Fault::new("rtmp.partial_bytes", message));
            }
            stream.payload.extend_from_slice(body);
            if stream.payload.len() < stream.length {
                return Ok(None);
            }
            self.partial_bytes -= stream.length;
            self.lent = Some(index);
        }
        stream.unfinished = false;
        let (kind, message_stream, timestamp) = (stream.kind, stream.message_stream, stream.timestamp);
        match kind {
            kind::SET_CHUNK_SIZE | kind::ABORT => {
                let value = control_value(if in_one_piece {
                    body
                } else {
                    &self.streams[index].payload
                })?;
                if kind == kind::ABORT {
                    self.abort(value);
                } else {
                    self.set_chunk_size(value)?;
                }
                Ok(None)
            }
            _ => {
                let payload = if in_one_piece {
                    body
                } else {
                    &self.streams[index].payload
                };
                Ok(Some(Message {
                    kind,
                    message_stream,
                    timestamp,
                    payload,
                }))
            }
        }
    }

    fn set_chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        let size = size as usize;
        if !(1..=RTMP_CHUNK_BYTES).contains(&size) {
            let message =
                format!("the peer set a chunk size of {size} bytes (1 to {RTMP_CHUNK_BYTES} are accepted)");
            return Err(Fault::new("rtmp.chunk_size", message));
        }
        self.chunk_size = size;
        Ok(())
    }

    fn abort(&mut self, id: u32) {
        if let Some(stream) = self
            .streams
            .iter_mut()
            .find(|stream| stream.id == id && stream.unfinished)
        {
            self.partial_bytes -= stream.payload.len();
            stream.payload = Vec::new();
            stream.unfinished = false;
        }
    }

    /// The chunk header at the front of `bytes`; None when it is cut.
    fn parse_header(&self, bytes: &[u8]) -> Result<Option<Header>, Fault> {
        let Some((header_type, id, basic_size)) = basic_header(bytes) else {
            return Ok(None);
        };
        let (index, new_stream) = self.find_stream(id, header_type)?;
        let fields_size = [11, 7, 3, 0][usize::from(header_type)];
        let mut size = basic_size + fields_size;
        let Some(fields) = bytes.get(basic_size..size) else {
            return Ok(None);
        };
        let rest = &bytes[size..];
        let mut header = Header {
            size,
            index,
            new_stream,
            header_type,
            field: None,
            length_and_kind: None,
            message_stream: None,
        };
        if let [a, b, c, more @ ..] = fields {
            let field = u32::from_be_bytes([0, *a, *b, *c]);
            let extended = field == EXTENDED_TIMESTAMP;
            if let [a, b, c, kind, more @ ..] = more {
                header.length_and_kind = Some((u32::from_be_bytes([0, *a, *b, *c]) as usize, *kind));
                if let [a, b, c, d] = more {
                    header.message_stream = Some(u32::from_le_bytes([*a, *b, *c, *d]));
                }
            }
            header.field = Some((field, extended));
            if extended {
                let Some(&[a, b, c, d]) = rest.get(..4) else {
                    return Ok(None);
                };
                header.field = Some((u32::from_be_bytes([a, b, c, d]), extended));
                size += 4;
            }
        } else {
            match self
                .streams
                .get(index)
                .map_or(Some(0), |stream| stream.repeated_timestamp(rest))
            {
                Some(repeated) => size += repeated,
                None => return Ok(None),
            }
        }
        header.size = size;
        Ok(Some(header))
    }

    fn find_stream(&self, id: u32, header_type: u8) -> Result<(usize, Option<u32>), Fault> {
        let Some(index) = self.streams.iter().position(|stream| stream.id == id) else {
            if header_type > 1 {
                let message = format!("chunk stream {id} begins with a type {header_type} header");
                return Err(Fault::new("rtmp.no_header", message));
            }
            if self.streams.len() >= RTMP_CHUNK_STREAMS {
                let message = format!("the peer uses more than {RTMP_CHUNK_STREAMS} chunk streams");
                return Err(Fault::new("rtmp.chunk_streams", message));
            }
            return Ok((self.streams.len(), Some(id)));
        };
        if header_type < 3 && self.streams[index].unfinished {
            let message = format!("a new message on chunk stream {id} inside of an unfinished one");
            return Err(Fault::new("rtmp.interrupted", message));
        }
        Ok((index, None))
    }

    /// Makes a parsed header the state of its chunk stream and of the reader.
    fn apply(&mut self, header: &Header) -> Chunk {
        if let Some(id) = header.new_stream {
            self.streams.push(ChunkStream {
                id,
                ..ChunkStream::default()
            });
        }
        let stream = &mut self.streams[header.index];
        if let Some((field, extended)) = header.field {
            (stream.field, stream.extended) = (field, extended);
        }
        if let Some((length, kind)) = header.length_and_kind {
            (stream.length, stream.kind) = (length, kind);
        }
        if let Some(message_stream) = header.message_stream {
            stream.message_stream = message_stream;
        }
        if !stream.unfinished {
            let base = if header.header_type == 0 {
                0
            } else {
                stream.timestamp
            };
            stream.timestamp = base.wrapping_add(stream.field);
            stream.unfinished = true;
        }
        let left = (stream.length - stream.payload.len()).min(self.chunk_size);
        Chunk {
            index: header.index,
            left,
        }
    }
}

impl ChunkStream {
    /// Length of the extended timestamp at the front of a type 3 chunk: 4, or 0 where the peer leaves it
    /// out; None when more bytes are needed to tell.
    fn repeated_timestamp(&self, rest: &[u8]) -> Option<usize> {
        if !self.extended {
            return Some(0);
        }
        let message = if self.unfinished {
            self.timestamp
        } else {
            self.timestamp.wrapping_add(self.field)
        };
        let seen = &rest[..rest.len().min(4)];
        if ![self.field, message]
            .iter()
            .any(|expected| expected.to_be_bytes().starts_with(seen))
        {
            return Some(0);
        }
        (seen.len() == 4).then_some(4)
    }
}

/// Header type, chunk stream and size of a basic header.
fn basic_header(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let &first = bytes.first()?;
    let (id, size) = match first & 63 {
        0 => (64 + u32::from(*bytes.get(1)?), 2),
        1 => (
            64 + u32::from(u16::from_le_bytes([*bytes.get(1)?, *bytes.get(2)?])),
            3,
        ),
        id => (u32::from(id), 1),
    };
    Some((first >> 6, id, size))
}

/// The 32-bit value that protocol control messages start with.
pub(super) fn control_value(payload: &[u8]) -> Result<u32, Fault> {
    match payload {
        [a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(Fault::new(
            "rtmp.control",
            format!("a protocol control message of {} bytes", payload.len()),
        )),
    }
}
