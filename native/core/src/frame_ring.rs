//! The last frames of a recording, as digests with their times, in a ring of one size.

use crate::fault::Fault;
use crate::tag::{flag, rows};

/// A frame that was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordedFrame {
    /// See [`crate::digest::frame_digests`].
    pub digest: u64,
    /// Its time on the recording's clock.
    pub dts: i64,
    /// See [`crate::tag::kind`].
    pub kind: u8,
    /// It is a keyframe.
    pub is_key: bool,
}

/// A ring of frames; a new one takes the place of the oldest.
#[derive(Debug, Clone)]
pub struct FrameRing {
    frames: Vec<RecordedFrame>,
    next: usize,
    count: u64,
}

impl FrameRing {
    /// A ring of so many places.
    pub fn new(places: usize) -> Self {
        Self {
            frames: vec![RecordedFrame::default(); places],
            next: 0,
            count: 0,
        }
    }

    /// How many frames ever came.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes in the frames of a table, whose rows have these digests. Fails, and takes nothing, as [`rows`] does,
    /// and when there are not as many.
    pub fn push(&mut self, digests: impl ExactSizeIterator<Item = u64>, table: &[u8]) -> Result<(), Fault> {
        let rows = rows(table)?;
        if rows.len() != digests.len() {
            let message = format!("{} digests for {} rows", digests.len(), rows.len());
            return Err(Fault::new("tag.table", message));
        }
        for (tag, digest) in rows.zip(digests) {
            let Some(place) = self.frames.get_mut(self.next) else {
                return Ok(());
            };
            if digest == 0 {
                continue;
            }
            *place = RecordedFrame {
                digest,
                dts: tag.dts,
                kind: tag.kind,
                is_key: tag.flags & flag::KEY != 0,
            };
            self.next = (self.next + 1) % self.frames.len();
            self.count += 1;
        }
        Ok(())
    }

    /// The frames, oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &RecordedFrame> {
        let (newer, older) = self.frames.split_at(self.next);
        let filled = usize::try_from(self.count).unwrap_or(usize::MAX);
        let empty = self.frames.len().saturating_sub(filled);
        older.iter().chain(newer).skip(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::frame_digests;
    use crate::tag::{Batch, Tag, TAG_BYTES};

    fn push(ring: &mut FrameRing, times: &[u32]) {
        let mut batch = Batch::default();
        batch.push(9, 0, &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f]);
        for &time in times {
            batch.push(9, time, &[0x17, 1, 0, 0, 0, time as u8]);
        }
        let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
        let digests = frame_digests(&batch.arena, &table).unwrap();
        ring.push(digests.into_iter(), &table).unwrap();
    }

    fn times(ring: &FrameRing) -> Vec<i64> {
        ring.frames().map(|frame| frame.dts).collect()
    }

    #[test]
    fn the_newest_are_kept_in_order() {
        let mut ring = FrameRing::new(4);
        assert_eq!(times(&ring), []);
        push(&mut ring, &[1, 2]);
        assert_eq!(times(&ring), [1, 2]);
        push(&mut ring, &[3, 4, 5]);
        assert_eq!((times(&ring), ring.count()), (vec![2, 3, 4, 5], 5));
        push(&mut ring, &[6, 7, 8, 9, 10, 11]);
        assert_eq!(times(&ring), [8, 9, 10, 11]);
        assert!(ring
            .frames()
            .all(|frame| frame.is_key && frame.kind == 9 && frame.digest != 0));
    }

    #[test]
    fn a_table_that_is_none_changes_nothing() {
        let mut ring = FrameRing::new(4);
        assert!(ring.push([].into_iter(), &[0; TAG_BYTES + 1]).is_err());
        assert!(ring.push([].into_iter(), &[0; TAG_BYTES]).is_err());
        assert_eq!(ring.count(), 0);
        push(&mut FrameRing::new(0), &[1]);
    }
}
