//! Files cut at every byte, finalizations that crash at every write, and what a power cut leaves.

use super::*;
use crate::mp4::Storage;
use std::io::{self, Read, Seek, SeekFrom, Write};

const SIZES: [usize; 5] = [10, 20, 5, 5, 5];

/// How many samples of a recording cut at `cut` are whole.
fn whole_samples(fragments: usize, cut: usize) -> u64 {
    let ends = (1..=fragments).flat_map(|number| {
        let media = opening().len() + number * fragment(0).len() - 45;
        (0..SIZES.len()).map(move |at| media + SIZES[..=at].iter().sum::<usize>())
    });
    ends.filter(|&end| end <= cut).count() as u64
}

#[test]
fn a_cut_at_any_byte_keeps_every_whole_sample() {
    let recorded = recording(3);
    for cut in 0..recorded.len() {
        let expected = whole_samples(3, cut);
        let file = recorded[..cut].to_vec();
        if expected == 0 {
            assert_eq!(code(file), "mp4.no_media", "cut at {cut}");
            continue;
        }
        let (finished, file) = finalized(file).unwrap();
        assert_eq!(finished.samples, expected, "cut at {cut}");
        assert_eq!(finalized(file.clone()).unwrap(), (finished, file));
    }
}

/// A disk that fails after so many bytes and cuts, as a crash does.
struct Failing {
    file: Cursor<Vec<u8>>,
    left: usize,
}

impl Failing {
    fn spend(&mut self, wanted: usize) -> io::Result<usize> {
        let granted = wanted.min(self.left);
        self.left -= granted;
        if granted == 0 {
            return Err(io::Error::other("crash"));
        }
        Ok(granted)
    }
}

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for Failing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let granted = self.spend(data.len())?;
        self.file.write(&data[..granted])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Failing {
    fn cut(&mut self, size: u64) -> io::Result<()> {
        self.spend(1)?;
        self.file.cut(size)
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_crash_at_any_write_is_made_good_by_the_next_call() {
    let recorded = recording(2);
    // Whole, cut inside the video of the last mdat, cut inside its moof.
    for cut in [recorded.len(), recorded.len() - 20, recorded.len() - 60] {
        let (finished, expected) = finalized(recorded[..cut].to_vec()).unwrap();
        let mut crashes = 0;
        for left in 0.. {
            let mut disk = Failing {
                file: Cursor::new(recorded[..cut].to_vec()),
                left,
            };
            if finalize(&mut disk).is_ok() {
                break;
            }
            crashes += 1;
            // The placeholder's 16 bytes are one write inside one sector: no crash leaves half of them.
            let file = disk.file.into_inner();
            if !matches!(&file[20..24], b"free") || file[16..20] != [0, 0, 0, 16] {
                continue;
            }
            assert_eq!(
                finalized(file).unwrap(),
                (finished, expected.clone()),
                "cut {cut}, crash after {left}"
            );
        }
        assert!(crashes > 500);
    }
}

#[test]
fn a_box_without_an_end_ends_the_recording() {
    // Kept, it would take in the moov that is appended, and a second call after a crash would add another.
    let file = [recording(2), words(&[0]), b"junk".to_vec(), vec![7; 300]].concat();
    let (finished, expected) = finalized(file.clone()).unwrap();
    assert_eq!((finished, expected.clone()), finalized(recording(2)).unwrap());
    let before_the_placeholder = expected.len() - recording(2).len() + 1;
    let mut disk = Failing {
        file: Cursor::new(file),
        left: before_the_placeholder,
    };
    assert!(finalize(&mut disk).is_err());
    assert_eq!(finalized(disk.file.into_inner()).unwrap(), (finished, expected));
}

#[test]
fn a_sample_of_no_bytes_in_a_cut_mdat_keeps_its_fragment() {
    let two = |media| vec![trun(&[0x201, 2, media, 0, 10])];
    let file = [opening(), video_fragment(&[BASE_IS_MOOF, 1], two, 10)].concat();
    let (finished, file) = finalized(file[..file.len() - 3].to_vec()).unwrap();
    assert_eq!(
        (finished.samples, table(&file, 0, b"stsz")),
        (1, vec![0, 0, 1, 0])
    );
    let moov = find(&file, &[b"moov"])[0].len() + 8;
    let recorded = [&opening(), &file[opening().len()..file.len() - moov]].concat();
    assert_eq!(finalized(recorded).unwrap(), (finished, file));
}

#[test]
fn zeros_of_a_power_cut_end_the_recording_or_cost_one_fragment() {
    let recorded = recording(2);
    let (finished, file) = finalized([recorded.clone(), vec![0; 5000]].concat()).unwrap();
    assert_eq!((finished.samples, finished.bytes), (10, file.len() as u64));
    let mut holed = recording(3);
    let hole = opening().len() + fragment(0).len() + 8;
    holed[hole..hole + 16].fill(0);
    assert_eq!(finalized(holed).unwrap().0.samples, 10);
}

#[test]
fn a_cut_track_does_not_end_another_whose_media_come_before() {
    let traf = |id, offset| {
        let run = trun(&[1, 2, offset]);
        boxed(b"traf", &[&boxed(b"tfhd", &[&words(&[BASE_IS_MOOF, id])]), &run])
    };
    let moof = |media| boxed(b"moof", &[&traf(1, media + 10), &traf(2, media)]);
    let fragment = [moof(moof(0).len() as u32 + 8), boxed(b"mdat", &[&[1; 20]])].concat();
    let file = [opening(), fragment].concat();
    let (finished, file) = finalized(file[..file.len() - 3].to_vec()).unwrap();
    assert_eq!(finished.samples, 3);
    assert_eq!(table(&file, 0, b"stsz"), [0, 5, 1]);
    assert_eq!(table(&file, 1, b"stsz"), [0, 5, 2]);
}
