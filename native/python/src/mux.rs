//! Writers of containers for Python: frames of a table in, bytes out.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use reelkeeper_core::elementary;
use reelkeeper_core::limits::SPARE_ARENA_BYTES;
use reelkeeper_core::mp4;
use reelkeeper_core::mux;
use reelkeeper_core::ts::{self, TrackSetup};

use crate::buffer::with_bytes;
use crate::fault::value_error;

/// (bytes, moved, refused, longest run of refused frames).
type Muxed<'py> = (Bound<'py, PyBytes>, u32, u32, u32);

thread_local! {
    /// Where a thread writes what it then gives to Python: its memory is mapped and in the cache.
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn muxed<'py>(bytes: Bound<'py, PyBytes>, counts: mux::Muxed) -> Muxed<'py> {
    (bytes, counts.moved, counts.refused, counts.refused_run)
}

/// What `write` appends, with what became of the frames.
fn written<'py>(
    py: Python<'py>,
    write: impl FnOnce(&mut Vec<u8>) -> PyResult<mux::Muxed>,
) -> PyResult<Muxed<'py>> {
    let mut out = OUT.take();
    out.clear();
    let counts = write(&mut out)?;
    let bytes = PyBytes::new(py, &out);
    if out.capacity() <= SPARE_ARENA_BYTES {
        OUT.set(out);
    }
    Ok(muxed(bytes, counts))
}

#[pyclass(module = "engine._native")]
struct FragmentWriter {
    writer: mp4::FragmentWriter,
}

impl FragmentWriter {
    /// Its size is known: it is written where Python has it.
    fn take<'py>(&mut self, py: Python<'py>, arena: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, self.writer.size(), |out| {
            self.writer.write(arena, out);
            Ok(())
        })
    }
}

#[pymethods]
impl FragmentWriter {
    #[new]
    #[pyo3(signature = (init, codecs, next_sequence, /))]
    fn new(init: &[u8], codecs: Vec<u8>, next_sequence: u32) -> PyResult<Self> {
        let writer = mp4::FragmentWriter::new(init, &codecs, next_sequence);
        writer.map(|writer| Self { writer }).map_err(value_error)
    }

    #[getter]
    fn next_sequence(&self) -> u32 {
        self.writer.next_sequence()
    }

    #[pyo3(signature = (arena, table, origin_ms, /))]
    fn mux<'py>(
        &mut self,
        py: Python<'py>,
        arena: &[u8],
        table: &Bound<'py, PyAny>,
        origin_ms: i64,
    ) -> PyResult<Muxed<'py>> {
        let counts =
            with_bytes(table, |table| self.writer.mux(arena, table, origin_ms))?.map_err(value_error)?;
        Ok(muxed(self.take(py, arena)?, counts))
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.writer.finish();
        self.take(py, &[])
    }
}

#[pyclass(module = "engine._native")]
#[derive(Default)]
struct TransportWriter {
    writer: ts::TransportWriter,
}

#[pymethods]
impl TransportWriter {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[pyo3(signature = (tracks, /))]
    fn begin_segment(&mut self, tracks: Vec<(u8, PyBackedBytes, u32, u32)>) -> PyResult<()> {
        let setups: Vec<TrackSetup> = tracks
            .iter()
            .map(|(codec, config, channels, sample_rate)| TrackSetup {
                codec: *codec,
                config,
                channels: *channels,
                sample_rate: *sample_rate,
            })
            .collect();
        self.writer.begin_segment(&setups).map_err(value_error)
    }

    #[pyo3(signature = (arena, table, origin_ms, /))]
    fn mux<'py>(
        &mut self,
        py: Python<'py>,
        arena: &[u8],
        table: &Bound<'py, PyAny>,
        origin_ms: i64,
    ) -> PyResult<Muxed<'py>> {
        written(py, |out| {
            with_bytes(table, |table| self.writer.mux(arena, table, origin_ms, out))?.map_err(value_error)
        })
    }
}

#[pyclass(module = "engine._native")]
struct ElementaryWriter {
    writer: elementary::ElementaryWriter,
}

#[pymethods]
impl ElementaryWriter {
    #[new]
    #[pyo3(signature = (codec, config, /))]
    fn new(codec: u8, config: &[u8]) -> PyResult<Self> {
        let writer = elementary::ElementaryWriter::new(codec, config);
        writer.map(|writer| Self { writer }).map_err(value_error)
    }

    #[pyo3(signature = (arena, table, /))]
    fn mux<'py>(&mut self, py: Python<'py>, arena: &[u8], table: &Bound<'py, PyAny>) -> PyResult<Muxed<'py>> {
        written(py, |out| {
            with_bytes(table, |table| self.writer.mux(arena, table, out))?.map_err(value_error)
        })
    }
}

/// Adds this module's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FragmentWriter>()?;
    module.add_class::<TransportWriter>()?;
    module.add_class::<ElementaryWriter>()
}
