//! MPEG transport streams for Python.

use std::cell::Cell;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use reelkeeper_core::fault::Fault;
use reelkeeper_core::ts::{self, TrackSetup};

use crate::buffer::with_bytes;

/// What is kept of a thread's packets for its next call: a second of 30 Mb/s.
const SPARE_BYTES: usize = 4 << 20;

thread_local! {
    static PACKETS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// (packets, moved, refused, longest run of refused packets).
type Muxed<'py> = (Bound<'py, PyBytes>, u64, u64, u64);

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
        let mut packets = PACKETS.take();
        packets.clear();
        let muxed = with_bytes(table, |table| {
            self.writer.mux(arena, table, origin_ms, &mut packets)
        })?
        .map_err(value_error)?;
        let bytes = PyBytes::new(py, &packets);
        if packets.capacity() <= SPARE_BYTES {
            PACKETS.set(packets);
        }
        Ok((bytes, muxed.moved, muxed.refused, muxed.longest_refused_run))
    }
}

fn value_error(fault: Fault) -> PyErr {
    PyValueError::new_err(fault.message)
}

/// Adds this module's class.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TransportWriter>()
}
