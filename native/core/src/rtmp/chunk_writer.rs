//! Messages to chunks.

use super::{chunk_stream, EXTENDED_TIMESTAMP};
use crate::fault::Fault;
use crate::tag::{kind, rows};

/// A message to write; its length is that of its payload.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Chunk stream, 2 to 65,599.
    pub chunk_stream: u32,
    /// See [`super::kind`] and [`crate::tag::kind`].
    pub kind: u8,
    /// Message stream.
    pub message_stream: u32,
    /// Milliseconds.
    pub timestamp: u32,
    /// The message body, under 16 MiB.
    pub payload: &'a [u8],
}

impl Outgoing<'_> {
    /// Appends the message to `out`: a type 0 header, then type 3 headers every `chunk_size` bytes, which
    /// repeat an extended timestamp. Fails when a field does not fit the wire.
    pub fn write_to(&self, chunk_size: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let size = self.payload.len();
        if size > 0xFF_FFFF || !(2..=65_599).contains(&self.chunk_stream) || chunk_size == 0 {
            let message = format!(
                "cannot write {size} bytes on chunk stream {} in chunks of {chunk_size}",
                self.chunk_stream
            );
            return Err(Fault::new("rtmp.write", message));
        }
        let mut pieces = self.payload.chunks(chunk_size);
        self.write_basic_header(0, out);
        out.extend_from_slice(&self.timestamp.min(EXTENDED_TIMESTAMP).to_be_bytes()[1..]);
        out.extend_from_slice(&(size as u32).to_be_bytes()[1..]);
        out.push(self.kind);
        out.extend_from_slice(&self.message_stream.to_le_bytes());
        self.write_extended_timestamp(out);
        out.extend_from_slice(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.write_basic_header(3, out);
            self.write_extended_timestamp(out);
            out.extend_from_slice(piece);
        }
        Ok(())
    }

    fn write_basic_header(&self, header_type: u8, out: &mut Vec<u8>) {
        let top = header_type << 6;
        match self.chunk_stream {
            id @ 0..=63 => out.push(top | id as u8),
            id @ 64..=319 => out.extend_from_slice(&[top, (id - 64) as u8]),
            id => {
                out.push(top | 1);
                out.extend_from_slice(&((id - 64) as u16).to_le_bytes());
            }
        }
    }

    fn write_extended_timestamp(&self, out: &mut Vec<u8>) {
        if self.timestamp >= EXTENDED_TIMESTAMP {
            out.extend_from_slice(&self.timestamp.to_be_bytes());
        }
    }
}

/// Rows of a tag table as messages with the timestamp `dts` modulo 2^32. Fails for a table that is not
/// whole rows, a row that points outside of `arena`, and what [`Outgoing::write_to`] fails for.
pub fn write_rows(
    arena: &[u8],
    table: &[u8],
    message_stream: u32,
    chunk_size: usize,
) -> Result<Vec<u8>, Fault> {
    let rows = rows(table)?;
    let mut out = Vec::with_capacity(arena.len() + table.len());
    for tag in rows {
        let start = tag.offset as usize;
        let Some(payload) = arena.get(start..start.saturating_add(tag.size as usize)) else {
            let message = format!(
                "a row of {} bytes at {start} in an arena of {}",
                tag.size,
                arena.len()
            );
            return Err(Fault::new("rtmp.write", message));
        };
        let chunk_stream = match tag.kind {
            kind::AUDIO => chunk_stream::AUDIO,
            kind::VIDEO => chunk_stream::VIDEO,
            _ => chunk_stream::DATA,
        };
        let timestamp = tag.dts as u32;
        Outgoing {
            chunk_stream,
            kind: tag.kind,
            message_stream,
            timestamp,
            payload,
        }
        .write_to(chunk_size, &mut out)?;
    }
    Ok(out)
}
