//! Reading what each `moof` says about its samples.

use super::boxes::{children, malformed, name, Child};
use super::init::{version, Defaults, Movie, Track};
use super::tables::Sample;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::limits;

/// Largest decoding time believed; it leaves room to add without overflow.
const MAX_TIME: u64 = 1 << 61;

/// Where the data offset of a run counts from (section 8.8.7).
#[derive(Debug, Clone, Copy)]
enum Base {
    At(u64),
    EndOfPreviousTrack,
}

/// One trun with what its traf says. Reading these first keeps a malformed `moof` from adding half of itself.
#[derive(Debug)]
pub struct Run<'a> {
    track: usize,
    first_of_track: bool,
    decode_time: Option<u64>,
    base: Base,
    data_offset: Option<i32>,
    defaults: Defaults,
    first_flags: Option<u32>,
    present: u32,
    count: u32,
    entries: &'a [u8],
}

mod tfhd_flag {
    pub const BASE_DATA_OFFSET: u32 = 0x1;
    pub const DESCRIPTION: u32 = 0x2;
    pub const DURATION: u32 = 0x8;
    pub const SIZE: u32 = 0x10;
    pub const FLAGS: u32 = 0x20;
    pub const BASE_IS_MOOF: u32 = 0x02_0000;
}

mod trun_flag {
    pub const DATA_OFFSET: u32 = 0x1;
    pub const FIRST_FLAGS: u32 = 0x4;
    pub const DURATION: u32 = 0x100;
    pub const SIZE: u32 = 0x200;
    pub const FLAGS: u32 = 0x400;
    pub const COMPOSITION: u32 = 0x800;
    pub const PER_SAMPLE: u32 = 0xF00;
}

const NOT_SYNC: u32 = 0x01_0000;

/// Reads the payload of the `moof` that starts at `start` in the file.
pub fn read_runs<'a>(movie: &Movie, payload: &'a [u8], start: u64) -> Result<Vec<Run<'a>>, Fault> {
    let mut runs = Vec::new();
    let mut first_track = true;
    for child in children(payload, "moof") {
        let child = child?;
        if &child.kind == b"traf" {
            let fallback = if first_track {
                Base::At(start)
            } else {
                Base::EndOfPreviousTrack
            };
            read_track_runs(movie, child.payload, start, fallback, &mut runs)?;
            first_track = false;
        }
    }
    Ok(runs)
}

fn read_track_runs<'a>(
    movie: &Movie,
    payload: &'a [u8],
    start: u64,
    fallback: Base,
    runs: &mut Vec<Run<'a>>,
) -> Result<(), Fault> {
    let mut traf = None;
    let mut decode_time = None;
    let mut first_of_track = true;
    for child in children(payload, "traf") {
        let child = child?;
        match &child.kind {
            b"tfhd" => traf = Some(read_track_header(movie, child.fields("tfhd"), start, fallback)?),
            b"tfdt" => {
                let long = version(&child) == 1;
                let mut fields = child.fields("tfdt");
                fields.u32()?;
                decode_time = Some(if long {
                    fields.u64()?
                } else {
                    u64::from(fields.u32()?)
                });
            }
            b"trun" => {
                let Some((track, base, defaults)) = traf else {
                    return Err(malformed("box 'trun' before its 'tfhd'"));
                };
                let run = Run {
                    track,
                    first_of_track,
                    decode_time: decode_time.take(),
                    ..read_run(child, base, defaults)?
                };
                runs.push(run);
                first_of_track = false;
            }
            _ => {}
        }
    }
    Ok(())
}

/// tfhd, section 8.8.7: (track index, base, defaults).
fn read_track_header(
    movie: &Movie,
    mut fields: Fields,
    start: u64,
    fallback: Base,
) -> Result<(usize, Base, Defaults), Fault> {
    let flags = fields.u32()?;
    let id = fields.u32()?;
    let Some(track) = movie.tracks.iter().position(|track| track.id == id) else {
        return Err(malformed(format!(
            "fragment at byte {start} of track {id}, which 'moov' does not name"
        )));
    };
    let base = if flags & tfhd_flag::BASE_DATA_OFFSET != 0 {
        Base::At(fields.u64()?)
    } else if flags & tfhd_flag::BASE_IS_MOOF != 0 {
        Base::At(start)
    } else {
        fallback
    };
    let mut optional = |flag: u32, default: u32| {
        if flags & flag != 0 {
            fields.u32()
        } else {
            Ok(default)
        }
    };
    let known = movie
        .tracks
        .get(track)
        .map(|track| track.defaults)
        .unwrap_or_default();
    let defaults = Defaults {
        description: optional(tfhd_flag::DESCRIPTION, known.description)?,
        duration: optional(tfhd_flag::DURATION, known.duration)?,
        size: optional(tfhd_flag::SIZE, known.size)?,
        flags: optional(tfhd_flag::FLAGS, known.flags)?,
    };
    Ok((track, base, defaults))
}

/// trun, section 8.8.8.
fn read_run(child: Child<'_>, base: Base, defaults: Defaults) -> Result<Run<'_>, Fault> {
    let mut fields = child.fields("trun");
    let flags = fields.u32()?;
    let count = fields.u32()?;
    let data_offset = if flags & trun_flag::DATA_OFFSET != 0 {
        Some(fields.u32()? as i32)
    } else {
        None
    };
    let first_flags = if flags & trun_flag::FIRST_FLAGS != 0 {
        Some(fields.u32()?)
    } else {
        None
    };
    let present = flags & trun_flag::PER_SAMPLE;
    let entries = fields.rest();
    let wanted = u64::from(count) * 4 * u64::from(present.count_ones());
    if wanted > entries.len() as u64 || count as usize > limits::MP4_SAMPLES {
        return Err(malformed(format!(
            "box '{}' of {count} samples in {} bytes",
            name(child.kind),
            entries.len()
        )));
    }
    if count > 0 && present & trun_flag::SIZE == 0 && defaults.size == 0 {
        return Err(malformed(format!("box 'trun' of {count} samples without a size")));
    }
    Ok(Run {
        track: 0,
        first_of_track: true,
        decode_time: None,
        base,
        data_offset,
        defaults,
        first_flags,
        present,
        count,
        entries,
    })
}

/// The bytes of the file that hold a fragment's media.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Where the payload of its `mdat` starts.
    pub start: u64,
    /// Where the payload, or the file, ends.
    pub end: u64,
}

/// What came of adding a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// How many samples were added.
    pub samples: usize,
    /// Where the last of them ends; some take no byte.
    pub end: u64,
    /// Samples were left out because they end past the extent.
    pub cut: bool,
}

/// Adds the samples of a fragment to the tables of their tracks, as [`place_runs`] finds them.
pub fn add_runs(movie: &mut Movie, runs: &[Run], extent: Extent) -> Result<Added, Fault> {
    let samples_left = limits::MP4_SAMPLES.saturating_sub(movie.samples());
    place_runs(movie, runs, extent, samples_left, |_, track, sample| {
        track.samples.push(sample)
    })
}

/// Gives `add` the samples of a fragment that lie whole in `extent`, each with its track and the number of that;
/// each track stops at the first sample that does not.
///
/// Samples that share bytes are refused: a few runs over the same bytes could list any number of them.
pub fn place_runs(
    movie: &mut Movie,
    runs: &[Run],
    extent: Extent,
    samples_left: usize,
    add: impl FnMut(usize, &mut Track, Sample) -> Result<(), Fault>,
) -> Result<Added, Fault> {
    let mut filling = Filling {
        add,
        added: Added {
            samples: 0,
            end: extent.start,
            cut: false,
        },
        track_cut: false,
        bytes: 0,
        samples_left,
        extent,
    };
    let (mut base, mut at) = (extent.start, extent.start);
    for run in runs {
        if run.first_of_track {
            filling.track_cut = false;
            base = match run.base {
                Base::At(base) => base,
                Base::EndOfPreviousTrack => at,
            };
            at = base;
        }
        if let Some(offset) = run.data_offset {
            at = base.checked_add_signed(i64::from(offset)).ok_or_else(|| {
                malformed(format!(
                    "box 'trun' with the data offset {offset} from byte {base}"
                ))
            })?;
        }
        let Some(track) = movie.tracks.get_mut(run.track) else {
            continue;
        };
        if let Some(time) = run.decode_time {
            track.clock = time;
        }
        at = filling.add_run(track, run, at)?;
    }
    filling.check_apart(filling.added.end)?;
    Ok(filling.added)
}

/// The extent of a fragment as its samples take it.
struct Filling<F> {
    /// What takes the samples.
    add: F,
    extent: Extent,
    added: Added,
    /// A sample of the present track was left out.
    track_cut: bool,
    /// Of all samples added.
    bytes: u64,
    /// Until the file has too many.
    samples_left: usize,
}

impl<F: FnMut(usize, &mut Track, Sample) -> Result<(), Fault>> Filling<F> {
    /// Adds one run that starts at byte `at`; where its data end.
    fn add_run(&mut self, track: &mut Track, run: &Run, mut at: u64) -> Result<u64, Fault> {
        let past_64_bits = || malformed("box 'trun' with samples past 64-bit offsets");
        let mut fields = Fields::new(run.entries, "mp4.malformed", "trun");
        let mut optional = |flag: u32, default: u32| {
            if run.present & flag != 0 {
                fields.u32()
            } else {
                Ok(default)
            }
        };
        for number in 0..run.count {
            let duration = optional(trun_flag::DURATION, run.defaults.duration)?;
            let size = optional(trun_flag::SIZE, run.defaults.size)?;
            let own_flags = optional(trun_flag::FLAGS, run.defaults.flags)?;
            let flags = run.first_flags.filter(|_| number == 0).unwrap_or(own_flags);
            // Version 0 says unsigned, but FFmpeg writes negative offsets there too, and none is beyond 31 bits.
            let cts = optional(trun_flag::COMPOSITION, 0)? as i32;
            let end = at.checked_add(u64::from(size)).ok_or_else(past_64_bits)?;
            if self.takes(at, end)? {
                let (sync, description) = (flags & NOT_SYNC == 0, run.defaults.description.max(1));
                let sample = Sample {
                    dts: believed(track.clock)?,
                    cts,
                    duration,
                    size,
                    sync,
                    offset: at,
                    description,
                };
                (self.add)(run.track, track, sample)?;
                track.clock += u64::from(duration);
            } else if run.present & trun_flag::SIZE == 0 {
                // Nothing in the box bounds such a count, so its samples are not walked one by one.
                let rest = u64::from(run.count - number) * u64::from(size);
                return at.checked_add(rest).ok_or_else(past_64_bits);
            }
            at = end;
        }
        Ok(at)
    }

    /// Whether the sample from byte `at` to `end` is to be added.
    fn takes(&mut self, at: u64, end: u64) -> Result<bool, Fault> {
        let start = self.extent.start;
        if at < start {
            return Err(malformed(format!(
                "a sample at byte {at}, before its 'mdat' at {start}"
            )));
        }
        if self.track_cut || end > self.extent.end {
            (self.track_cut, self.added.cut) = (true, true);
            return Ok(false);
        }
        let Some(samples_left) = self.samples_left.checked_sub(1) else {
            let message = format!("more than {} samples", limits::MP4_SAMPLES);
            return Err(Fault::new("mp4.too_large", message));
        };
        self.samples_left = samples_left;
        self.bytes += end - at;
        self.check_apart(self.extent.end)?;
        self.added.samples += 1;
        self.added.end = self.added.end.max(end);
        Ok(true)
    }

    /// The samples added so far have no more bytes than there are up to `end`.
    fn check_apart(&self, end: u64) -> Result<(), Fault> {
        let start = self.extent.start;
        if self.bytes > end.saturating_sub(start) {
            let message = format!("samples of more bytes than the 'mdat' has whose media start at {start}");
            return Err(malformed(message));
        }
        Ok(())
    }
}

/// A decoding time that leaves room to add without overflow.
fn believed(clock: u64) -> Result<i64, Fault> {
    let dts = i64::try_from(clock).ok().filter(|_| clock < MAX_TIME);
    dts.ok_or_else(|| Fault::new("mp4.time", format!("decoding time {clock} is not believed")))
}
