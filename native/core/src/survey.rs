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

/// Where the rows before a batch left the clock, and how far a track may step without a jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The wire timestamp of the last frame.
    pub wire: u32,
    /// Its time.
    pub ms: i64,
    /// The dts of the last audio frame; None before the first.
    pub audio_ms: Option<i64>,
    /// The dts of the last video frame; None before the first.
    pub video_ms: Option<i64>,
    /// How far a track may step back.
    pub back_ms: i64,
    /// How far a track may step ahead.
    pub ahead_ms: i64,
}

/// A plain batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The rows, with the time of each in `dts`: the clock plus the signed 32-bit steps of the wire timestamps.
    pub table: Vec<u8>,
    /// The wire timestamp of the last row.
    pub last_wire: u32,
    /// The time of the last row.
    pub end_ms: i64,
    /// The kind of the last row.
    pub last_kind: u8,
    /// The least dts.
    pub first_ms: i64,
    /// The greatest dts.
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

/// The survey of a table that goes on where the clock stands; None when the batch is not plain, or a track
/// begins in it or steps further than it may.
///
/// Fails as [`rows`] does.
pub fn survey(table: &[u8], clock: &Clock) -> Result<Option<Survey>, Fault> {
    let rows = rows(table)?;
    let mut found = Survey {
        table: Vec::with_capacity(table.len()),
        last_wire: clock.wire,
        end_ms: clock.ms,
        last_kind: 0,
        first_ms: i64::MAX,
        last_ms: i64::MIN,
        shown_ms: i64::MIN,
        size_bytes: 0,
        media_bytes: 0,
        audio: None,
        video: None,
        keys: Vec::new(),
    };
    for (row, tag) in (0..).zip(rows) {
        if !found.take(row, tag) {
            return Ok(None);
        }
    }
    let goes_on = !found.table.is_empty()
        && clock.allows(clock.audio_ms, found.audio.as_ref())
        && clock.allows(clock.video_ms, found.video.as_ref());
    Ok(goes_on.then_some(found))
}

/// The survey of some rows of a table that has a survey itself; None when there are none.
///
/// Fails as [`rows`] does.
pub fn survey_placed(table: &[u8]) -> Result<Option<Survey>, Fault> {
    let Some(first) = rows(table)?.next() else {
        return Ok(None);
    };
    let clock = Clock {
        wire: first.timestamp,
        ms: first.dts,
        audio_ms: Some(first.dts),
        video_ms: Some(first.dts),
        back_ms: i64::MAX,
        ahead_ms: i64::MAX,
    };
    survey(table, &clock)
}

impl Clock {
    /// Whether a track goes on without a jump from the time of its last frame.
    fn allows(&self, last_ms: Option<i64>, track: Option<&TrackSurvey>) -> bool {
        let Some(track) = track else { return true };
        let Some(last_ms) = last_ms else { return false };
        let first_step_ms = track.first_ms.saturating_sub(last_ms);
        let least_ms = track.least_step_ms.min(first_step_ms);
        let longest_ms = track.longest_step_ms.max(first_step_ms);
        least_ms >= self.back_ms.saturating_neg() && longest_ms <= self.ahead_ms
    }
}

impl Survey {
    /// False when the row is not one of a plain batch.
    fn take(&mut self, row: u32, mut tag: Tag) -> bool {
        let track = match tag.kind {
            kind::AUDIO => &mut self.audio,
            kind::VIDEO => &mut self.video,
            _ => return false,
        };
        let is_frame = tag.role == Role::Frame as u8 && tag.media_size > 0;
        if !is_frame || tag.flags >= flag::MULTITRACK {
            return false;
        }
        let step_ms = tag.timestamp.wrapping_sub(self.last_wire) as i32;
        let now_ms = self.end_ms.wrapping_add(i64::from(step_ms));
        let is_key = tag.flags & flag::KEY != 0;
        let track = track.get_or_insert_with(|| TrackSurvey::at(tag.codec, now_ms));
        if track.codec != tag.codec {
            return false;
        }
        track.take(now_ms, is_key);
        if is_key && tag.kind == kind::VIDEO {
            self.keys.push((row, now_ms));
        }
        tag.dts = now_ms;
        tag.write_to(&mut self.table);
        (self.last_wire, self.end_ms, self.last_kind) = (tag.timestamp, now_ms, tag.kind);
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

    /// A clock on which both tracks stand at `ms`.
    fn clock(wire: u32, ms: i64) -> Clock {
        Clock {
            wire,
            ms,
            audio_ms: Some(ms),
            video_ms: Some(ms),
            back_ms: 1000,
            ahead_ms: 10_000,
        }
    }

    fn dts(found: &Survey) -> Vec<i64> {
        rows(&found.table).expect("rows").map(|tag| tag.dts).collect()
    }

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
        let found = survey(&rows, &clock(near - 40, 1000))
            .expect("a table")
            .expect("plain");
        assert_eq!(dts(&found), [1040, 1043, 1080, 1080, 1066]);
        assert_eq!((found.end_ms, found.last_kind), (1066, 8));
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
        let video = survey(&rows, &clock(60, 0)).unwrap().unwrap().video.unwrap();
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
            assert_eq!(survey(&rows, &clock(0, 0)), Ok(None), "{odd:?}");
        }
        let mut flagged = Batch::default();
        flagged.push(8, 0, SOUND);
        flagged.tags[0].flags |= flag::DISCONTINUITY;
        assert_eq!(survey(&flagged.tags[0].to_bytes(), &clock(0, 0)), Ok(None));
        assert_eq!(survey(&[], &clock(0, 0)), Ok(None));
        assert!(survey(&[0; TAG_BYTES + 1], &clock(0, 0)).is_err());
    }

    #[test]
    fn a_jump_or_a_first_frame_is_not_plain() {
        let rows = table(&[(9, 40, DELTA), (8, 41, SOUND), (9, 80, DELTA)]);
        let plain = clock(0, 500);
        let is_plain = |clock: Clock| survey(&rows, &clock).unwrap().is_some();
        let at = |ms| Some(ms);
        for (video_ms, expected) in [
            (at(540 + 1000), true),
            (at(540 + 1001), false),
            (at(540 - 10_000), true),
            (at(540 - 10_001), false),
            (at(i64::MIN), false),
            (None, false),
        ] {
            assert_eq!(is_plain(Clock { video_ms, ..plain }), expected, "{video_ms:?}");
        }
        assert!(!is_plain(Clock {
            audio_ms: None,
            ..plain
        }));
        assert!(!is_plain(Clock {
            ahead_ms: 39,
            ..plain
        }));
        let back = table(&[(9, 40, DELTA), (9, 0, DELTA)]);
        let strict = |back_ms| survey(&back, &Clock { back_ms, ..plain }).unwrap().is_some();
        assert!(strict(40) && !strict(39));
    }
}
