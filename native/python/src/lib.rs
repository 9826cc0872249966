//! `engine._native`: the thin binding of `reelkeeper-core`. Conversions only; no decision is made here.

use pyo3::prelude::*;

mod amf;
mod batch;
mod buffer;
mod config;
mod digest;
mod fault;
mod file;
mod flv;
mod http;
mod mp4;
mod mux;
mod rtmp;
mod survey;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("TAG_BYTES", reelkeeper_core::tag::TAG_BYTES)?;
    file::register(module)?;
    flv::register(module)?;
    http::register(module)?;
    config::register(module)?;
    digest::register(module)?;
    mp4::register(module)?;
    amf::register(module)?;
    rtmp::register(module)?;
    survey::register(module)?;
    mux::register(module)?;
    Ok(())
}
