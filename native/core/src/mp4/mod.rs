//! MP4 tables (ISO/IEC 14496-12): from the fragments of a growing file to one regular `moov`.
//!
//! While a file is recorded it is `ftyp`, a 16-byte `free` placeholder, a `moov` without samples, then pairs
//! of `moof` and `mdat`. [`finalize()`] appends a `moov` with the tables of all samples and turns the
//! placeholder into the header of one `mdat` that spans all that came before. No media byte is read or moved,
//! and the same function recovers a file that a crash cut at any byte. [`FragmentWriter`] writes those pairs, and
//! [`segment()`] counts them where they stand alone.

mod boxes;
mod finalize;
mod fragment_writer;
mod fragments;
mod init;
mod moov;
mod obus;
mod scan;
mod segment;
mod tables;
#[cfg(test)]
mod tests;
mod tracks;

pub use finalize::{finalize, Finished, Storage};
pub use fragment_writer::FragmentWriter;
pub use scan::{scan, Scan, ScannedBox};
pub use segment::{segment, Segment};
pub use tracks::{tracks, TrackTables};

use crate::fault::Fault;
use std::fmt;
use std::io;

/// Why a file could not be finalized.
#[derive(Debug)]
pub enum Error {
    /// It is not such a file, or its boxes are malformed.
    Malformed(Fault),
    /// It could not be read or written.
    Io(io::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(fault) => fault.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
