//! Media segments and their initialization sections: what is counted is there, and a cut only takes away.

use crate::memory::within;
use crate::pieces::Dice;
use reelkeeper_core::mp4::{segment, Error, Segment, TrackTables};
use std::io::Cursor;

/// Where the first `moov` ends: in front is the initialization section, behind it the segment.
fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(&[a, b, c, d, ref kind @ ..]) = data.get(at..at + 8) {
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if size < 8 || size > data.len() - at {
            break;
        }
        at += size;
        if kind == b"moov" {
            return data.split_at(at);
        }
    }
    (data, &[])
}

fn check_track(track: &TrackTables) {
    assert!(track.sync_samples <= track.samples && track.samples <= track.media_bytes);
    let lasts_ms = track.last_dts_ms.saturating_sub(track.first_dts_ms);
    assert!(0 <= track.frame_ms && track.frame_ms <= lasts_ms, "{track:?}");
}

/// `part` is what is left of `whole`.
fn check_less(part: &Segment, whole: &Segment) {
    assert!(part.whole_bytes <= whole.whole_bytes);
    for (less, more) in part.tracks.iter().zip(&whole.tracks) {
        assert!(less.samples <= more.samples && less.media_bytes <= more.media_bytes);
        assert!(less.samples == 0 || less.first_dts_ms == more.first_dts_ms);
    }
}

/// See the module.
pub fn check(data: &[u8]) {
    check_with(counted, data);
}

/// What the first `end` bytes of a segment in memory hold.
pub fn counted(init: &[u8], media: &[u8], end: u64) -> Result<Segment, Error> {
    segment(init, &mut Cursor::new(media), end)
}

/// Checks a reader of segments.
pub fn check_with(segment: impl Fn(&[u8], &[u8], u64) -> Result<Segment, Error>, data: &[u8]) {
    let (init, media) = split(data);
    let read = |media: &[u8], end: usize| match segment(init, media, end as u64) {
        Ok(found) => Ok(found),
        Err(Error::Malformed(fault)) => Err(fault.code),
        Err(Error::Io(error)) => panic!("a file in memory failed: {error}"),
    };
    // A run takes 16 bytes of a file, and about 90 here, in vectors that grow by doubling.
    let Ok(found) = within(32 * data.len() + (1 << 20), || read(media, media.len())) else {
        return;
    };
    let whole = found.whole_bytes as usize;
    assert!(whole <= media.len(), "more than there is");
    found.tracks.iter().for_each(check_track);
    let media_bytes: u64 = found.tracks.iter().map(|track| track.media_bytes).sum();
    assert!(media_bytes <= found.whole_bytes, "samples share bytes");
    assert_eq!(
        read(&media[..whole], whole).as_ref(),
        Ok(&found),
        "cut to what is whole"
    );
    let cut = Dice::of(data).roll(media.len() + 1);
    match read(media, cut) {
        Ok(part) => {
            assert!(part.whole_bytes <= cut as u64, "more than there is");
            check_less(&part, &found);
        }
        Err(code) => assert_eq!(code, "mp4.no_media", "cut at {cut}"),
    }
}
