//! Digests of frames, by which media that comes a second time is recognised.
//!
//! A digest covers the kind, the codec and the coded payload, and neither timestamps nor the tag header: the
//! same frame has the same digest from another server, at another time and in the other signalling. A
//! multitrack tag is digested whole, because the table points at one of its tracks only.
//!
//! Of a payload longer than [`WHOLE_BYTES`] the length, both ends and places between them are covered: reading
//! every byte again, when it has left the processor's cache, was 6 % of what a recording cost. Two coded
//! pictures of one length that differ, differ there: a slice begins with its number and time, and arithmetic
//! coding carries a difference on to the end of it.
//!
//! The function is chains of 64 x 64 bit multiplications whose halves are folded together. It spreads well and
//! costs a fraction of reading the bytes from the socket; it is no defence against a peer that constructs
//! collisions, who could only make its own stream look repeated.

use crate::fault::Fault;
use crate::tag::{flag, rows, Role, Tag};

/// Odd constants without structure: bits of pi and of the golden ratio.
const FIRST: u64 = 0x243f_6a88_85a3_08d3;
const SECOND: u64 = 0x9e37_79b9_7f4a_7c15;
const STRIPE_BYTES: usize = 4 * 16;
/// A longer payload is covered by as much of its beginning and end together, and a stripe of each part between.
const WHOLE_BYTES: usize = 512;
const PARTS_BETWEEN: usize = 8;

/// The digest of each row: 0 for a row that is no frame, and never 0 for one that is.
///
/// Fails as [`rows`] does, and when a row points outside the arena.
pub fn frame_digests(arena: &[u8], table: &[u8]) -> Result<Vec<u64>, Fault> {
    let digests = rows(table)?.enumerate().map(|(row, tag)| {
        frame_digest(&tag, arena).ok_or_else(|| {
            let message = format!("row {row} points outside the arena of {} bytes", arena.len());
            Fault::new("tag.arena", message)
        })
    });
    digests.collect()
}

/// None when the row points outside the arena.
fn frame_digest(tag: &Tag, arena: &[u8]) -> Option<u64> {
    let part = |offset: u32, size: u32| {
        let start = offset as usize;
        arena.get(start..start.checked_add(size as usize)?)
    };
    let body = part(tag.offset, tag.size)?;
    let media = part(tag.media_offset, tag.media_size)?;
    if tag.role != Role::Frame as u8 {
        return Some(0);
    }
    let whole = tag.flags & flag::MULTITRACK != 0;
    let covered = if whole { body } else { media };
    let seed = u64::from(tag.kind) << 16 | u64::from(tag.codec) << 8 | u64::from(whole);
    Some(digest_of_payload(seed, covered).max(1))
}

fn digest_of_payload(seed: u64, payload: &[u8]) -> u64 {
    let end = WHOLE_BYTES / 2;
    if payload.len() <= WHOLE_BYTES + PARTS_BETWEEN * STRIPE_BYTES {
        return digest(seed, payload);
    }
    let (first, rest) = payload.split_at(end);
    let (between, last) = rest.split_at(rest.len() - end);
    let mut state = fold(seed ^ SECOND, payload.len() as u64 ^ FIRST);
    for part in between.chunks_exact(between.len() / PARTS_BETWEEN) {
        state = part.chunks_exact(16).take(STRIPE_BYTES / 16).fold(state, mix);
    }
    digest(digest(state, first), last)
}

fn digest(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = fold(seed ^ FIRST, bytes.len() as u64 ^ SECOND);
    // Chains that do not wait for each other's products.
    let mut lanes = [state, state ^ FIRST, state ^ SECOND, !state];
    let stripes = bytes.chunks_exact(STRIPE_BYTES);
    let blocks = stripes.remainder().chunks_exact(16);
    let rest = blocks.remainder();
    for stripe in stripes {
        for (lane, block) in lanes.iter_mut().zip(stripe.chunks_exact(16)) {
            *lane = mix(*lane, block);
        }
    }
    for lane in lanes {
        state = fold(state ^ lane, SECOND ^ lane.rotate_left(32));
    }
    for block in blocks {
        state = mix(state, block);
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        state = mix(state, &last);
    }
    fold(state ^ SECOND, FIRST)
}

/// Takes in 16 bytes.
fn mix(state: u64, block: &[u8]) -> u64 {
    let (low, high) = block.split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    fold(
        word(low) ^ state ^ FIRST,
        word(high) ^ state.rotate_left(32) ^ SECOND,
    )
}

/// The two halves of the 128-bit product, one over the other.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{kind, Batch};
    use std::collections::HashSet;

    fn digests_of(bodies: &[(u8, &[u8])]) -> Vec<u64> {
        let mut batch = Batch::default();
        for (time, (tag_kind, body)) in (0..).zip(bodies) {
            batch.push(*tag_kind, time, body);
        }
        let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
        frame_digests(&batch.arena, &table).expect("a table of our own")
    }

    #[test]
    fn one_frame_has_one_digest_in_either_signalling() {
        let digests = digests_of(&[
            (kind::VIDEO, b"\x1c\x01\x00\x00\x00nal"),
            (kind::VIDEO, b"\x1c\x01\x00\x00\x50nal"),
            (kind::VIDEO, b"\x93hvc1nal"),
        ]);
        assert_ne!(digests[0], 0);
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[0], digests[2]);
    }

    #[test]
    fn kind_codec_payload_and_length_all_count() {
        let digests = digests_of(&[
            (kind::VIDEO, b"\x17\x01\x00\x00\x00nal"),
            (kind::VIDEO, b"\x1c\x01\x00\x00\x00nal"),
            (kind::AUDIO, b"\xaf\x01nal"),
            (kind::AUDIO, b"\x2fnal"),
            (kind::AUDIO, b"\xaf\x01nam"),
            (kind::AUDIO, b"\xaf\x01nal\x00"),
            (kind::AUDIO, b"\xaf\x01"),
        ]);
        assert_eq!(digests.iter().collect::<HashSet<_>>().len(), digests.len());
    }

    #[test]
    fn what_is_no_frame_has_none() {
        let digests = digests_of(&[
            (kind::VIDEO, b"\x17\x00\x00\x00\x00conf"),
            (kind::VIDEO, b"\x17\x02\x00\x00\x00"),
            (kind::VIDEO, b"\x57\x00"),
            (kind::VIDEO, b""),
            (kind::AUDIO, b"\xaf\x00\x12\x10"),
            (kind::SCRIPT, b"\x02\x00\x01x"),
        ]);
        assert_eq!(digests, [0; 6]);
    }

    #[test]
    fn every_track_of_a_multitrack_tag_counts() {
        let many = |second: &[u8]| {
            let body = [b"\x96\x13hvc1\x00\x00\x00\x03nal\x01\x00\x00\x03", second].concat();
            digests_of(&[(kind::VIDEO, &body)])
        };
        assert_ne!(many(b"one"), [0]);
        assert_ne!(many(b"one"), many(b"two"));
    }

    #[test]
    fn every_bit_of_a_payload_counts_wherever_it_is() {
        let payload = [0u8; 67];
        let mut seen = HashSet::from([digest(0, &payload)]);
        for bit in 0..payload.len() * 8 {
            let mut changed = payload;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(digest(0, &changed)), "bit {bit}");
        }
    }

    #[test]
    fn of_a_long_payload_its_length_its_ends_and_places_between_count() {
        let most = WHOLE_BYTES + PARTS_BETWEEN * STRIPE_BYTES;
        for size in [most, most + 1, most + 7, 100_000] {
            let payload = vec![0; size];
            let mut seen = HashSet::from([digest_of_payload(0, &payload)]);
            let ends = (0..WHOLE_BYTES / 2).chain(size - WHOLE_BYTES / 2..size);
            for byte in ends.clone() {
                let mut changed = payload.clone();
                changed[byte] = 1;
                assert!(
                    seen.insert(digest_of_payload(0, &changed)),
                    "byte {byte} of {size}"
                );
            }
            assert!(
                seen.insert(digest_of_payload(0, &payload[1..])),
                "{size} less one"
            );
            let between: Vec<usize> = (WHOLE_BYTES / 2..size - WHOLE_BYTES / 2)
                .filter(|&byte| {
                    let mut changed = payload.clone();
                    changed[byte] = 1;
                    seen.insert(digest_of_payload(0, &changed))
                })
                .collect();
            assert_eq!(between.len(), PARTS_BETWEEN * STRIPE_BYTES, "{size}");
            assert!(
                between.last().unwrap() - between[0] >= (size - WHOLE_BYTES) * 7 / 8,
                "{size}"
            );
        }
    }

    #[test]
    fn every_offset_outside_the_arena_is_refused() {
        let mut batch = Batch::default();
        batch.push(kind::VIDEO, 0, b"\x17\x01\x00\x00\x00nal");
        let tag = batch.tags[0];
        let end = batch.arena.len() as u32;
        let bad = [
            Tag {
                offset: end - 7,
                ..tag
            },
            Tag {
                size: end - tag.offset + 1,
                ..tag
            },
            Tag {
                size: u32::MAX,
                offset: u32::MAX,
                ..tag
            },
            Tag {
                media_offset: end - 2,
                ..tag
            },
            Tag {
                media_size: u32::MAX,
                role: Role::Config as u8,
                ..tag
            },
        ];
        for row in bad {
            let fault = frame_digests(&batch.arena, &row.to_bytes()).expect_err("outside");
            assert_eq!(fault.code, "tag.arena");
        }
        let fault = frame_digests(&batch.arena, &tag.to_bytes()[1..]).expect_err("no whole row");
        assert_eq!(fault.code, "tag.table");
    }
}
