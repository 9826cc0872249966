//! Big-endian fields taken one after another from a record or a box.

use crate::fault::Fault;

/// The bytes of a structure not yet taken; taking more than there are is a [`Fault`].
pub struct Fields<'a> {
    rest: &'a [u8],
    code: &'static str,
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields of `data`; faults have `code` and name `what`.
    pub fn new(data: &'a [u8], code: &'static str, what: &'static str) -> Self {
        Self {
            rest: data,
            code,
            what,
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        if count > self.rest.len() {
            let text = format!(
                "{} ends early: {count} bytes wanted, {} left",
                self.what,
                self.rest.len()
            );
            return Err(Fault::new(self.code, text));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next 16 bits.
    pub fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 32 bits.
    pub fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next 64 bits.
    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
