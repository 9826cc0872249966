//! A file that grows, and what is appended to it without a copy.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use reelkeeper_core::limits::SPARE_ARENA_BYTES;
use reelkeeper_core::mux;

use crate::fault::os_error;

/// So many pieces are handed over at once; Linux takes 1024.
const MOST_PIECES: usize = 1024;

thread_local! {
    /// Where a thread makes the bytes of its next pieces: this memory is mapped and in the cache.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty place for bytes that become [`Pieces::own`].
pub fn spare() -> Vec<u8> {
    SPARE.take()
}

/// Pieces that stand one behind the other in a file.
#[pyclass(module = "engine._native", frozen)]
pub struct Pieces {
    /// None where all are made beside it.
    arena: Option<PyBackedBytes>,
    pieces: mux::Pieces,
    size: usize,
}

impl Pieces {
    /// Pieces of this arena, and those made beside it.
    pub fn new(arena: Option<PyBackedBytes>, pieces: mux::Pieces) -> Self {
        let size = pieces.size();
        Self { arena, pieces, size }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter(self.arena.as_deref().unwrap_or_default())
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let (mut own, spare) = (std::mem::take(&mut self.pieces.own), SPARE.take());
        own.clear();
        let is_better = (spare.capacity()..=SPARE_ARENA_BYTES).contains(&own.capacity());
        SPARE.set(if is_better { own } else { spare });
    }
}

#[pymethods]
impl Pieces {
    fn __len__(&self) -> usize {
        self.size
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, self.size, |bytes| {
            let mut rest = bytes;
            self.iter().try_for_each(|piece| rest.write_all(piece))?;
            Ok(())
        })
    }
}

/// POSIX's number for a descriptor that is none.
const EBADF: i32 = 9;

/// What can be appended.
#[derive(FromPyObject)]
enum Data {
    Pieces(Py<Pieces>),
    Bytes(PyBackedBytes),
}

#[pyclass(module = "engine._native")]
struct AppendFile {
    path: PathBuf,
    file: Option<File>,
}

impl AppendFile {
    fn file(&self, py: Python<'_>) -> PyResult<&File> {
        let closed = || os_error(py, &io::Error::from_raw_os_error(EBADF), &self.path);
        self.file.as_ref().ok_or_else(closed)
    }
}

#[pymethods]
impl AppendFile {
    #[new]
    #[pyo3(signature = (path, /))]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let created = py.detach(|| create(&path));
        match created {
            Ok(file) => Ok(Self {
                path,
                file: Some(file),
            }),
            Err(error) => Err(os_error(py, &error, &path)),
        }
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.file(py)?.as_raw_fd())
    }

    #[pyo3(signature = (data, /))]
    fn write(&self, py: Python<'_>, data: Data) -> PyResult<()> {
        let file = self.file(py)?;
        let written = match &data {
            Data::Bytes(bytes) => py.detach(|| write_pieces(file, VecDeque::from([&**bytes]))),
            Data::Pieces(pieces) => {
                let pieces = pieces.get();
                py.detach(|| write_pieces(file, pieces.iter().collect()))
            }
        };
        written.map_err(|error| os_error(py, &error, &self.path))
    }

    fn close(&mut self) {
        self.file = None;
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    options.mode(0o644).open(path)
}

/// Writes all, however often the system takes a part only.
fn write_pieces(mut file: &File, mut pieces: VecDeque<&[u8]>) -> io::Result<()> {
    pieces.retain(|piece| !piece.is_empty());
    while !pieces.is_empty() {
        let some = pieces.iter().take(MOST_PIECES);
        let slices: Vec<IoSlice> = some.map(|piece| IoSlice::new(piece)).collect();
        match file.write_vectored(&slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => take_off(&mut pieces, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// So many bytes at the front are written.
fn take_off(pieces: &mut VecDeque<&[u8]>, mut count: usize) {
    while let Some(first) = pieces.pop_front() {
        if let Some(rest) = first.get(count..).filter(|rest| !rest.is_empty()) {
            pieces.push_front(rest);
            return;
        }
        count -= first.len();
    }
}

/// Adds this module's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Pieces>()?;
    module.add_class::<AppendFile>()
}
