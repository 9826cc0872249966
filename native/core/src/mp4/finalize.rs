//! Turning a fragmented file into a regular one in place; after a crash, the same.
//!
//! Order of the writes, so that a crash between any two leaves a file that the next call finishes:
//! cut the tail, correct the size of a cut `mdat`, append the `moov`, and last the placeholder; each is on disk
//! before the next begins.

use super::boxes::{head_at, malformed, name, payload_of, At, Head, HOLE};
use super::fragments::{add_runs, read_runs, Added, Extent};
use super::init::Movie;
use super::moov;
use super::scan::regular;
use super::Error;
use crate::fault::Fault;
use crate::limits;
use std::io::{self, BufWriter, Cursor, Read, Seek, SeekFrom, Write};

/// A file that can be cut and flushed to its disk.
pub trait Storage: Read + Write + Seek {
    /// Cuts it to `size` bytes.
    fn cut(&mut self, size: u64) -> io::Result<()>;
    /// Returns when all that was written is on disk.
    fn flush_to_disk(&mut self) -> io::Result<()>;
}

impl Storage for Cursor<Vec<u8>> {
    fn cut(&mut self, size: u64) -> io::Result<()> {
        self.get_mut()
            .truncate(usize::try_from(size).map_err(io::Error::other)?);
        Ok(())
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a regular file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Tracks with samples.
    pub tracks: u64,
    /// Samples of all tracks.
    pub samples: u64,
    /// Duration of the movie.
    pub duration_ms: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// Size of the placeholder: that of an `mdat` header with a 64-bit size.
const PLACEHOLDER_BYTES: u64 = 16;

/// Makes the file regular. A file that is regular already stays as it is; one without a whole sample is
/// refused (`mp4.no_media`) and stays as it is too.
pub fn finalize(file: &mut impl Storage) -> Result<Finished, Error> {
    let size = file.seek(SeekFrom::End(0))?;
    let At::Box(first) = head_at(file, 0, size)? else {
        return Err(Fault::new("mp4.no_media", format!("{size} bytes, less than the first box")).into());
    };
    if &first.kind != b"ftyp" {
        return Err(Fault::new(
            "mp4.not_mp4",
            format!("it begins with box '{}', not with 'ftyp'", name(first.kind)),
        )
        .into());
    }
    match head_at(file, first.end, size)? {
        At::Box(second) if &second.kind == b"free" && second.end - second.start == PLACEHOLDER_BYTES => {
            let recorded = read_fragments(file, second.end, size)?;
            write_tables(file, second.start, size, recorded)
        }
        At::Box(_) => regular(file, size),
        _ => Err(Fault::new(
            "mp4.no_media",
            format!("it ends in its first boxes, after {size} bytes"),
        )
        .into()),
    }
}

/// What the walk over a growing file found.
struct Recorded {
    movie: Movie,
    /// Where the whole samples end; all behind is cut off.
    end: u64,
    /// The `mdat` that ends there though its header says more.
    cut_media: Option<Head>,
}

/// A `moof` whose `mdat` has not come yet.
struct Fragment {
    start: u64,
    payload: Vec<u8>,
}

/// Walks the boxes from the leading `moov` to the end of the file, to a `moov` that an earlier attempt
/// appended, or to a box without an end, which no recording has and which would swallow the `moov` to come.
fn read_fragments(file: &mut impl Storage, start: u64, size: u64) -> Result<Recorded, Error> {
    let mut movie = None;
    let mut pending: Option<Fragment> = None;
    let mut last_is_cut = None;
    let (mut end, mut cut_media) = (start, None);
    let mut at = start;
    for _ in 0..limits::MP4_BOXES {
        let At::Box(head @ Head { open: false, .. }) = head_at(file, at, size)? else {
            break;
        };
        let whole = head.end <= size;
        match (&head.kind, &mut movie) {
            (b"moov", None) if whole => {
                movie = Some(Movie::read(&payload_of(file, &head, limits::MP4_INIT_BYTES)?)?);
            }
            (b"moov", Some(_)) => break,
            (b"moof", Some(_)) if whole => {
                if let Some(before) = last_is_cut {
                    let text = format!("the fragment at byte {before} lists samples outside of its 'mdat'");
                    return Err(malformed(text).into());
                }
                pending = Some(Fragment {
                    start: at,
                    payload: payload_of(file, &head, limits::MP4_FRAGMENT_BYTES)?,
                });
            }
            (b"mdat", Some(movie)) => {
                if let Some(fragment) = pending.take() {
                    let extent = Extent {
                        start: head.payload.min(size),
                        end: head.end.min(size),
                    };
                    let added = add_fragment(movie, &fragment, extent)?;
                    last_is_cut = added.cut.then_some(fragment.start);
                    if !whole && added.samples > 0 {
                        (end, cut_media) = (added.end, Some(head));
                    }
                }
            }
            _ => {}
        }
        if !whole {
            break;
        }
        at = head.end;
        if pending.is_none() {
            end = at;
        }
    }
    match movie {
        Some(movie) if movie.samples() > 0 => Ok(Recorded {
            movie,
            end,
            cut_media,
        }),
        _ => Err(Fault::new("mp4.no_media", format!("no whole sample in its {size} bytes")).into()),
    }
}

/// Adds a fragment; one with a hole in its tables (a block that never reached the disk) adds nothing.
fn add_fragment(movie: &mut Movie, fragment: &Fragment, extent: Extent) -> Result<Added, Fault> {
    match read_runs(movie, &fragment.payload, fragment.start) {
        Ok(runs) => add_runs(movie, &runs, extent),
        Err(fault) if fault.code == HOLE => Ok(Added {
            samples: 0,
            end: extent.start,
            cut: false,
        }),
        Err(fault) => Err(fault),
    }
}

/// Makes the file regular: the only part that writes.
fn write_tables(
    file: &mut impl Storage,
    placeholder: u64,
    size: u64,
    recorded: Recorded,
) -> Result<Finished, Error> {
    let Recorded {
        mut movie,
        end,
        cut_media,
    } = recorded;
    for track in &mut movie.tracks {
        track.samples.finish()?;
    }
    let moov = moov::build(&movie)?;
    let (tracks, samples, duration_ms) = (moov.tracks, moov.samples, moov.duration);
    let bytes = end + moov.part.size();
    if end < size {
        file.cut(end)?;
    }
    if let Some(head) = cut_media {
        file.flush_to_disk()?;
        file.seek(SeekFrom::Start(head.start))?;
        file.write_all(&media_header(&head, end - head.start))?;
    }
    file.flush_to_disk()?;
    file.seek(SeekFrom::Start(end))?;
    let mut out = BufWriter::with_capacity(64 << 10, &mut *file);
    if let Err(error) = moov.part.write(&mut out).and_then(|()| out.flush()) {
        drop(out.into_parts());
        // Gives the space back; if that fails too, the next call does it.
        let _ = file.cut(end);
        return Err(error.into());
    }
    drop(out);
    file.flush_to_disk()?;
    file.seek(SeekFrom::Start(placeholder))?;
    let spanning = Head {
        kind: *b"mdat",
        start: placeholder,
        payload: placeholder + PLACEHOLDER_BYTES,
        end,
        open: false,
    };
    file.write_all(&media_header(&spanning, end - placeholder))?;
    file.flush_to_disk()?;
    Ok(Finished {
        tracks,
        samples,
        duration_ms,
        bytes,
    })
}

/// The header of an `mdat` of `size` bytes, as long as the header that `head` has now.
fn media_header(head: &Head, size: u64) -> Vec<u8> {
    let long = head.payload - head.start == PLACEHOLDER_BYTES;
    let mut header = if long { 1 } else { size as u32 }.to_be_bytes().to_vec();
    header.extend_from_slice(b"mdat");
    if long {
        header.extend_from_slice(&size.to_be_bytes());
    }
    header
}
