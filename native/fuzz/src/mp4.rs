//! Growing MP4 files: finalizing is safe on any bytes, changes no media, and is the same when a crash interrupts it.

use crate::memory::within;
use crate::pieces::Dice;
use reelkeeper_core::mp4::{finalize, scan, tracks, Error, Finished, Scan, Storage, TrackTables};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

const LONGEST_HEADER: usize = 16;

/// A file on a disk that fails after so many bytes and cuts, as a crash does. A box header lies inside of one
/// sector, and no crash leaves half of it.
pub struct Disk {
    file: Cursor<Vec<u8>>,
    left: usize,
}

impl Disk {
    /// A disk that works.
    fn with(file: &[u8]) -> Self {
        Self {
            file: Cursor::new(file.to_vec()),
            left: usize::MAX,
        }
    }
}

impl Disk {
    fn spend(&mut self, wanted: usize) -> io::Result<usize> {
        let granted = wanted.min(self.left);
        self.left -= granted;
        if granted == 0 && wanted > 0 {
            return Err(io::Error::other("crash"));
        }
        Ok(granted)
    }
}

impl Read for Disk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for Disk {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.len() <= LONGEST_HEADER && data.len() > self.left {
            self.left = 0;
        }
        let granted = self.spend(data.len())?;
        self.file.write(&data[..granted])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Disk {
    fn cut(&mut self, size: u64) -> io::Result<()> {
        self.spend(1)?;
        self.file.cut(size)
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The numbers and the file, or the code of the fault and the file.
type Finalized = (Result<Finished, &'static str>, Vec<u8>);

fn finalized(finalize: &impl Fn(&mut Disk) -> Result<Finished, Error>, file: &[u8]) -> Finalized {
    let mut disk = Disk::with(file);
    let result = match finalize(&mut disk) {
        Ok(finished) => Ok(finished),
        Err(Error::Malformed(fault)) => Err(fault.code),
        Err(Error::Io(error)) => panic!("a disk that works failed: {error}"),
    };
    (result, disk.file.into_inner())
}

/// A scan; every top-level box in it follows the one before.
fn scanned(file: &[u8]) -> Scan {
    let found = scan(&mut Cursor::new(file)).expect("a file in memory");
    let mut at = 0;
    for one in &found.boxes {
        assert_eq!(one.offset, at);
        at = one.offset + one.size;
    }
    assert!(found.problem.is_some() || at == file.len() as u64);
    found
}

/// What the tables say, or the code of the fault.
fn tracks_of(file: &[u8]) -> Result<Vec<TrackTables>, &'static str> {
    match tracks(&mut Cursor::new(file)) {
        Ok(found) => Ok(found),
        Err(Error::Malformed(fault)) => Err(fault.code),
        Err(Error::Io(error)) => panic!("a file in memory failed: {error}"),
    }
}

/// Up to the `moov`, and outside of the placeholder and the header of one cut `mdat`, every byte stays as it was.
fn check_media_kept(before: &[u8], after: &[u8]) {
    let found = scanned(after);
    let [.., placeholder, moov] = found.boxes.as_slice() else {
        panic!("{:?}", found.boxes);
    };
    let placeholder = placeholder.offset..placeholder.offset + LONGEST_HEADER as u64;
    let changed = |at: &u64| before[*at as usize] != after[*at as usize] && !placeholder.contains(at);
    let changed: Vec<u64> = (0..moov.offset).filter(changed).collect();
    if let [first, .., last] = changed[..] {
        assert!(
            last - first < LONGEST_HEADER as u64,
            "bytes {first} to {last} changed"
        );
    }
}

/// See the module.
pub fn check(data: &[u8]) {
    check_with(finalize, data);
}

/// Checks a finalizer.
pub fn check_with(finalize: impl Fn(&mut Disk) -> Result<Finished, Error>, data: &[u8]) {
    // A sample takes 4 bytes of a file that lists it (a size), and up to 40 here, in vectors that grow by doubling.
    let cap = 64 * data.len() + (1 << 20);
    within(cap, || scanned(data));
    let _ = within(cap, || tracks_of(data));
    let (result, file) = within(cap, || finalized(&finalize, data));
    let Ok(finished) = result else {
        return assert!(file == data, "refused and changed");
    };
    assert_eq!(finished.bytes, file.len() as u64);
    assert!(finished.samples > 0 && finished.tracks > 0);
    assert_eq!(scanned(&file).problem, None);
    let tracks = tracks_of(&file).expect("the tables just written");
    let samples: u64 = tracks.iter().map(|track| track.samples).sum();
    assert_eq!(
        (tracks.len() as u64, samples),
        (finished.tracks, finished.samples)
    );
    assert_eq!(
        finalized(&finalize, &file),
        (Ok(finished), file.clone()),
        "finalized twice"
    );
    if file == data {
        return;
    }
    check_media_kept(data, &file);
    let left = Dice::of(data).roll(file.len());
    let mut disk = Disk {
        left,
        ..Disk::with(data)
    };
    if finalize(&mut disk).is_err() {
        let again = finalized(&finalize, disk.file.get_ref());
        assert_eq!(again, (Ok(finished), file), "a crash after {left} bytes written");
    }
}
