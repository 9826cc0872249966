//! `engine._native`: the thin binding of `reelkeeper-core`. Conversions only; no decision is made here.

use pyo3::prelude::*;

mod amf;
mod batch;
mod buffer;
mod flv;
mod http;
mod rtmp;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("TAG_BYTES", reelkeeper_core::tag::TAG_BYTES)?;
    flv::register(module)?;
    http::register(module)?;
    amf::register(module)?;
    rtmp::register(module)?;
    Ok(())
}
