//! Digests of frames for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::digest;

use crate::buffer::with_bytes;

#[pyfunction]
#[pyo3(signature = (arena, table, /))]
fn frame_digests<'py>(
    py: Python<'py>,
    arena: &Bound<'py, PyAny>,
    table: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let digests = with_bytes(table, |table| {
        with_bytes(arena, |arena| digest::frame_digests(arena, table))
    })??
    .map_err(|fault| PyValueError::new_err(fault.message))?;
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.to_ne_bytes()).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// Adds this module's function.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(frame_digests, module)?)
}
