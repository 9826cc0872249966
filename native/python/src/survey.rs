//! Surveys of plain batches for Python.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use reelkeeper_core::survey;
use reelkeeper_core::tag::{kind, TAG_BYTES};

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
    table: Py<PyBytes>,
    last_wire: u32,
    end_ms: i64,
    last_kind: u8,
    first_ms: i64,
    last_ms: i64,
    shown_ms: i64,
    size_bytes: u64,
    media_bytes: u64,
    video: Option<Py<TrackSurvey>>,
    audio: Option<Py<TrackSurvey>>,
    codecs: Py<PyDict>,
    last_of: Py<PyDict>,
    keys: Vec<(u32, i64)>,
}

impl Survey {
    fn of(py: Python<'_>, found: survey::Survey) -> PyResult<Self> {
        let (codecs, last_of) = (PyDict::new(py), PyDict::new(py));
        for (kind, track) in [(kind::VIDEO, found.video), (kind::AUDIO, found.audio)] {
            if let Some(track) = track {
                codecs.set_item(kind, track.codec)?;
                last_of.set_item(kind, track.last_ms)?;
            }
        }
        let track = |track: Option<survey::TrackSurvey>| {
            track
                .map(|track| Py::new(py, TrackSurvey::from(track)))
                .transpose()
        };
        Ok(Self {
            table: PyBytes::new(py, &found.table).unbind(),
            last_wire: found.last_wire,
            end_ms: found.end_ms,
            last_kind: found.last_kind,
            first_ms: found.first_ms,
            last_ms: found.last_ms,
            shown_ms: found.shown_ms,
            size_bytes: found.size_bytes,
            media_bytes: found.media_bytes,
            video: track(found.video)?,
            audio: track(found.audio)?,
            codecs: codecs.unbind(),
            last_of: last_of.unbind(),
            keys: found.keys,
        })
    }
}

#[pymethods]
impl Survey {
    #[pyo3(signature = (start, end, /))]
    fn part(&self, py: Python<'_>, start: usize, end: usize) -> PyResult<Option<Self>> {
        let table = self.table.as_bytes(py);
        let rows = table.get(start.saturating_mul(TAG_BYTES)..end.saturating_mul(TAG_BYTES));
        survey::survey_placed(rows.unwrap_or_default())
            .map_err(value_error)?
            .map(|found| Self::of(py, found))
            .transpose()
    }
}

#[pyfunction(name = "survey")]
#[pyo3(signature = (table, wire, clock_ms, audio_ms, video_ms, farthest_ms, /))]
fn survey_table(
    py: Python<'_>,
    table: &Bound<'_, PyAny>,
    wire: u32,
    clock_ms: i64,
    audio_ms: Option<i64>,
    video_ms: Option<i64>,
    farthest_ms: (i64, i64),
) -> PyResult<Option<Survey>> {
    let clock = survey::Clock {
        wire,
        ms: clock_ms,
        audio_ms,
        video_ms,
        back_ms: farthest_ms.0,
        ahead_ms: farthest_ms.1,
    };
    with_bytes(table, |table| survey::survey(table, &clock))?
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
