//! RTMP without IO ("Adobe's Real Time Messaging Protocol", 1.0; Enhanced RTMP v2 for what media messages
//! may hold).
//!
//! * [`handshake`]: the simple handshake of both roles.
//! * [`chunk_reader`], [`chunk_writer`]: messages to chunks and back (section 5.3), with the two control
//!   messages that belong to the chunk layer, Set Chunk Size and Abort.
//! * [`message`]: what a message of each type becomes: rows of the tag table, or events.
//! * [`inbox`], [`outbox`]: what waits to be taken and to be sent; what needs no decision is answered.
//! * [`connection`]: all of it together.

pub mod chunk_reader;
pub mod chunk_writer;
pub mod connection;
pub mod handshake;
pub mod inbox;
pub mod message;
pub mod outbox;

/// Message types (section 5.4 and 7.1); media has [`crate::tag::kind`].
pub mod kind {
    /// Set Chunk Size.
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// Abort Message.
    pub const ABORT: u8 = 2;
    /// Acknowledgement.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User Control Message.
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size.
    pub const WINDOW_ACKNOWLEDGEMENT_SIZE: u8 = 5;
    /// Set Peer Bandwidth.
    pub const SET_PEER_BANDWIDTH: u8 = 6;
    /// Data in AMF3 form: a zero byte, then AMF0.
    pub const DATA_AMF3: u8 = 15;
    /// A command in AMF3 form.
    pub const COMMAND_AMF3: u8 = 17;
    /// A command in AMF0.
    pub const COMMAND: u8 = 20;
    /// Several media messages in one.
    pub const AGGREGATE: u8 = 22;
}

/// Chunk streams we write on; 2 is the specification's, the others are what servers commonly use.
pub mod chunk_stream {
    /// Protocol control and user control.
    pub const CONTROL: u32 = 2;
    /// Audio messages.
    pub const AUDIO: u32 = 4;
    /// Script data.
    pub const DATA: u32 = 5;
    /// Video messages.
    pub const VIDEO: u32 = 6;
}

/// Chunk size of both directions until a Set Chunk Size.
pub const DEFAULT_CHUNK_BYTES: usize = 128;

/// Timestamps from this on are in the extended field.
const EXTENDED_TIMESTAMP: u32 = 0xFF_FFFF;
