//! Tags read where they were received, without a copy: what a running stream needs.

use std::ops::Range;

use super::{FlvReader, State, TagHeader};
use crate::limits;
use crate::tag::framing::{
    previous_tag_size, tag_header, FRAMING_BYTES, PREVIOUS_TAG_SIZE_BYTES, TAG_HEADER_BYTES,
};
use crate::tag::{kind, Tag};

impl FlvReader {
    /// Whether the next byte begins a tag and no tag waits to be taken: what [`FlvReader::read_in_place`] needs.
    pub fn reads_in_place(&self) -> bool {
        let at_a_tag = matches!(self.state, State::TagHeader) && self.partial.is_empty();
        at_a_tag && self.batch.is_empty() && self.fault.is_none()
    }

    /// Reads the whole tags that `data` begins with where they are: how many bytes they have, and their rows,
    /// for which `data` is the arena. What is behind them is not read, and comes again.
    ///
    /// None when this cannot be done: the reader is inside a tag, or the first tag is not as it should be, which
    /// is for [`FlvReader::feed`].
    pub fn read_in_place(&mut self, data: &[u8]) -> Option<(usize, Vec<Tag>)> {
        if !self.reads_in_place() || data.len() > limits::BATCH_BYTES {
            return None;
        }
        let mut tags = Vec::new();
        let (end, behind) = self.read_part_in_place(data, 0..data.len(), &mut tags);
        (end > 0 || behind == Behind::Unfinished).then_some((end, tags))
    }

    /// Appends the whole tags that a part of `data`, which is their arena, begins with: where they end in `data`,
    /// and what is behind them. The reader [`FlvReader::reads_in_place`].
    pub(crate) fn read_part_in_place(
        &mut self,
        data: &[u8],
        part: Range<usize>,
        tags: &mut Vec<Tag>,
    ) -> (usize, Behind) {
        let mut end = part.start;
        let behind = loop {
            match Next::of(data.get(end..part.end).unwrap_or_default()) {
                Next::Tag(header, body) => {
                    let offset = end + TAG_HEADER_BYTES;
                    tags.push(Tag::of(header.kind, header.timestamp, body, offset));
                    end += FRAMING_BYTES + body.len();
                }
                Next::Unfinished => break Behind::Unfinished,
                Next::Odd => break Behind::Odd,
            }
        };
        if end > part.start {
            self.position += (end - part.start) as u64;
            self.consumed = self.position;
            self.sized = true;
        }
        (end, behind)
    }
}

/// What is behind the whole tags of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Nothing, or the beginning of a tag.
    Unfinished,
    /// No tag that can be taken as it is.
    Odd,
}

/// What bytes begin with that follow a tag.
enum Next<'a> {
    Tag(TagHeader, &'a [u8]),
    Unfinished,
    /// No tag that can be taken as it is.
    Odd,
}

impl<'a> Next<'a> {
    fn of(data: &'a [u8]) -> Self {
        let Some(kind) = data.first().copied() else {
            return Self::Unfinished;
        };
        if !matches!(kind, kind::AUDIO | kind::VIDEO | kind::SCRIPT) {
            return Self::Odd;
        }
        let (head, behind) = data.split_at(TAG_HEADER_BYTES.min(data.len()));
        let Ok(head) = <&[u8; TAG_HEADER_BYTES]>::try_from(head) else {
            return Self::Unfinished;
        };
        let header = TagHeader::read(kind, head);
        let is_plain = *head == tag_header(kind, header.size, header.timestamp); // no stream id, that is
        let field = behind.get(header.size..header.size + PREVIOUS_TAG_SIZE_BYTES);
        match (behind.get(..header.size), field) {
            (Some(body), Some(field)) if is_plain && field == previous_tag_size(header.size) => {
                Self::Tag(header, body)
            }
            (Some(_), Some(_)) => Self::Odd,
            _ => Self::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, START};

    #[test]
    fn whole_tags_are_read_in_place_and_the_rest_is_left() {
        let tag = [8, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, 0x2f, 0, 0, 0, 12];
        let (zero, encrypted) = ([&tag[..12], &[0; 4]].concat(), [&[0x28], &tag[1..]].concat());
        let numbered = [&tag[..8], &[0, 0, 1], &tag[11..]].concat();
        for (left, is_odd) in [
            (&tag[..15], false),
            (&[], false),
            (&zero, true),
            (&encrypted, true),
            (&numbered, true),
        ] {
            let mut reader = read(&[START]);
            let (end, tags) = reader.read_in_place(&[&tag, &tag, left].concat()).expect("tags");
            assert_eq!((end, tags.len()), (32, 2), "{left:?}");
            let mut whole = read(&[START, &tag, &tag]);
            assert_eq!(reader.consumed_bytes(), whole.consumed_bytes());
            assert_eq!(whole.take().map(|batch| batch.tags), Some(tags));
            let again = (!is_odd).then(|| (0, vec![]));
            assert_eq!(reader.read_in_place(left), again, "{left:?}");
            for other in [&mut reader, &mut whole] {
                other.feed(left);
            }
            assert_eq!(reader.fault(), whole.fault());
        }
    }

    #[test]
    fn nothing_is_read_in_place_while_bytes_wait() {
        let tag = [8, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, 0x2f, 0, 0, 0, 12];
        let (begun, untaken) = ([START, &tag[..1]].concat(), [START, &tag].concat());
        for before in [
            &[][..],
            &START[..9],
            &begun,
            &untaken,
            &[START, &[1; 11]].concat(),
        ] {
            assert_eq!(read(&[before]).read_in_place(&tag), None, "{before:?}");
        }
    }
}
