//! Writing the regular `moov`: the sample tables of every track that has samples.

use super::boxes::{malformed, Part};
use super::init::{Movie, Track};
use super::tables::{Chunk, Samples};
use crate::fault::Fault;

/// Ticks per second of the movie: sources count in milliseconds, so offsets between tracks stay exact.
pub const MOVIE_TIMESCALE: u32 = 1000;

/// A `moov` ready to be written, and what it says.
pub struct Moov<'a> {
    /// The box.
    pub part: Part<'a>,
    /// Tracks in it.
    pub tracks: u64,
    /// Samples of all tracks.
    pub samples: u64,
    /// Duration in units of [`MOVIE_TIMESCALE`].
    pub duration: u64,
}

/// When a track is shown, in units of [`MOVIE_TIMESCALE`] (but for `media_time`).
struct Edit {
    /// Nothing is shown before.
    empty: u64,
    /// Where in the track's own time the shown part starts.
    media_time: u64,
    /// Added to every composition offset, so that `media_time` is not negative.
    shift: i64,
    shown: u64,
}

/// The regular `moov` of a movie whose samples are all read.
pub fn build(movie: &Movie) -> Result<Moov<'_>, Fault> {
    let tracks: Vec<&Track> = movie
        .tracks
        .iter()
        .filter(|track| !track.samples.sizes().is_empty())
        .collect();
    let edits = edits(&tracks);
    let duration = edits
        .iter()
        .map(|edit| edit.empty + edit.shown)
        .max()
        .unwrap_or(0);
    let mut parts = vec![movie_header(movie, duration)?];
    for (track, edit) in tracks.iter().zip(&edits) {
        parts.push(track_box(track, edit)?);
    }
    parts.push(Part::Copied(&movie.extras));
    Ok(Moov {
        part: Part::Nested(*b"moov", parts),
        tracks: tracks.len() as u64,
        samples: movie.samples() as u64,
        duration,
    })
}

/// The earliest composition time over all tracks becomes 0; a track that starts later gets an empty edit.
fn edits(tracks: &[&Track]) -> Vec<Edit> {
    let start = |track: &Track| (i128::from(track.samples.first_pts()), i128::from(track.timescale));
    let origin = tracks
        .iter()
        .map(|track| start(track))
        .min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
        .unwrap_or((0, 1));
    let in_movie = |ticks: i128, scale: i128| (ticks * i128::from(MOVIE_TIMESCALE), scale);
    tracks
        .iter()
        .map(|track| {
            let samples = &track.samples;
            let (ticks, scale) = start(track);
            let (late, late_scale) = in_movie(ticks * origin.1 - origin.0 * scale, scale * origin.1);
            let (shown, _) = in_movie(i128::from(samples.shown()), scale);
            let (to_last, _) = in_movie(i128::from(samples.shown_to_last()), scale);
            Edit {
                empty: ((late + late_scale / 2) / late_scale) as u64,
                media_time: samples.composition_start().max(0).unsigned_abs(),
                shift: -samples.composition_start().min(0),
                // Rounded up, and past the last sample even when that lasts no time: players drop what
                // starts at the end of the edit or later.
                shown: ((shown + scale - 1) / scale).max(to_last / scale + 1) as u64,
            }
        })
        .collect()
}

fn full_box(kind: [u8; 4], version: u8, flags: u32, mut parts: Vec<Part<'_>>) -> Part<'_> {
    let word = u32::from(version) << 24 | flags;
    parts.insert(0, Part::Bytes(word.to_be_bytes().to_vec()));
    Part::Nested(kind, parts)
}

/// Times of a header box: 32 bits each in version 0, 64 in version 1.
fn put_times(out: &mut Vec<u8>, version: u8, times: &[u64]) {
    for &time in times {
        match version {
            0 => out.extend_from_slice(&(time as u32).to_be_bytes()),
            _ => out.extend_from_slice(&time.to_be_bytes()),
        }
    }
}

fn version_for(times: &[u64]) -> u8 {
    u8::from(times.iter().any(|&time| time >= u64::from(u32::MAX)))
}

/// A header box split at its fields: flags, creation and modification time, the word behind them
/// (timescale or track_ID), and all after the duration.
struct Header<'a> {
    flags: u32,
    created: u64,
    modified: u64,
    word: u32,
    tail: &'a [u8],
}

fn split_header<'a>(
    payload: &'a [u8],
    what: &'static str,
    gap: usize,
    tail: usize,
) -> Result<Header<'a>, Fault> {
    let mut fields = crate::fields::Fields::new(payload, "mp4.malformed", what);
    let word = fields.u32()?;
    let long = word >> 24 == 1;
    let mut time = || {
        if long {
            fields.u64()
        } else {
            fields.u32().map(u64::from)
        }
    };
    let (created, modified) = (time()?, time()?);
    let header_word = fields.u32()?;
    fields.take(gap + if long { 8 } else { 4 })?;
    let tail = fields.take(tail)?;
    Ok(Header {
        flags: word & 0xFF_FFFF,
        created,
        modified,
        word: header_word,
        tail,
    })
}

/// mvhd, ISO/IEC 14496-12 section 8.2.2.
fn movie_header(movie: &Movie, duration: u64) -> Result<Part<'static>, Fault> {
    let header = split_header(&movie.header, "mvhd", 0, 80)?;
    let version = version_for(&[header.created, header.modified, duration]);
    let mut body = Vec::with_capacity(112);
    put_times(&mut body, version, &[header.created, header.modified]);
    body.extend_from_slice(&MOVIE_TIMESCALE.to_be_bytes());
    put_times(&mut body, version, &[duration]);
    body.extend_from_slice(header.tail.get(..76).unwrap_or_default());
    let last_id = movie.tracks.iter().map(|track| track.id).max().unwrap_or(0);
    body.extend_from_slice(&last_id.saturating_add(1).to_be_bytes());
    Ok(full_box(*b"mvhd", version, 0, vec![Part::Bytes(body)]))
}

fn track_box<'a>(track: &'a Track, edit: &Edit) -> Result<Part<'a>, Fault> {
    let parts = vec![
        track_header(track, edit.empty + edit.shown)?,
        Part::Nested(*b"edts", vec![edit_list(edit)]),
        media_box(track, edit.shift)?,
        Part::Copied(&track.extras),
    ];
    Ok(Part::Nested(*b"trak", parts))
}

/// tkhd, section 8.3.2.
fn track_header(track: &Track, duration: u64) -> Result<Part<'static>, Fault> {
    let header = split_header(&track.header, "tkhd", 4, 60)?;
    let version = version_for(&[header.created, header.modified, duration]);
    let mut body = Vec::with_capacity(96);
    put_times(&mut body, version, &[header.created, header.modified]);
    body.extend_from_slice(&header.word.to_be_bytes());
    body.extend_from_slice(&[0; 4]);
    put_times(&mut body, version, &[duration]);
    body.extend_from_slice(header.tail);
    Ok(full_box(*b"tkhd", version, header.flags, vec![Part::Bytes(body)]))
}

/// elst, section 8.6.6.
fn edit_list(edit: &Edit) -> Part<'static> {
    const NOTHING: u64 = u64::MAX;
    const RATE_1: [u8; 4] = [0, 1, 0, 0];
    let version = version_for(&[edit.empty, edit.shown, edit.media_time.saturating_mul(2)]);
    let mut body = Vec::with_capacity(44);
    body.extend_from_slice(&(1 + u32::from(edit.empty > 0)).to_be_bytes());
    if edit.empty > 0 {
        put_times(&mut body, version, &[edit.empty, NOTHING]);
        body.extend_from_slice(&RATE_1);
    }
    put_times(&mut body, version, &[edit.shown, edit.media_time]);
    body.extend_from_slice(&RATE_1);
    full_box(*b"elst", version, 0, vec![Part::Bytes(body)])
}

fn media_box(track: &Track, shift: i64) -> Result<Part<'_>, Fault> {
    let duration = track.samples.total_duration();
    let mut header = vec![0; 16];
    header.extend_from_slice(&track.timescale.to_be_bytes());
    put_times(&mut header, 1, &[duration]);
    header.extend_from_slice(&track.language.to_be_bytes());
    header.extend_from_slice(&[0; 2]);
    let tables = Part::Nested(*b"stbl", sample_tables(track, shift)?);
    Ok(Part::Nested(
        *b"mdia",
        vec![
            full_box(*b"mdhd", 1, 0, vec![Part::Bytes(header)]),
            Part::Copied(&track.handler),
            Part::Nested(*b"minf", vec![Part::Copied(&track.media_information), tables]),
        ],
    ))
}

/// A table box: its entry count, then `words_per_entry` words for each.
fn table<'a>(
    kind: [u8; 4],
    version: u8,
    entries: usize,
    words_per_entry: usize,
    words: impl Iterator<Item = u32> + 'a,
) -> Part<'a> {
    let count = Part::Bytes((entries as u32).to_be_bytes().to_vec());
    full_box(
        kind,
        version,
        0,
        vec![count, Part::Words(entries * words_per_entry, Box::new(words))],
    )
}

fn sample_tables(track: &Track, shift: i64) -> Result<Vec<Part<'_>>, Fault> {
    let samples = &track.samples;
    let durations = samples.durations().iter();
    let mut parts = vec![
        Part::Copied(&track.descriptions),
        table(
            *b"stts",
            0,
            durations.len(),
            2,
            durations.flat_map(|(count, duration)| [count, duration]),
        ),
    ];
    parts.extend(composition_offsets(samples, shift)?);
    if let Some(sync) = samples.sync() {
        parts.push(table(*b"stss", 0, sync.len(), 1, sync.iter().copied()));
    }
    parts.push(samples_per_chunk(samples.chunks()));
    parts.push(sample_sizes(samples.sizes()));
    parts.push(chunk_offsets(samples.chunks()));
    if track.entry_kind() == Some(*b"Opus") {
        parts.extend(pre_roll(track));
    }
    Ok(parts)
}

/// ctts, section 8.6.1.3; version 1 when an offset is negative. None when all are 0.
fn composition_offsets(samples: &Samples, shift: i64) -> Result<Option<Part<'_>>, Fault> {
    let offsets = samples.offsets().iter();
    let shifted = |offset: i32| i64::from(offset) + shift;
    if samples.offsets().iter().all(|(_, offset)| shifted(offset) == 0) {
        return Ok(None);
    }
    if samples
        .offsets()
        .iter()
        .any(|(_, offset)| i32::try_from(shifted(offset)).is_err())
    {
        return Err(malformed("composition offsets of more than 31 bits"));
    }
    let negative = samples.offsets().iter().any(|(_, offset)| shifted(offset) < 0);
    let words = offsets.flat_map(move |(count, offset)| [count, (i64::from(offset) + shift) as u32]);
    Ok(Some(table(
        *b"ctts",
        u8::from(negative),
        samples.offsets().iter().len(),
        2,
        words,
    )))
}

/// stsc, section 8.7.4: an entry for each chunk unlike the one before.
fn samples_per_chunk(chunks: &[Chunk]) -> Part<'_> {
    let like = |a: &Chunk, b: &Chunk| a.samples == b.samples && a.description == b.description;
    let entries = move || {
        chunks.iter().enumerate().filter(move |&(at, chunk)| {
            !at.checked_sub(1)
                .and_then(|before| chunks.get(before))
                .is_some_and(|before| like(before, chunk))
        })
    };
    let words = entries().flat_map(|(at, chunk)| [at as u32 + 1, chunk.samples, chunk.description]);
    table(*b"stsc", 0, entries().count(), 3, words)
}

/// stsz, section 8.7.3.2: one size for all when they are equal.
fn sample_sizes(sizes: &[u32]) -> Part<'_> {
    let first = sizes.first().copied().unwrap_or(0);
    let equal = first != 0 && sizes.iter().all(|&size| size == first);
    let mut head = if equal { first } else { 0 }.to_be_bytes().to_vec();
    head.extend_from_slice(&(sizes.len() as u32).to_be_bytes());
    let listed = if equal { &[] } else { sizes };
    let words = Part::Words(listed.len(), Box::new(listed.iter().copied()));
    full_box(*b"stsz", 0, 0, vec![Part::Bytes(head), words])
}

/// stco, or co64 when an offset needs more than 32 bits (section 8.7.5).
fn chunk_offsets(chunks: &[Chunk]) -> Part<'_> {
    if chunks.iter().all(|chunk| u32::try_from(chunk.offset).is_ok()) {
        return table(
            *b"stco",
            0,
            chunks.len(),
            1,
            chunks.iter().map(|chunk| chunk.offset as u32),
        );
    }
    let words = chunks
        .iter()
        .flat_map(|chunk| [(chunk.offset >> 32) as u32, chunk.offset as u32]);
    table(*b"co64", 0, chunks.len(), 2, words)
}

/// sgpd and sbgp of type `roll`: Opus decoders want 80 ms before a seek target (Opus in ISOBMFF section 4.3.6.2).
fn pre_roll(track: &Track) -> [Part<'static>; 2] {
    let count = track.samples.sizes().len() as u64;
    let typical = (track.samples.total_duration() / count.max(1)).max(1);
    let distance = ((u64::from(track.timescale) * 80 / 1000 + typical / 2) / typical).clamp(1, 32);
    let mut group = b"roll".to_vec();
    for word in [2u32, 1] {
        group.extend_from_slice(&word.to_be_bytes());
    }
    group.extend_from_slice(&(-(distance as i16)).to_be_bytes());
    let mut members = b"roll".to_vec();
    for word in [1u32, count as u32, 1] {
        members.extend_from_slice(&word.to_be_bytes());
    }
    [
        full_box(*b"sgpd", 1, 0, vec![Part::Bytes(group)]),
        full_box(*b"sbgp", 0, 0, vec![Part::Bytes(members)]),
    ]
}
