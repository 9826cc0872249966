//! Bugs put in on purpose: each check fails on them, and holds without them.

use reelkeeper_core::amf0::{self, Value};
use reelkeeper_core::config::{self, Config};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::flv::FlvReader;
use reelkeeper_core::flv_write::flv_tags;
use reelkeeper_core::mp4::{finalize, Error, Segment, Storage};
use reelkeeper_core::rtmp::connection::{Connection, Role};
use reelkeeper_core::tag::Batch;
use reelkeeper_fuzz::flv::Reader;
use reelkeeper_fuzz::mp4::Disk;
use reelkeeper_fuzz::rtmp::Peer;
use reelkeeper_fuzz::{amf, config as records, flv, mp4, rows, rtmp, segment as segments};
use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;

/// Memory is measured for the whole process: one check at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Whether a check fails on an input of a corpus.
fn fails(target: &str, check: impl Fn(&[u8])) -> bool {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(folder).expect("a corpus");
    let mut inputs = files.map(|entry| fs::read(entry.expect("a file").path()).expect("a file"));
    let told = panic::take_hook();
    panic::set_hook(Box::new(|_| ())); // failing is what is wanted here
    let found = inputs.any(|data| panic::catch_unwind(AssertUnwindSafe(|| check(&data))).is_err());
    panic::set_hook(told);
    found
}

/// An FLV reader with a bug: what it does with each piece before it reads it.
macro_rules! reader_with_a_bug {
    ($name:ident, |$reader:ident, $data:ident| $bug:expr) => {
        #[derive(Default)]
        struct $name(FlvReader);

        impl Reader for $name {
            fn feed(&mut self, data: &[u8]) {
                let ($reader, $data) = (&mut *self, data);
                $bug
            }

            fn take(&mut self) -> Option<Batch> {
                self.0.take()
            }

            fn finish(&mut self) {
                self.0.finish();
            }

            fn fault(&self) -> Option<&Fault> {
                self.0.fault()
            }

            fn state(&self) -> String {
                self.0.consumed_bytes().to_string()
            }
        }
    };
}

reader_with_a_bug!(Sound, |reader, data| reader.0.feed(data));
// What lies in front of the last byte of a large piece is lost.
reader_with_a_bug!(Forgetful, |reader, data| match data {
    [first, .., last] if data.len() > 100 => reader.0.feed(&[*first, *last]),
    _ => reader.0.feed(data),
});
// Room for the largest tag is made at once.
reader_with_a_bug!(Greedy, |reader, data| {
    std::hint::black_box(vec![0_u8; 16 << 20]);
    reader.0.feed(data);
});

#[test]
fn readers() {
    assert!(!fails("flv", |data| _ = flv::check_splits::<Sound>(data)));
    assert!(fails("flv", |data| _ = flv::check_splits::<Forgetful>(data)));
    assert!(fails("flv", |data| _ = flv::check_splits::<Greedy>(data)));
    let forgetful = |reader: &mut FlvReader, data: &[u8]| {
        let (end, mut tags) = reader.read_in_place(data)?;
        tags.pop();
        Some((end, tags))
    };
    assert!(!fails("flv", |data| flv::check_in_place(
        data,
        FlvReader::read_in_place
    )));
    assert!(fails("flv", |data| flv::check_in_place(data, forgetful)));
}

/// A connection that loses the first byte of each piece after the third.
struct Lossy(Connection, usize);

impl Peer for Lossy {
    fn feed(&mut self, data: &[u8]) {
        self.1 += 1;
        self.0.feed(if self.1 > 3 { &data[1..] } else { data });
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.0
    }
}

#[test]
fn connections() {
    let lossy = || Lossy(rtmp::greeted(Role::Server), 0);
    assert!(fails("rtmp", |data| _ = rtmp::check_splits(lossy, data, 0)));
}

#[test]
fn decoders_of_values() {
    let deeper = |data: &[u8]| {
        let deep = |value, _| Value::List(vec![value]);
        amf0::decode(data).map(|_| vec![(0..20).fold(Value::Null, deep)])
    };
    let greedy = |data: &[u8]| {
        let room = vec![0; 64 << 20];
        amf0::decode(data).map(|values| values.into_iter().skip(room.len() & 1).collect())
    };
    assert!(fails("amf", |data| amf::check_with(deeper, data)));
    assert!(fails("amf", |data| amf::check_with(greedy, data)));
}

#[test]
fn parsers_of_records() {
    let unbelievable = |codec, data: &[u8]| {
        config::parse(codec, data).map(|config| match config {
            Config::Video(video) => Config::Video(config::VideoConfig {
                width: 70_000,
                ..video
            }),
            Config::Audio(audio) => Config::Audio(config::AudioConfig {
                sample_rate: 0,
                ..audio
            }),
        })
    };
    assert!(fails("config", |data| records::check_with(unbelievable, data)));
}

#[test]
fn writers() {
    let short = |arena: &[u8], table: &[u8], signalling| {
        flv_tags(arena, table, 0, signalling).map(|mut written| {
            written.bytes.pop();
            written
        })
    };
    assert!(fails("rows", |data| rows::check_with(short, data)));
}

fn overwrite(disk: &mut Disk, at: u64, bytes: &[u8]) -> Result<(), Error> {
    disk.seek(SeekFrom::Start(at))?;
    Ok(disk.write_all(bytes)?)
}

#[test]
fn finalizers() {
    let touching = |disk: &mut Disk| {
        let result = finalize(disk);
        if result.is_err() {
            overwrite(disk, 0, b"touched")?;
        }
        result
    };
    let spoiling = |disk: &mut Disk| {
        let finished = finalize(disk)?;
        overwrite(disk, 50, b"spoilt")?;
        overwrite(disk, 90, b"spoilt")?;
        Ok(finished)
    };
    // Front to back: no crash is made good.
    let rewriting = |disk: &mut Disk| {
        let mut file = Vec::new();
        disk.seek(SeekFrom::Start(0))?;
        disk.read_to_end(&mut file)?;
        let mut rewritten = Cursor::new(file);
        let finished = finalize(&mut rewritten)?;
        overwrite(disk, 0, rewritten.get_ref())?;
        disk.cut(finished.bytes)?;
        Ok(finished)
    };
    for (name, found) in [
        ("touching", fails("mp4", |data| mp4::check_with(touching, data))),
        ("spoiling", fails("mp4", |data| mp4::check_with(spoiling, data))),
        ("rewriting", fails("mp4", |data| mp4::check_with(rewriting, data))),
    ] {
        assert!(found, "{name}");
    }
}

#[test]
fn counters_of_segments() {
    type Counted = Result<Segment, Error>;
    // A fragment that is torn counts as well.
    let careless = |init: &[u8], media: &[u8], end: u64| -> Counted {
        let mut found = segments::counted(init, media, end)?;
        found.whole_bytes = media.len() as u64;
        Ok(found)
    };
    // Samples are counted again and again.
    let doubling = |init: &[u8], media: &[u8], end: u64| -> Counted {
        let mut found = segments::counted(init, media, end)?;
        found.tracks.iter_mut().for_each(|track| track.samples *= 50);
        Ok(found)
    };
    let greedy = |init: &[u8], media: &[u8], end: u64| -> Counted {
        std::hint::black_box(vec![0_u8; 64 << 20]);
        segments::counted(init, media, end)
    };
    for (name, found) in [
        (
            "careless",
            fails("segment", |data| segments::check_with(careless, data)),
        ),
        (
            "doubling",
            fails("segment", |data| segments::check_with(doubling, data)),
        ),
        (
            "greedy",
            fails("segment", |data| segments::check_with(greedy, data)),
        ),
    ] {
        assert!(found, "{name}");
    }
}
