//! Files built by hand: every way a fragment can say its samples.

use super::boxes::{children, Child};
use super::{finalize, scan, Error, Finished};
use std::io::Cursor;

mod crashes;
mod lies;
mod segments;

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let body = content.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), kind.as_slice(), &body].concat()
}

fn words(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A trak with the timescale given; `entry` is the type of its sample entry.
fn trak(id: u32, timescale: u32, entry: &[u8; 4]) -> Vec<u8> {
    let tkhd = boxed(b"tkhd", &[&words(&[3, 0, 0, id, 0, 0]), &[0; 60]]);
    let mdhd = boxed(b"mdhd", &[&words(&[0, 0, 0, timescale, 0, 0x55C4_0000])]);
    let handler = if entry == b"Opus" { b"soun" } else { b"vide" };
    let hdlr = boxed(b"hdlr", &[&[0; 8], handler, &[0; 13]]);
    let stsd = boxed(b"stsd", &[&words(&[0, 1]), &boxed(entry, &[&[0; 20]])]);
    let stbl = boxed(b"stbl", &[&stsd, &boxed(b"stts", &[&[0; 8]])]);
    let minf = boxed(b"minf", &[&boxed(b"dinf", &[&[7; 4]]), &stbl]);
    boxed(b"trak", &[&tkhd, &boxed(b"mdia", &[&mdhd, &hdlr, &minf])])
}

/// ftyp, the placeholder, and a `moov` of a video track (1, 1000 ticks) and an audio track (2, 8000 ticks).
fn opening() -> Vec<u8> {
    let mvhd = boxed(b"mvhd", &[&words(&[0, 0, 0, 600, 0]), &[0; 80]]);
    let trex = |id| boxed(b"trex", &[&words(&[0, id, 1, 40, 5, 0x0101_0000])]);
    let mvex = boxed(b"mvex", &[&trex(1), &trex(2)]);
    let moov = boxed(
        b"moov",
        &[&mvhd, &trak(1, 1000, b"avc1"), &trak(2, 8000, b"Opus"), &mvex],
    );
    [
        boxed(b"ftyp", &[b"iso5\0\0\0\0"]),
        boxed(b"free", &[&[0; 8]]),
        moov,
    ]
    .concat()
}

fn tfdt(time: u32) -> Vec<u8> {
    boxed(b"tfdt", &[&words(&[0, time])])
}

const BASE_IS_MOOF: u32 = 0x02_0000;

/// A fragment of two video samples (10 and 20 bytes, 40 ticks each, the first a keyframe) and three audio
/// samples of 5 bytes and 320 ticks.
fn fragment(number: u32) -> Vec<u8> {
    let video_run = |offset| words(&[0xF01, 2, offset, 40, 10, 0, 40, 40, 20, 0x01_0000, 60]);
    let audio_run = |offset| words(&[0x301, 3, offset, 320, 5, 320, 5, 320, 5]);
    let moof = |video, audio| {
        let first = [
            boxed(b"tfhd", &[&words(&[BASE_IS_MOOF, 1])]),
            tfdt(80 * number),
            boxed(b"trun", &[&video_run(video)]),
        ];
        let second = [
            boxed(b"tfhd", &[&words(&[BASE_IS_MOOF | 0x20, 2, 0])]),
            tfdt(960 * number),
            boxed(b"trun", &[&audio_run(audio)]),
        ];
        boxed(
            b"moof",
            &[
                &boxed(b"traf", &[&first.concat()]),
                &boxed(b"traf", &[&second.concat()]),
            ],
        )
    };
    let data = moof(0, 0).len() as u32 + 8;
    [moof(data, data + 30), boxed(b"mdat", &[&[number as u8; 45]])].concat()
}

fn recording(fragments: u32) -> Vec<u8> {
    (0..fragments).fold(opening(), |file, number| [file, fragment(number)].concat())
}

fn finalized(file: Vec<u8>) -> Result<(Finished, Vec<u8>), Error> {
    let mut file = Cursor::new(file);
    let finished = finalize(&mut file)?;
    Ok((finished, file.into_inner()))
}

fn code(file: Vec<u8>) -> &'static str {
    match finalized(file) {
        Err(Error::Malformed(fault)) => fault.code,
        other => panic!("{other:?}"),
    }
}

fn find<'a>(payload: &'a [u8], way: &[&[u8; 4]]) -> Vec<&'a [u8]> {
    let Some((first, rest)) = way.split_first() else {
        return vec![payload];
    };
    let found = children(payload, "test")
        .map(|child| child.unwrap())
        .filter(|child| &child.kind == *first);
    found
        .flat_map(|child: Child<'a>| find(child.payload, rest))
        .collect()
}

/// The words of a sample table of the track at `index`, its version and flags first.
fn table(file: &[u8], index: usize, kind: &[u8; 4]) -> Vec<u32> {
    let traks = find(file, &[b"moov", b"trak"]);
    let found = find(traks[index], &[b"mdia", b"minf", b"stbl", kind]);
    found
        .concat()
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
        .collect()
}

fn edits(file: &[u8], index: usize) -> Vec<u32> {
    let found = find(find(file, &[b"moov", b"trak"])[index], &[b"edts", b"elst"]).concat();
    found[4..]
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn a_recording_becomes_regular_and_stays_so() {
    let recorded = recording(3);
    let (finished, file) = finalized(recorded.clone()).unwrap();
    assert_eq!(
        finished,
        Finished {
            tracks: 2,
            samples: 15,
            duration_ms: 360,
            bytes: file.len() as u64
        }
    );
    let kinds: Vec<_> = children(&file, "file").map(|child| child.unwrap().kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"mdat", *b"moov"]);
    assert_eq!(file[32..recorded.len()], recorded[32..]);
    assert_eq!(table(&file, 0, b"stts"), [0, 1, 6, 40]);
    assert_eq!(table(&file, 0, b"stsz"), [0, 0, 6, 10, 20, 10, 20, 10, 20]);
    assert_eq!(table(&file, 0, b"stss"), [0, 3, 1, 3, 5]);
    assert_eq!(table(&file, 0, b"ctts")[..6], [0, 6, 1, 40, 1, 60]);
    assert_eq!(table(&file, 0, b"stsc"), [0, 1, 1, 2, 1]);
    assert_eq!(table(&file, 1, b"stsz"), [0, 5, 9]);
    assert!(table(&file, 1, b"stss").is_empty() && table(&file, 1, b"ctts").is_empty());
    assert_eq!(
        table(&file, 1, b"sbgp")[1..],
        [u32::from_be_bytes(*b"roll"), 1, 9, 1]
    );
    for (number, (video, audio)) in table(&file, 0, b"stco")[2..]
        .iter()
        .zip(&table(&file, 1, b"stco")[2..])
        .enumerate()
    {
        assert_eq!(file[*video as usize..*audio as usize + 15], [number as u8; 45]);
    }
    assert_eq!(edits(&file, 0), [2, 40, u32::MAX, 0x1_0000, 260, 40, 0x1_0000]);
    assert_eq!(edits(&file, 1), [1, 360, 0, 0x1_0000]);
    assert_eq!(finalized(file.clone()).unwrap(), (finished, file.clone()));
    let seen = scan(&mut Cursor::new(file)).unwrap();
    assert_eq!(
        (seen.boxes.len(), seen.fragmented, seen.problem),
        (3, false, None)
    );
}

/// A fragment of the video track alone: its tfhd, the boxes behind that (given the offset of the media from the
/// start of the fragment), and how many bytes of media there are.
fn video_fragment(tfhd: &[u32], boxes: impl Fn(u32) -> Vec<Vec<u8>>, media: usize) -> Vec<u8> {
    let moof = |offset| {
        boxed(
            b"moof",
            &[&boxed(
                b"traf",
                &[&boxed(b"tfhd", &[&words(tfhd)]), &boxes(offset).concat()],
            )],
        )
    };
    [moof(moof(0).len() as u32 + 8), boxed(b"mdat", &[&vec![1; media]])].concat()
}

fn trun(list: &[u32]) -> Vec<u8> {
    boxed(b"trun", &[&words(list)])
}

#[test]
fn samples_take_what_is_silent_from_their_defaults() {
    let tables = |fragment: Vec<u8>| finalized([opening(), fragment].concat()).unwrap().1;
    // From trex: 40 ticks, 5 bytes, not sync; first-sample flags make the first one sync.
    let file = tables(video_fragment(
        &[BASE_IS_MOOF, 1],
        |media| vec![trun(&[5, 3, media, 0])],
        15,
    ));
    assert_eq!(table(&file, 0, b"stts"), [0, 1, 3, 40]);
    assert_eq!(table(&file, 0, b"stsz"), [0, 5, 3]);
    assert_eq!(table(&file, 0, b"stss"), [0, 1, 1]);
    // From tfhd: description 2, 30 ticks, 4 bytes, sync; a second run goes on behind the first.
    let runs = |media| vec![trun(&[1, 2, media]), trun(&[0x200, 1, 6])];
    let file = tables(video_fragment(&[BASE_IS_MOOF | 0x3A, 1, 2, 30, 4, 0], runs, 14));
    assert_eq!(table(&file, 0, b"stts"), [0, 1, 3, 30]);
    assert_eq!(table(&file, 0, b"stsz"), [0, 0, 3, 4, 4, 6]);
    assert_eq!(table(&file, 0, b"stsc"), [0, 1, 1, 3, 2]);
    assert!(table(&file, 0, b"stss").is_empty());
    // An absolute base; and none, which is the start of the moof for the first track.
    let base = opening().len() as u32 + 56 + 8;
    let file = tables(video_fragment(&[1, 1, 0, base], |_| vec![trun(&[0, 1])], 5));
    assert_eq!(table(&file, 0, b"stco"), [0, 1, base]);
    let file = tables(video_fragment(&[0, 1], |media| vec![trun(&[1, 1, media])], 5));
    assert_eq!(table(&file, 0, b"stco"), [0, 1, base - 4]);
}

#[test]
fn a_second_track_without_a_base_goes_on_behind_the_first() {
    let traf = |id, run: Vec<u8>| boxed(b"traf", &[&boxed(b"tfhd", &[&words(&[0, id])]), &run]);
    let moof = |media| {
        boxed(
            b"moof",
            &[&traf(1, trun(&[1, 2, media])), &traf(2, trun(&[0, 3]))],
        )
    };
    let fragment = [moof(moof(0).len() as u32 + 8), boxed(b"mdat", &[&[1; 25]])].concat();
    let (finished, file) = finalized([opening(), fragment].concat()).unwrap();
    assert_eq!(finished.samples, 5);
    assert_eq!(table(&file, 1, b"stco")[2], table(&file, 0, b"stco")[2] + 10);
}

#[test]
fn decoding_times_are_those_of_the_fragments() {
    let two = |media| trun(&[0xF01, 2, media, 40, 5, 0, 0, 40, 5, 0, 0]);
    let at = |time| video_fragment(&[BASE_IS_MOOF, 1], |media| vec![tfdt(time), two(media)], 10);
    // The second starts 7 ticks late, the third 60 early, the fourth on time.
    let (finished, file) = finalized([opening(), at(0), at(87), at(107), at(200)].concat()).unwrap();
    assert_eq!(
        table(&file, 0, b"stts")[2..],
        [1, 40, 1, 47, 1, 40, 1, 0, 1, 20, 1, 53, 2, 40]
    );
    // The sample moved up from 107 to 127 is still shown at 107.
    assert_eq!(
        table(&file, 0, b"ctts"),
        [0x0100_0000, 3, 4, 0, 1, -20i32 as u32, 3, 0]
    );
    assert_eq!(finished.duration_ms, 280);
}

#[test]
fn a_last_sample_of_no_duration_is_still_inside_the_edit() {
    let two = |media| vec![trun(&[0x301, 2, media, 40, 5, 0, 5])];
    let (finished, file) =
        finalized([opening(), video_fragment(&[BASE_IS_MOOF, 1], two, 10)].concat()).unwrap();
    assert_eq!(finished.duration_ms, 41);
    assert_eq!(edits(&file, 0), [1, 41, 0, 0x1_0000]);
}

#[test]
fn a_composition_before_the_first_decoding_time_is_kept() {
    let early = |media| {
        vec![
            tfdt(100),
            trun(&[0x0100_0F01, 2, media, 40, 5, 0, 0, 40, 5, 0, -60i32 as u32]),
        ]
    };
    let (_, file) = finalized([opening(), video_fragment(&[BASE_IS_MOOF, 1], early, 10)].concat()).unwrap();
    // Earliest composition time 80, first decoding time 100: all offsets are raised by 20.
    assert_eq!(
        table(&file, 0, b"ctts"),
        [0x0100_0000, 2, 1, 20, 1, -40i32 as u32]
    );
    assert_eq!(edits(&file, 0), [1, 60, 0, 0x1_0000]);
}

#[test]
fn boxes_between_fragments_and_behind_them_are_stepped_over() {
    let [first, second] = [fragment(0), fragment(1)];
    let other = |kind: &[u8; 4]| boxed(kind, &[&[9; 30]]);
    let parts = [
        opening(),
        other(b"sidx"),
        first,
        other(b"styp"),
        other(b"prft"),
        second,
        other(b"mfra"),
    ];
    let (finished, file) = finalized(parts.concat()).unwrap();
    assert_eq!(finished.samples, 10);
    assert_eq!(finalized(file.clone()).unwrap(), (finished, file));
}
