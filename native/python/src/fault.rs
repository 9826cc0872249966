//! Faults of the core for Python.

use pyo3::exceptions::PyValueError;
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
