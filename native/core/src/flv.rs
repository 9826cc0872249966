//! Reads FLV: the file header, then PreviousTagSize and tag by turns (FLV 10.1 annex E.2 to E.4).
//!
//! [`FlvReader`] takes bytes in any pieces. Tags that lie whole in a piece go from it to the arena in one
//! copy; of an unfinished tag only the bytes that have arrived are kept, whatever size it announces.

use crate::fault::Fault;
use crate::limits;
use crate::tag::framing::{FRAMING_BYTES, PREVIOUS_TAG_SIZE_BYTES, TAG_HEADER_BYTES};
use crate::tag::{kind, Batch};

mod in_place;

pub(crate) use in_place::Behind;

const SIGNATURE: &[u8; 3] = b"FLV";
const FILE_HEADER_BYTES: usize = 9;
const TYPE_MASK: u8 = 0x1f;
const FILTER_BIT: u8 = 0x20;

/// FLV bytes to tags.
#[derive(Debug, Default)]
pub struct FlvReader {
    state: State,
    /// The bytes of the header or body that `state` waits for.
    partial: Vec<u8>,
    batch: Batch,
    fault: Option<Fault>,
    /// Bytes of the stream before the unread ones.
    position: u64,
    consumed: u64,
    /// A PreviousTagSize of 0 is not believed behind one that was right.
    strict: bool,
    /// A tag's PreviousTagSize was right.
    sized: bool,
}

/// What comes next in the stream.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    FileHeader,
    /// What DataOffset puts between the nine bytes of the header and the first PreviousTagSize.
    HeaderRest(usize),
    /// Behind the file header; behind a tag it is part of `Body`.
    FirstPreviousTagSize,
    TagHeader,
    /// The body and the PreviousTagSize that vouches for its length: a tag whose length lies is not given out.
    Body(TagHeader),
}

#[derive(Debug, Clone, Copy)]
struct TagHeader {
    kind: u8,
    size: usize,
    timestamp: u32,
}

impl FlvReader {
    /// A reader at the start of a file or stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader for files that a crash left: the zeros of a torn tag are no PreviousTagSize.
    pub fn strict() -> Self {
        Self {
            strict: true,
            ..Self::default()
        }
    }

    /// Reads `data`. After bad input [`FlvReader::fault`] is set and further bytes are ignored.
    pub fn feed(&mut self, data: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        let mut rest = data;
        loop {
            match self.step(&mut rest) {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => return self.stop(fault),
            }
        }
    }

    /// The whole tags since the last take.
    pub fn take(&mut self) -> Option<Batch> {
        (!self.batch.is_empty()).then(|| std::mem::take(&mut self.batch))
    }

    /// No more bytes come: a cut file header or tag is a fault, a missing last PreviousTagSize is not.
    pub fn finish(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let have = self.partial.len();
        let cut = match self.state {
            State::FileHeader if have == 0 => Fault::new("not.flv", "empty: there is no FLV header"),
            State::FileHeader => truncated(format!(
                "the FLV header ends after {have} of its {FILE_HEADER_BYTES} bytes"
            )),
            State::HeaderRest(missing) => truncated(format!("{missing} bytes of the FLV header are missing")),
            State::TagHeader if have > 0 => {
                let start = self.position.saturating_sub(have as u64);
                let missing = TAG_HEADER_BYTES.saturating_sub(have);
                truncated(format!(
                    "the tag at byte {start} is cut inside its header: {missing} bytes of it are missing"
                ))
            }
            State::Body(header) if have >= header.size => {
                self.batch
                    .push(header.kind, header.timestamp, &self.partial[..header.size]);
                self.clear_partial();
                self.state = State::TagHeader;
                return;
            }
            State::Body(header) => {
                let start = self.position.saturating_sub((TAG_HEADER_BYTES + have) as u64);
                let missing = header.size.saturating_sub(have);
                truncated(format!(
                    "the tag at byte {start} is cut: {missing} of its {} bytes are missing",
                    header.size
                ))
            }
            State::FirstPreviousTagSize | State::TagHeader => return,
        };
        self.stop(cut);
    }

    /// Why the reader stopped.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Bytes up to the end of the last whole tag, its PreviousTagSize included (at first: of the file header
    /// with the PreviousTagSize behind it).
    pub fn consumed_bytes(&self) -> u64 {
        self.consumed
    }

    /// One state's work; false when it needs more bytes than `rest` has.
    fn step(&mut self, rest: &mut &[u8]) -> Result<bool, Fault> {
        match self.state {
            State::FileHeader => self.file_header(rest),
            State::HeaderRest(missing) => {
                let missing = missing - self.advance(rest, missing).len();
                self.state = if missing == 0 {
                    State::FirstPreviousTagSize
                } else {
                    State::HeaderRest(missing)
                };
                Ok(missing == 0)
            }
            State::FirstPreviousTagSize => match self.fixed::<PREVIOUS_TAG_SIZE_BYTES>(rest) {
                Some(field) => {
                    self.check_previous_tag_size(&field, 0)?;
                    self.next_tag();
                    Ok(true)
                }
                None => Ok(false),
            },
            State::TagHeader => match self.fixed::<TAG_HEADER_BYTES>(rest) {
                Some(header) => self.tag_header(header),
                None => Ok(false),
            },
            State::Body(header) => self.body(header, rest),
        }
    }

    fn file_header(&mut self, rest: &mut &[u8]) -> Result<bool, Fault> {
        let arrived = self.advance(rest, FILE_HEADER_BYTES - self.partial.len());
        self.partial.extend_from_slice(arrived);
        if let Some(at) = self
            .partial
            .iter()
            .zip(SIGNATURE)
            .position(|(have, want)| have != want)
        {
            let byte = self.partial.get(at).copied().unwrap_or_default();
            let message = format!("this is not FLV: byte {at} is 0x{byte:02x}, where \"FLV\" should stand");
            return Err(Fault::new("not.flv", message));
        }
        let Some(header) = self.fixed::<FILE_HEADER_BYTES>(rest) else {
            return Ok(false);
        };
        let [_, _, _, version, _flags, offset @ ..] = header;
        if version != 1 {
            return Err(Fault::new(
                "flv.version",
                format!("FLV version {version}, where only version 1 exists"),
            ));
        }
        let data_offset = u32::from_be_bytes(offset) as usize;
        if !(FILE_HEADER_BYTES..=FILE_HEADER_BYTES + limits::FLV_HEADER_BYTES).contains(&data_offset) {
            let message =
                format!("the FLV header says that its data begins at byte {data_offset}; 9 is usual");
            return Err(Fault::new("flv.data_offset", message));
        }
        let more = data_offset - FILE_HEADER_BYTES;
        self.state = if more == 0 {
            State::FirstPreviousTagSize
        } else {
            State::HeaderRest(more)
        };
        Ok(true)
    }

    /// Real servers that write this field wrong write 0, always; any other wrong value means that the reader
    /// and the writer no longer agree on where tags begin.
    fn check_previous_tag_size(&mut self, field: &[u8], expected: usize) -> Result<(), Fault> {
        let found = field
            .iter()
            .fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        if found == expected || (found == 0 && !(self.strict && self.sized)) {
            self.sized |= found != 0;
            return Ok(());
        }
        let at = self.position.saturating_sub(PREVIOUS_TAG_SIZE_BYTES as u64);
        let message =
            format!("PreviousTagSize at byte {at} is {found}, where the tag before has {expected} bytes");
        Err(Fault::new("flv.previous_tag_size", message))
    }

    fn next_tag(&mut self) {
        self.consumed = self.position;
        self.state = State::TagHeader;
    }

    fn tag_header(&mut self, header: [u8; TAG_HEADER_BYTES]) -> Result<bool, Fault> {
        let first = header[0];
        let start = self.position.saturating_sub(TAG_HEADER_BYTES as u64);
        let kind = first & TYPE_MASK;
        if !matches!(kind, kind::AUDIO | kind::VIDEO | kind::SCRIPT) {
            let message = format!(
                "the tag at byte {start} has type {kind}, which is not audio (8), video (9) or script (18)"
            );
            return Err(Fault::new("flv.bad_tag_type", message));
        }
        if first & FILTER_BIT != 0 {
            return Err(Fault::new(
                "flv.encrypted",
                format!("the tag at byte {start} is encrypted"),
            ));
        }
        let header = TagHeader::read(kind, &header);
        let size = header.size;
        if !self.batch.has_room(size) {
            let held = self.batch.arena.len();
            let message =
                format!("the tag at byte {start} of {size} bytes does not fit behind {held} untaken bytes");
            return Err(Fault::new("flv.batch_too_large", message));
        }
        self.state = State::Body(header);
        Ok(true)
    }

    fn body(&mut self, header: TagHeader, rest: &mut &[u8]) -> Result<bool, Fault> {
        let needed = header.size + PREVIOUS_TAG_SIZE_BYTES;
        let arrived = self.advance(rest, needed.saturating_sub(self.partial.len()));
        if arrived.len() == needed {
            self.tag(header, arrived, rest.len())?;
        } else {
            self.partial.extend_from_slice(arrived);
            if self.partial.len() < needed {
                return Ok(false);
            }
            let whole = std::mem::take(&mut self.partial);
            let read = self.tag(header, &whole, rest.len());
            self.partial = whole;
            self.clear_partial();
            read?;
        }
        self.next_tag();
        Ok(true)
    }

    /// Gives out a tag, `whole` being its body and the PreviousTagSize behind it.
    fn tag(&mut self, header: TagHeader, whole: &[u8], still_to_read: usize) -> Result<(), Fault> {
        let (body, field) = whole.split_at(header.size.min(whole.len()));
        self.check_previous_tag_size(field, TAG_HEADER_BYTES + header.size)?;
        // This tag and all that its piece can still add.
        self.batch.begin(FRAMING_BYTES + body.len() + still_to_read);
        self.batch.push(header.kind, header.timestamp, body);
        Ok(())
    }

    /// The next `N` bytes once they have all arrived.
    fn fixed<const N: usize>(&mut self, rest: &mut &[u8]) -> Option<[u8; N]> {
        let arrived = self.advance(rest, N.saturating_sub(self.partial.len()));
        if let Ok(whole) = <[u8; N]>::try_from(arrived) {
            return Some(whole);
        }
        self.partial.extend_from_slice(arrived);
        let whole = <[u8; N]>::try_from(self.partial.as_slice()).ok()?;
        self.clear_partial();
        Some(whole)
    }

    /// Takes up to `count` bytes off the front of `rest`.
    fn advance<'a>(&mut self, rest: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, behind) = rest.split_at(count.min(rest.len()));
        *rest = behind;
        self.position += taken.len() as u64;
        taken
    }

    fn clear_partial(&mut self) {
        if self.partial.capacity() > limits::IDLE_BUFFER_BYTES {
            self.partial = Vec::new();
        }
        self.partial.clear();
    }

    fn stop(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.partial = Vec::new();
    }
}

impl TagHeader {
    fn read(kind: u8, header: &[u8; TAG_HEADER_BYTES]) -> Self {
        let [_, s2, s1, s0, t2, t1, t0, t3, _stream_id @ ..] = *header;
        Self {
            kind,
            size: u32::from_be_bytes([0, s2, s1, s0]) as usize,
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
        }
    }
}

fn truncated(message: String) -> Fault {
    Fault::new("flv.truncated", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const START: &[u8] = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00";

    pub(super) fn read(parts: &[&[u8]]) -> FlvReader {
        let mut reader = FlvReader::new();
        parts.iter().for_each(|part| reader.feed(part));
        reader
    }

    fn code(reader: &FlvReader) -> Option<&'static str> {
        reader.fault().map(|fault| fault.code)
    }

    #[test]
    fn an_announced_size_costs_nothing_before_its_bytes_come() {
        let reader = read(&[START, &[9, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0], &[0x17]]);
        assert!(reader.partial.capacity() < 1024 && reader.batch.arena.capacity() < 1024);
    }

    #[test]
    fn the_buffer_of_a_large_tag_is_given_back() {
        let head = [9, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let body = vec![0; 0x10_0000];
        let reader = read(&[START, &head, &body[1..], &body[..1], &[0; 4]]);
        assert_eq!((reader.batch.tags.len(), reader.partial.capacity()), (1, 0));
    }

    #[test]
    fn a_batch_that_is_never_taken_ends_the_reader() {
        let mut reader = read(&[START]);
        let mut tag = vec![9, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0];
        tag.resize(TAG_HEADER_BYTES + 0xff_ffff + 4, 0);
        for _ in 0..16 {
            reader.feed(&tag);
        }
        assert_eq!(
            (code(&reader), reader.batch.tags.len()),
            (Some("flv.batch_too_large"), 15)
        );
        assert!(reader.batch.arena.len() <= limits::BATCH_BYTES);
    }

    #[test]
    fn a_strict_reader_believes_no_zero_behind_a_size() {
        let tag = [8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x2f];
        let (sized, zero) = ([0, 0, 0, 12], [0; 4]);
        let mut reader = FlvReader::strict();
        for part in [START, &tag, &sized, &tag, &zero] {
            reader.feed(part);
        }
        assert_eq!(code(&reader), Some("flv.previous_tag_size"));
        assert_eq!(reader.consumed_bytes(), (START.len() + 16) as u64);
        let mut unsized_always = FlvReader::strict();
        for part in [START, &tag, &zero, &tag, &zero] {
            unsized_always.feed(part);
        }
        assert_eq!(
            (code(&unsized_always), unsized_always.batch.tags.len()),
            (None, 2)
        );
    }

    #[test]
    fn a_timestamp_is_24_bits_and_its_extension() {
        let mut reader = read(&[START, &[8, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0, 0x2f, 0, 0, 0, 12]]);
        let batch = reader.take().expect("one tag");
        assert_eq!(
            (batch.tags[0].timestamp, batch.tags[0].dts),
            (0x0102_0304, 0x0102_0304)
        );
    }
}
