//! The writers with tables that no reader gave: a fault, or tags and messages that can be read again.

use crate::flv::read;
use crate::memory::within;
use reelkeeper_core::fault::Fault;
use reelkeeper_core::flv::FlvReader;
use reelkeeper_core::flv_write::{flv_header, flv_tags, Signalling, WrittenTags};
use reelkeeper_core::rtmp::chunk_writer::write_rows;
use reelkeeper_core::tag::{kind, Tag, TAG_BYTES};

/// The first byte says how many rows (up to 7) follow, each [`TAG_BYTES`] long; the rest is the arena.
pub fn check(data: &[u8]) {
    check_with(
        |arena, table, signalling| flv_tags(arena, table, 0, signalling),
        data,
    );
}

/// Checks a writer of FLV tags, beside that of RTMP messages.
pub fn check_with(write: impl Fn(&[u8], &[u8], Signalling) -> Result<WrittenTags, Fault>, data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (table, arena) = rest.split_at((usize::from(count & 7) * TAG_BYTES).min(rest.len()));
    let tags: Vec<Tag> = table.chunks_exact(TAG_BYTES).map(row).collect();
    let wanted: usize = tags.iter().map(|tag| 64 + tag.size as usize).sum();
    // Faults take no more than their line; what is written, what the rows say.
    let cap = 8 * wanted.min(8 * (arena.len() + 64)) + 16 * data.len() + (64 << 10);
    for signalling in [Signalling::Source, Signalling::Enhanced, Signalling::Legacy] {
        if let Ok(written) = within(cap, || write(arena, table, signalling)) {
            check_written(&tags, &written.bytes, &written.starts);
        }
    }
    for chunk_size in [1, 128, 1 << 20] {
        // At worst a chunk of one byte has a header of 7.
        let _ = within(32 * cap, || write_rows(arena, table, 1, chunk_size));
    }
}

fn row(bytes: &[u8]) -> Tag {
    Tag::read_from(bytes.try_into().expect("a whole row"))
}

fn check_written(tags: &[Tag], bytes: &[u8], starts: &[u32]) {
    assert_eq!(starts.len(), tags.len());
    assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(starts.iter().all(|&start| start as usize <= bytes.len()));
    if tags
        .iter()
        .all(|tag| matches!(tag.kind, kind::AUDIO | kind::VIDEO | kind::SCRIPT))
    {
        let again = read::<FlvReader>(&[&flv_header(true, true), bytes], false);
        assert_eq!((again.fault, again.state), (None, (13 + bytes.len()).to_string()));
    }
}
