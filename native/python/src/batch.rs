//! Batches as the pair of `bytes` that `take()` returns.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::tag::{Batch, Tag, TAG_BYTES};

/// (arena, table).
pub type Taken<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// Rows as `bytes`.
pub fn table_of<'py>(py: Python<'py>, tags: &[Tag]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, std::mem::size_of_val(tags), |rows| {
        for (row, tag) in rows.chunks_exact_mut(TAG_BYTES).zip(tags) {
            row.copy_from_slice(&tag.to_bytes());
        }
        Ok(())
    })
}

/// A batch as (arena, table), each copied once; the memory of its arena serves the next batch.
pub fn to_python(py: Python<'_>, batch: Option<Batch>) -> PyResult<Option<Taken<'_>>> {
    let Some(batch) = batch else { return Ok(None) };
    let table = table_of(py, &batch.tags)?;
    let arena = PyBytes::new(py, &batch.arena);
    batch.recycle();
    Ok(Some((arena, table)))
}
