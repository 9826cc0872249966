//! Boxes: their headers in a file, their children in memory, and writing them.

use crate::fault::Fault;
use crate::fields::Fields;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::Error;

/// A box type.
pub type FourCc = [u8; 4];

/// A box type for people: its letters, or its number when they are none.
pub fn name(kind: FourCc) -> String {
    if kind.iter().all(|byte| (0x20..0x7F).contains(byte)) {
        kind.iter().map(|&byte| char::from(byte)).collect()
    } else {
        format!("0x{:08x}", u32::from_be_bytes(kind))
    }
}

/// Malformed boxes, in one line.
pub fn malformed(message: impl Into<String>) -> Fault {
    Fault::new("mp4.malformed", message)
}

/// The header of a box in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its type.
    pub kind: FourCc,
    /// Where its header starts.
    pub start: u64,
    /// Where its payload starts.
    pub payload: u64,
    /// Where the box ends by its own account; past the end of the file when it is cut.
    pub end: u64,
    /// Its account is "to the end of the file", so that all that is appended becomes a part of it.
    pub open: bool,
}

/// What is at a place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The end of the file.
    End,
    /// Less than a box header, or the zeros that a power cut leaves in place of one.
    Torn,
    /// A box.
    Box(Head),
}

/// Reads the box header at `at` in a file (or enclosing box) that ends at `end`.
pub fn head_at(file: &mut (impl Read + Seek), at: u64, end: u64) -> Result<At, Error> {
    let left = end.saturating_sub(at);
    if left == 0 {
        return Ok(At::End);
    }
    if left < 8 {
        return Ok(At::Torn);
    }
    let mut bytes = [0; 16];
    let known = if left < 16 { 8 } else { 16 };
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes.get_mut(..known).unwrap_or_default())?;
    let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = bytes;
    let size = match u32::from_be_bytes([a, b, c, d]) {
        0 if kind == [0; 4] => return Ok(At::Torn),
        0 => left,
        1 if known < 16 => return Ok(At::Torn),
        1 => u64::from_be_bytes(bytes[8..].try_into().unwrap_or_default()),
        size => u64::from(size),
    };
    let header = if [a, b, c, d] == [0, 0, 0, 1] { 16 } else { 8 };
    match at.checked_add(size) {
        Some(box_end) if size >= header => Ok(At::Box(Head {
            kind,
            start: at,
            payload: at + header,
            end: box_end,
            open: [a, b, c, d] == [0; 4],
        })),
        _ => Err(malformed(format!(
            "box '{}' at byte {at} has the impossible size {size}",
            name(kind)
        ))
        .into()),
    }
}

/// The payload of a box that lies whole in the file; `cap` bounds what is read.
pub fn payload_of(file: &mut (impl Read + Seek), head: &Head, cap: u64) -> Result<Vec<u8>, Error> {
    let size = head.end - head.payload;
    if size > cap {
        let text = format!(
            "box '{}' at byte {} of {size} bytes, more than the {cap} allowed",
            name(head.kind),
            head.start
        );
        return Err(Fault::new("mp4.too_large", text).into());
    }
    let mut payload = vec![0; size as usize];
    file.seek(SeekFrom::Start(head.payload))?;
    file.read_exact(&mut payload)?;
    Ok(payload)
}

/// A box in memory.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    /// Its type.
    pub kind: FourCc,
    /// Header and payload.
    pub whole: &'a [u8],
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Child<'a> {
    /// Its payload as fields.
    pub fn fields(&self, what: &'static str) -> Fields<'a> {
        Fields::new(self.payload, "mp4.malformed", what)
    }
}

/// The boxes inside a payload, in order; it stops after the first fault.
pub struct Children<'a> {
    rest: &'a [u8],
    parent: &'static str,
}

/// The boxes inside the payload of a box named `parent`.
pub fn children<'a>(payload: &'a [u8], parent: &'static str) -> Children<'a> {
    Children {
        rest: payload,
        parent,
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Child<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = split_child(self.rest, self.parent);
        self.rest = match &child {
            Ok(child) => self.rest.get(child.whole.len()..).unwrap_or_default(),
            Err(_) => &[],
        };
        Some(child)
    }
}

/// A box header of eight zero bytes inside another box: a block that never reached the disk.
pub const HOLE: &str = "mp4.hole";

fn split_child<'a>(data: &'a [u8], parent: &'static str) -> Result<Child<'a>, Fault> {
    let mut fields = Fields::new(data, "mp4.malformed", parent);
    let short = fields.u32()?;
    let mut kind = [0; 4];
    kind.copy_from_slice(fields.take(4)?);
    if short == 0 && kind == [0; 4] {
        return Err(Fault::new(
            HOLE,
            format!("box '{parent}' holds zeros in place of a box"),
        ));
    }
    let (header, size) = if short == 1 {
        (16, fields.u64()?)
    } else {
        (8, u64::from(short))
    };
    let whole = usize::try_from(size)
        .ok()
        .filter(|&size| size >= header)
        .and_then(|size| data.get(..size));
    match whole {
        Some(whole) => Ok(Child {
            kind,
            whole,
            payload: whole.get(header..).unwrap_or_default(),
        }),
        None => Err(malformed(format!(
            "box '{}' of {size} bytes in the {} left of '{parent}'",
            name(kind),
            data.len()
        ))),
    }
}

/// A piece of a box to be written. Tables are given as words, so that they are never held twice.
pub enum Part<'a> {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// Whole boxes copied from the file.
    Copied(&'a [u8]),
    /// A table of `count` big-endian words.
    Words(usize, Box<dyn Iterator<Item = u32> + 'a>),
    /// A box with its content.
    Nested(FourCc, Vec<Part<'a>>),
}

impl Part<'_> {
    /// Bytes it takes in the file.
    pub fn size(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Copied(bytes) => bytes.len() as u64,
            Part::Words(count, _) => 4 * *count as u64,
            Part::Nested(_, parts) => 8 + parts.iter().map(Part::size).sum::<u64>(),
        }
    }

    /// Writes it.
    pub fn write(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Part::Bytes(bytes) => out.write_all(&bytes),
            Part::Copied(bytes) => out.write_all(bytes),
            Part::Words(_, words) => words
                .into_iter()
                .try_for_each(|word| out.write_all(&word.to_be_bytes())),
            Part::Nested(kind, parts) => {
                let size = 8 + parts.iter().map(Part::size).sum::<u64>();
                let size =
                    u32::try_from(size).map_err(|_| io::Error::other("a box of tables beyond 4 GiB"))?;
                out.write_all(&size.to_be_bytes())?;
                out.write_all(&kind)?;
                parts.into_iter().try_for_each(|part| part.write(out))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn head(bytes: &[u8]) -> Result<At, Error> {
        head_at(&mut Cursor::new(bytes), 0, bytes.len() as u64)
    }

    #[test]
    fn headers_of_every_size() {
        let found = |payload, end, open| {
            At::Box(Head {
                kind: *b"mdat",
                start: 0,
                payload,
                end,
                open,
            })
        };
        assert_eq!(head(b"\0\0\0\x0cmdat1234").unwrap(), found(8, 12, false));
        assert_eq!(head(b"\0\0\0\0mdat1234").unwrap(), found(8, 12, true));
        assert_eq!(
            head(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0").unwrap(),
            found(16, 1 << 32, false)
        );
        assert_eq!(head(b"\0\0\0\x01mdat\0\0\0").unwrap(), At::Torn);
        assert_eq!(head(b"\0\0\0\x0cmda").unwrap(), At::Torn);
        assert_eq!(head(&[0; 20]).unwrap(), At::Torn);
        assert_eq!(head(b"").unwrap(), At::End);
        for bad in [b"\0\0\0\x07mdat".as_slice(), b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f"] {
            assert!(matches!(head(bad), Err(Error::Malformed(_))));
        }
        let mut file = Cursor::new(b"xxxxxxxx\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff");
        assert!(matches!(head_at(&mut file, 8, 24), Err(Error::Malformed(_))));
    }

    #[test]
    fn children_stop_at_the_first_fault() {
        let data = b"\0\0\0\x0atfhd12\0\0\0\x08tfdt\0\0\0\x20trun";
        let found: Vec<_> = children(data, "traf")
            .map(|child| child.map(|child| child.kind))
            .collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].as_ref().unwrap(), b"tfhd");
        assert_eq!(found[2].as_ref().unwrap_err().code, "mp4.malformed");
        let hole = children(&[0; 16], "traf").next().unwrap().unwrap_err();
        assert_eq!(hole.code, HOLE);
    }
}
