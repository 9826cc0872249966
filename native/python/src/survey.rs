//! Surveys of plain batches for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::survey;
use reelkeeper_core::tag::kind;

use crate::buffer::with_bytes;
use crate::fault::value_error;

#[pyclass(module = "engine._native", frozen, get_all)]
struct TrackSurvey {
    codec: u8,
    frames: u32,
    keyframes: u32,
    first_ms: i64,
    last_ms: i64,
    least_step_ms: i64,
    longest_step_ms: i64,
    last_step_ms: i64,
    last_key_ms: Option<i64>,
}

impl From<survey::TrackSurvey> for TrackSurvey {
    fn from(found: survey::TrackSurvey) -> Self {
        Self {
            codec: found.codec,
            frames: found.frames,
            keyframes: found.keyframes,
            first_ms: found.first_ms,
            last_ms: found.last_ms,
            least_step_ms: found.least_step_ms,
            longest_step_ms: found.longest_step_ms,
            last_step_ms: found.last_step_ms,
            last_key_ms: found.last_key_ms,
        }
    }
}

#[pyclass(module = "engine._native", frozen, get_all)]
struct Survey {
    dts: Py<PyBytes>,
    last_wire: u32,
    first_ms: i64,
    last_ms: i64,
    shown_ms: i64,
    size_bytes: u64,
    media_bytes: u64,
    tracks: Vec<(u8, Py<TrackSurvey>)>,
    keys: Vec<(u32, i64)>,
}

impl Survey {
    fn of(py: Python<'_>, found: survey::Survey) -> PyResult<Self> {
        let dts: Vec<u8> = found.dts.iter().flat_map(|dts| dts.to_ne_bytes()).collect();
        let mut tracks = Vec::with_capacity(2);
        for (kind, track) in [(kind::VIDEO, found.video), (kind::AUDIO, found.audio)] {
            if let Some(track) = track {
                tracks.push((kind, Py::new(py, TrackSurvey::from(track))?));
            }
        }
        Ok(Self {
            dts: PyBytes::new(py, &dts).unbind(),
            last_wire: found.last_wire,
            first_ms: found.first_ms,
            last_ms: found.last_ms,
            shown_ms: found.shown_ms,
            size_bytes: found.size_bytes,
            media_bytes: found.media_bytes,
            tracks,
            keys: found.keys,
        })
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
    with_bytes(table, |table| survey::survey(table, wire, clock_ms))?
        .map_err(value_error)?
        .map(|found| Survey::of(py, found))
        .transpose()
}

/// Adds this module's classes and function.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TrackSurvey>()?;
    module.add_class::<Survey>()?;
    module.add_function(wrap_pyfunction!(survey_table, module)?)
}
