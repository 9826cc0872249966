//! AMF values between Rust and Python.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PySequence, PyString};
use reelkeeper_core::amf0::{self, Value};
use reelkeeper_core::limits::AMF_DEPTH;

use crate::buffer::with_bytes;
use crate::fault::value_error;

/// A decoded value as float, bool, str, None, list or dict.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Number(number) => PyFloat::new(py, *number).into_any(),
        Value::Boolean(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Null => py.None().into_bound(py),
        Value::List(items) => list_to_python(py, items)?.into_any(),
        Value::Object(pairs) | Value::EcmaArray(pairs) => {
            let dict = PyDict::new(py);
            for (key, value) in pairs {
                dict.set_item(key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Decoded values as a list.
pub fn list_to_python<'py>(py: Python<'py>, values: &[Value]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for value in values {
        list.append(to_python(py, value)?)?;
    }
    Ok(list)
}

/// The values of a command: every dict is an object.
pub fn command_from_python(values: &Bound<'_, PySequence>) -> PyResult<Vec<Value>> {
    values.try_iter()?.map(|value| from_python(&value?, 1)).collect()
}

/// The values of script data: a dict behind the name is an ECMA array.
fn script_from_python(values: &Bound<'_, PySequence>) -> PyResult<Vec<Value>> {
    let mut values = command_from_python(values)?;
    for value in values.iter_mut().skip(1) {
        if let Value::Object(pairs) = value {
            *value = Value::EcmaArray(std::mem::take(pairs));
        }
    }
    Ok(values)
}

fn from_python(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > AMF_DEPTH {
        return Err(PyValueError::new_err(format!(
            "AMF values nest deeper than {AMF_DEPTH}"
        )));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.downcast::<PyBool>() {
        return Ok(Value::Boolean(flag.is_true()));
    }
    if value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>() {
        return Ok(Value::Number(value.extract()?));
    }
    if let Ok(text) = value.downcast::<PyString>() {
        return Ok(Value::Text(text.extract()?));
    }
    if let Ok(items) = value.downcast::<PyList>() {
        let items = items.iter().map(|item| from_python(&item, depth + 1));
        return Ok(Value::List(items.collect::<PyResult<_>>()?));
    }
    if let Ok(dict) = value.downcast::<PyDict>() {
        let pairs = dict
            .iter()
            .map(|(key, value)| Ok((key.extract()?, from_python(&value, depth + 1)?)));
        return Ok(Value::Object(pairs.collect::<PyResult<_>>()?));
    }
    Err(PyTypeError::new_err(format!(
        "{} has no AMF0 form",
        value.get_type()
    )))
}

#[pyfunction]
#[pyo3(signature = (values, /))]
fn amf0_encode<'py>(py: Python<'py>, values: &Bound<'py, PySequence>) -> PyResult<Bound<'py, PyBytes>> {
    let encoded = amf0::encode(&script_from_python(values)?).map_err(value_error)?;
    Ok(PyBytes::new(py, &encoded))
}

#[pyfunction]
#[pyo3(signature = (data, /))]
fn amf0_decode<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let values = with_bytes(data, amf0::decode)?.map_err(value_error)?;
    list_to_python(py, &values)
}

/// Adds this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(amf0_encode, module)?)?;
    module.add_function(wrap_pyfunction!(amf0_decode, module)?)
}
