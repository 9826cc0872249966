//! What the writers of containers share: the times of a track, what became of its frames, and what is written.

use std::ops::Range;

/// What became of the frames of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Muxed {
    /// Frames written at other times than they had.
    pub moved: u32,
    /// Frames left out, because they cannot be read or are too long for their framing.
    pub refused: u32,
    /// The most of them in a row until now, of a track that goes on so.
    pub refused_run: u32,
}

/// Smaller pieces of an arena are copied: for those the kernel takes longer.
pub const PIECE_BYTES: usize = 1 << 10;

/// What is written: places of the arena that was given, and of bytes made beside it, one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The bytes made.
    pub own: Vec<u8>,
    /// In the order written.
    pub places: Vec<Place>,
}

/// Where a piece stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the arena.
    Arena(Range<usize>),
    /// In [`Pieces::own`].
    Own(Range<usize>),
}

impl From<Vec<u8>> for Pieces {
    fn from(own: Vec<u8>) -> Self {
        Self {
            places: vec![Place::Own(0..own.len())],
            own,
        }
    }
}

impl Pieces {
    /// Appends a copy.
    pub fn copy(&mut self, bytes: &[u8]) {
        let start = self.own.len();
        self.own.extend_from_slice(bytes);
        let end = self.own.len();
        match self.places.last_mut() {
            Some(Place::Own(last)) => last.end = end, // it ends where this begins
            _ => self.places.push(Place::Own(start..end)),
        }
    }

    /// Appends a place of the arena; one that goes on where the last ends is part of that.
    pub fn lend(&mut self, place: Range<usize>) {
        match self.places.last_mut() {
            Some(Place::Arena(last)) if last.end == place.start => last.end = place.end,
            _ => self.places.push(Place::Arena(place)),
        }
    }

    /// The bytes one behind the other; a place that is outside is empty.
    pub fn iter<'a>(&'a self, arena: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.places.iter().map(move |place| {
            let found = match place {
                Place::Arena(range) => arena.get(range.clone()),
                Place::Own(range) => self.own.get(range.clone()),
            };
            found.unwrap_or_default()
        })
    }

    /// How many bytes they are together.
    pub fn size(&self) -> usize {
        let sizes = self.places.iter().map(|place| match place {
            Place::Arena(range) | Place::Own(range) => range.len(),
        });
        sizes.sum()
    }
}

/// A track's times in the ticks of its container, kept rising: no container says two frames at one time.
#[derive(Debug, Clone)]
pub struct PacketClock {
    ticks_per_s: i64,
    next: Option<i64>,
    is_new: bool,
}

/// The times of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Decoding time in ticks.
    pub dts: i64,
    /// Presentation time in ticks; never before `dts`.
    pub pts: i64,
    /// One of them is not the one wanted.
    pub moved: bool,
}

impl PacketClock {
    /// `earliest` is the lowest time that the container can say; None where its clock wraps.
    pub fn new(ticks_per_s: u32, earliest: Option<i64>) -> Self {
        Self {
            ticks_per_s: i64::from(ticks_per_s),
            next: earliest,
            is_new: true,
        }
    }

    /// No frame has had its times yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The times of the next frame. A shared dts moves by one tick, which is less than the half millisecond
    /// that would show.
    pub fn step(&mut self, dts_ms: i64, cts_ms: i32) -> Stamp {
        let wanted = self.ticks(dts_ms);
        let shown = self.ticks(dts_ms.saturating_add(i64::from(cts_ms)));
        let dts = self.next.map_or(wanted, |next| wanted.max(next));
        let pts = shown.max(dts);
        self.next = Some(dts.saturating_add(1));
        self.is_new = false;
        Stamp {
            dts,
            pts,
            moved: dts != wanted || pts != shown,
        }
    }

    fn ticks(&self, time_ms: i64) -> i64 {
        time_ms
            .saturating_mul(self.ticks_per_s)
            .saturating_add(500)
            .div_euclid(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(dts: i64, pts: i64, moved: bool) -> Stamp {
        Stamp { dts, pts, moved }
    }

    #[test]
    fn times_are_rounded_and_rise() {
        let mut clock = PacketClock::new(44_100, Some(0));
        assert_eq!(clock.step(-5, 0), stamp(0, 0, true));
        assert_eq!(clock.step(23, 0), stamp(1014, 1014, false));
        assert_eq!(clock.step(23, 40), stamp(1015, 2778, true));
        assert_eq!(clock.step(100, -40), stamp(4410, 4410, true));
    }

    #[test]
    fn a_clock_that_wraps_has_times_before_0() {
        let mut clock = PacketClock::new(90_000, None);
        assert!(clock.is_new());
        assert_eq!(clock.step(-5, 80), stamp(-450, 6750, false));
        assert!(!clock.is_new());
        assert_eq!(clock.step(i64::MAX, 1).dts, i64::MAX.div_euclid(1000));
        assert_eq!(clock.step(i64::MIN, 0).dts, i64::MAX.div_euclid(1000) + 1);
    }

    #[test]
    fn copies_stand_in_one_place_and_places_outside_are_empty() {
        let mut pieces = Pieces::default();
        pieces.copy(b"he");
        pieces.copy(b"ad");
        pieces.lend(1..2);
        pieces.lend(2..3);
        pieces.copy(b"!");
        let own = |range| Place::Own(range);
        assert_eq!(pieces.places, [own(0..4), Place::Arena(1..3), own(4..5)]);
        assert_eq!(pieces.size(), 7);
        let written = |arena| pieces.iter(arena).collect::<Vec<&[u8]>>().concat();
        assert_eq!(written(b"0123"), b"head12!");
        assert_eq!(written(b"0"), b"head!");
        assert_eq!(Pieces::from(vec![7]).iter(&[]).collect::<Vec<_>>(), [[7]]);
    }
}
