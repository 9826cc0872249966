//! FLV: any split reads the same, whole tags are a file again, and what was read can be written and sent.

use crate::memory::within;
use crate::pieces::{pieces, Dice};
use crate::{rows_of, Row};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::flv::FlvReader;
use reelkeeper_core::flv_write::{flv_header, flv_tags, Signalling};
use reelkeeper_core::rtmp::chunk_writer::{write_rows, Outgoing};
use reelkeeper_core::rtmp::connection::{Connection, Role};
use reelkeeper_core::tag::{flag, kind, Batch, Tag};

/// A reader of a byte stream that gives tags.
pub trait Reader: Default {
    /// Takes bytes.
    fn feed(&mut self, data: &[u8]);
    /// Gives what is whole.
    fn take(&mut self) -> Option<Batch>;
    /// No more bytes come.
    fn finish(&mut self);
    /// Why it stopped.
    fn fault(&self) -> Option<&Fault>;
    /// Anything else that must not depend on how the input was split.
    fn state(&self) -> String;
}

impl Reader for FlvReader {
    fn feed(&mut self, data: &[u8]) {
        self.feed(data);
    }

    fn take(&mut self) -> Option<Batch> {
        self.take()
    }

    fn finish(&mut self) {
        self.finish();
    }

    fn fault(&self) -> Option<&Fault> {
        self.fault()
    }

    fn state(&self) -> String {
        self.consumed_bytes().to_string()
    }
}

/// The reader of files that a crash left.
pub struct StrictReader(FlvReader);

impl Default for StrictReader {
    fn default() -> Self {
        Self(FlvReader::strict())
    }
}

impl Reader for StrictReader {
    fn feed(&mut self, data: &[u8]) {
        self.0.feed(data);
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

/// What came of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Rows given before the end.
    pub rows: Vec<Row>,
    /// Rows that the end made whole.
    pub last_rows: Vec<Row>,
    /// The fault before the end, or the one of the end.
    pub fault: Option<Fault>,
    /// [`Reader::state`] before the end.
    pub state: String,
}

/// Reads pieces; `taking` takes what is whole after each.
pub fn read<R: Reader>(pieces: &[&[u8]], taking: bool) -> Outcome {
    let mut reader = R::default();
    let mut rows = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        if taking {
            rows.extend(reader.take().iter().flat_map(rows_of));
        }
    }
    rows.extend(reader.take().iter().flat_map(rows_of));
    let state = reader.state();
    reader.finish();
    let last_rows = reader.take().iter().flat_map(rows_of).collect();
    Outcome {
        rows,
        last_rows,
        fault: reader.fault().cloned(),
        state,
    }
}

/// Reads `data` whole, byte by byte and in pieces; all must give the same, in memory that the input pays for.
pub fn check_splits<R: Reader>(data: &[u8]) -> Outcome {
    // Rows are larger than the tags they come from: 40 bytes for the 15 of an empty one, growing by doubling.
    let cap = 40 * data.len() + (64 << 10);
    let whole = within(cap, || read::<R>(&[data], false));
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(within(cap, || read::<R>(&bytes, false)), whole, "byte by byte");
    let pieces = pieces(data);
    assert_eq!(within(cap, || read::<R>(&pieces, true)), whole, "in pieces");
    whole
}

/// Reads whole tags where they were received, as long as that can be done: the same as being fed.
pub fn check_in_place<R: Reader>(
    data: &[u8],
    read_in_place: impl Fn(&mut R, &[u8]) -> Option<(usize, Vec<Tag>)>,
) {
    let mut reader = R::default();
    let (mut rows, mut held, mut begun) = (Vec::new(), Vec::new(), 0);
    for piece in pieces(data) {
        held.extend_from_slice(piece);
        match read_in_place(&mut reader, &held) {
            Some((end, tags)) if end > 0 || held.len() > begun => {
                let arena = held.clone();
                rows.extend(rows_of(&Batch { arena, tags }));
                held.drain(..end);
                begun = held.len();
            }
            _ => {
                reader.feed(&held);
                rows.extend(reader.take().iter().flat_map(rows_of));
                held.clear();
                begun = 0;
            }
        }
    }
    reader.feed(&held);
    rows.extend(reader.take().iter().flat_map(rows_of));
    let state = reader.state();
    reader.finish();
    let last_rows = reader.take().iter().flat_map(rows_of).collect();
    let fault = reader.fault().cloned();
    let outcome = Outcome {
        rows,
        last_rows,
        fault,
        state,
    };
    assert_eq!(outcome, read::<R>(&[data], false), "in place");
}

/// See the module.
pub fn check(data: &[u8]) {
    let whole = check_splits::<FlvReader>(data);
    check_in_place(data, FlvReader::read_in_place);
    let strict = check_splits::<StrictReader>(data);
    assert!(
        whole.rows.starts_with(&strict.rows),
        "strict reading invents rows"
    );
    let consumed: usize = whole.state.parse().unwrap_or(usize::MAX);
    assert!(
        consumed <= data.len(),
        "{consumed} bytes consumed of {}",
        data.len()
    );
    if consumed > 0 {
        let cut = read::<FlvReader>(&[&data[..consumed]], false);
        assert_eq!(
            (cut.rows, cut.fault),
            (whole.rows.clone(), None),
            "cut to its whole tags"
        );
    }
    let all = [whole.rows, whole.last_rows].concat();
    check_written(&all);
    check_sent(&all, 1 + Dice::of(data).roll(4_000));
}

/// Rows in one arena with their table.
fn table_of(rows: &[Row]) -> (Vec<u8>, Vec<u8>) {
    let mut batch = Batch::default();
    for row in rows {
        batch.push(row.tag.kind, row.tag.timestamp, &row.body);
    }
    let table = batch.tags.iter().flat_map(Tag::to_bytes).collect();
    (batch.arena, table)
}

fn written(rows: &[Row], signalling: Signalling) -> Vec<u8> {
    let (arena, table) = table_of(rows);
    let tags = flv_tags(&arena, &table, 0, signalling).expect("rows that a reader gave");
    [&flv_header(true, true)[..], &tags.bytes].concat()
}

/// What a re-signalled row must keep: what it is, when it is shown, and every byte of its coded payload.
fn kept(row: &Row) -> (u32, u8, u8, u8, i32, u8, Vec<u8>) {
    let tag = row.tag;
    let media = if matches!(tag.kind, kind::AUDIO | kind::VIDEO) {
        row.media()
    } else {
        &row.body
    };
    (
        tag.timestamp,
        tag.kind,
        tag.role,
        tag.codec,
        tag.cts,
        tag.flags & flag::KEY,
        media.to_vec(),
    )
}

/// Written and read again, the rows are the same; re-signalled, they carry the same and doing it twice changes
/// nothing.
fn check_written(rows: &[Row]) {
    let same = read::<FlvReader>(&[&written(rows, Signalling::Source)], false);
    assert_eq!(
        (same.rows.as_slice(), same.fault),
        (rows, None),
        "written as they came"
    );
    for signalling in [Signalling::Enhanced, Signalling::Legacy] {
        let file = written(rows, signalling);
        let again = read::<FlvReader>(&[&file], false);
        assert_eq!(again.fault, None, "{signalling:?}");
        assert_eq!(written(&again.rows, signalling), file, "{signalling:?} twice");
        let mut wanted = rows.iter();
        for row in &again.rows {
            assert!(
                wanted.any(|before| kept(before) == kept(row)),
                "{signalling:?} invented {row:?}"
            );
        }
    }
}

/// Sent as RTMP messages, audio and video come out at the other end as they are.
fn check_sent(rows: &[Row], chunk_size: usize) {
    let media: Vec<Row> = rows
        .iter()
        .filter(|row| row.tag.kind != kind::SCRIPT)
        .cloned()
        .collect();
    let (arena, table) = table_of(&media);
    let mut wire = [&[3][..], &[0; 3072]].concat();
    let size = (chunk_size as u32).to_be_bytes();
    let control = Outgoing {
        chunk_stream: 2,
        kind: 1,
        message_stream: 0,
        timestamp: 0,
        payload: &size,
    };
    control.write_to(128, &mut wire).expect("four bytes");
    wire.extend(write_rows(&arena, &table, 1, chunk_size).expect("rows that a reader gave"));
    let mut peer = Connection::new(Role::Server);
    peer.feed(&wire);
    assert_eq!(peer.fault(), None, "sent in chunks of {chunk_size}");
    let received: Vec<Row> = peer.inbox.take_batch().iter().flat_map(rows_of).collect();
    assert_eq!(received, media, "sent in chunks of {chunk_size}");
}
