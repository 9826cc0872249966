//! What must hold for any bytes that a peer or a file gives the core.
//!
//! Each module has one `check`, which panics when something does not hold. The fuzz target of the same name hands
//! it what libFuzzer makes up, and `tests/corpus.rs` hands it every file of `corpus/<module>`. That the checks can
//! fail is shown by `tests/planted.rs`: readers with a bug put in on purpose.

#![warn(missing_docs)]

pub mod amf;
pub mod config;
pub mod flv;
pub mod http;
pub mod memory;
pub mod mp4;
pub mod pieces;
pub mod rows;
pub mod rtmp;
pub mod segment;

use reelkeeper_core::tag::Tag;

/// A tag with its bytes, comparable over batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The row, its offsets made relative to its own body.
    pub tag: Tag,
    /// The tag body.
    pub body: Vec<u8>,
}

impl Row {
    /// The coded payload.
    pub fn media(&self) -> &[u8] {
        let start = self.tag.media_offset as usize;
        &self.body[start..start + self.tag.media_size as usize]
    }
}

/// The rows of a batch. Panics when one points outside of the arena or its payload outside of its body.
pub fn rows_of(batch: &reelkeeper_core::tag::Batch) -> Vec<Row> {
    let row = |tag: &Tag| {
        let (start, size) = (tag.offset as usize, tag.size as usize);
        let body = batch.arena[start..start + size].to_vec();
        let media = if tag.media_size == 0 {
            0
        } else {
            tag.media_offset - tag.offset
        };
        assert!(
            media as usize + tag.media_size as usize <= size,
            "a payload outside of its body"
        );
        Row {
            tag: Tag {
                offset: 0,
                media_offset: media,
                ..*tag
            },
            body,
        }
    };
    batch.tags.iter().map(row).collect()
}
