//! Surveys of plain batches for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::survey;

use crate::buffer::with_bytes;

#[pyclass(module = "engine._native", frozen)]
struct TrackSurvey {
    found: survey::TrackSurvey,
}

#[pymethods]
impl TrackSurvey {
    #[getter]
    fn codec(&self) -> u8 {
        self.found.codec
    }

    #[getter]
    fn frames(&self) -> u32 {
        self.found.frames
    }

    #[getter]
    fn keyframes(&self) -> u32 {
        self.found.keyframes
    }

    #[getter]
    fn first_ms(&self) -> i64 {
        self.found.first_ms
    }

    #[getter]
    fn last_ms(&self) -> i64 {
        self.found.last_ms
    }

    #[getter]
    fn least_step_ms(&self) -> i64 {
        self.found.least_step_ms
    }

    #[getter]
    fn longest_step_ms(&self) -> i64 {
        self.found.longest_step_ms
    }

    #[getter]
    fn last_step_ms(&self) -> i64 {
        self.found.last_step_ms
    }

    #[getter]
    fn last_key_ms(&self) -> Option<i64> {
        self.found.last_key_ms
    }
}

#[pyclass(module = "engine._native", frozen)]
struct Survey {
    found: survey::Survey,
    #[pyo3(get)]
    tracks: Vec<(u8, Py<TrackSurvey>)>,
}

#[pymethods]
impl Survey {
    #[getter]
    fn dts<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes: Vec<u8> = self.found.dts.iter().flat_map(|dts| dts.to_ne_bytes()).collect();
        PyBytes::new(py, &bytes)
    }

    #[getter]
    fn last_wire(&self) -> u32 {
        self.found.last_wire
    }

    #[getter]
    fn first_ms(&self) -> i64 {
        self.found.first_ms
    }

    #[getter]
    fn last_ms(&self) -> i64 {
        self.found.last_ms
    }

    #[getter]
    fn size_bytes(&self) -> u64 {
        self.found.size_bytes
    }

    #[getter]
    fn media_bytes(&self) -> u64 {
        self.found.media_bytes
    }

    #[getter]
    fn keys(&self) -> Vec<(u32, i64)> {
        self.found.keys.clone()
    }
}

#[pyfunction(name = "survey")]
#[pyo3(signature = (table, wire, clock_ms, /))]
fn survey_table(
    py: Python<'_>,
    table: &Bound<'_, PyAny>,
    wire: u32,
    clock_ms: i64,
) -> PyResult<Option<Survey>> {
    let found = with_bytes(table, |table| survey::survey(table, wire, clock_ms))?
        .map_err(|fault| PyValueError::new_err(fault.message))?;
    let Some(found) = found else { return Ok(None) };
    let mut tracks = Vec::with_capacity(2);
    for (kind, track) in [(9, found.video), (8, found.audio)] {
        if let Some(found) = track {
            tracks.push((kind, Py::new(py, TrackSurvey { found })?));
        }
    }
    Ok(Some(Survey { found, tracks }))
}

/// Adds this module's classes and function.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TrackSurvey>()?;
    module.add_class::<Survey>()?;
    module.add_function(wrap_pyfunction!(survey_table, module)?)
}
