//! What a plain batch holds, in one pass over its table.
//!
//! Almost every batch of a running stream is plain: frames with a payload, of one track and one codec for
//! each kind. The stages ask the same few things of its rows, and ask them here once.

use crate::fault::Fault;
use crate::tag::{flag, kind, rows, Role, Tag};

/// The rows of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackSurvey {
    /// See [`crate::tag::codec`].
    pub codec: u8,
    /// Rows.
    pub frames: u32,
    /// Rows that are keyframes.
    pub keyframes: u32,
    /// The dts of the first row.
    pub first_ms: i64,
    /// The dts of the last row.
    pub last_ms: i64,
    /// The least step from one row to the next; 0 with a single row.
    pub least_step_ms: i64,
    /// The greatest step from one row to the next; 0 with a single row.
    pub longest_step_ms: i64,
    /// The last step that is greater than 0; 0 when none is.
    pub last_step_ms: i64,
    /// The dts of the last keyframe.
    pub last_key_ms: Option<i64>,
}

/// A plain batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The time of each row: the clock plus the signed 32-bit steps of the wire timestamps.
    pub dts: Vec<i64>,
    /// The wire timestamp of the last row.
    pub last_wire: u32,
    /// The least of `dts`.
    pub first_ms: i64,
    /// The greatest of `dts`.
    pub last_ms: i64,
    /// The greatest time of presentation.
    pub shown_ms: i64,
    /// Bytes of the tag bodies.
    pub size_bytes: u64,
    /// Bytes of the coded payloads.
    pub media_bytes: u64,
    /// Audio rows.
    pub audio: Option<TrackSurvey>,
    /// Video rows.
    pub video: Option<TrackSurvey>,
    /// (row, dts) of each video keyframe.
    pub keys: Vec<(u32, i64)>,
}

/// The survey of a table whose first row follows a frame of the wire timestamp `wire` at the time `clock_ms`;
/// None when the batch is not plain.
///
/// Fails as [`rows`] does.
pub fn survey(table: &[u8], wire: u32, clock_ms: i64) -> Result<Option<Survey>, Fault> {
    let rows = rows(table)?;
    let mut found = Survey {
        dts: Vec::with_capacity(rows.len()),
        last_wire: wire,
        first_ms: i64::MAX,
        last_ms: i64::MIN,
        shown_ms: i64::MIN,
        size_bytes: 0,
        media_bytes: 0,
        audio: None,
        video: None,
        keys: Vec::new(),
    };
    let mut now_ms = clock_ms;
    for (row, tag) in (0..).zip(rows) {
        now_ms = now_ms.wrapping_add(i64::from(tag.timestamp.wrapping_sub(found.last_wire) as i32));
        if !found.take(row, &tag, now_ms) {
            return Ok(None);
        }
    }
    Ok((!found.dts.is_empty()).then_some(found))
}

impl Survey {
    /// False when the row is not one of a plain batch.
    fn take(&mut self, row: u32, tag: &Tag, now_ms: i64) -> bool {
        let track = match tag.kind {
            kind::AUDIO => &mut self.audio,
            kind::VIDEO => &mut self.video,
            _ => return false,
        };
        let is_frame = tag.role == Role::Frame as u8 && tag.media_size > 0;
        if !is_frame || tag.flags >= flag::MULTITRACK {
            return false;
        }
        let is_key = tag.flags & flag::KEY != 0;
        let track = track.get_or_insert_with(|| TrackSurvey::at(tag.codec, now_ms));
        if track.codec != tag.codec {
            return false;
        }
        track.take(now_ms, is_key);
        if is_key && tag.kind == kind::VIDEO {
            self.keys.push((row, now_ms));
        }
        self.dts.push(now_ms);
        self.last_wire = tag.timestamp;
        self.first_ms = self.first_ms.min(now_ms);
        self.last_ms = self.last_ms.max(now_ms);
        self.shown_ms = self.shown_ms.max(now_ms.saturating_add(i64::from(tag.cts)));
        self.size_bytes += u64::from(tag.size);
        self.media_bytes += u64::from(tag.media_size);
        true
    }
}

impl TrackSurvey {
    fn at(codec: u8, now_ms: i64) -> Self {
        Self {
            codec,
            frames: 0,
            keyframes: 0,
            first_ms: now_ms,
            last_ms: now_ms,
            least_step_ms: 0,
            longest_step_ms: 0,
            last_step_ms: 0,
            last_key_ms: None,
        }
    }

    fn take(&mut self, now_ms: i64, is_key: bool) {
        let step_ms = now_ms.wrapping_sub(self.last_ms);
        if self.frames == 1 {
            (self.least_step_ms, self.longest_step_ms) = (step_ms, step_ms);
        }
        self.least_step_ms = self.least_step_ms.min(step_ms);
        self.longest_step_ms = self.longest_step_ms.max(step_ms);
        if step_ms > 0 {
            self.last_step_ms = step_ms;
        }
        self.frames += 1;
        self.last_ms = now_ms;
        if is_key {
            self.keyframes += 1;
            self.last_key_ms = Some(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Batch, TAG_BYTES};

    const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65];
    const DELTA: &[u8] = &[0x27, 1, 0, 0, 40, 0, 0, 0, 1, 0x41];
    const SOUND: &[u8] = &[0xaf, 1, 0x21, 0x10];

    fn table(tags: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut batch = Batch::default();
        for (tag_kind, time, body) in tags {
            batch.push(*tag_kind, *time, body);
        }
        batch.tags.iter().flat_map(Tag::to_bytes).collect()
    }

    #[test]
    fn a_plain_batch_across_a_wrap() {
        let near = u32::MAX - 9;
        let rows = table(&[
            (9, near, DELTA),
            (8, near + 3, SOUND),
            (9, 30, KEY),
            (9, 30, DELTA),
            (8, 16, SOUND),
        ]);
        let found = survey(&rows, near - 40, 1000).expect("a table").expect("plain");
        assert_eq!(found.dts, [1040, 1043, 1080, 1080, 1066]);
        assert_eq!((found.first_ms, found.last_ms, found.last_wire), (1040, 1080, 16));
        assert_eq!(found.shown_ms, 1120);
        assert_eq!(found.keys, [(2, 1080)]);
        assert_eq!(found.size_bytes, 3 * 10 + 2 * 4);
        assert_eq!(found.media_bytes, 3 * 5 + 2 * 2);
        let video = found.video.expect("video");
        assert_eq!(
            (video.frames, video.keyframes, video.last_key_ms),
            (3, 1, Some(1080))
        );
        assert_eq!(
            (video.least_step_ms, video.longest_step_ms, video.last_step_ms),
            (0, 40, 40)
        );
        let audio = found.audio.expect("audio");
        assert_eq!(
            (audio.first_ms, audio.last_ms, audio.least_step_ms),
            (1043, 1066, 23)
        );
        assert_eq!(audio.last_key_ms, Some(1066));
    }

    #[test]
    fn steps_back_are_told() {
        let rows = table(&[(9, 100, KEY), (9, 140, DELTA), (9, 120, DELTA)]);
        let video = survey(&rows, 60, 0).unwrap().unwrap().video.unwrap();
        assert_eq!((video.first_ms, video.last_ms), (40, 60));
        assert_eq!(
            (video.least_step_ms, video.longest_step_ms, video.last_step_ms),
            (-20, 40, 40)
        );
    }

    #[test]
    fn what_is_not_plain() {
        let config: &[u8] = &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f];
        let empty: &[u8] = &[0x27, 1, 0, 0, 0];
        let other_codec: &[u8] = &[0x2f, 1];
        for odd in [(9, 0, config), (18, 0, SOUND), (9, 0, empty), (8, 0, other_codec)] {
            let rows = table(&[(8, 0, SOUND), odd]);
            assert_eq!(survey(&rows, 0, 0), Ok(None), "{odd:?}");
        }
        let mut flagged = Batch::default();
        flagged.push(8, 0, SOUND);
        flagged.tags[0].flags |= flag::DISCONTINUITY;
        assert_eq!(survey(&flagged.tags[0].to_bytes(), 0, 0), Ok(None));
        assert_eq!(survey(&[], 0, 0), Ok(None));
        assert!(survey(&[0; TAG_BYTES + 1], 0, 0).is_err());
    }
}
