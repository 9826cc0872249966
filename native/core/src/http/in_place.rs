//! Tags of a body read where they were received, without a copy: what a running stream needs.

use super::{chunk_size, is_blank, HttpFlvReader, State};
use crate::flv::Behind;
use crate::limits;
use crate::tag::Tag;

impl HttpFlvReader {
    /// As [`crate::flv::FlvReader::reads_in_place`]. A chunked body may be read so while its chunks hold whole
    /// tags.
    pub fn reads_in_place(&self) -> bool {
        let is_there = match self.state {
            State::UntilClose | State::Declared(_) => true,
            State::ChunkSize | State::ChunkData(_) | State::ChunkEnd => {
                self.line.is_empty() && !self.splits_tags
            }
            State::Head | State::Trailers(..) | State::Ended => false,
        };
        is_there && self.fault.is_none() && self.is_wanted() && self.flv.reads_in_place()
    }

    /// As [`crate::flv::FlvReader::read_in_place`], of the bytes that come next. Between the tags of a chunked
    /// body stands what separates its chunks.
    pub fn read_in_place(&mut self, data: &[u8]) -> Option<(usize, Vec<Tag>)> {
        if !self.reads_in_place() || data.len() > limits::BATCH_BYTES {
            return None;
        }
        match self.state {
            State::UntilClose => self.flv.read_in_place(data),
            State::Declared(missing) => {
                let (end, tags) = self.flv.read_in_place(data.get(..within(missing, data.len()))?)?;
                self.state = match missing - end as u64 {
                    0 => State::Ended,
                    missing => State::Declared(missing),
                };
                Some((end, tags))
            }
            _ => self.read_chunks_in_place(data),
        }
    }

    fn read_chunks_in_place(&mut self, data: &[u8]) -> Option<(usize, Vec<Tag>)> {
        let (mut tags, mut end) = (Vec::new(), 0);
        let behind = loop {
            let (missing, start) = match chunk(self.state, data, end) {
                Ok(found) => found,
                Err(behind) => break behind,
            };
            let behind_start = data.len() - start;
            let part = start..start + within(missing, behind_start);
            let is_whole = part.len() as u64 == missing;
            let (part_end, behind) = self.flv.read_part_in_place(data, part.clone(), &mut tags);
            if part_end > start {
                end = part_end;
                self.state = match missing - (part_end - start) as u64 {
                    0 => State::ChunkEnd,
                    missing => State::ChunkData(missing),
                };
            }
            if part_end < part.end || !is_whole {
                self.splits_tags = is_whole && behind == Behind::Unfinished;
                break if self.splits_tags { Behind::Odd } else { behind };
            }
        };
        (end > 0 || behind == Behind::Unfinished).then_some((end, tags))
    }
}

/// How much of a body that may be longer is in so many bytes.
fn within(missing: u64, bytes: usize) -> usize {
    usize::try_from(missing).unwrap_or(usize::MAX).min(bytes)
}

/// How much a chunk still holds, and where in `data`: that of a state, or the one that begins behind it.
fn chunk(state: State, data: &[u8], at: usize) -> Result<(u64, usize), Behind> {
    let (state, at) = match state {
        State::ChunkEnd => {
            let (line, behind) = line(data, at)?;
            if !is_blank(line) {
                return Err(Behind::Odd);
            }
            (State::ChunkSize, behind)
        }
        state => (state, at),
    };
    match state {
        State::ChunkData(missing) => Ok((missing, at)),
        _ => {
            let (line, behind) = line(data, at)?;
            match chunk_size(line) {
                Ok(size) if size > 0 => Ok((size, behind)),
                _ => Err(Behind::Odd), // the end of the body, or a fault
            }
        }
    }
}

/// The line at a place, its line feed included, and what is behind it.
fn line(data: &[u8], at: usize) -> Result<(&[u8], usize), Behind> {
    let rest = data.get(at..).unwrap_or_default();
    let rest = rest.get(..limits::HTTP_CHUNK_LINE_BYTES).unwrap_or(rest);
    match rest.iter().position(|&byte| byte == b'\n') {
        Some(feed) => Ok((rest.get(..=feed).unwrap_or_default(), at + feed + 1)),
        None if rest.len() == limits::HTTP_CHUNK_LINE_BYTES => Err(Behind::Odd),
        None => Err(Behind::Unfinished),
    }
}
