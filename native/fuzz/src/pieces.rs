//! Input cut into pieces, as sockets do.

/// Numbers that depend on the input alone, so that an input fails again in the same way.
pub struct Dice(u64);

impl Dice {
    /// Seeded by all bytes of `data`.
    pub fn of(data: &[u8]) -> Self {
        let hash = data.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
        });
        Self(hash | 1)
    }

    /// A number from 0 to `below - 1`; `below` is at least 1.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// `data` in pieces of 1 to a few hundred bytes, small ones more often.
pub fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut dice = Dice::of(data);
    let mut found = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let most = [1, 4, 20, 300][dice.roll(4)];
        let (piece, behind) = rest.split_at((1 + dice.roll(most)).min(rest.len()));
        found.push(piece);
        rest = behind;
    }
    found
}
