//! AMF3, as peers that announce object encoding 3 use it inside commands ("Action Message Format -- AMF 3",
//! Adobe 2013). Decoding only: we always write AMF0.
//!
//! String and trait references are followed, against a cap on the bytes they repeat; references to whole
//! objects, externalizable objects, vectors and dictionaries are refused.

use crate::amf0::{Input, Value};
use crate::fault::Fault;

mod marker {
    pub const UNDEFINED: u8 = 0x00;
    pub const NULL: u8 = 0x01;
    pub const FALSE: u8 = 0x02;
    pub const TRUE: u8 = 0x03;
    pub const INTEGER: u8 = 0x04;
    pub const DOUBLE: u8 = 0x05;
    pub const STRING: u8 = 0x06;
    pub const XML_DOCUMENT: u8 = 0x07;
    pub const DATE: u8 = 0x08;
    pub const ARRAY: u8 = 0x09;
    pub const OBJECT: u8 = 0x0A;
    pub const XML: u8 = 0x0B;
    pub const BYTE_ARRAY: u8 = 0x0C;
}

/// Reads one value behind an AMF0 `avmplus` marker; reference tables live as long as this value.
pub(crate) fn decode_value(input: &mut Input<'_>, depth: usize) -> Result<Value, Fault> {
    Tables::default().value(input, depth)
}

#[derive(Clone)]
struct Traits {
    dynamic: bool,
    names: Vec<String>,
}

#[derive(Default)]
struct Tables {
    strings: Vec<String>,
    traits: Vec<Traits>,
}

impl Tables {
    fn value(&mut self, input: &mut Input<'_>, depth: usize) -> Result<Value, Fault> {
        input.enter(depth)?;
        let marker = input.byte()?;
        Ok(match marker {
            marker::UNDEFINED | marker::NULL => Value::Null,
            marker::FALSE => Value::Boolean(false),
            marker::TRUE => Value::Boolean(true),
            marker::INTEGER => Value::Number(f64::from(sign_extended(integer(input)?))),
            marker::DOUBLE => Value::Number(input.double()?),
            marker::STRING => Value::Text(self.string(input)?),
            marker::XML_DOCUMENT | marker::XML => {
                let size = inline(input)?;
                Value::Text(input.text(size)?)
            }
            marker::DATE => {
                inline(input)?;
                Value::Number(input.double()?)
            }
            marker::ARRAY => self.array(input, depth)?,
            marker::OBJECT => self.object(input, depth)?,
            marker::BYTE_ARRAY => {
                let size = inline(input)?;
                input.bytes(size)?;
                Value::Null
            }
            _ => {
                return Err(Fault::new(
                    "amf.marker",
                    format!("AMF3 type marker 0x{marker:02x} is not supported"),
                ))
            }
        })
    }

    fn string(&mut self, input: &mut Input<'_>) -> Result<String, Fault> {
        let head = integer(input)? as usize;
        if head & 1 == 0 {
            let Some(text) = self.strings.get(head >> 1) else {
                return Err(unknown_reference("string", head >> 1));
            };
            input.expand(text.len())?;
            return Ok(text.clone());
        }
        let text = input.text(head >> 1)?;
        if !text.is_empty() {
            self.strings.push(text.clone());
        }
        Ok(text)
    }

    /// An array with no named part is a list; one with names has its dense part under "0", "1", ...
    fn array(&mut self, input: &mut Input<'_>, depth: usize) -> Result<Value, Fault> {
        let count = inline(input)?;
        let mut pairs = self.named_values(input, depth)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(input, depth + 1)?);
        }
        if pairs.is_empty() {
            return Ok(Value::List(items));
        }
        pairs.extend(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| (index.to_string(), item)),
        );
        Ok(Value::EcmaArray(pairs))
    }

    fn object(&mut self, input: &mut Input<'_>, depth: usize) -> Result<Value, Fault> {
        let head = inline(input)?;
        let traits = self.traits(input, head)?;
        let mut pairs = Vec::new();
        for name in traits.names {
            pairs.push((name, self.value(input, depth + 1)?));
        }
        if traits.dynamic {
            pairs.extend(self.named_values(input, depth)?);
        }
        Ok(Value::Object(pairs))
    }

    /// The traits an object's head (its lowest bit already taken off) refers to or is followed by.
    fn traits(&mut self, input: &mut Input<'_>, head: usize) -> Result<Traits, Fault> {
        if head & 1 == 0 {
            let Some(traits) = self.traits.get(head >> 1) else {
                return Err(unknown_reference("traits", head >> 1));
            };
            input.expand(traits.names.iter().map(|name| name.len() + size_of_value()).sum())?;
            return Ok(traits.clone());
        }
        if head & 2 != 0 {
            return Err(Fault::new(
                "amf.externalizable",
                "externalizable AMF3 objects are not supported",
            ));
        }
        self.string(input)?; // the class name
        let mut names = Vec::new();
        for _ in 0..head >> 3 {
            names.push(self.string(input)?);
        }
        let traits = Traits {
            dynamic: head & 4 != 0,
            names,
        };
        self.traits.push(traits.clone());
        Ok(traits)
    }

    fn named_values(&mut self, input: &mut Input<'_>, depth: usize) -> Result<Vec<(String, Value)>, Fault> {
        let mut pairs = Vec::new();
        loop {
            let name = self.string(input)?;
            if name.is_empty() {
                return Ok(pairs);
            }
            pairs.push((name, self.value(input, depth + 1)?));
        }
    }
}

/// Cost of one more name beside its bytes.
const fn size_of_value() -> usize {
    std::mem::size_of::<(String, Value)>()
}

/// The size or flags of a value that is not a reference to an earlier one.
fn inline(input: &mut Input<'_>) -> Result<usize, Fault> {
    let head = integer(input)? as usize;
    if head & 1 == 0 {
        return Err(Fault::new(
            "amf.reference",
            "AMF3 references to objects are not supported",
        ));
    }
    Ok(head >> 1)
}

/// An unsigned 29-bit integer: up to three bytes of 7 bits, then one of 8 (section 1.3.1).
fn integer(input: &mut Input<'_>) -> Result<u32, Fault> {
    let mut number = 0;
    for _ in 0..3 {
        let byte = input.byte()?;
        number = number << 7 | u32::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Ok(number << 8 | u32::from(input.byte()?))
}

fn sign_extended(number: u32) -> i32 {
    (number << 3) as i32 >> 3
}

fn unknown_reference(table: &str, index: usize) -> Fault {
    Fault::new(
        "amf.reference",
        format!("AMF3 {table} reference {index} points at nothing"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amf0::decode;

    fn one(data: &[u8]) -> Result<Value, Fault> {
        decode(&[&[0x11], data].concat()).map(|mut values| values.remove(0))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn reads_scalars() {
        assert_eq!(one(&[0x04, 0x7F]).unwrap(), Value::Number(127.0));
        assert_eq!(one(&[0x04, 0xFF, 0xFF, 0xFF, 0xFF]).unwrap(), Value::Number(-1.0));
        assert_eq!(one(&[0x04, 0x81, 0x00]).unwrap(), Value::Number(128.0));
        assert_eq!(one(&[0x06, 0x05, b'h', b'i']).unwrap(), text("hi"));
        assert_eq!(one(&[0x0C, 0x05, 1, 2]).unwrap(), Value::Null);
        assert_eq!(
            one(&[&[0x08, 0x01][..], &9.0_f64.to_be_bytes()].concat()).unwrap(),
            Value::Number(9.0)
        );
    }

    #[test]
    fn follows_string_and_trait_references() {
        // A list of two objects with the sealed member "k": the second refers to the first's traits; the
        // dynamic member of the first refers to the string "k".
        let data = [
            0x09, 0x05, 0x01, // list of 2, nothing named
            0x0A, 0x1B, 0x01, 0x03, b'k', 0x04, 0x01, 0x00, 0x03,
            0x01, // dynamic: k = 1, (ref) k = true
            0x0A, 0x01, 0x06, 0x00, 0x01, // traits 0: k = (ref) "k"
        ];
        let first = vec![
            ("k".into(), Value::Number(1.0)),
            ("k".into(), Value::Boolean(true)),
        ];
        let second = vec![("k".into(), text("k"))];
        assert_eq!(
            one(&data).unwrap(),
            Value::List(vec![Value::Object(first), Value::Object(second)])
        );
    }

    #[test]
    fn an_array_with_names_is_associative() {
        let data = [0x09, 0x03, 0x03, b'n', 0x02, 0x01, 0x03];
        let pairs = vec![
            ("n".into(), Value::Boolean(false)),
            ("0".into(), Value::Boolean(true)),
        ];
        assert_eq!(one(&data).unwrap(), Value::EcmaArray(pairs));
    }

    #[test]
    fn bad_values_have_named_faults() {
        assert_eq!(one(&[0x06, 0x02]).unwrap_err().code, "amf.reference");
        assert_eq!(one(&[0x0A, 0x02]).unwrap_err().code, "amf.reference");
        assert_eq!(one(&[0x0A, 0x07]).unwrap_err().code, "amf.externalizable");
        assert_eq!(one(&[0x0D]).unwrap_err().code, "amf.marker");
        assert_eq!(
            one(&[0x09, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]).unwrap_err().code,
            "amf.truncated"
        );
        assert_eq!(
            one(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFB, 0x01]).unwrap_err().code,
            "amf.truncated"
        );
        let deep = [[0x09, 0x03, 0x01].repeat(20), vec![1]].concat();
        assert_eq!(one(&deep).unwrap_err().code, "amf.depth");
    }

    #[test]
    fn references_cannot_blow_a_message_up() {
        let long = vec![b'x'; 0xFFFF];
        let mut data = vec![0x09, 0x83, 0x01, 0x01, 0x06, 0x87, 0xFF, 0x7F];
        data.extend_from_slice(&long);
        data.extend_from_slice(&[0x06, 0x00].repeat(191));
        assert_eq!(one(&data).unwrap_err().code, "amf.expansion");
    }
}
