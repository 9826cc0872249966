//! Re-signalling, refusals, and rows that stand in the arena.

use super::*;
use crate::mux::Place;
use crate::tag::Batch;

/// The bodies written for one tag body.
fn written(tag_kind: u8, body: &[u8], signalling: Signalling) -> Option<Vec<u8>> {
    let mut batch = Batch::default();
    batch.push(tag_kind, 0, body);
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    let tags = flv_tags(&batch.arena, &table, 0, signalling).expect("a table of our own");
    (!tags.bytes.is_empty()).then(|| tags.bytes[TAG_HEADER_BYTES..tags.bytes.len() - 4].to_vec())
}

#[test]
fn the_longest_prefix_fits() {
    let body = written(kind::VIDEO, b"\x2c\x01\xff\xff\xfbnal", Signalling::Enhanced);
    assert_eq!(body.as_deref(), Some(b"\xa1hvc1\xff\xff\xfbnal".as_slice()));
}

#[test]
fn rows_without_a_form_stay_as_they_are() {
    for signalling in [Signalling::Enhanced, Signalling::Legacy] {
        for body in [
            &b"\x57\x00"[..],
            b"\x93vp09x",
            b"\x1d\x01\x00\x00\x05obu",
            b"\x95av01ts",
            b"\x1c\x01\x00\x00\x00",
            b"",
        ] {
            assert_eq!(
                written(kind::VIDEO, body, signalling).as_deref(),
                Some(body),
                "{body:02x?}"
            );
        }
        for body in [
            &b"\x90Opusbare"[..],
            b"\x91OpusOpusHead",
            b"\x91ac-3x",
            b"\x90.mp3x",
            b"\xaf\x02",
            b"",
        ] {
            assert_eq!(
                written(kind::AUDIO, body, signalling).as_deref(),
                Some(body),
                "{body:02x?}"
            );
        }
        assert_eq!(
            written(kind::SCRIPT, b"\x90hvc1", signalling).as_deref(),
            Some(b"\x90hvc1".as_slice())
        );
    }
}

#[test]
fn a_body_that_grows_past_24_bits_is_refused() {
    let mut body = b"\x1c\x01\x00\x00\x05".to_vec();
    body.resize(LARGEST_BODY, 0);
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, 0, &body);
    let table = batch.tags[0].to_bytes();
    assert!(flv_tags(&batch.arena, &table, 0, Signalling::Source).is_ok());
    let fault = flv_tags(&batch.arena, &table, 0, Signalling::Enhanced).expect_err("three bytes too many");
    assert_eq!(fault.code, "flv.tag_too_large");
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
            ..tag
        },
    ];
    for row in bad {
        for signalling in [Signalling::Source, Signalling::Enhanced, Signalling::Legacy] {
            let fault = flv_tags(&batch.arena, &row.to_bytes(), 0, signalling).expect_err("outside");
            assert_eq!(fault.code, "tag.arena");
        }
    }
}

fn parts_of(batch: &Batch, shift_ms: i64, signalling: Signalling) -> Option<Parts> {
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    let found = flv_parts(&batch.arena, &table, shift_ms, signalling);
    if let Some(found) = &found {
        let written = flv_tags(&batch.arena, &table, shift_ms, signalling).expect("rows that can be written");
        let parts: Vec<&[u8]> = found.pieces.iter(&batch.arena).collect();
        assert_eq!(parts.concat(), written.bytes);
        assert_eq!(found.starts, written.starts);
    }
    found
}

fn three_tags() -> Batch {
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, u32::MAX, b"\x1c\x01\x00\x00\x00nal");
    batch.push(kind::AUDIO, 7, b"\xaf\x01frame");
    batch.push(kind::AUDIO, 9, b"");
    batch
}

#[test]
fn rows_that_stand_in_the_arena_are_a_part_of_it() {
    let mut batch = three_tags();
    let found = parts_of(&batch, 0, Signalling::Source).expect("as they came");
    let whole = 0..batch.arena.len();
    assert_eq!(
        (found.pieces.places, found.starts),
        (vec![Place::Arena(whole)], vec![0, 23, 45])
    );
    for tag in &mut batch.tags {
        tag.dts += 5 << 32; // unwrapped: the same low 32 bits
    }
    assert!(parts_of(&batch, 0, Signalling::Source).is_some());
    assert!(parts_of(&batch, 3 << 32, Signalling::Legacy).is_some());
    batch.tags.remove(0);
    let found = parts_of(&batch, 0, Signalling::Enhanced).expect("the rest stays as it is");
    let rest = 23..batch.arena.len();
    assert_eq!(
        (found.pieces.places, found.starts),
        (vec![Place::Arena(rest)], vec![0, 22])
    );
}

#[test]
fn rows_that_stand_apart_are_parts_when_they_are_long() {
    let with_frames_of = |size: usize| {
        let mut batch = Batch::default();
        for time in 0..3 {
            batch.push(
                kind::VIDEO,
                time,
                &[b"\x27\x01\x00\x00\x00".as_slice(), &vec![1; size]].concat(),
            );
        }
        batch.tags.remove(1);
        parts_of(&batch, 0, Signalling::Source)
    };
    let tag = PIECE_BYTES;
    let found = with_frames_of(tag - 20).expect("long parts");
    assert_eq!(
        (found.pieces.places, found.starts),
        (
            vec![Place::Arena(0..tag), Place::Arena(2 * tag..3 * tag)],
            vec![0, tag as u32]
        )
    );
    assert_eq!(with_frames_of(tag - 21), None);
}

#[test]
fn other_rows_are_no_part() {
    let changed = |change: fn(&mut Batch)| {
        let mut batch = three_tags();
        change(&mut batch);
        parts_of(&batch, 0, Signalling::Source)
    };
    let changes: [fn(&mut Batch); 10] = [
        |batch| batch.tags.clear(),
        |batch| _ = batch.tags.remove(1),
        |batch| batch.tags.swap(0, 1),
        |batch| batch.tags.push(batch.tags[2]),
        |batch| batch.tags[1].dts += 1,
        |batch| batch.tags[1].timestamp += 1,
        |batch| batch.tags[1].framed = 0,
        |batch| batch.tags[0].offset = 10,
        |batch| batch.tags[0].media_size = u32::MAX,
        |batch| _ = batch.arena.pop(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(changed(change), None, "change {number}");
    }
    assert_eq!(parts_of(&three_tags(), 1, Signalling::Source), None);
    assert_eq!(
        parts_of(&three_tags(), 0, Signalling::Enhanced),
        None,
        "H.265 by a private id"
    );
    assert_eq!(
        flv_parts(&[], &[0; crate::tag::TAG_BYTES - 1], 0, Signalling::Source),
        None
    );
}
