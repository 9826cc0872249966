//! AMF0 with AMF3 inside: caps hold, and what is encoded decodes to the same.

use crate::memory::within;
use reelkeeper_core::amf0::{decode, encode, Value};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::limits::{AMF_DEPTH, AMF_EXPANSION_BYTES, AMF_VALUES};

/// Values and their greatest depth.
fn measure(values: &[Value], depth: usize) -> (usize, usize) {
    let mut found = (0, depth);
    for value in values {
        let (count, deepest) = match value {
            Value::List(items) => measure(items, depth + 1),
            Value::Object(pairs) | Value::EcmaArray(pairs) => {
                pairs.iter().fold((0, depth + 1), |(count, deepest), (_, value)| {
                    let (more, depth) = measure(std::slice::from_ref(value), depth + 1);
                    (count + more, deepest.max(depth))
                })
            }
            _ => (0, depth),
        };
        found = (found.0 + 1 + count, found.1.max(deepest));
    }
    found
}

/// See the module.
pub fn check(data: &[u8]) {
    check_with(decode, data);
}

/// Checks a decoder.
pub fn check_with(decode: impl Fn(&[u8]) -> Result<Vec<Value>, Fault>, data: &[u8]) {
    let Ok(values) = within(256 * data.len() + 4 * AMF_EXPANSION_BYTES, || decode(data)) else {
        return;
    };
    let (count, depth) = measure(&values, 0);
    assert!(
        count <= AMF_VALUES && depth <= AMF_DEPTH,
        "{count} values, {depth} deep"
    );
    // AMF3 keys can be longer than AMF0's.
    let Ok(encoded) = encode(&values) else { return };
    let again = decode(&encoded).expect("what was encoded");
    assert_eq!(encode(&again).as_deref(), Ok(encoded.as_slice()));
    assert_eq!(format!("{again:?}"), format!("{values:?}"));
}
