//! Python buffers as byte slices.
//!
//! The contents of a mutable buffer cannot be borrowed safely, so those of everything but `bytes` are
//! copied, into one scratch area per thread that stays in the cache.

use std::cell::Cell;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The scratch area is given back when one call has made it larger than this.
const SCRATCH_BYTES: usize = 4 << 20;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `read` with the bytes of `data`: `bytes`, another contiguous buffer of bytes, or an object with
/// `tobytes()` (structured numpy arrays).
pub fn with_bytes<R>(data: &Bound<'_, PyAny>, read: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    if let Ok(bytes) = data.downcast::<PyBytes>() {
        return Ok(read(bytes.as_bytes()));
    }
    let buffer = match PyBuffer::<u8>::get(data) {
        Ok(buffer) => buffer,
        Err(error) => {
            let Ok(bytes) = data.call_method0("tobytes") else {
                return Err(error);
            };
            return Ok(read(bytes.downcast::<PyBytes>()?.as_bytes()));
        }
    };
    let size = buffer.len_bytes();
    let mut scratch = SCRATCH.take();
    if scratch.len() < size {
        scratch.resize(size, 0);
    }
    let bytes = scratch.get_mut(..size).unwrap_or_default();
    buffer.copy_to_slice(data.py(), bytes)?;
    let result = read(bytes);
    if scratch.len() <= SCRATCH_BYTES {
        SCRATCH.set(scratch);
    }
    Ok(result)
}
