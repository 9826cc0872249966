//! RTMP for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySequence};
use pyo3::IntoPyObjectExt;
use reelkeeper_core::rtmp::chunk_writer::write_rows;
use reelkeeper_core::rtmp::connection::{Connection, Role};
use reelkeeper_core::rtmp::message::Event;

use crate::amf::{command_from_python, list_to_python};
use crate::batch::{to_python, Taken};
use crate::buffer::with_bytes;
use crate::fault::{fault_to_python, value_error};

#[pyclass(module = "engine._native")]
struct RtmpConnection {
    connection: Connection,
}

#[pymethods]
impl RtmpConnection {
    #[new]
    #[pyo3(signature = (role, /))]
    fn new(role: &str) -> PyResult<Self> {
        let role = match role {
            "client" => Role::Client,
            "server" => Role::Server,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "the role {role:?} is neither client nor server"
                )))
            }
        };
        Ok(Self {
            connection: Connection::new(role),
        })
    }

    #[pyo3(signature = (data, /))]
    fn feed(&mut self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        with_bytes(data, |bytes| self.connection.feed(bytes))
    }

    fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Taken<'py>>> {
        to_python(py, self.connection.inbox.take_batch())
    }

    fn take_events<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = PyList::empty(py);
        for (rows, event) in self.connection.inbox.take_events() {
            events.append(match event {
                Event::Handshake => (rows, "handshake").into_bound_py_any(py)?,
                Event::Command {
                    message_stream,
                    values,
                } => (rows, "command", message_stream, list_to_python(py, &values)?).into_bound_py_any(py)?,
                Event::UserControl { event_type, first } => {
                    (rows, "user_control", event_type, first).into_bound_py_any(py)?
                }
            })?;
        }
        Ok(events)
    }

    fn take_output<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.connection.outbox.take())
    }

    #[pyo3(signature = (chunk_stream, message_stream, values, /))]
    fn send_command(
        &mut self,
        chunk_stream: u32,
        message_stream: u32,
        values: &Bound<'_, PySequence>,
    ) -> PyResult<()> {
        let values = command_from_python(values)?;
        self.connection
            .outbox
            .command(chunk_stream, message_stream, &values)
            .map_err(value_error)
    }

    #[pyo3(signature = (size, /))]
    fn send_chunk_size(&mut self, size: u32) -> PyResult<()> {
        self.connection.outbox.chunk_size(size).map_err(value_error)
    }

    #[pyo3(signature = (window_bytes, /))]
    fn send_window_acknowledgement(&mut self, window_bytes: u32) -> PyResult<()> {
        self.connection
            .outbox
            .window_acknowledgement(window_bytes)
            .map_err(value_error)
    }

    #[pyo3(signature = (window_bytes, limit_type, /))]
    fn send_peer_bandwidth(&mut self, window_bytes: u32, limit_type: u8) -> PyResult<()> {
        self.connection
            .outbox
            .peer_bandwidth(window_bytes, limit_type)
            .map_err(value_error)
    }

    #[pyo3(signature = (event_type, first, second=None, /))]
    fn send_user_control(&mut self, event_type: u16, first: u32, second: Option<u32>) -> PyResult<()> {
        self.connection
            .outbox
            .user_control(event_type, first, second)
            .map_err(value_error)
    }

    #[getter]
    fn fault(&self) -> Option<(&'static str, String)> {
        fault_to_python(self.connection.fault())
    }

    #[getter]
    fn held_bytes(&self) -> usize {
        self.connection.held_bytes()
    }
}

#[pyfunction]
#[pyo3(signature = (arena, table, message_stream, chunk_size, /))]
fn rtmp_messages<'py>(
    py: Python<'py>,
    arena: &Bound<'py, PyAny>,
    table: &Bound<'py, PyAny>,
    message_stream: u32,
    chunk_size: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let written = with_bytes(table, |table| {
        with_bytes(arena, |arena| {
            write_rows(arena, table, message_stream, chunk_size)
        })
    })??;
    Ok(PyBytes::new(py, &written.map_err(value_error)?))
}

/// Adds this module's class and function.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RtmpConnection>()?;
    module.add_function(wrap_pyfunction!(rtmp_messages, module)?)
}
