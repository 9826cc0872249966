//! Finalizing, counting and scanning MP4 files by path, without the interpreter lock.

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use reelkeeper_core::mp4::{self, Error, Finished, Scan, Segment, Storage, TrackTables};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fault::os_error;

create_exception!(
    engine._native,
    Mp4Error,
    PyValueError,
    "An MP4 file cannot be finalized or read."
);

/// A file on disk as the core wants it.
struct Disk(File);

impl Read for Disk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for Disk {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Storage for Disk {
    fn cut(&mut self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

fn to_python(py: Python<'_>, error: Error, path: &Path) -> PyErr {
    match error {
        Error::Malformed(fault) => {
            let raised = Mp4Error::new_err(fault.message);
            match raised.value(py).setattr("code", fault.code) {
                Ok(()) => raised,
                Err(error) => error,
            }
        }
        Error::Io(error) => os_error(py, &error, path),
    }
}

/// Turns a fragmented MP4 with a placeholder into a regular one in place.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn finalize_mp4(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let finalized = || -> Result<Finished, Error> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        mp4::finalize(&mut Disk(file))
    };
    let finished = py
        .detach(finalized)
        .map_err(|error| to_python(py, error, &path))?;
    let fields = PyDict::new(py);
    fields.set_item("tracks", finished.tracks)?;
    fields.set_item("samples", finished.samples)?;
    fields.set_item("duration_ms", finished.duration_ms)?;
    fields.set_item("bytes", finished.bytes)?;
    Ok(fields)
}

/// What the sample tables of a regular MP4 say of its tracks.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn mp4_tracks(py: Python<'_>, path: PathBuf) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let read = || -> Result<Vec<TrackTables>, Error> { mp4::tracks(&mut File::open(&path)?) };
    let tracks = py.detach(read).map_err(|error| to_python(py, error, &path))?;
    tracks.iter().map(|track| track_fields(py, track)).collect()
}

fn track_fields<'py>(py: Python<'py>, track: &TrackTables) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    match &track.handler {
        b"vide" => fields.set_item("kind", "video")?,
        b"soun" => fields.set_item("kind", "audio")?,
        other => fields.set_item("kind", String::from_utf8_lossy(other))?,
    }
    fields.set_item("samples", track.samples)?;
    fields.set_item("sync_samples", track.sync_samples)?;
    fields.set_item("media_bytes", track.media_bytes)?;
    fields.set_item("first_dts_ms", track.first_dts_ms)?;
    fields.set_item("last_dts_ms", track.last_dts_ms)?;
    fields.set_item("frame_ms", track.frame_ms)?;
    Ok(fields)
}

/// What the whole fragments of a media segment hold.
#[pyfunction]
#[pyo3(signature = (init, path, end, /))]
fn segment_tracks<'py>(
    py: Python<'py>,
    init: &[u8],
    path: PathBuf,
    end: u64,
) -> PyResult<(u64, Vec<Bound<'py, PyDict>>)> {
    let read = || -> Result<Segment, Error> { mp4::segment(init, &mut File::open(&path)?, end) };
    let found = py.detach(read).map_err(|error| to_python(py, error, &path))?;
    let tracks = found.tracks.iter().map(|track| track_fields(py, track));
    Ok((found.whole_bytes, tracks.collect::<PyResult<_>>()?))
}

/// Top-level boxes of an MP4 without reading media.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn scan_mp4(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let scanned = || -> Result<Scan, Error> { mp4::scan(&mut File::open(&path)?) };
    let scan = py.detach(scanned).map_err(|error| to_python(py, error, &path))?;
    let boxes: Vec<(String, u64, u64)> = scan
        .boxes
        .into_iter()
        .map(|found| (found.kind, found.offset, found.size))
        .collect();
    let fields = PyDict::new(py);
    fields.set_item("boxes", boxes)?;
    fields.set_item("fragmented", scan.fragmented)?;
    fields.set_item("problem", scan.problem)?;
    Ok(fields)
}

/// Adds the functions of this part to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let error = module.py().get_type::<Mp4Error>();
    error.setattr("code", "")?;
    module.add("Mp4Error", error)?;
    module.add_function(wrap_pyfunction!(finalize_mp4, module)?)?;
    module.add_function(wrap_pyfunction!(mp4_tracks, module)?)?;
    module.add_function(wrap_pyfunction!(segment_tracks, module)?)?;
    module.add_function(wrap_pyfunction!(scan_mp4, module)?)
}
