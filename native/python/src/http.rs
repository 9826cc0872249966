//! HTTP responses holding FLV, for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::http;

use crate::batch::{table_of, to_python, Taken};
use crate::buffer::with_bytes;
use crate::fault::fault_to_python;

/// (status, reason, headers).
type Head = (u16, String, Vec<(String, String)>);

#[pyclass(module = "engine._native")]
#[derive(Default)]
struct HttpFlvReader {
    reader: http::HttpFlvReader,
}

#[pymethods]
impl HttpFlvReader {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[pyo3(signature = (data, /))]
    fn feed(&mut self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        with_bytes(data, |bytes| self.reader.feed(bytes))
    }

    #[pyo3(signature = (data, /))]
    fn read_in_place<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
    ) -> PyResult<Option<(usize, Bound<'py, PyBytes>)>> {
        let read = self.reader.read_in_place(data);
        read.map(|(end, tags)| Ok((end, table_of(py, &tags)?)))
            .transpose()
    }

    #[getter]
    fn reads_in_place(&self) -> bool {
        self.reader.reads_in_place()
    }

    fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Taken<'py>>> {
        to_python(py, self.reader.take())
    }

    fn finish(&mut self) {
        self.reader.finish();
    }

    #[getter]
    fn head(&self) -> Option<Head> {
        self.reader
            .head()
            .map(|head| (head.status, head.reason.clone(), head.headers.clone()))
    }

    #[getter]
    fn ended(&self) -> bool {
        self.reader.ended()
    }

    #[getter]
    fn fault(&self) -> Option<(&'static str, String)> {
        fault_to_python(self.reader.fault())
    }
}

/// Adds this module's class.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<HttpFlvReader>()
}
