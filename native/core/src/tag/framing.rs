//! What FLV puts around a tag body (FLV 10.1 annex E.3 and E.4.1): the one place that spells it.

/// Type, size, timestamp and stream id in front of the body.
pub(crate) const TAG_HEADER_BYTES: usize = 11;

/// PreviousTagSize behind the body.
pub(crate) const PREVIOUS_TAG_SIZE_BYTES: usize = 4;

/// Both.
pub(crate) const FRAMING_BYTES: usize = TAG_HEADER_BYTES + PREVIOUS_TAG_SIZE_BYTES;

/// The tag header of a body of `size` bytes, of which it holds the low 24 bits.
pub(crate) fn tag_header(kind: u8, size: usize, timestamp: u32) -> [u8; TAG_HEADER_BYTES] {
    let [_, s2, s1, s0] = (size as u32).to_be_bytes();
    let [t3, t2, t1, t0] = timestamp.to_be_bytes();
    [kind, s2, s1, s0, t2, t1, t0, t3, 0, 0, 0]
}

/// The PreviousTagSize behind a body of `size` bytes.
pub(crate) fn previous_tag_size(size: usize) -> [u8; PREVIOUS_TAG_SIZE_BYTES] {
    ((TAG_HEADER_BYTES + size) as u32).to_be_bytes()
}
