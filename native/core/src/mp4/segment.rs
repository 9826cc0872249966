//! Counting what a media segment holds: fragments whose `moov` is in a file of its own (ISO/IEC 14496-12
//! section 8.16). No media byte is read.

use super::boxes::{head_at, malformed, payload_of, At, Head, HOLE};
use super::fragments::{place_runs, read_runs, Extent};
use super::init::Movie;
use super::tables::Sample;
use super::tracks::{described, Clock, TrackTables};
use super::Error;
use crate::fault::Fault;
use crate::limits;
use std::io::{Cursor, Read, Seek, SeekFrom};

/// What a segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Where its last whole `mdat` ends that has a `moof` in front; all behind is torn.
    pub whole_bytes: u64,
    /// The tracks with what the whole fragments say of their samples; none when no fragment is whole.
    pub tracks: Vec<TrackTables>,
}

/// Reads the first `end` bytes of a segment; `init` is its initialization section.
///
/// Refused are fragments that list samples outside of their `mdat`, and whole fragments without any audio or
/// video (`mp4.no_media`).
pub fn segment(init: &[u8], file: &mut (impl Read + Seek), end: u64) -> Result<Segment, Error> {
    let end = end.min(file.seek(SeekFrom::End(0))?);
    let (mut at, mut whole_bytes) = (0, 0);
    let mut fragments = Moofs::default();
    let mut counts: Option<Counts> = None;
    for number in 0.. {
        let Some(head) = whole_box(file, at, end)? else {
            break;
        };
        if number == limits::MP4_BOXES {
            // To stop here would have what follows taken for torn, and cut off.
            let text = format!("more than {} boxes", limits::MP4_BOXES);
            return Err(Fault::new("mp4.too_large", text).into());
        }
        at = head.end;
        match &head.kind {
            b"moof" => fragments.push(head),
            b"mdat" => {
                if let Some(moof) = fragments.take()? {
                    let counts = match &mut counts {
                        Some(counts) => counts,
                        None => counts.insert(Counts::new(init)?),
                    };
                    counts.add(file, &moof, &head)?;
                    whole_bytes = at;
                }
            }
            _ => {}
        }
    }
    let tracks = counts.map_or(Ok(Vec::new()), |counts| counts.finish(whole_bytes))?;
    Ok(Segment { whole_bytes, tracks })
}

/// The box at `at` if it lies whole in front of `end` and is one that segments have.
fn whole_box(file: &mut (impl Read + Seek), at: u64, end: u64) -> Result<Option<Head>, Error> {
    let head = match head_at(file, at, end) {
        Ok(At::Box(head)) if !head.open && head.end <= end => head,
        Ok(_) | Err(Error::Malformed(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(match &head.kind {
        b"styp" | b"sidx" | b"free" | b"prft" | b"emsg" | b"moof" | b"mdat" => Some(head),
        _ => None,
    })
}

/// The `moof` whose `mdat` has not come yet.
#[derive(Default)]
struct Moofs {
    last: Option<Head>,
    /// Where one is that another followed.
    bereft: Option<u64>,
}

impl Moofs {
    fn push(&mut self, moof: Head) {
        if let Some(before) = self.last.replace(moof) {
            self.bereft.get_or_insert(before.start);
        }
    }

    fn take(&mut self) -> Result<Option<Head>, Fault> {
        match self.bereft {
            Some(at) => Err(malformed(format!(
                "the fragment at byte {at} has no 'mdat' of its own"
            ))),
            None => Ok(self.last.take()),
        }
    }
}

/// The fragments read so far.
struct Counts {
    movie: Movie,
    tracks: Vec<(Clock, TrackTables)>,
    samples_left: usize,
}

impl Counts {
    /// None, of the tracks that an initialization section describes.
    fn new(init: &[u8]) -> Result<Self, Error> {
        let mut file = Cursor::new(init);
        let moov = leading_moov(&mut file)?;
        let movie = Movie::read(&payload_of(&mut file, &moov, limits::MP4_INIT_BYTES)?)?;
        let empty = |handler| TrackTables {
            handler,
            ..TrackTables::default()
        };
        let tracks = described(&mut file, &moov)?.into_iter();
        Ok(Self {
            movie,
            tracks: tracks.map(|track| (track.clock, empty(track.handler))).collect(),
            samples_left: limits::MP4_SAMPLES,
        })
    }

    /// Counts a fragment; one with a hole in its tables (a block that never reached the disk) counts nothing.
    fn add(&mut self, file: &mut (impl Read + Seek), moof: &Head, media: &Head) -> Result<(), Error> {
        let payload = payload_of(file, moof, limits::MP4_FRAGMENT_BYTES)?;
        let runs = match read_runs(&self.movie, &payload, moof.start) {
            Ok(runs) => runs,
            Err(fault) if fault.code == HOLE => return Ok(()),
            Err(fault) => return Err(fault.into()),
        };
        let extent = Extent {
            start: media.payload,
            end: media.end,
        };
        let Self {
            movie,
            tracks,
            samples_left,
        } = self;
        let added = place_runs(movie, &runs, extent, *samples_left, |at, _, sample| {
            let (clock, tables) = tracks.get_mut(at).ok_or_else(|| malformed("a track is gone"))?;
            count(tables, clock.ms(sample.dts.into())?, &sample);
            Ok(())
        })?;
        if added.cut {
            let text = format!(
                "the fragment at byte {} lists samples outside of its 'mdat'",
                moof.start
            );
            return Err(malformed(text).into());
        }
        *samples_left = samples_left.saturating_sub(added.samples);
        Ok(())
    }

    /// The counts, when there is something in these bytes.
    fn finish(self, bytes: u64) -> Result<Vec<TrackTables>, Fault> {
        let tracks: Vec<_> = self.tracks.into_iter().map(|(_, tables)| tables).collect();
        let is_media = |track: &TrackTables| matches!(&track.handler, b"vide" | b"soun") && track.samples > 0;
        if !tracks.iter().any(is_media) {
            let text = format!("no audio or video in the {bytes} bytes of its whole fragments");
            return Err(Fault::new("mp4.no_media", text));
        }
        Ok(tracks)
    }
}

/// Counts a sample at `ms`; a time before the last one counts as the last. A sample of no bytes is none.
fn count(tables: &mut TrackTables, ms: i64, sample: &Sample) {
    if sample.size == 0 {
        return;
    }
    if tables.samples == 0 {
        (tables.first_dts_ms, tables.last_dts_ms) = (ms, ms);
    } else if ms > tables.last_dts_ms {
        tables.frame_ms = ms.saturating_sub(tables.last_dts_ms);
        tables.last_dts_ms = ms;
    }
    tables.samples += 1;
    tables.sync_samples += u64::from(sample.sync);
    tables.media_bytes += u64::from(sample.size);
}

/// The first `moov` of an initialization section.
fn leading_moov(file: &mut Cursor<&[u8]>) -> Result<Head, Error> {
    let (mut at, size) = (0, file.get_ref().len() as u64);
    while let At::Box(head) = head_at(file, at, size)? {
        if &head.kind == b"moov" && head.end <= size {
            return Ok(head);
        }
        at = head.end;
    }
    Err(malformed("its initialization section has no box 'moov'").into())
}
