//! Segments of the writer as a whole.

use super::*;
use crate::tag::{codec, Batch};

const AVC: &[u8] = &[1, 100, 0, 31, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 2];
const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 9];
const DELTA: &[u8] = &[0x27, 1, 0, 0, 40, 0, 0, 0, 2, 0x41, 9];
const TORN: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 9, 0x41, 9];
const SOUND: &[u8] = &[0xaf, 1, 0x21, 0x10];
const BOTH: [TrackSetup; 2] = [video(AVC), sound(&[0x11, 0x88])];

const fn video(config: &[u8]) -> TrackSetup<'_> {
    TrackSetup {
        codec: codec::H264,
        config,
        channels: 0,
        sample_rate: 0,
    }
}

const fn sound(config: &[u8]) -> TrackSetup<'_> {
    TrackSetup {
        codec: codec::AAC,
        config,
        channels: 1,
        sample_rate: 48_000,
    }
}

fn batch(tags: &[(u8, u32, &[u8])]) -> (Vec<u8>, Vec<u8>) {
    let mut batch = Batch::default();
    for (tag_kind, time, body) in tags {
        batch.push(*tag_kind, *time, body);
    }
    let table = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    (batch.arena, table)
}

/// The packets, and what became of the rows.
fn muxed(writer: &mut TransportWriter, tags: &[(u8, u32, &[u8])]) -> (Vec<u8>, Muxed) {
    let (arena, table) = batch(tags);
    let mut packets = Vec::new();
    let muxed = writer.mux(&arena, &table, 0, &mut packets).unwrap();
    (packets, muxed)
}

fn pids(data: &[u8]) -> Vec<u16> {
    data.chunks(188)
        .map(|packet| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]))
        .collect()
}

#[test]
fn tables_come_first_and_counters_go_on() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&BOTH).unwrap();
    let (packets, first) = muxed(&mut writer, &[(9, 0, KEY), (8, 0, SOUND), (9, 40, DELTA)]);
    assert_eq!(pids(&packets), [0, 0x1000, 0x107, 0x16e, 0x107]);
    assert_eq!((first.moved, first.refused, first.refused_run), (0, 0, 0));
    assert_eq!(
        pids(&muxed(&mut writer, &[(8, 20, SOUND)]).0),
        [0x16e],
        "the tables come once"
    );
    writer.begin_segment(&[sound(&[0x11, 0x88])]).unwrap();
    writer.begin_segment(&BOTH).unwrap();
    let (packets, _) = muxed(&mut writer, &[(9, 80, DELTA), (8, 40, SOUND)]);
    let counters: Vec<u8> = packets.chunks(188).map(|packet| packet[3] & 15).collect();
    assert_eq!(counters, [1, 1, 2, 2]);
    assert!(
        packets.windows(5).any(|bytes| bytes == [0, 0, 1, 0x67, 1]),
        "the first access unit of a segment has parameter sets"
    );
}

#[test]
fn refused_frames_are_counted_and_left_out() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&BOTH).unwrap();
    let (packets, torn) = muxed(&mut writer, &[(9, 0, TORN), (9, 40, TORN)]);
    assert_eq!((packets.len(), torn.refused, torn.refused_run), (0, 2, 2));
    let (packets, other) = muxed(&mut writer, &[(8, 50, SOUND), (9, 60, TORN)]);
    assert_eq!(pids(&packets), [0, 0x1000, 0x16e]);
    assert_eq!((other.refused, other.refused_run), (1, 3));
    writer.begin_segment(&BOTH).unwrap();
    assert_eq!(muxed(&mut writer, &[]).1.refused_run, 3);
    assert_eq!(muxed(&mut writer, &[(9, 80, KEY)]).1.refused_run, 0);
}

#[test]
fn rows_without_a_frame_of_a_track_are_stepped_over() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&[video(AVC)]).unwrap();
    let config: &[u8] = &[0x17, 0, 0, 0, 0, 1];
    let empty: &[u8] = &[0x17, 1, 0, 0, 0];
    let left = muxed(
        &mut writer,
        &[(9, 0, config), (8, 0, SOUND), (18, 0, b"x"), (9, 0, empty)],
    );
    assert_eq!(left, (Vec::new(), Muxed::default()));
}

#[test]
fn equal_times_are_moved() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&BOTH).unwrap();
    let found = muxed(&mut writer, &[(9, 7, KEY), (9, 7, KEY), (8, 7, SOUND)]);
    assert_eq!(found.1.moved, 1);
    writer.begin_segment(&BOTH).unwrap();
    assert_eq!(
        muxed(&mut writer, &[(9, 7, KEY)]).1.moved,
        0,
        "clocks start anew with a segment"
    );
}

#[test]
fn bad_tracks_leave_the_segment_as_it_is() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&BOTH).unwrap();
    let av1 = TrackSetup {
        codec: codec::AV1,
        ..video(AVC)
    };
    for bad in [
        &[][..],
        &[av1],
        &[video(AVC), video(AVC)],
        &[video(&AVC[..9])],
        &[sound(&[])],
    ] {
        assert!(writer.begin_segment(bad).is_err(), "{bad:?}");
    }
    let (packets, _) = muxed(&mut writer, &[(9, 0, KEY)]);
    assert_eq!(pids(&packets), [0, 0x1000, 0x107]);
}

#[test]
fn tables_that_point_outside_are_refused_whole() {
    let mut writer = TransportWriter::default();
    writer.begin_segment(&BOTH).unwrap();
    let (arena, table) = batch(&[(9, 0, KEY), (9, 40, DELTA)]);
    let mut packets = Vec::new();
    assert!(writer.mux(&arena, &table[1..], 0, &mut packets).is_err());
    for cut in 0..arena.len() - 4 {
        assert!(writer.mux(&arena[..cut], &table, 0, &mut packets).is_err());
    }
    assert_eq!(packets, []);
    writer.mux(&arena, &table, i64::MIN, &mut packets).unwrap();
    assert_eq!(packets.len(), 4 * 188);
}

#[test]
fn a_writer_without_a_segment_writes_nothing() {
    assert_eq!(
        muxed(&mut TransportWriter::default(), &[(9, 0, KEY)]),
        (Vec::new(), Muxed::default())
    );
}

/// Rows that no reader gave, over bytes that look like NAL units: arithmetic is checked in this build.
#[test]
fn any_rows_make_whole_packets() {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut config = AVC.to_vec();
    config[4] = 0xfc; // lengths of 1 byte
    let mut writer = TransportWriter::default();
    let opus = TrackSetup {
        codec: codec::OPUS,
        channels: 2,
        ..sound(&[])
    };
    let (mut written, mut refused) = (0, 0);
    for round in 0..3_000 {
        let setups = [video(&config), sound(&[0x11, 0x88]), opus];
        writer.begin_segment(&setups).unwrap();
        let arena: Vec<u8> = (0..9_000).map(|_| random(4) as u8).collect();
        let (codecs, ends) = ([7, 110, 113, 2], [0, i64::MIN, i64::MAX, 90]);
        let tag = Tag {
            dts: ends[random(4) as usize],
            timestamp: 0,
            cts: [0, i32::MIN, i32::MAX, 40][random(4) as usize],
            offset: 0,
            size: 0,
            media_offset: random(200) as u32,
            media_size: [random(12), random(400), random(8_800)][round % 3] as u32,
            kind: 9,
            role: 0,
            codec: codecs[random(4) as usize],
            flags: random(256) as u8,
            track: 0,
            framed: 0,
            reserved: [0; 2],
        };
        let table = [tag.to_bytes(), tag.to_bytes()].concat();
        let (mut packets, origin_ms) = (Vec::new(), ends[random(4) as usize]);
        let found = writer.mux(&arena, &table, origin_ms, &mut packets).unwrap();
        assert_eq!(packets.len() % 188, 0);
        assert!(packets.chunks(188).all(|packet| packet[0] == 0x47));
        written += u32::from(!packets.is_empty());
        refused += found.refused;
    }
    assert!(written > 1_000 && refused > 100, "{written} and {refused}");
}
