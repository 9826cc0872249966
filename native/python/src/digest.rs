//! Digests of frames for Python, and the ring that remembers them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::digest;
use reelkeeper_core::frame_ring;

use crate::buffer::with_bytes;
use crate::fault::value_error;

const DIGEST_BYTES: usize = std::mem::size_of::<u64>();

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
    .map_err(value_error)?;
    PyBytes::new_with(py, std::mem::size_of_val(digests.as_slice()), |bytes| {
        for (place, digest) in bytes.chunks_exact_mut(DIGEST_BYTES).zip(digests) {
            place.copy_from_slice(&digest.to_ne_bytes());
        }
        Ok(())
    })
}

/// (digests, times, kinds, keyframe or not): numbers in native byte order, then a byte each.
type Columns<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

#[pyclass(module = "engine._native")]
struct FrameRing {
    ring: frame_ring::FrameRing,
}

#[pymethods]
impl FrameRing {
    #[new]
    #[pyo3(signature = (places, /))]
    fn new(places: usize) -> Self {
        Self {
            ring: frame_ring::FrameRing::new(places),
        }
    }

    #[getter]
    fn count(&self) -> u64 {
        self.ring.count()
    }

    #[pyo3(signature = (digests, table, /))]
    fn push(&mut self, digests: &[u8], table: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut word = [0; DIGEST_BYTES];
        let digests = digests.chunks_exact(DIGEST_BYTES).map(|digest| {
            word.copy_from_slice(digest);
            u64::from_ne_bytes(word)
        });
        with_bytes(table, |table| self.ring.push(digests, table))?.map_err(value_error)
    }

    fn columns<'py>(&self, py: Python<'py>) -> Columns<'py> {
        let frames = || self.ring.frames();
        let digests: Vec<u8> = frames().flat_map(|frame| frame.digest.to_ne_bytes()).collect();
        let times: Vec<u8> = frames().flat_map(|frame| frame.dts.to_ne_bytes()).collect();
        let kinds: Vec<u8> = frames().map(|frame| frame.kind).collect();
        let keys: Vec<u8> = frames().map(|frame| u8::from(frame.is_key)).collect();
        (
            PyBytes::new(py, &digests),
            PyBytes::new(py, &times),
            PyBytes::new(py, &kinds),
            PyBytes::new(py, &keys),
        )
    }
}

/// Adds this module's class and function.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FrameRing>()?;
    module.add_function(wrap_pyfunction!(frame_digests, module)?)
}
