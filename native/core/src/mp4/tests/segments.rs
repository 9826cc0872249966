//! Segments apart from their `moov`: what is whole, what it holds, and what cannot be.

use super::*;
use crate::mp4::{segment, Segment, TrackTables};

/// The `ftyp` and the `moov` of [`opening`].
fn init() -> Vec<u8> {
    let all = opening();
    [&all[..16], &all[32..]].concat()
}

fn read(file: &[u8]) -> Result<Segment, Error> {
    segment(&init(), &mut Cursor::new(file), u64::MAX)
}

fn refused(init: &[u8], file: &[u8]) -> (&'static str, String) {
    match segment(init, &mut Cursor::new(file), u64::MAX) {
        Err(Error::Malformed(fault)) => (fault.code, fault.message),
        other => panic!("{other:?}"),
    }
}

/// Samples of each track, and where the whole fragments end.
fn counted(file: &[u8]) -> (Vec<u64>, u64) {
    let found = read(file).unwrap();
    let samples = found.tracks.iter().map(|track| track.samples);
    (samples.collect(), found.whole_bytes)
}

#[test]
fn fragments_are_counted_by_track() {
    let file = [boxed(b"styp", &[b"msdh\0\0\0\0"]), fragment(1), fragment(2)].concat();
    let found = read(&file).unwrap();
    let video = TrackTables {
        handler: *b"vide",
        samples: 4,
        sync_samples: 2,
        media_bytes: 60,
        first_dts_ms: 80,
        last_dts_ms: 200,
        frame_ms: 40,
    };
    let audio = TrackTables {
        handler: *b"soun",
        samples: 6,
        sync_samples: 6,
        media_bytes: 30,
        first_dts_ms: 120,
        last_dts_ms: 320,
        frame_ms: 40,
    };
    assert_eq!(found.whole_bytes, file.len() as u64);
    assert_eq!(found.tracks, [video, audio]);
}

#[test]
fn a_cut_at_any_byte_keeps_every_whole_fragment() {
    let bytes = fragment(0).len();
    let file = [fragment(0), fragment(1), fragment(2)].concat();
    for cut in 0..=file.len() {
        let whole = cut / bytes;
        let found = segment(&init(), &mut Cursor::new(&file), cut as u64).unwrap();
        assert_eq!(found.whole_bytes, (whole * bytes) as u64, "cut at {cut}");
        assert_eq!(found, read(&file[..cut]).unwrap());
        let samples: u64 = found.tracks.iter().map(|track| track.samples).sum();
        assert_eq!(samples, 5 * whole as u64, "cut at {cut}");
    }
}

#[test]
fn what_may_stand_beside_fragments() {
    let one = fragment(0).len() as u64;
    let with = |between: &[u8]| counted(&[&fragment(0), between, &fragment(1)].concat());
    for kind in [b"styp", b"sidx", b"free", b"prft", b"emsg", b"mdat"] {
        assert_eq!(with(&boxed(kind, &[&[9; 30]])), (vec![4, 6], 2 * one + 38));
    }
    let long = [&words(&[1]), b"free".as_slice(), &words(&[0, 20, 7])].concat();
    assert_eq!(with(&long), (vec![4, 6], 2 * one + 20));
    // What is torn, is no box, has no end, or no place here ends what is whole.
    let torn: [&[u8]; 5] = [
        &[0; 16],
        b"\0\0\0\x07free",
        b"\0\0\0\0free",
        b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff",
        &boxed(b"mfra", &[]),
    ];
    for between in torn {
        assert_eq!(with(between), (vec![2, 3], one));
    }
    let tail = [fragment(0), boxed(b"mdat", &[&[1; 9]]), boxed(b"moof", &[])].concat();
    assert_eq!(counted(&tail), (vec![2, 3], one));
}

#[test]
fn without_a_whole_fragment_the_initialization_is_not_looked_at() {
    for file in [&b""[..], b"junk", &fragment(0)[..100], &boxed(b"mdat", &[b"1"])] {
        let found = segment(b"junk", &mut Cursor::new(file), u64::MAX).unwrap();
        assert_eq!(found, Segment::default());
    }
}

#[test]
fn times_are_those_of_the_edit_list() {
    let edited = |edits: &[u32]| {
        let elst = boxed(b"elst", &[&words(edits)]);
        let edts = boxed(b"edts", &[&elst]);
        let file = init();
        let place = file.windows(4).position(|kind| kind == b"mdia").unwrap() - 4;
        let mut file = [&file[..place], &edts, &file[place..]].concat();
        let moov = file.windows(4).position(|kind| kind == b"moov").unwrap() - 4;
        let trak = file.windows(4).position(|kind| kind == b"trak").unwrap() - 4;
        for at in [moov, trak] {
            let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
            file[at..at + 4].copy_from_slice(&(size + edts.len() as u32).to_be_bytes());
        }
        let found = segment(&file, &mut Cursor::new(fragment(1)), u64::MAX).unwrap();
        let times = |track: &TrackTables| (track.first_dts_ms, track.last_dts_ms);
        found.tracks.iter().map(times).collect::<Vec<_>>()
    };
    assert_eq!(edited(&[0, 1, 0, 100, 0x1_0000]), [(-20, 20), (120, 200)]);
    // The movie has 600 ticks a second.
    let late = [0, 2, 60, u32::MAX, 0x1_0000, 0, 0, 0x1_0000];
    assert_eq!(edited(&late), [(180, 220), (120, 200)]);
}

#[test]
fn times_that_go_back_and_samples_of_no_bytes() {
    let at = |time| {
        let runs = |media| vec![tfdt(time), trun(&[0x201, 3, media, 5, 0, 5])];
        video_fragment(&[BASE_IS_MOOF, 1], runs, 10)
    };
    let found = read(&[at(500), at(100), at(510)].concat()).unwrap();
    let video = &found.tracks[0];
    let times = (video.first_dts_ms, video.last_dts_ms, video.frame_ms);
    assert_eq!((video.samples, video.media_bytes), (6, 30));
    assert_eq!(times, (500, 590, 10));
}

#[test]
fn a_hole_in_the_tables_costs_its_fragment() {
    let mut holed = fragment(1);
    holed[16..48].fill(0);
    let file = [fragment(0), holed.clone(), fragment(2)].concat();
    assert_eq!(counted(&file), (vec![4, 6], file.len() as u64));
    assert_eq!(refused(&init(), &holed).0, "mp4.no_media");
}

#[test]
fn lies_are_refused_by_name() {
    let run = |track, list: &[u32], media| {
        let runs = |_| vec![tfdt(0), trun(list)];
        video_fragment(&[BASE_IS_MOOF, track], runs, media)
    };
    let media = run(1, &[1, 1, 0], 0).len() as u32;
    let late = |media| {
        let time = boxed(b"tfdt", &[&words(&[0x0100_0000, 0x7FFF_FFFF, 1])]);
        vec![time, trun(&[1, 1, media])]
    };
    let cases = [
        (
            run(1, &[1, 3, media], 10),
            "mp4.malformed",
            "outside of its 'mdat'",
        ),
        (
            run(1, &[1, 1, 0x7FFF_FFFF], 10),
            "mp4.malformed",
            "outside of its 'mdat'",
        ),
        (run(1, &[1, 1, 8], 10), "mp4.malformed", "before its 'mdat'"),
        (run(9, &[1, 1, media], 10), "mp4.malformed", "track 9"),
        (
            run(1, &[1, 0xFFFF_FFFF, media], 10),
            "mp4.malformed",
            "4294967295 samples",
        ),
        (
            video_fragment(&[BASE_IS_MOOF, 1], late, 10),
            "mp4.time",
            "not believed",
        ),
        (run(1, &[1, 0, media], 10), "mp4.no_media", "no audio or video"),
        (
            [boxed(b"moof", &[]), fragment(0)].concat(),
            "mp4.malformed",
            "no 'mdat' of its own",
        ),
        (b"\0\0\0\x08free".repeat((1 << 20) + 1), "mp4.too_large", "boxes"),
    ];
    for (file, code, words) in cases {
        let (found, message) = refused(&init(), &file);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn initializations_that_are_none_are_refused_by_name() {
    let whole = init();
    for cut in 0..whole.len() {
        let (code, message) = refused(&whole[..cut], &fragment(0));
        assert_eq!(code, "mp4.malformed", "{message}");
    }
    let text = [whole.clone(), vec![0; 4096]].concat();
    assert!(segment(&text, &mut Cursor::new(fragment(0)), u64::MAX).is_ok());
    let other = opening_of_handlers(&whole, b"hint");
    assert_eq!(refused(&other, &fragment(0)).0, "mp4.no_media");
}

/// An initialization section whose tracks are all of a kind.
fn opening_of_handlers(init: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let mut init = init.to_vec();
    for at in 0..init.len() - 4 {
        if matches!(&init[at..at + 4], b"vide" | b"soun") {
            init[at..at + 4].copy_from_slice(kind);
        }
    }
    init
}

#[test]
fn any_changed_byte_is_counted_or_refused() {
    let (init, file) = (init(), [fragment(0), fragment(1)].concat());
    let check = |init: &[u8], file: &[u8]| match segment(init, &mut Cursor::new(file), u64::MAX) {
        Ok(found) => {
            let media: u64 = found.tracks.iter().map(|track| track.media_bytes).sum();
            assert!(media <= found.whole_bytes && found.whole_bytes <= file.len() as u64);
        }
        Err(Error::Malformed(fault)) => assert!(!fault.message.contains('\n')),
        Err(error) => panic!("{error}"),
    };
    for value in [0, 1, 7, 0x7F, 0x80, 0xFF] {
        for at in 0..init.len() {
            let mut init = init.clone();
            init[at] = value;
            check(&init, &file);
        }
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] = value;
            check(&init, &file);
        }
    }
}
