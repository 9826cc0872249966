//! Transport stream continuity counters for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::continuity;

#[pyclass(module = "engine._native")]
struct Continuity {
    state: continuity::Continuity,
}

#[pymethods]
impl Continuity {
    #[new]
    fn new() -> Self {
        Self {
            state: continuity::Continuity::default(),
        }
    }

    #[pyo3(signature = (data, /))]
    fn carry<'py>(&mut self, py: Python<'py>, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyBytes>> {
        let data = data.as_bytes();
        PyBytes::new_with(py, data.len(), |carried| {
            carried.copy_from_slice(data);
            self.state
                .carry(carried)
                .map_err(|fault| PyValueError::new_err(fault.message))
        })
    }

    fn next_segment(&mut self) {
        self.state.next_segment();
    }
}

/// Adds this module's class.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Continuity>()
}
