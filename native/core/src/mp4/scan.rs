//! Looking at a file without reading its media.

use super::boxes::{head_at, malformed, name, At, Head};
use super::finalize::Finished;
use super::Error;
use crate::fault::Fault;
use crate::limits;
use std::io::{Read, Seek, SeekFrom};

/// A top-level box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedBox {
    /// Its type, for people.
    pub kind: String,
    /// Where it starts.
    pub offset: u64,
    /// Its size by its own account.
    pub size: u64,
}

/// What a file looks like from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Top-level boxes in order.
    pub boxes: Vec<ScannedBox>,
    /// It has fragments (`moof`), or is an empty recording (`mvex` in its `moov`).
    pub fragmented: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// The top-level boxes of a file, and the first thing wrong with them.
pub fn scan(file: &mut (impl Read + Seek)) -> Result<Scan, Error> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut found = Scan::default();
    let mut at = 0;
    let mut moov = None;
    loop {
        let head = match head_at(file, at, size) {
            Ok(At::Box(head)) => head,
            Ok(At::End) => break,
            Ok(At::Torn) => {
                found.problem = Some(format!("{} bytes at byte {at} that are no box", size - at));
                break;
            }
            Err(Error::Malformed(fault)) => {
                found.problem = Some(fault.message);
                break;
            }
            Err(error) => return Err(error),
        };
        if found.boxes.len() == limits::MP4_BOXES {
            found.problem = Some(format!("more than {} boxes", limits::MP4_BOXES));
            break;
        }
        found.boxes.push(ScannedBox {
            kind: name(head.kind),
            offset: at,
            size: head.end - at,
        });
        found.fragmented |= &head.kind == b"moof";
        if head.end > size {
            let text = format!(
                "box '{}' at byte {at} says {} bytes, and {} are left",
                name(head.kind),
                head.end - at,
                size - at
            );
            found.problem = Some(text);
            break;
        }
        if &head.kind == b"moov" {
            moov = Some(head);
        }
        at = head.end;
    }
    if let Some(moov) = moov {
        match Summary::read(file, &moov) {
            Ok(summary) => found.fragmented |= summary.extended,
            Err(Error::Malformed(fault)) => found.problem = found.problem.or(Some(fault.message)),
            Err(error) => return Err(error),
        }
    }
    if found.problem.is_none() {
        found.problem = missing(&found.boxes);
    }
    Ok(found)
}

fn missing(boxes: &[ScannedBox]) -> Option<String> {
    let has = |kind: &str| boxes.iter().any(|found| found.kind == kind);
    match boxes.first() {
        None => Some("the file is empty".into()),
        Some(first) if first.kind != "ftyp" => {
            Some(format!("it begins with box '{}', not with 'ftyp'", first.kind))
        }
        _ if !has("moov") => Some("it has no box 'moov'".into()),
        _ if !has("mdat") => Some("it has no media (box 'mdat')".into()),
        _ => None,
    }
}

/// The numbers of a file that is regular already: its `moov` lists all samples.
pub(super) fn regular(file: &mut (impl Read + Seek), size: u64) -> Result<Finished, Error> {
    let moov = regular_moov(file, size)?;
    let summary = Summary::read(file, &moov)?;
    if summary.samples == 0 || summary.extended {
        return Err(Fault::new("mp4.no_media", "its 'moov' lists no samples").into());
    }
    let timescale = u128::from(summary.timescale.max(1));
    let duration_ms = ((u128::from(summary.duration) * 1000 + timescale / 2) / timescale) as u64;
    Ok(Finished {
        tracks: summary.tracks,
        samples: summary.samples,
        duration_ms,
        bytes: size,
    })
}

/// The `moov` of a file that has no fragments and is whole.
pub(super) fn regular_moov(file: &mut (impl Read + Seek), size: u64) -> Result<Head, Error> {
    let mut moov = None;
    let mut at = 0;
    for _ in 0..limits::MP4_BOXES {
        let head = match head_at(file, at, size)? {
            At::Box(head) if head.end <= size => head,
            At::End => break,
            _ => return Err(malformed(format!("it is damaged at byte {at}")).into()),
        };
        match &head.kind {
            b"moov" => moov = Some(head),
            b"moof" => {
                let text = "it is fragmented and has no placeholder behind its 'ftyp'";
                return Err(Fault::new("mp4.no_placeholder", text).into());
            }
            _ => {}
        }
        at = head.end;
    }
    moov.ok_or_else(|| malformed("it has no box 'moov'").into())
}

/// What a `moov` says, read by its headers alone.
#[derive(Debug, Default)]
struct Summary {
    tracks: u64,
    samples: u64,
    timescale: u32,
    duration: u64,
    extended: bool,
    visited: usize,
}

/// Boxes visited in one `moov`; one track takes about twenty.
const MOOV_BOXES: usize = 4_096;

impl Summary {
    fn read(file: &mut (impl Read + Seek), moov: &Head) -> Result<Self, Error> {
        let mut summary = Self::default();
        summary.visit(file, moov, 0)?;
        Ok(summary)
    }

    /// The way down to a sample table is `trak`, `mdia`, `minf`, `stbl`.
    fn visit(&mut self, file: &mut (impl Read + Seek), parent: &Head, depth: usize) -> Result<(), Error> {
        const WAY: [&[u8; 4]; 4] = [b"trak", b"mdia", b"minf", b"stbl"];
        let mut at = parent.payload;
        while at < parent.end {
            let head = match head_at(file, at, parent.end)? {
                At::Box(head) if head.end <= parent.end => head,
                _ => {
                    return Err(
                        malformed(format!("box '{}' is damaged at byte {at}", name(parent.kind))).into(),
                    )
                }
            };
            self.visited += 1;
            if self.visited > MOOV_BOXES {
                return Err(malformed(format!("more than {MOOV_BOXES} boxes in 'moov'")).into());
            }
            if WAY.get(depth).is_some_and(|&next| *next == head.kind) {
                self.tracks += u64::from(depth == 0);
                self.visit(file, &head, depth + 1)?;
            } else {
                self.note(file, &head, depth)?;
            }
            at = head.end;
        }
        Ok(())
    }

    fn note(&mut self, file: &mut (impl Read + Seek), head: &Head, depth: usize) -> Result<(), Error> {
        match (&head.kind, depth) {
            (b"mvhd", 0) => {
                let long = words::<1>(file, head, 0)?[0] >> 24 == 1;
                if long {
                    let [timescale, high, low] = words(file, head, 20)?;
                    (self.timescale, self.duration) = (timescale, u64::from(high) << 32 | u64::from(low));
                } else {
                    let [timescale, duration] = words(file, head, 12)?;
                    (self.timescale, self.duration) = (timescale, u64::from(duration));
                }
            }
            (b"mvex", 0) => self.extended = true,
            (b"stsz" | b"stz2", 4) => self.samples += u64::from(words::<1>(file, head, 8)?[0]),
            _ => {}
        }
        Ok(())
    }
}

/// `N` big-endian words at `offset` in the payload of a box.
pub(super) fn words<const N: usize>(
    file: &mut (impl Read + Seek),
    head: &Head,
    offset: u64,
) -> Result<[u32; N], Error> {
    if head.payload + offset + 4 * N as u64 > head.end {
        return Err(malformed(format!(
            "box '{}' of {} bytes is too short",
            name(head.kind),
            head.end - head.start
        ))
        .into());
    }
    file.seek(SeekFrom::Start(head.payload + offset))?;
    let mut found = [0; N];
    for word in &mut found {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes)?;
        *word = u32::from_be_bytes(bytes);
    }
    Ok(found)
}
