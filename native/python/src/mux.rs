//! Writers of containers for Python: frames of a table in, bytes out.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use reelkeeper_core::elementary;
use reelkeeper_core::mp4;
use reelkeeper_core::mux;
use reelkeeper_core::ts::{self, TrackSetup};

use crate::buffer::with_bytes;
use crate::fault::value_error;
use crate::file::{spare, Pieces};

/// (pieces, moved, refused, longest run of refused frames).
type Muxed = (Pieces, u32, u32, u32);

fn muxed(pieces: Pieces, counts: mux::Muxed) -> Muxed {
    (pieces, counts.moved, counts.refused, counts.refused_run)
}

/// What `write` appends, with what became of the frames.
fn written(write: impl FnOnce(&mut Vec<u8>) -> PyResult<mux::Muxed>) -> PyResult<Muxed> {
    let mut out = spare();
    let counts = write(&mut out)?;
    Ok(muxed(Pieces::new(None, out.into()), counts))
}

#[pyclass(module = "engine._native")]
struct FragmentWriter {
    writer: mp4::FragmentWriter,
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
    fn mux(&mut self, arena: PyBackedBytes, table: &Bound<'_, PyAny>, origin_ms: i64) -> PyResult<Muxed> {
        let counts =
            with_bytes(table, |table| self.writer.mux(&arena, table, origin_ms))?.map_err(value_error)?;
        let taken = self.writer.take(&arena);
        Ok(muxed(Pieces::new(Some(arena), taken), counts))
    }

    fn finish(&mut self) -> Pieces {
        self.writer.finish();
        Pieces::new(None, self.writer.take(&[]))
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
    fn mux(&mut self, arena: &[u8], table: &Bound<'_, PyAny>, origin_ms: i64) -> PyResult<Muxed> {
        written(|out| {
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
    fn mux(&mut self, arena: &[u8], table: &Bound<'_, PyAny>) -> PyResult<Muxed> {
        written(|out| with_bytes(table, |table| self.writer.mux(arena, table, out))?.map_err(value_error))
    }
}

/// Adds this module's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FragmentWriter>()?;
    module.add_class::<TransportWriter>()?;
    module.add_class::<ElementaryWriter>()
}
