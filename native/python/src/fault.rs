//! Faults of the core, and of the system, for Python.

use std::io;
use std::path::Path;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use reelkeeper_core::fault::Fault;

/// A fault as ValueError.
pub fn value_error(fault: Fault) -> PyErr {
    PyValueError::new_err(fault.message)
}

/// A fault as (code, message).
pub fn fault_to_python(fault: Option<&Fault>) -> Option<(&'static str, String)> {
    fault.map(|fault| (fault.code, fault.message.clone()))
}

/// OSError with its errno, so that Python makes the right subclass of it and callers see a full disk as one.
pub fn os_error(py: Python<'_>, error: &io::Error, path: &Path) -> PyErr {
    let Some(number) = error.raw_os_error() else {
        return PyOSError::new_err(format!("{}: {error}", path.display()));
    };
    match py
        .import("os")
        .and_then(|os| os.call_method1("strerror", (number,)))
    {
        Ok(text) => PyOSError::new_err((number, text.unbind(), path.as_os_str().to_owned())),
        Err(error) => error,
    }
}
