//! `engine._native`: the thin binding of `reelkeeper-core`. Conversions only; no decision is made here.

mod config;
mod mp4;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("TAG_BYTES", reelkeeper_core::tag::TAG_BYTES)?;
    config::register(module)?;
    mp4::register(module)?;
    Ok(())
}
