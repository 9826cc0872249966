//! Files that say what cannot be: each is refused by name, and none is touched.

use super::*;

#[test]
fn lies_are_refused_by_name() {
    let with = |tail: Vec<u8>| [recording(1), tail].concat();
    let video =
        |track, boxes: &dyn Fn(u32) -> Vec<Vec<u8>>| with(video_fragment(&[BASE_IS_MOOF, track], boxes, 10));
    let run = |list: &[u32]| video(1, &|_| vec![trun(list)]);
    let many = video(1, &|media| vec![trun(&[1, 9, media])]);
    let nothing = with(video_fragment(
        &[BASE_IS_MOOF | 0x10, 1, 0],
        |media| vec![trun(&[1, 9, media])],
        10,
    ));
    let late = |high| {
        video(1, &|media| {
            vec![
                boxed(b"tfdt", &[&words(&[0x0100_0000, high, 1])]),
                trun(&[1, 1, media]),
            ]
        })
    };
    let inside = [boxed(b"moof", &[b"\0\0\0\x40traf"]), boxed(b"mdat", &[])].concat();
    let cases = [
        (vec![], "mp4.no_media", "0 bytes"),
        (
            b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(),
            "mp4.not_mp4",
            "not with 'ftyp'",
        ),
        (opening(), "mp4.no_media", "no whole sample"),
        (
            run(&[0xF01, 0xFFFF_FFFF, 64, 0]),
            "mp4.malformed",
            "4294967295 samples in 4 bytes",
        ),
        (
            run(&[1, 0xFFFF_FFFF, 64]),
            "mp4.malformed",
            "4294967295 samples in 0 bytes",
        ),
        (nothing, "mp4.malformed", "without a size"),
        (
            video(9, &|media| vec![trun(&[1, 1, media])]),
            "mp4.malformed",
            "track 9",
        ),
        (run(&[1, 1, 8]), "mp4.malformed", "before its 'mdat'"),
        (
            video(1, &|media| vec![trun(&[1, 2, media]), trun(&[1, 1, media])]),
            "mp4.malformed",
            "samples of more bytes",
        ),
        (run(&[1, 1, 0x8000_0000]), "mp4.malformed", "data offset"),
        (
            [many, fragment(1)].concat(),
            "mp4.malformed",
            "outside of its 'mdat'",
        ),
        (
            with(b"\0\0\0\x07moof".to_vec()),
            "mp4.malformed",
            "impossible size 7",
        ),
        (with(inside), "mp4.malformed", "'traf' of 64 bytes"),
        (
            [&opening()[..32], &fragment(0)].concat(),
            "mp4.no_media",
            "no whole sample",
        ),
        (late(0x7FFF_FFFF), "mp4.time", "not believed"),
        (late(1), "mp4.time", "too far ahead"),
        (
            [&opening()[..16], &recording(1)[32..]].concat(),
            "mp4.no_placeholder",
            "no placeholder",
        ),
    ];
    for (file, code, message) in cases {
        let mut untouched = Cursor::new(file.clone());
        match finalize(&mut untouched) {
            Err(Error::Malformed(fault)) => {
                assert!(
                    fault.code == code && fault.message.contains(message),
                    "{message}: {fault:?}"
                );
            }
            other => panic!("{message}: {other:?}"),
        }
        assert_eq!(untouched.into_inner(), file, "{message}: the file was changed");
    }
}

#[test]
fn too_many_tracks_and_huge_boxes_are_refused() {
    let mvhd = boxed(b"mvhd", &[&[0; 100]]);
    let traks: Vec<u8> = (1..=65).flat_map(|id| trak(id, 1000, b"avc1")).collect();
    let file = [&opening()[..32], &boxed(b"moov", &[&mvhd, &traks]), &fragment(0)].concat();
    assert_eq!(code(file), "mp4.too_large");
    let huge = [&opening()[..32], &boxed(b"moov", &[&vec![0; (16 << 20) + 1]])].concat();
    assert_eq!(code(huge), "mp4.too_large");
}

#[test]
fn any_changed_byte_of_the_tables_is_survived() {
    let recorded = recording(2);
    for at in 0..recorded.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut file = recorded.clone();
            file[at] = value;
            let _ = scan(&mut Cursor::new(file.clone()));
            let _ = finalized(file);
        }
    }
}

#[test]
fn a_scan_names_what_is_wrong() {
    let problem = |file: Vec<u8>| scan(&mut Cursor::new(file)).unwrap().problem.unwrap();
    let recorded = recording(2);
    let seen = scan(&mut Cursor::new(recorded.clone())).unwrap();
    assert_eq!((seen.boxes.len(), seen.fragmented, seen.problem), (7, true, None));
    assert!(problem(recorded[..recorded.len() - 3].to_vec()).contains("'mdat'"));
    assert!(problem([recorded, vec![0; 9]].concat()).contains("no box"));
    assert!(problem(opening()).contains("no media"));
    assert!(problem(vec![]).contains("empty"));
    assert!(problem(fragment(0)).contains("'moof'"));
}
