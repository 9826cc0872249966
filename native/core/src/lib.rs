//! Wire formats of live streams: FLV, RTMP, AMF, HTTP framing, decoder configuration, MP4 tables.
//!
//! Nothing here opens a socket or knows Python. Readers take bytes and give tags, commands or a
//! [`fault::Fault`]; they never panic on hostile input and every buffer has a cap in [`limits`].

mod adts;
pub mod amf0;
pub mod amf3;
pub mod config;
pub mod digest;
pub mod elementary;
pub mod fault;
pub mod fields;
pub mod flv;
pub mod flv_write;
pub mod frame_ring;
pub mod http;
pub mod limits;
pub mod mp4;
pub mod mux;
pub mod rtmp;
pub mod survey;
pub mod tag;
pub mod ts;
