//! The samples of one track, in the compact form that the boxes of a sample table want.

use super::boxes::malformed;
use crate::fault::Fault;

/// Equal values in a row, as stts and ctts hold them.
#[derive(Debug, Default)]
pub struct Runs<T> {
    runs: Vec<(u32, T)>,
}

impl<T: Copy + PartialEq> Runs<T> {
    fn push(&mut self, value: T) {
        match self.runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => self.runs.push((1, value)),
        }
    }

    /// (how many, value) in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, T)> + '_ {
        self.runs.iter().copied()
    }
}

/// Samples that follow one another in the file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    /// Where the first starts.
    pub offset: u64,
    /// How many there are.
    pub samples: u32,
    /// Which sample description they use, from 1.
    pub description: u32,
}

/// One sample as a fragment lists it; times are in the track's own timescale.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Decoding time.
    pub dts: i64,
    /// Composition offset.
    pub cts: i32,
    /// How long it lasts, unless the next sample says otherwise.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Can be decoded alone.
    pub sync: bool,
    /// Where it starts in the file.
    pub offset: u64,
    /// Its sample description.
    pub description: u32,
}

/// The last sample, whose duration the next one decides.
#[derive(Debug, Clone, Copy)]
struct Open {
    dts: i64,
    pts: i64,
    duration: u32,
}

/// The sample tables of a track and where it stands in time.
#[derive(Debug, Default)]
pub struct Samples {
    sizes: Vec<u32>,
    /// Numbers of the sync samples, from 1; kept only from the first sample that is not one.
    sync: Vec<u32>,
    all_sync: bool,
    durations: Runs<u32>,
    offsets: Runs<i32>,
    chunks: Vec<Chunk>,
    chunk_end: u64,
    first_dts: i64,
    first_pts: i64,
    last_pts: i64,
    end_pts: i64,
    total_duration: u64,
    open: Option<Open>,
}

impl Samples {
    /// Appends a sample. The one before it ends where this one starts, so that every decoding time is exact;
    /// a time before the last one is moved up to it (its composition time stays).
    pub fn push(&mut self, sample: Sample) -> Result<(), Fault> {
        let pts = sample.dts + i64::from(sample.cts);
        let dts = self.open.map_or(sample.dts, |open| open.dts.max(sample.dts));
        let cts = i32::try_from(pts - dts)
            .map_err(|_| malformed(format!("composition offset {} at {dts}", pts - dts)))?;
        match self.open {
            Some(open) => self.settle(open, dts - open.dts)?,
            None => {
                (self.first_dts, self.first_pts, self.last_pts, self.end_pts) = (dts, pts, pts, pts);
                self.all_sync = true;
            }
        }
        self.open = Some(Open {
            dts,
            pts,
            duration: sample.duration,
        });
        self.first_pts = self.first_pts.min(pts);
        self.last_pts = self.last_pts.max(pts);
        self.offsets.push(cts);
        self.note_sync(sample.sync);
        self.sizes.push(sample.size);
        self.note_place(&sample);
        Ok(())
    }

    /// Gives the last sample its own duration.
    pub fn finish(&mut self) -> Result<(), Fault> {
        match self.open.take() {
            Some(open) => self.settle(open, i64::from(open.duration)),
            None => Ok(()),
        }
    }

    /// Players read sample durations as signed 32-bit numbers.
    fn settle(&mut self, open: Open, duration: i64) -> Result<(), Fault> {
        let duration = u32::try_from(duration)
            .ok()
            .filter(|&duration| duration <= i32::MAX as u32);
        let duration = duration.ok_or_else(|| {
            Fault::new(
                "mp4.time",
                format!(
                    "the sample after decoding time {} is too far ahead of it",
                    open.dts
                ),
            )
        })?;
        self.durations.push(duration);
        self.total_duration += u64::from(duration);
        self.end_pts = self.end_pts.max(open.pts + i64::from(duration));
        Ok(())
    }

    fn note_sync(&mut self, sync: bool) {
        let number = self.sizes.len() as u32 + 1;
        if self.all_sync && !sync {
            self.sync.extend(1..number);
            self.all_sync = false;
        } else if !self.all_sync && sync {
            self.sync.push(number);
        }
    }

    fn note_place(&mut self, sample: &Sample) {
        match self.chunks.last_mut() {
            Some(chunk) if self.chunk_end == sample.offset && chunk.description == sample.description => {
                chunk.samples += 1;
            }
            _ => self.chunks.push(Chunk {
                offset: sample.offset,
                samples: 1,
                description: sample.description,
            }),
        }
        self.chunk_end = sample.offset.saturating_add(u64::from(sample.size));
    }

    /// Sizes in bytes.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Numbers of the sync samples; None when all are.
    pub fn sync(&self) -> Option<&[u32]> {
        (!self.all_sync).then_some(&self.sync)
    }

    /// Durations.
    pub fn durations(&self) -> &Runs<u32> {
        &self.durations
    }

    /// Composition offsets.
    pub fn offsets(&self) -> &Runs<i32> {
        &self.offsets
    }

    /// Chunks in file order.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Earliest composition time, on the clock of the fragments.
    pub fn first_pts(&self) -> i64 {
        self.first_pts
    }

    /// Earliest composition time, counted from the first decoding time.
    pub fn composition_start(&self) -> i64 {
        self.first_pts - self.first_dts
    }

    /// From the earliest composition time to where the last sample to show ends.
    pub fn shown(&self) -> u64 {
        (self.end_pts - self.first_pts).unsigned_abs()
    }

    /// From the earliest composition time to the latest one.
    pub fn shown_to_last(&self) -> u64 {
        (self.last_pts - self.first_pts).unsigned_abs()
    }

    /// The sum of all durations.
    pub fn total_duration(&self) -> u64 {
        self.total_duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(dts: i64, cts: i32, sync: bool) -> Sample {
        Sample {
            dts,
            cts,
            duration: 40,
            size: 10,
            sync,
            offset: 0,
            description: 1,
        }
    }

    fn filled(times: &[(i64, i32)]) -> Samples {
        let mut samples = Samples::default();
        for (at, &(dts, cts)) in times.iter().enumerate() {
            samples
                .push(Sample {
                    offset: 100 + 10 * at as u64,
                    ..sample(dts, cts, at != 1)
                })
                .unwrap();
        }
        samples.finish().unwrap();
        samples
    }

    #[test]
    fn the_next_sample_decides_a_duration() {
        let samples = filled(&[(0, 80), (40, 0), (90, 0), (100, 0)]);
        assert_eq!(
            samples.durations().iter().collect::<Vec<_>>(),
            [(1, 40), (1, 50), (1, 10), (1, 40)]
        );
        assert_eq!(samples.total_duration(), 140);
        assert_eq!(
            (samples.first_pts(), samples.composition_start(), samples.shown()),
            (40, 40, 100)
        );
        assert_eq!(samples.sync(), Some([1, 3, 4].as_slice()));
        assert_eq!(samples.chunks().len(), 1);
    }

    #[test]
    fn time_never_goes_back() {
        let samples = filled(&[(100, 0), (60, 0), (80, 30), (120, 0)]);
        assert_eq!(
            samples.durations().iter().collect::<Vec<_>>(),
            [(2, 0), (1, 20), (1, 40)]
        );
        assert_eq!(
            samples.offsets().iter().collect::<Vec<_>>(),
            [(1, 0), (1, -40), (1, 10), (1, 0)]
        );
        assert_eq!((samples.first_pts(), samples.composition_start()), (60, -40));
    }

    #[test]
    fn a_jump_beyond_31_bits_is_refused() {
        let mut samples = Samples::default();
        samples.push(sample(0, 0, true)).unwrap();
        assert_eq!(
            samples.push(sample(1 << 31, 0, true)).unwrap_err().code,
            "mp4.time"
        );
    }

    #[test]
    fn all_sync_needs_no_table() {
        let mut samples = Samples::default();
        samples.push(sample(0, 0, true)).unwrap();
        samples.push(sample(1, 0, true)).unwrap();
        assert_eq!(samples.sync(), None);
    }
}
