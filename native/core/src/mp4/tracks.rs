//! What the sample tables of a regular file say of its tracks, read in pieces: no table is held whole.

use super::boxes::{head_at, malformed, name, At, FourCc, Head};
use super::scan::{regular_moov, words};
use super::Error;
use crate::fault::Fault;
use crate::limits;
use std::io::{Read, Seek, SeekFrom};

/// A track in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackTables {
    /// Handler type: `vide`, `soun`.
    pub handler: FourCc,
    /// Its samples.
    pub samples: u64,
    /// Those that decoding can start at.
    pub sync_samples: u64,
    /// Bytes of its samples.
    pub media_bytes: u64,
    /// Decoding time of the first sample on the movie's clock, which edit lists begin; below 0 for what is
    /// decoded before anything shows.
    pub first_dts_ms: i64,
    /// Decoding time of the last sample.
    pub last_dts_ms: i64,
    /// The last distance between the times of two samples that is not zero.
    pub frame_ms: i64,
}

/// The tracks of a regular file, as its `moov` lists them.
pub fn tracks(file: &mut (impl Read + Seek)) -> Result<Vec<TrackTables>, Error> {
    let size = file.seek(SeekFrom::End(0))?;
    let moov = regular_moov(file, size)?;
    let found = described(file, &moov)?;
    found.into_iter().map(|track| track.tables(file)).collect()
}

/// The tracks of a `moov`, their tables not read yet.
pub(super) fn described(file: &mut (impl Read + Seek), moov: &Head) -> Result<Vec<Described>, Error> {
    let (mut movie_timescale, mut found) = (1, Vec::new());
    let mut visited = 0;
    for child in inside(file, moov, &mut visited)? {
        match &child.kind {
            b"mvhd" => movie_timescale = timescale(file, &child)?,
            b"trak" if found.len() == limits::MP4_TRACKS => {
                let text = format!("more than {} tracks", limits::MP4_TRACKS);
                return Err(Fault::new("mp4.too_large", text).into());
            }
            b"trak" => found.push(child),
            _ => {}
        }
    }
    found
        .iter()
        .map(|trak| Described::read(file, trak, movie_timescale, &mut visited))
        .collect()
}

/// Boxes looked at in one `moov`; one track takes about thirty.
const MOOV_BOXES: usize = 4_096;

/// The boxes inside a box.
fn inside(file: &mut (impl Read + Seek), parent: &Head, visited: &mut usize) -> Result<Vec<Head>, Error> {
    let (mut found, mut at) = (Vec::new(), parent.payload);
    while at < parent.end {
        match head_at(file, at, parent.end)? {
            At::Box(head) if head.end <= parent.end && *visited < MOOV_BOXES => {
                *visited += 1;
                found.push(head);
                at = head.end;
            }
            At::Box(head) if head.end <= parent.end => {
                return Err(malformed(format!("more than {MOOV_BOXES} boxes in 'moov'")).into())
            }
            _ => {
                return Err(malformed(format!("box '{}' is damaged at byte {at}", name(parent.kind))).into())
            }
        }
    }
    Ok(found)
}

/// mvhd (section 8.2.2) and mdhd (8.4.2) have their timescale at the same place.
fn timescale(file: &mut (impl Read + Seek), head: &Head) -> Result<u32, Error> {
    let long = words::<1>(file, head, 0)?[0] >> 24 == 1;
    Ok(words::<1>(file, head, if long { 20 } else { 12 })?[0].max(1))
}

/// A `trak` but for its sample tables.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Handler type.
    pub handler: FourCc,
    /// What its ticks are in milliseconds.
    pub clock: Clock,
    sizes: Option<Head>,
    sync: Option<Head>,
    times: Option<Head>,
}

impl Described {
    fn read(
        file: &mut (impl Read + Seek),
        trak: &Head,
        movie_timescale: u32,
        visited: &mut usize,
    ) -> Result<Self, Error> {
        let mut track = Self::default();
        let mut open = inside(file, trak, visited)?;
        while let Some(head) = open.pop() {
            match &head.kind {
                b"mdia" | b"minf" | b"stbl" | b"edts" => open.extend(inside(file, &head, visited)?),
                b"mdhd" => track.clock.timescale = i128::from(timescale(file, &head)?),
                b"hdlr" => track.handler = words::<1>(file, &head, 8)?[0].to_be_bytes(),
                b"elst" => track.clock.read_edits(file, &head, movie_timescale)?,
                b"stsz" => track.sizes = Some(head),
                b"stss" => track.sync = Some(head),
                b"stts" => track.times = Some(head),
                _ => {}
            }
        }
        Ok(track)
    }

    fn tables(&self, file: &mut (impl Read + Seek)) -> Result<TrackTables, Error> {
        let mut tables = TrackTables {
            handler: self.handler,
            ..TrackTables::default()
        };
        if let Some(head) = &self.sizes {
            (tables.samples, tables.media_bytes) = sizes(file, head)?;
        }
        tables.sync_samples = match &self.sync {
            Some(head) => u64::from(words::<1>(file, head, 4)?[0]).min(tables.samples),
            None => tables.samples,
        };
        if let Some(head) = &self.times {
            self.clock.measure(file, head, &mut tables)?;
        }
        Ok(tables)
    }
}

/// stsz (section 8.7.3.2): samples and the sum of their sizes.
fn sizes(file: &mut (impl Read + Seek), head: &Head) -> Result<(u64, u64), Error> {
    let [_, size, count] = words(file, head, 0)?;
    let mut total = u64::from(size) * u64::from(count);
    if size == 0 {
        each_entry::<1>(file, head, 12, count, |[size]| {
            total += u64::from(size);
            Ok(())
        })?;
    }
    Ok((u64::from(count), total))
}

/// A track's decoding times in milliseconds of the movie's clock.
#[derive(Debug)]
pub(super) struct Clock {
    timescale: i128,
    /// Ticks of the track that are shown at `empty_ms`.
    media_time: i128,
    /// Nothing is shown before.
    empty_ms: i128,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            timescale: 1,
            media_time: 0,
            empty_ms: 0,
        }
    }
}

impl Clock {
    /// elst (section 8.6.6): empty edits, then the one that shows media.
    fn read_edits(
        &mut self,
        file: &mut (impl Read + Seek),
        head: &Head,
        timescale: u32,
    ) -> Result<(), Error> {
        let [version, count] = words(file, head, 0)?;
        let mut empty: i128 = 0;
        for number in 0..u64::from(count.min(16)) {
            let (duration, media_time) = if version >> 24 == 1 {
                let [high, low, media_high, media_low] = words(file, head, 8 + 20 * number)?;
                let long = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
                (
                    i128::from(long(high, low)),
                    i128::from(long(media_high, media_low) as i64),
                )
            } else {
                let [duration, media_time] = words(file, head, 8 + 12 * number)?;
                (i128::from(duration), i128::from(media_time as i32))
            };
            if media_time >= 0 {
                self.media_time = media_time;
                break;
            }
            empty += duration;
        }
        self.empty_ms = rounded_ms(empty, i128::from(timescale));
        Ok(())
    }

    /// stts (section 8.6.1.2).
    fn measure(
        &self,
        file: &mut (impl Read + Seek),
        head: &Head,
        tables: &mut TrackTables,
    ) -> Result<(), Error> {
        let [_, count] = words(file, head, 0)?;
        let (mut ticks, mut samples, mut last) = (0_i128, 0_u64, None);
        each_entry::<2>(file, head, 8, count, |[run, duration]| {
            samples += u64::from(run);
            if samples > limits::MP4_SAMPLES as u64 {
                return Err(malformed(format!("more than {} samples", limits::MP4_SAMPLES)));
            }
            for _ in 0..run {
                let ms = self.ms(ticks)?;
                if let Some(last) = last {
                    tables.frame_ms = if ms > last { ms - last } else { tables.frame_ms };
                } else {
                    tables.first_dts_ms = ms;
                }
                last = Some(ms);
                ticks += i128::from(duration);
            }
            Ok(())
        })?;
        tables.last_dts_ms = last.unwrap_or_default();
        Ok(())
    }

    /// The time of so many ticks.
    pub fn ms(&self, ticks: i128) -> Result<i64, Fault> {
        let ms = rounded_ms(ticks - self.media_time, self.timescale) + self.empty_ms;
        i64::try_from(ms).map_err(|_| Fault::new("mp4.time", format!("the time {ms} ms is not believed")))
    }
}

fn rounded_ms(ticks: i128, timescale: i128) -> i128 {
    (ticks * 2000 + timescale).div_euclid(2 * timescale)
}

/// Gives the entries of a table, `N` words each, that begin at `offset` in the payload of a box.
fn each_entry<const N: usize>(
    file: &mut (impl Read + Seek),
    head: &Head,
    offset: u64,
    count: u32,
    mut take: impl FnMut([u32; N]) -> Result<(), Fault>,
) -> Result<(), Error> {
    let mut left = u64::from(count) * 4 * N as u64;
    if head.payload + offset + left > head.end {
        let bytes = head.end - head.start;
        return Err(malformed(format!(
            "box '{}' of {count} entries in {bytes} bytes",
            name(head.kind)
        ))
        .into());
    }
    file.seek(SeekFrom::Start(head.payload + offset))?;
    let mut piece = vec![0; (4 * N * 4_096).min(left as usize)];
    while left > 0 {
        let length = piece.len().min(left as usize);
        let filled = piece.get_mut(..length).unwrap_or_default();
        file.read_exact(filled)?;
        left -= length as u64;
        for entry in filled.chunks_exact(4 * N) {
            let mut values = [0; N];
            for (value, bytes) in values.iter_mut().zip(entry.chunks_exact(4)) {
                *value = u32::from_be_bytes(bytes.try_into().unwrap_or_default());
            }
            take(values)?;
        }
    }
    Ok(())
}
