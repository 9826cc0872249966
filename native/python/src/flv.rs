//! FLV reading and writing for Python.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use reelkeeper_core::flv;
use reelkeeper_core::flv_write::{self, Signalling};

use crate::batch::{to_python, Taken};
use crate::buffer::with_bytes;
use crate::fault::{fault_to_python, value_error};
use crate::file::Pieces;

#[pyclass(module = "engine._native")]
struct FlvReader {
    reader: flv::FlvReader,
}

#[pymethods]
impl FlvReader {
    #[new]
    #[pyo3(signature = (*, strict = false))]
    fn new(strict: bool) -> Self {
        let reader = if strict {
            flv::FlvReader::strict()
        } else {
            flv::FlvReader::new()
        };
        Self { reader }
    }

    #[pyo3(signature = (data, /))]
    fn feed(&mut self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        with_bytes(data, |bytes| self.reader.feed(bytes))
    }

    fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Taken<'py>>> {
        to_python(py, self.reader.take())
    }

    fn finish(&mut self) {
        self.reader.finish();
    }

    #[getter]
    fn fault(&self) -> Option<(&'static str, String)> {
        fault_to_python(self.reader.fault())
    }

    #[getter]
    fn consumed_bytes(&self) -> u64 {
        self.reader.consumed_bytes()
    }
}

#[pyfunction]
#[pyo3(signature = (has_audio, has_video, /))]
fn flv_header(py: Python<'_>, has_audio: bool, has_video: bool) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &flv_write::flv_header(has_audio, has_video))
}

#[pyfunction]
#[pyo3(signature = (arena, table, shift_ms, signalling, /))]
fn flv_tags<'py>(
    py: Python<'py>,
    arena: &Bound<'py, PyAny>,
    table: &Bound<'py, PyAny>,
    shift_ms: i64,
    signalling: &str,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let signalling: Signalling = signalling.parse().map_err(value_error)?;
    let written = with_bytes(table, |table| {
        with_bytes(arena, |arena| {
            flv_write::flv_tags(arena, table, shift_ms, signalling)
        })
    })??
    .map_err(value_error)?;
    Ok((PyBytes::new(py, &written.bytes), column(py, &written.starts)?))
}

#[pyfunction]
#[pyo3(signature = (arena, table, shift_ms, signalling, /))]
fn flv_parts<'py>(
    py: Python<'py>,
    arena: PyBackedBytes,
    table: &Bound<'py, PyAny>,
    shift_ms: i64,
    signalling: &str,
) -> PyResult<Option<(Pieces, Bound<'py, PyBytes>)>> {
    let signalling: Signalling = signalling.parse().map_err(value_error)?;
    let found = with_bytes(table, |table| {
        flv_write::flv_parts(&arena, table, shift_ms, signalling)
    })?;
    found
        .map(|found| {
            let starts = column(py, &found.starts)?;
            Ok((Pieces::new(Some(arena), found.pieces), starts))
        })
        .transpose()
}

/// Numbers as native uint32.
fn column<'py>(py: Python<'py>, numbers: &[u32]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, std::mem::size_of_val(numbers), |bytes| {
        for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        Ok(())
    })
}

/// Adds this module's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FlvReader>()?;
    module.add_function(wrap_pyfunction!(flv_header, module)?)?;
    module.add_function(wrap_pyfunction!(flv_tags, module)?)?;
    module.add_function(wrap_pyfunction!(flv_parts, module)?)
}
