//! Batches as the pair of `bytes` that `take()` returns.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use reelkeeper_core::tag::{Batch, TAG_BYTES};

/// (arena, table).
pub type Taken<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// A batch as (arena, table), each copied once; the memory of its arena serves the next batch.
pub fn to_python(py: Python<'_>, batch: Option<Batch>) -> PyResult<Option<Taken<'_>>> {
    let Some(batch) = batch else { return Ok(None) };
    let table = PyBytes::new_with(py, batch.tags.len() * TAG_BYTES, |rows| {
        for (row, tag) in rows.chunks_exact_mut(TAG_BYTES).zip(&batch.tags) {
            row.copy_from_slice(&tag.to_bytes());
        }
        Ok(())
    })?;
    let arena = PyBytes::new(py, &batch.arena);
    batch.recycle();
    Ok(Some((arena, table)))
}
