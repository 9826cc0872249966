//! Finalizing and scanning MP4 files by path, without the interpreter lock.

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use reelkeeper_core::mp4::{self, Error, Finished, Scan};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// OSError with its errno, so that Python makes the right subclass of it and callers see a full disk as one.
fn to_python(py: Python<'_>, error: Error, path: &Path) -> PyErr {
    match error {
        Error::Malformed(fault) => PyValueError::new_err(fault.message),
        Error::Io(error) => match error.raw_os_error() {
            Some(number) => match py.import("os").and_then(|os| os.call_method1("strerror", (number,))) {
                Ok(text) => PyOSError::new_err((number, text.unbind(), path.as_os_str().to_owned())),
                Err(error) => error,
            },
            None => PyOSError::new_err(format!("{}: {error}", path.display())),
        },
    }
}

/// Turns a fragmented MP4 with a placeholder into a regular one in place.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn finalize_mp4(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let opened = || -> io::Result<File> { OpenOptions::new().read(true).write(true).open(&path) };
    let finalized = || -> Result<Finished, Error> { mp4::finalize(&mut opened()?) };
    let finished = py.detach(finalized).map_err(|error| to_python(py, error, &path))?;
    let fields = PyDict::new(py);
    fields.set_item("tracks", finished.tracks)?;
    fields.set_item("samples", finished.samples)?;
    fields.set_item("duration_ms", finished.duration_ms)?;
    fields.set_item("bytes", finished.bytes)?;
    Ok(fields)
}

/// Top-level boxes of an MP4 without reading media.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn scan_mp4(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let scanned = || -> Result<Scan, Error> { mp4::scan(&mut File::open(&path)?) };
    let scan = py.detach(scanned).map_err(|error| to_python(py, error, &path))?;
    let boxes: Vec<(String, u64, u64)> =
        scan.boxes.into_iter().map(|found| (found.kind, found.offset, found.size)).collect();
    let fields = PyDict::new(py);
    fields.set_item("boxes", boxes)?;
    fields.set_item("fragmented", scan.fragmented)?;
    fields.set_item("problem", scan.problem)?;
    Ok(fields)
}

/// Adds the functions of this part to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(finalize_mp4, module)?)?;
    module.add_function(wrap_pyfunction!(scan_mp4, module)?)
}
