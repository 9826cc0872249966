//! AMF0, the encoding of RTMP commands and FLV script data ("Action Message Format -- AMF 0", Adobe 2007).
//!
//! Decoding is strict about lengths and lenient about what encoders get wrong: the announced count of an ECMA
//! array is ignored, and such an array may end with the data instead of its end marker. References (which
//! can make a small message a large value) are refused.

use crate::amf3;
use crate::fault::Fault;
use crate::limits::{AMF_DEPTH, AMF_EXPANSION_BYTES, AMF_VALUES};

/// A value of AMF0 or AMF3. Dates are numbers (milliseconds since 1970), XML is text; undefined,
/// unsupported and byte arrays are `Null`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; bytes that are not UTF-8 were replaced.
    Text(String),
    /// Nothing.
    Null,
    /// A strict array.
    List(Vec<Value>),
    /// An object, typed or not.
    Object(Vec<(String, Value)>),
    /// An associative array.
    EcmaArray(Vec<(String, Value)>),
}

mod marker {
    pub const NUMBER: u8 = 0x00;
    pub const BOOLEAN: u8 = 0x01;
    pub const STRING: u8 = 0x02;
    pub const OBJECT: u8 = 0x03;
    pub const NULL: u8 = 0x05;
    pub const UNDEFINED: u8 = 0x06;
    pub const REFERENCE: u8 = 0x07;
    pub const ECMA_ARRAY: u8 = 0x08;
    pub const OBJECT_END: u8 = 0x09;
    pub const STRICT_ARRAY: u8 = 0x0A;
    pub const DATE: u8 = 0x0B;
    pub const LONG_STRING: u8 = 0x0C;
    pub const UNSUPPORTED: u8 = 0x0D;
    pub const XML: u8 = 0x0F;
    pub const TYPED_OBJECT: u8 = 0x10;
    pub const AVMPLUS: u8 = 0x11;
}

/// A cursor over encoded values, with what is left of the caps of one message.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
    values_left: usize,
    expansion_left: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            values_left: AMF_VALUES,
            expansion_left: AMF_EXPANSION_BYTES,
        }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        if count > self.rest.len() {
            let message = format!("AMF value of {count} bytes where {} are left", self.rest.len());
            return Err(Fault::new("amf.truncated", message));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn size_16(&mut self) -> Result<usize, Fault> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn size_32(&mut self) -> Result<usize, Fault> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    pub(crate) fn double(&mut self) -> Result<f64, Fault> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    pub(crate) fn text(&mut self, size: usize) -> Result<String, Fault> {
        Ok(String::from_utf8_lossy(self.bytes(size)?).into_owned())
    }

    /// Counts one value at `depth` against the caps.
    pub(crate) fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > AMF_DEPTH {
            return Err(Fault::new(
                "amf.depth",
                format!("AMF values nest deeper than {AMF_DEPTH}"),
            ));
        }
        let Some(left) = self.values_left.checked_sub(1) else {
            return Err(Fault::new(
                "amf.values",
                format!("more than {AMF_VALUES} AMF values in one message"),
            ));
        };
        self.values_left = left;
        Ok(())
    }

    /// Counts bytes that a reference repeats against the cap.
    pub(crate) fn expand(&mut self, bytes: usize) -> Result<(), Fault> {
        let Some(left) = self.expansion_left.checked_sub(bytes) else {
            let message = format!("AMF3 references repeat more than {AMF_EXPANSION_BYTES} bytes");
            return Err(Fault::new("amf.expansion", message));
        };
        self.expansion_left = left;
        Ok(())
    }
}

/// All values in `data`.
pub fn decode(data: &[u8]) -> Result<Vec<Value>, Fault> {
    decode_counted(data).map(|(values, _)| values)
}

/// All values in `data`, and the bytes they would take without references.
pub(crate) fn decode_counted(data: &[u8]) -> Result<(Vec<Value>, usize), Fault> {
    let mut input = Input::new(data);
    let mut values = Vec::new();
    while !input.rest.is_empty() {
        values.push(value(&mut input, 1)?);
    }
    Ok((values, data.len() + AMF_EXPANSION_BYTES - input.expansion_left))
}

fn value(input: &mut Input<'_>, depth: usize) -> Result<Value, Fault> {
    let marker = input.byte()?;
    value_of(input, marker, depth)
}

fn value_of(input: &mut Input<'_>, marker: u8, depth: usize) -> Result<Value, Fault> {
    input.enter(depth)?;
    Ok(match marker {
        marker::NUMBER => Value::Number(input.double()?),
        marker::BOOLEAN => Value::Boolean(input.byte()? != 0),
        marker::STRING => Value::Text(short_text(input)?),
        marker::LONG_STRING | marker::XML => {
            let size = input.size_32()?;
            Value::Text(input.text(size)?)
        }
        marker::NULL | marker::UNDEFINED | marker::UNSUPPORTED => Value::Null,
        marker::OBJECT => Value::Object(pairs(input, depth, false)?),
        marker::TYPED_OBJECT => {
            short_text(input)?;
            Value::Object(pairs(input, depth, false)?)
        }
        marker::ECMA_ARRAY => {
            input.size_32()?;
            Value::EcmaArray(pairs(input, depth, true)?)
        }
        marker::STRICT_ARRAY => {
            let count = input.size_32()?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(value(input, depth + 1)?);
            }
            Value::List(items)
        }
        marker::DATE => {
            let milliseconds = input.double()?;
            input.bytes(2)?; // the time zone, which the specification says to ignore
            Value::Number(milliseconds)
        }
        marker::AVMPLUS => amf3::decode_value(input, depth)?,
        marker::REFERENCE => return Err(Fault::new("amf.reference", "AMF0 references are not supported")),
        _ => {
            return Err(Fault::new(
                "amf.marker",
                format!("unknown AMF0 type marker 0x{marker:02x}"),
            ))
        }
    })
}

fn short_text(input: &mut Input<'_>) -> Result<String, Fault> {
    let size = input.size_16()?;
    input.text(size)
}

fn pairs(
    input: &mut Input<'_>,
    depth: usize,
    may_end_with_data: bool,
) -> Result<Vec<(String, Value)>, Fault> {
    let mut pairs = Vec::new();
    loop {
        if may_end_with_data && input.rest.is_empty() {
            return Ok(pairs);
        }
        let key = short_text(input)?;
        let marker = input.byte()?;
        if key.is_empty() && marker == marker::OBJECT_END {
            return Ok(pairs);
        }
        pairs.push((key, value_of(input, marker, depth + 1)?));
    }
}

/// The values, one after the other. Fails for a key of more than 65,535 bytes.
pub fn encode(values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for value in values {
        encode_value(&mut out, value)?;
    }
    Ok(out)
}

fn encode_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
    match value {
        Value::Number(number) => {
            out.push(marker::NUMBER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(flag) => out.extend_from_slice(&[marker::BOOLEAN, u8::from(*flag)]),
        Value::Text(text) => match u16::try_from(text.len()) {
            Ok(size) => {
                out.push(marker::STRING);
                out.extend_from_slice(&size.to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Err(_) => {
                out.push(marker::LONG_STRING);
                out.extend_from_slice(&count_32(text.len())?);
                out.extend_from_slice(text.as_bytes());
            }
        },
        Value::Null => out.push(marker::NULL),
        Value::List(items) => {
            out.push(marker::STRICT_ARRAY);
            out.extend_from_slice(&count_32(items.len())?);
            for item in items {
                encode_value(out, item)?;
            }
        }
        Value::Object(pairs) => {
            out.push(marker::OBJECT);
            encode_pairs(out, pairs)?;
        }
        Value::EcmaArray(pairs) => {
            out.push(marker::ECMA_ARRAY);
            out.extend_from_slice(&count_32(pairs.len())?);
            encode_pairs(out, pairs)?;
        }
    }
    Ok(())
}

fn encode_pairs(out: &mut Vec<u8>, pairs: &[(String, Value)]) -> Result<(), Fault> {
    for (key, value) in pairs {
        let Ok(size) = u16::try_from(key.len()) else {
            return Err(Fault::new(
                "amf.key",
                format!("an AMF0 key of {} bytes", key.len()),
            ));
        };
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(key.as_bytes());
        encode_value(out, value)?;
    }
    out.extend_from_slice(&[0, 0, marker::OBJECT_END]);
    Ok(())
}

fn count_32(count: usize) -> Result<[u8; 4], Fault> {
    match u32::try_from(count) {
        Ok(count) => Ok(count.to_be_bytes()),
        Err(_) => Err(Fault::new(
            "amf.size",
            format!("an AMF0 value of {count} bytes or items"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn every_encodable_value_round_trips() {
        let pairs = vec![
            ("a".into(), Value::Number(-1.5)),
            (String::new(), Value::Boolean(true)),
            (
                "list".into(),
                Value::List(vec![Value::Null, text("é"), Value::List(vec![])]),
            ),
        ];
        let values = vec![
            text("onMetaData"),
            Value::EcmaArray(pairs.clone()),
            Value::Object(pairs),
            text(&"x".repeat(70_000)),
        ];
        assert_eq!(decode(&encode(&values).unwrap()).unwrap(), values);
    }

    #[test]
    fn reads_what_we_never_write() {
        let date = [&[0x0B][..], &1_000.0_f64.to_be_bytes(), &[0, 60]].concat();
        assert_eq!(decode(&date).unwrap(), [Value::Number(1000.0)]);
        let typed = [0x10, 0, 1, b'T', 0, 1, b'k', 0x06, 0, 0, 9];
        assert_eq!(
            decode(&typed).unwrap(),
            [Value::Object(vec![("k".into(), Value::Null)])]
        );
        assert_eq!(
            decode(&[0x0F, 0, 0, 0, 2, b'<', 0xFF]).unwrap(),
            [text("<\u{FFFD}")]
        );
        assert_eq!(
            decode(&[0x0D, 0x11, 0x04, 0x05]).unwrap(),
            [Value::Null, Value::Number(5.0)]
        );
    }

    #[test]
    fn the_count_of_an_ecma_array_is_only_a_hint() {
        let pair = [0, 1, b'k', 0x01, 1];
        let expected = [Value::EcmaArray(vec![("k".into(), Value::Boolean(true))])];
        for count in [0_u8, 1, 200] {
            let ended = [&[8, 0, 0, 0, count][..], &pair, &[0, 0, 9]].concat();
            assert_eq!(decode(&ended).unwrap(), expected);
            assert_eq!(decode(&ended[..ended.len() - 3]).unwrap(), expected);
        }
    }

    #[test]
    fn bad_values_have_named_faults() {
        let deep = |levels: usize| [[0x0A, 0, 0, 0, 1].repeat(levels), vec![0x05]].concat();
        assert!(decode(&deep(AMF_DEPTH - 1)).is_ok());
        assert_eq!(decode(&deep(AMF_DEPTH)).unwrap_err().code, "amf.depth");
        assert!(decode(&vec![5; AMF_VALUES]).is_ok());
        assert_eq!(decode(&vec![5; AMF_VALUES + 1]).unwrap_err().code, "amf.values");
        assert_eq!(decode(&[0x07, 0, 0]).unwrap_err().code, "amf.reference");
        assert_eq!(decode(&[0x04]).unwrap_err().code, "amf.marker");
        assert_eq!(
            decode(&[0x0C, 0xFF, 0xFF, 0xFF, 0xFF, 1]).unwrap_err().code,
            "amf.truncated"
        );
        assert_eq!(
            decode(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 5]).unwrap_err().code,
            "amf.truncated"
        );
        assert_eq!(decode(&[0x03, 0, 1, b'k', 5]).unwrap_err().code, "amf.truncated");
    }
}
