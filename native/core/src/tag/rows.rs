//! Reading tables back: their rows, and the frames among them.

use super::{Role, Tag, TAG_BYTES};
use crate::fault::Fault;

/// The rows of a table, which is bytes as [`Tag::to_bytes`] gives them; fails when it is not.
pub fn rows(table: &[u8]) -> Result<impl ExactSizeIterator<Item = Tag> + '_, Fault> {
    let rows = table.chunks_exact(TAG_BYTES);
    if !rows.remainder().is_empty() {
        let message = format!(
            "a table of {} bytes is not a number of {TAG_BYTES}-byte rows",
            table.len()
        );
        return Err(Fault::new("tag.table", message));
    }
    Ok(rows.map(|bytes| {
        let mut row = [0; TAG_BYTES];
        row.copy_from_slice(bytes);
        Tag::read_from(&row)
    }))
}

/// The rows of a table that are frames and carry something, each with its payload. Fails as [`rows`] does; an
/// item fails when its payload lies outside the arena.
pub fn frames<'a>(
    arena: &'a [u8],
    table: &'a [u8],
) -> Result<impl Iterator<Item = Result<(Tag, &'a [u8]), Fault>> + 'a, Fault> {
    let frames = rows(table)?.filter(|tag| tag.role == Role::Frame as u8 && tag.media_size > 0);
    Ok(frames.map(|tag| {
        let start = tag.media_offset as usize;
        let payload = arena.get(start..start.saturating_add(tag.media_size as usize));
        let message = "a row points outside the arena";
        Ok((tag, payload.ok_or_else(|| Fault::new("tag.arena", message))?))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;

    #[test]
    fn frames_with_a_payload() {
        let mut batch = Batch::default();
        batch.push(9, 0, &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f]);
        batch.push(9, 0, &[0x17, 1, 0, 0, 0, 7, 8]);
        batch.push(9, 40, &[0x27, 1, 0, 0, 0]);
        batch.push(8, 41, &[0xaf, 1, 9]);
        let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
        let found: Vec<_> = frames(&batch.arena, &table).unwrap().collect();
        let payloads: Vec<&[u8]> = found.iter().map(|one| one.as_ref().unwrap().1).collect();
        assert_eq!(payloads, [[7, 8].as_slice(), &[9]]);
        let cut = frames(&batch.arena[..30], &table).unwrap().next().unwrap();
        assert_eq!(cut.unwrap_err().code, "tag.arena");
        assert!(frames(&batch.arena, &table[1..]).is_err());
    }
}
