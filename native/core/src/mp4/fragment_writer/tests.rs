use super::super::fragments::{add_runs, read_runs, Extent};
use super::*;
use crate::mux::Place;
use crate::tag::Batch;

fn movie() -> Movie {
    let track = |id, timescale| Described {
        id,
        timescale,
        ..Described::default()
    };
    Movie {
        header: vec![0],
        extras: Vec::new(),
        tracks: vec![track(1, 16_000), track(2, 48_000)],
    }
}

fn writer() -> FragmentWriter {
    let tracks = movie().tracks;
    FragmentWriter {
        tracks: vec![
            Track::of(&tracks[0], codec::H264),
            Track::of(&tracks[1], codec::AAC),
        ],
        sequence: 7,
        held: Vec::new(),
        open_bytes: 0,
        heads: Vec::new(),
        pieces: Vec::new(),
    }
}

fn video(batch: &mut Batch, time: u32, key: bool) {
    let first = if key { 0x17 } else { 0x27 };
    batch.push(9, time, &[first, 1, 0, 0, 40, 0xee, time as u8]);
}

fn mux(writer: &mut FragmentWriter, batch: &Batch) -> Vec<u8> {
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    writer.mux(&batch.arena, &table, 0).expect("a table");
    written(writer, &batch.arena)
}

fn written(writer: &mut FragmentWriter, arena: &[u8]) -> Vec<u8> {
    let taken = writer.take(arena);
    let data = taken.iter(arena).collect::<Vec<_>>().concat();
    assert_eq!(data.len(), taken.size());
    data
}

/// Sequence number, and samples of each track with the bytes of their payloads, of each fragment.
fn fragments(data: &[u8]) -> Vec<(u32, Vec<usize>, Vec<u8>)> {
    let boxes: Vec<_> = children(data, "file").map(|child| child.unwrap()).collect();
    let mut found = Vec::new();
    for pair in boxes.chunks(2) {
        assert_eq!((&pair[0].kind, &pair[1].kind), (b"moof", b"mdat"));
        let mut movie = movie();
        let runs = read_runs(&movie, pair[0].payload, 0).unwrap();
        let extent = Extent {
            start: pair[0].whole.len() as u64 + 8,
            end: (pair[0].whole.len() + pair[1].whole.len()) as u64,
        };
        add_runs(&mut movie, &runs, extent).unwrap();
        let counts = movie.tracks.iter().map(|track| track.samples.sizes().len());
        let sequence = u32::from_be_bytes(pair[0].payload[12..16].try_into().unwrap());
        found.push((sequence, counts.collect(), pair[1].payload.to_vec()));
    }
    found
}

#[test]
fn a_frame_waits_for_the_next_and_a_short_fragment_for_more() {
    let mut writer = writer();
    let mut batch = Batch::default();
    for time in (0..400).step_by(40) {
        video(&mut batch, time, time == 0);
    }
    assert_eq!(mux(&mut writer, &batch), [], "0 to 360 ms, and one that waits");
    let mut next = Batch::default();
    video(&mut next, 400, false);
    let data = mux(&mut writer, &next);
    let payloads: Vec<u8> = (0..400u32)
        .step_by(40)
        .flat_map(|time| [0xee, time as u8])
        .collect();
    assert_eq!(fragments(&data), [(7, vec![10, 0], payloads)]);
    writer.finish();
    assert_eq!(
        fragments(&written(&mut writer, &[])),
        [(8, vec![1, 0], vec![0xee, 144])]
    );
    writer.finish();
    assert_eq!((writer.take(&[]).size(), writer.next_sequence()), (0, 9));
}

#[test]
fn fragments_end_at_keyframes_and_after_half_a_second() {
    let mut writer = writer();
    let mut batch = Batch::default();
    for time in (0..2000).step_by(40) {
        video(&mut batch, time, time == 0 || time == 440);
        batch.push(8, time, &[0xaf, 1, 0xaa]);
    }
    let found = fragments(&mux(&mut writer, &batch));
    let video_samples: Vec<_> = found.iter().map(|(_, counts, _)| counts[0]).collect();
    assert_eq!(
        video_samples,
        [11, 13, 13, 12],
        "440, 960, 1480, and to 1920 at the end of the call"
    );
    let audio: usize = found.iter().map(|(_, counts, _)| counts[1]).sum();
    assert_eq!(audio, 49);
}

#[test]
fn a_fragment_has_so_many_bytes_at_most() {
    let mut writer = writer();
    let body = [vec![0x27, 1, 0, 0, 0], vec![9; FRAGMENT_BYTES / 2]].concat();
    let mut batch = Batch::default();
    for time in 0..5 {
        batch.push(9, time, &body);
    }
    let sizes: Vec<_> = fragments(&mux(&mut writer, &batch))
        .iter()
        .map(|found| found.2.len())
        .collect();
    assert_eq!(sizes, [FRAGMENT_BYTES]);
}

#[test]
fn clocks_begin_anew_behind_the_end() {
    let mut writer = writer();
    let mut batch = Batch::default();
    video(&mut batch, 5000, true);
    video(&mut batch, 5040, false);
    mux(&mut writer, &batch);
    writer.finish();
    let mut earlier = Batch::default();
    video(&mut earlier, 80, true);
    let table: Vec<u8> = earlier.tags.iter().flat_map(Tag::to_bytes).collect();
    assert_eq!(writer.mux(&earlier.arena, &table, 0), Ok(Muxed::default()));
    assert_eq!(writer.tracks[0].waiting.unwrap().dts, 80 * 16);
}

#[test]
fn frames_that_cannot_be_read_are_left_out() {
    let mut writer = writer();
    writer.tracks[0].codec = codec::AV1;
    let mut batch = Batch::default();
    let cut = [0x90, b'a', b'v', b'0', b'1', 0x32, 9];
    batch.push(9, 0, &[[0x91].as_slice(), &cut[1..]].concat());
    batch.push(9, 40, &[[0xa1].as_slice(), &cut[1..]].concat());
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    let muxed = writer.mux(&batch.arena, &table, 0).unwrap();
    assert_eq!((muxed.refused, muxed.refused_run), (2, 2));
    batch.push(9, 80, &[0x91, b'a', b'v', b'0', b'1', 0x12, 0, 0x32, 1, 9]);
    let row = batch.tags[2].to_bytes();
    let muxed = writer.mux(&batch.arena, &row, 0).unwrap();
    assert_eq!((muxed.refused, muxed.refused_run), (0, 0));
    written(&mut writer, &batch.arena);
    writer.finish();
    assert_eq!(fragments(&written(&mut writer, &[]))[0].2, [0x32, 1, 9]);
}

#[test]
fn a_table_that_is_none_changes_nothing() {
    let mut writer = writer();
    let mut batch = Batch::default();
    video(&mut batch, 0, true);
    video(&mut batch, 40, false);
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    assert!(writer.mux(&batch.arena[..20], &table, 0).is_err());
    assert!(writer.mux(&batch.arena, &table[1..], 0).is_err());
    assert!(writer.tracks[0].waiting.is_none());
    assert!(FragmentWriter::new(b"", &[7], 1).is_err());
    assert!(FragmentWriter::new(b"\0\0\0\x09moovx", &[7], 1).is_err());
}

#[test]
fn tracks_end_together_wherever_a_file_is_cut() {
    let mut writer = writer();
    let (mut pictures, mut sounds) = (0, 0);
    for call in 0..40_u32 {
        let mut batch = Batch::default();
        for time in call * 150..(call + 1) * 150 {
            if time % 40 == 0 {
                video(&mut batch, time, time % 2000 == 0);
            }
            if time % 23 == 0 {
                batch.push(8, time, &[0xaf, 1, 0xaa]);
            }
        }
        for (_, counts, _) in fragments(&mux(&mut writer, &batch)) {
            pictures += counts[0];
            sounds += counts[1];
            assert!(
                23 * (sounds - 1) < 40 * pictures,
                "a sound behind the next picture"
            );
            assert!(
                40 * (pictures - 1) < 23 * sounds,
                "a picture behind the next sound"
            );
        }
    }
    assert!(
        pictures > 138 && sounds > 242,
        "{pictures} and {sounds}: the last open fragment is short"
    );
}

#[test]
fn a_track_that_has_ended_keeps_nothing_back() {
    let mut writer = writer();
    let mut batch = Batch::default();
    batch.push(8, 0, &[0xaf, 1, 0xaa]);
    for time in (0..4000).step_by(40) {
        video(&mut batch, time, time == 0);
    }
    let found = fragments(&mux(&mut writer, &batch));
    assert!(found.iter().map(|(_, counts, _)| counts[0]).sum::<usize>() > 88);
}

#[test]
fn large_payloads_stay_where_they_are() {
    let mut writer = writer();
    let mut batch = Batch::default();
    for time in (0..480).step_by(40) {
        let size = if time % 80 == 0 { PIECE_BYTES } else { 9 };
        batch.push(
            9,
            time,
            &[&[0x27, 1, 0, 0, 0][..], &vec![time as u8; size]].concat(),
        );
    }
    let table: Vec<u8> = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    writer.mux(&batch.arena, &table, 0).expect("a table");
    let taken = writer.take(&batch.arena);
    let in_arena = |place: &&Place| matches!(place, Place::Arena(_));
    assert_eq!(taken.places.iter().filter(in_arena).count(), 6);
    assert_eq!(taken.places.len(), 12, "a head, and small ones between");
    let data = taken.iter(&batch.arena).collect::<Vec<_>>().concat();
    let times = (0..440).step_by(40).map(|time| time as u8);
    let mut payload = fragments(&data).pop().expect("a fragment").2;
    payload.dedup();
    assert_eq!(payload, times.collect::<Vec<_>>());
}
