//! AV1 samples: the units that a sample must not hold (AV1 in ISOBMFF section 2.4) are left out.

use std::borrow::Cow;
use std::ops::Range;

use crate::fault::Fault;

const TEMPORAL_DELIMITER: u8 = 2;
const REDUNDANT_FRAME_HEADER: u8 = 7;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// An access unit without them. Fails when its units cannot be told apart.
pub fn sample_of(unit: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    let mut kept: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut is_whole = true;
    while at < unit.len() {
        let (kind, end) = obu_at(unit, at).ok_or_else(|| {
            Fault::new(
                "mp4.obu",
                format!("an AV1 unit at byte {at} of {} is cut", unit.len()),
            )
        })?;
        if matches!(
            kind,
            TEMPORAL_DELIMITER | REDUNDANT_FRAME_HEADER | TILE_LIST | PADDING
        ) {
            is_whole = false;
        } else {
            kept.push(at..end);
        }
        at = end;
    }
    if is_whole {
        return Ok(Cow::Borrowed(unit));
    }
    let pieces = kept.into_iter().filter_map(|range| unit.get(range));
    Ok(Cow::Owned(pieces.collect::<Vec<_>>().concat()))
}

/// Type and end of the unit at `at` (AV1 section 5.3.1); one without a size reaches to the end.
fn obu_at(data: &[u8], at: usize) -> Option<(u8, usize)> {
    let header = *data.get(at)?;
    let mut next = at + 1 + usize::from(header >> 2 & 1);
    if header & 0x80 != 0 || next > data.len() {
        return None;
    }
    let mut end = data.len();
    if header & 2 != 0 {
        let mut size = 0usize;
        for shift in (0..).step_by(7).take(5) {
            let byte = *data.get(next)?;
            next += 1;
            size |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                end = next.checked_add(size)?;
                return (end <= data.len()).then_some((header >> 3 & 15, end));
            }
        }
        return None;
    }
    end = end.max(next);
    Some((header >> 3 & 15, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_belong_stay_as_they_are() {
        let unit = [0x0a, 1, 9, 0x32, 2, 7, 8];
        assert!(matches!(sample_of(&unit), Ok(Cow::Borrowed(data)) if data == unit));
        let last_without_size = [0x0a, 1, 9, 0x30, 7, 8];
        assert_eq!(
            sample_of(&last_without_size).unwrap(),
            last_without_size.as_slice()
        );
    }

    #[test]
    fn delimiters_and_padding_are_left_out() {
        let unit = [0x12, 0, 0x0a, 1, 9, 0x7a, 3, 0, 0, 0, 0x36, 0x18, 2, 7, 8];
        assert_eq!(
            sample_of(&unit).unwrap(),
            [0x0a, 1, 9, 0x36, 0x18, 2, 7, 8].as_slice()
        );
    }

    #[test]
    fn cut_units_are_refused() {
        for bad in [
            [0x32, 3, 7].as_slice(),
            &[0x32],
            &[0x36],
            &[0x92, 0],
            &[0x32, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(sample_of(bad).unwrap_err().code, "mp4.obu", "{bad:?}");
        }
    }
}
