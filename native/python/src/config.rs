//! Decoder configuration records and frame headers as dictionaries.

use crate::buffer::with_bytes;
use crate::fault::value_error;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use reelkeeper_core::config::{self, AudioConfig, Config, VideoConfig};

/// A decoder configuration record by table codec number.
#[pyfunction]
#[pyo3(signature = (codec, data, /))]
fn parse_config<'py>(py: Python<'py>, codec: u8, data: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    match with_bytes(data, |data| config::parse(codec, data))?.map_err(value_error)? {
        Config::Video(video) => video_fields(py, &video),
        Config::Audio(audio) => audio_fields(py, &audio),
    }
}

fn video_fields<'py>(py: Python<'py>, video: &VideoConfig) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("width", video.width)?;
    fields.set_item("height", video.height)?;
    fields.set_item("profile", video.profile)?;
    fields.set_item("level", video.level)?;
    fields.set_item("codec_string", &video.codec_string)?;
    fields.set_item("length_size", video.length_size)?;
    fields.set_item("identity", PyBytes::new(py, &video.identity))?;
    Ok(fields)
}

fn audio_fields<'py>(py: Python<'py>, audio: &AudioConfig) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("sample_rate", audio.sample_rate)?;
    fields.set_item("channels", audio.channels)?;
    fields.set_item("profile", audio.profile)?;
    fields.set_item("codec_string", &audio.codec_string)?;
    fields.set_item("identity", PyBytes::new(py, &audio.identity))?;
    if let Some(rate) = audio.output_sample_rate {
        fields.set_item("output_sample_rate", rate)?;
        fields.set_item("parametric_stereo", audio.parametric_stereo)?;
    }
    if let Some(samples) = audio.pre_skip {
        fields.set_item("pre_skip", samples)?;
    }
    Ok(fields)
}

/// The first MPEG audio frame header of a payload.
#[pyfunction]
#[pyo3(signature = (data, /))]
fn parse_mp3_header<'py>(py: Python<'py>, data: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let header = with_bytes(data, config::parse_mp3_header)?.map_err(value_error)?;
    let fields = PyDict::new(py);
    fields.set_item("sample_rate", header.sample_rate)?;
    fields.set_item("channels", header.channels)?;
    fields.set_item("layer", header.layer)?;
    fields.set_item("bitrate", header.bitrate)?;
    fields.set_item("samples", header.samples)?;
    fields.set_item("codec_string", "mp4a.40.34")?;
    Ok(fields)
}

/// NAL unit types of a length-prefixed access unit.
#[pyfunction]
#[pyo3(signature = (codec, length_size, data, /))]
fn video_nal_types(codec: u8, length_size: u8, data: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    let types =
        with_bytes(data, |data| config::video_nal_types(codec, length_size, data))?.map_err(value_error)?;
    Ok(types.into_iter().map(u32::from).collect())
}

/// Adds the functions of this part to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parse_config, module)?)?;
    module.add_function(wrap_pyfunction!(parse_mp3_header, module)?)?;
    module.add_function(wrap_pyfunction!(video_nal_types, module)?)
}
