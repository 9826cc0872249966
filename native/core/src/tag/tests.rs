//! Every signalling variant of the codec matrix, legacy and enhanced.

use super::*;

const AVC1: &[u8] = b"avc1";
const MULTI_V: u8 = flag::ENHANCED | flag::MULTITRACK;

fn body(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// What the tests compare: role, codec, flags, cts and the payload pointed at.
fn seen(tag_kind: u8, body: &[u8]) -> (Role, u8, u8, i32, Vec<u8>) {
    let media = classify(tag_kind, body);
    let payload = body
        .get(media.start..media.start + media.size)
        .expect("the payload lies in the body");
    (media.role, media.codec, media.flags, media.cts, payload.to_vec())
}

fn video(parts: &[&[u8]]) -> (Role, u8, u8, i32, Vec<u8>) {
    seen(kind::VIDEO, &body(parts))
}

fn audio(parts: &[&[u8]]) -> (Role, u8, u8, i32, Vec<u8>) {
    seen(kind::AUDIO, &body(parts))
}

fn nothing(codec: u8, flags: u8) -> (Role, u8, u8, i32, Vec<u8>) {
    (Role::Other, codec, flags, 0, Vec::new())
}

#[test]
fn legacy_video_of_every_id_in_the_matrix() {
    for id in [codec::H264, codec::H265, codec::AV1, codec::H266] {
        let (key, inter) = (0x10 | id, 0x20 | id);
        assert_eq!(
            video(&[&[key, 0, 0, 0, 0], b"conf"]),
            (Role::Config, id, flag::KEY, 0, b"conf".to_vec())
        );
        assert_eq!(
            video(&[&[key, 1, 0, 0, 40], b"nal"]),
            (Role::Frame, id, flag::KEY, 40, b"nal".to_vec())
        );
        assert_eq!(
            video(&[&[inter, 1, 0xff, 0xff, 0xd8], b"nal"]),
            (Role::Frame, id, 0, -40, b"nal".to_vec())
        );
        assert_eq!(video(&[&[key, 2, 0, 0, 0]]), (Role::End, id, 0, 0, Vec::new()));
    }
}

#[test]
fn legacy_frame_types_that_start_a_group_of_pictures() {
    let flags = |first: u8| video(&[&[first, 1, 0, 0, 0], b"nal"]).2;
    assert_eq!(
        [0x17, 0x27, 0x37, 0x47, 0x67].map(flags),
        [flag::KEY, 0, 0, flag::KEY, 0]
    );
}

#[test]
fn legacy_video_that_carries_nothing() {
    for tag in [
        &[][..],
        &[0x17],
        &[0x17, 1, 0, 0],
        &[0x17, 1, 0, 0, 9],
        &[0x17, 0, 0, 0, 0],
        &[0x57, 0],
        &[0x17, 3, 0, 0, 0, 1],
    ] {
        let codec = if tag.is_empty() { codec::NONE } else { codec::H264 };
        assert_eq!(seen(kind::VIDEO, tag), nothing(codec, 0), "{tag:02x?}");
    }
}

#[test]
fn legacy_video_outside_the_matrix_keeps_its_id() {
    assert_eq!(
        video(&[&[0x14], b"vp6"]),
        (Role::Frame, 4, flag::KEY, 0, b"vp6".to_vec())
    );
    assert_eq!(video(&[&[0x14]]), nothing(4, 0));
}

#[test]
fn legacy_audio() {
    assert_eq!(
        audio(&[&[0xaf, 0, 0x12, 0x10]]),
        (Role::Config, codec::AAC, flag::KEY, 0, vec![0x12, 0x10])
    );
    assert_eq!(
        audio(&[&[0xaf, 1], b"raw"]),
        (Role::Frame, codec::AAC, flag::KEY, 0, b"raw".to_vec())
    );
    for first in [0x2f, 0xe2] {
        assert_eq!(
            audio(&[&[first], b"mp3"]),
            (Role::Frame, codec::MP3, flag::KEY, 0, b"mp3".to_vec())
        );
    }
    assert_eq!(
        audio(&[&[0xdf], b"toc"]),
        (Role::Frame, codec::OPUS, flag::KEY, 0, b"toc".to_vec())
    );
    let head = b"OpusHead\x01\x02".to_vec();
    assert_eq!(
        audio(&[&[0xdf], &head]),
        (Role::Config, codec::OPUS, flag::KEY, 0, head)
    );
    assert_eq!(
        audio(&[&[0xb2], b"spx"]),
        (Role::Frame, 111, flag::KEY, 0, b"spx".to_vec())
    );
}

#[test]
fn legacy_audio_that_carries_nothing() {
    assert_eq!(audio(&[]), nothing(codec::NONE, 0));
    for tag in [&[0xaf][..], &[0xaf, 0], &[0xaf, 1], &[0xaf, 2, 3]] {
        assert_eq!(seen(kind::AUDIO, tag), nothing(codec::AAC, 0), "{tag:02x?}");
    }
    assert_eq!(audio(&[&[0x2f]]), nothing(codec::MP3, 0));
}

#[test]
fn enhanced_video_of_every_four_cc() {
    let all = [
        (b"avc1", codec::H264),
        (b"hvc1", codec::H265),
        (b"vvc1", codec::H266),
        (b"av01", codec::AV1),
        (b"vp08", codec::VP8),
        (b"vp09", codec::VP9),
        (b"what", codec::UNKNOWN_VIDEO),
    ];
    let key = flag::KEY | flag::ENHANCED;
    for (four_cc, id) in all {
        assert_eq!(
            video(&[&[0x90], four_cc, b"conf"]),
            (Role::Config, id, key, 0, b"conf".to_vec())
        );
        let composed = matches!(id, codec::H264 | codec::H265 | codec::H266);
        let frame = video(&[&[0xa1], four_cc, &[0xff, 0xff, 0xfe], b"nal"]);
        if composed {
            assert_eq!(frame, (Role::Frame, id, flag::ENHANCED, -2, b"nal".to_vec()));
        } else {
            assert_eq!(
                frame,
                (Role::Frame, id, flag::ENHANCED, 0, b"\xff\xff\xfenal".to_vec())
            );
        }
        assert_eq!(
            video(&[&[0x93], four_cc, b"nal"]),
            (Role::Frame, id, key, 0, b"nal".to_vec())
        );
        assert_eq!(
            video(&[&[0x92], four_cc]),
            (Role::End, id, flag::ENHANCED, 0, Vec::new())
        );
        assert_eq!(
            video(&[&[0x94], four_cc, b"hdr"]),
            (Role::Metadata, id, flag::ENHANCED, 0, b"hdr".to_vec())
        );
        assert_eq!(video(&[&[0x95], four_cc, b"ts"]), nothing(id, flag::ENHANCED));
    }
}

#[test]
fn enhanced_audio_of_every_four_cc() {
    let all = [
        (b"mp4a", codec::AAC),
        (b".mp3", codec::MP3),
        (b"Opus", codec::OPUS),
        (b"ac-3", codec::AC3),
        (b"ec-3", codec::EAC3),
        (b"fLaC", codec::FLAC),
        (b"what", codec::UNKNOWN_AUDIO),
    ];
    let key = flag::KEY | flag::ENHANCED;
    for (four_cc, id) in all {
        assert_eq!(
            audio(&[&[0x90], four_cc, b"conf"]),
            (Role::Config, id, key, 0, b"conf".to_vec())
        );
        assert_eq!(
            audio(&[&[0x91], four_cc, b"raw"]),
            (Role::Frame, id, key, 0, b"raw".to_vec())
        );
        assert_eq!(
            audio(&[&[0x92], four_cc]),
            (Role::End, id, flag::ENHANCED, 0, Vec::new())
        );
        assert_eq!(
            audio(&[&[0x94], four_cc, b"map"]),
            (Role::Metadata, id, flag::ENHANCED, 0, b"map".to_vec())
        );
        assert_eq!(audio(&[&[0x93], four_cc, b"x"]), nothing(id, flag::ENHANCED));
    }
}

#[test]
fn enhanced_bodies_that_carry_nothing() {
    for tag in [
        &[0x90][..],
        &[0x90, b'h', b'v', b'c'],
        &[0xd1, 0],
        &[0x97],
        &[0x97, 0],
        &[0x97, 0, 0],
    ] {
        assert_eq!(
            seen(kind::VIDEO, tag),
            nothing(codec::NONE, flag::ENHANCED),
            "{tag:02x?}"
        );
    }
    assert_eq!(
        video(&[&[0x91], AVC1, &[0, 0, 0]]),
        nothing(codec::H264, flag::ENHANCED)
    );
    assert_eq!(
        video(&[&[0x91], AVC1, &[0]]),
        nothing(codec::H264, flag::ENHANCED)
    );
    assert_eq!(video(&[&[0x90], AVC1]), nothing(codec::H264, flag::ENHANCED));
    assert_eq!(audio(&[&[0x91], b"mp4a"]), nothing(codec::AAC, flag::ENHANCED));
}

#[test]
fn metadata_in_a_command_frame_is_metadata() {
    assert_eq!(video(&[&[0xd4], b"hvc1", b"hdr"]).0, Role::Metadata);
}

#[test]
fn mod_ex_is_stepped_over_by_its_sizes() {
    let nanoseconds: &[u8] = &[2, 0, 0, 7];
    let frame = (
        Role::Frame,
        codec::H265,
        flag::KEY | flag::ENHANCED,
        5,
        b"nal".to_vec(),
    );
    let coded: &[&[u8]] = &[b"hvc1", &[0, 0, 5], b"nal"];
    let once = [&[0x97][..], nanoseconds, &[0x01]].concat();
    assert_eq!(video(&[&once, &coded.concat()]), frame);
    let twice = [&[0x97][..], nanoseconds, &[0x07], nanoseconds, &[0x01]].concat();
    assert_eq!(video(&[&twice, &coded.concat()]), frame);
    // A size byte of 255 means that a 16-bit size follows: 300 bytes here.
    let long = [&[0x97, 255, 1, 43][..], &[0; 300], &[0x01]].concat();
    assert_eq!(video(&[&long, &coded.concat()]), frame);
    let sound = [&[0x97][..], nanoseconds, &[0x01]].concat();
    let opus = (
        Role::Frame,
        codec::OPUS,
        flag::KEY | flag::ENHANCED,
        0,
        b"toc".to_vec(),
    );
    assert_eq!(audio(&[&sound, b"Opus", b"toc"]), opus);
}

#[test]
fn multitrack_points_at_track_0() {
    let frame = (Role::Frame, codec::H264, flag::KEY | MULTI_V, 3, b"zero".to_vec());
    let zero: &[&[u8]] = &[&[0], &[0, 0, 7], &[0, 0, 3], b"zero"];
    let one: &[&[u8]] = &[&[1], &[0, 0, 6], &[0, 0, 0], b"one"];
    assert_eq!(video(&[&[0x96, 0x01], AVC1, &[0, 0, 0, 3], b"zero"]), frame);
    assert_eq!(
        video(&[&[0x96, 0x11], AVC1, &zero.concat(), &one.concat()]),
        frame
    );
    assert_eq!(
        video(&[&[0x96, 0x11], AVC1, &one.concat(), &zero.concat()]),
        frame
    );
    let mixed = [&[0x96, 0x21][..], b"hvc1", &one.concat(), AVC1, &zero.concat()];
    assert_eq!(video(&mixed), frame);
    let sound = [&[0x95, 0x11][..], b"Opus", &[1, 0, 0, 2, 8, 8], &[0, 0, 0, 1, 7]];
    assert_eq!(
        audio(&sound),
        (Role::Frame, codec::OPUS, flag::KEY | MULTI_V, 0, vec![7])
    );
}

#[test]
fn multitrack_without_track_0_names_what_it_has() {
    let tag = body(&[
        &[0x96, 0x11],
        AVC1,
        &[2, 0, 0, 4, 0, 0, 0, 9],
        &[1, 0, 0, 4, 0, 0, 0, 9],
    ]);
    assert_eq!(seen(kind::VIDEO, &tag), nothing(codec::H264, MULTI_V));
    assert_eq!(classify(kind::VIDEO, &tag).track, 2);
}

#[test]
fn multitrack_that_cannot_be_read() {
    let unreadable = nothing(codec::NONE, flag::ENHANCED);
    assert_eq!(video(&[&[0x96]]), unreadable);
    assert_eq!(video(&[&[0x96, 0x11], AVC1]), unreadable);
    assert_eq!(video(&[&[0x96, 0x11], AVC1, &[0, 0, 0, 9], b"short"]), unreadable);
    assert_eq!(video(&[&[0x96, 0x31], AVC1, &[0, 0, 0, 1, 1]]), unreadable);
    // A multitrack tag inside a multitrack tag is forbidden: its track 0 carries nothing.
    assert_eq!(
        video(&[&[0x96, 0x16], AVC1, &[0, 0, 0, 1, 1]]),
        nothing(codec::H264, MULTI_V)
    );
}

#[test]
fn script_tags_carry_their_whole_body() {
    assert_eq!(
        seen(kind::SCRIPT, b"data"),
        (Role::Script, codec::NONE, 0, 0, b"data".to_vec())
    );
}

#[test]
fn any_body_is_read_without_panic() {
    // Every first byte, then a body of the same byte, cut at every length.
    for tag_kind in [kind::AUDIO, kind::VIDEO, kind::SCRIPT] {
        for first in 0..=255u8 {
            for filler in [0, 1, 2, 5, 6, 7, 0x11, 0x21, 0x7f, 0xff] {
                let mut body = [filler; 24];
                body[0] = first;
                for end in 0..=body.len() {
                    let media = classify(tag_kind, &body[..end]);
                    assert!(media.start + media.size <= end);
                }
            }
        }
    }
}

#[test]
fn rows_survive_their_byte_form() {
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, 0xffff_fff0, &[0x17, 1, 0xff, 0xff, 0xd8, 1, 2, 3]);
    batch.push(kind::AUDIO, 7, &[0xaf, 1, 9]);
    let mut table = Vec::new();
    batch.tags.iter().for_each(|tag| tag.write_to(&mut table));
    let read: Vec<Tag> = table
        .chunks_exact(TAG_BYTES)
        .map(|row| Tag::read_from(row.try_into().expect("whole")))
        .collect();
    assert_eq!(read, batch.tags);
    assert_eq!((read[1].offset, read[1].media_offset, read[1].dts), (34, 36, 7));
}

#[test]
fn the_arena_holds_tags_as_a_file_does() {
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, 0x0102_0304, &[0x27, 1]);
    batch.push(kind::AUDIO, 7, &[]);
    let video = [9, 0, 0, 2, 2, 3, 4, 1, 0, 0, 0, 0x27, 1, 0, 0, 0, 13];
    let audio = [8, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 11];
    assert_eq!(batch.arena, [&video[..], &audio].concat());
}

#[test]
fn the_next_batch_begins_with_the_memory_of_the_last() {
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, 0, &[0; 1000]);
    let (place, capacity) = (batch.arena.as_ptr(), batch.arena.capacity());
    batch.recycle();
    let mut next = Batch::default();
    next.push(kind::AUDIO, 0, &[0x2f]);
    assert_eq!((next.arena.as_ptr(), next.arena.capacity()), (place, capacity));
    assert_eq!(next.arena.len(), 16);
    let mut beside = Batch::default();
    beside.push(kind::AUDIO, 0, &[0x2f]);
    assert!(beside.arena.capacity() < capacity);
}

#[test]
fn the_memory_of_a_very_large_batch_is_given_back() {
    let mut batch = Batch::default();
    batch.push(kind::VIDEO, 0, &vec![0; crate::limits::SPARE_ARENA_BYTES]);
    batch.recycle();
    let mut next = Batch::default();
    next.push(kind::AUDIO, 0, &[0x2f]);
    assert!(next.arena.capacity() < 1024);
}
