//! Reading bits, bounded everywhere: a reader past its end gives a [`Fault`], never a panic.

use crate::fault::Fault;

/// A most-significant-bit-first reader over bytes.
#[derive(Clone)]
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Bits<'a> {
    /// A reader at the first bit of `data`; `what` names the structure in faults.
    pub fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { data, at: 0, what }
    }

    /// Bits not yet read.
    pub fn left(&self) -> usize {
        self.data.len().saturating_mul(8).saturating_sub(self.at)
    }

    /// The next `count` bits (at most 32) as a number.
    pub fn bits(&mut self, count: u32) -> Result<u32, Fault> {
        if count > 32 || (count as usize) > self.left() {
            return Err(Fault::new(
                "config.short",
                format!("{} ends early, after {} bytes", self.what, self.data.len()),
            ));
        }
        let mut value = 0u64;
        for _ in 0..count {
            let byte = self.data.get(self.at / 8).copied().unwrap_or(0);
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Ok(value as u32)
    }

    /// One bit.
    pub fn flag(&mut self) -> Result<bool, Fault> {
        Ok(self.bits(1)? == 1)
    }

    /// Steps over `count` bits.
    pub fn skip(&mut self, count: usize) -> Result<(), Fault> {
        if count > self.left() {
            return Err(Fault::new(
                "config.short",
                format!("{} ends early, after {} bytes", self.what, self.data.len()),
            ));
        }
        self.at += count;
        Ok(())
    }

    /// Steps to the next byte border.
    pub fn align(&mut self) {
        self.at = self.at.div_ceil(8) * 8;
    }

    /// An unsigned Exp-Golomb number (ue(v), H.264 section 9.1); at most 32 leading zeros are believed.
    pub fn ue(&mut self) -> Result<u32, Fault> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Fault::new(
                    "config.golomb",
                    format!("{} holds a number of more than 32 bits", self.what),
                ));
            }
        }
        let rest = u64::from(self.bits(zeros)?);
        Ok(((1u64 << zeros) - 1 + rest) as u32)
    }

    /// A signed Exp-Golomb number (se(v), H.264 section 9.1.1).
    pub fn se(&mut self) -> Result<i64, Fault> {
        let code = i64::from(self.ue()?);
        Ok(if code & 1 == 1 {
            (code + 1) / 2
        } else {
            -(code / 2)
        })
    }
}

/// A NAL unit's payload without its emulation prevention bytes (00 00 03 -> 00 00).
pub fn rbsp(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_numbers_of_the_standard() {
        // 1 | 010 | 011 | 00100 | 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "x");
        assert_eq!(
            (0..5).map(|_| bits.ue().unwrap()).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "x");
        assert_eq!(
            (0..5).map(|_| bits.se().unwrap()).collect::<Vec<_>>(),
            [0, 1, -1, 2, -2]
        );
    }

    #[test]
    fn endless_golomb_is_refused() {
        assert_eq!(Bits::new(&[0; 64], "x").ue().unwrap_err().code, "config.golomb");
        assert_eq!(Bits::new(&[0; 2], "x").ue().unwrap_err().code, "config.short");
    }

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(
            rbsp(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]),
            [1, 0, 0, 1, 0, 0, 0, 0, 3]
        );
        assert_eq!(rbsp(&[0, 3, 0, 0, 0, 3]), [0, 3, 0, 0, 0]);
    }
}
