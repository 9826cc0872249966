//! Writing fragments: frames in, pairs of `moof` and `mdat` out (ISO/IEC 14496-12 section 8.8).
//!
//! A frame waits for the next one of its track, which says how long it lasts, and the other track's behind it
//! wait with it: wherever a file is cut its tracks end together. All else is handed out at the end of the call
//! that brought it, unless the fragment is still short: what a crash costs is that.

use std::borrow::Cow;
use std::ops::Range;

use super::boxes::children;
use super::init::{Movie, Track as Described};
use super::obus;
use crate::fault::Fault;
use crate::mux::{Muxed, PacketClock, Pieces, Stamp, PIECE_BYTES};
use crate::tag::{codec, flag, frames, Tag};

#[cfg(test)]
mod tests;

/// The longest fragment.
const LONGEST_MS: u64 = 500;
/// A fragment is not ended sooner by a keyframe or by the end of a call.
const SHORTEST_MS: u64 = 400;
/// The most that samples of one fragment take, the one that fills it left aside.
const FRAGMENT_BYTES: usize = 8 << 20;

const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;
/// Default sample flags are given, and data is placed from the `moof` on.
const TFHD_FLAGS: u32 = 0x02_0020;
/// Data offset, and for each sample its duration and its size.
const RUN_FLAGS: u32 = 0x301;
/// And its flags and its composition time.
const VIDEO_RUN_FLAGS: u32 = RUN_FLAGS | 0xc00;

/// Writes the fragments of some tracks, behind the `moov` that describes them.
#[derive(Debug)]
pub struct FragmentWriter {
    tracks: Vec<Track>,
    sequence: u32,
    /// Payloads of earlier calls, and those that are not as they came.
    held: Vec<u8>,
    /// Of the samples that are in no fragment yet, those that wait left aside.
    open_bytes: usize,
    heads: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Track {
    id: u32,
    timescale: u32,
    codec: u8,
    is_video: bool,
    clock: PacketClock,
    /// How long the frame before the newest lasted.
    frame_ticks: u32,
    waiting: Option<Sample>,
    samples: Vec<Sample>,
    /// Those of the fragment that is being ended.
    closed: Vec<Sample>,
    refused_run: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    dts: u64,
    duration: u32,
    composition: u32,
    is_key: bool,
    data: Piece,
}

/// Bytes that are written some time.
#[derive(Debug, Clone, Copy)]
struct Piece {
    source: Source,
    start: usize,
    size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Arena,
    Held,
    Heads,
}

impl Piece {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.size
    }
}

impl FragmentWriter {
    /// Fragments behind `init`, a file's `ftyp` and `moov`; their tracks have these codecs, in this order.
    /// `next_sequence` is the number of the first.
    pub fn new(init: &[u8], codecs: &[u8], next_sequence: u32) -> Result<Self, Fault> {
        let mut described = Vec::new();
        for child in children(init, "file") {
            let child = child?;
            if &child.kind == b"moov" {
                described = Movie::read(child.payload)?.tracks;
            }
        }
        if described.len() != codecs.len() {
            let message = format!("{} tracks for {} codecs", described.len(), codecs.len());
            return Err(Fault::new("mp4.tracks", message));
        }
        let tracks = described.iter().zip(codecs);
        Ok(Self {
            tracks: tracks.map(|(track, &codec)| Track::of(track, codec)).collect(),
            sequence: next_sequence,
            held: Vec::new(),
            open_bytes: 0,
            heads: Vec::new(),
            pieces: Vec::new(),
        })
    }

    /// The number of the next fragment.
    pub fn next_sequence(&self) -> u32 {
        self.sequence
    }

    /// Takes in the frames of a table; times are written from `origin_ms` on. What that completes is there to be
    /// taken, with the same arena, before the next call.
    pub fn mux(&mut self, arena: &[u8], table: &[u8], origin_ms: i64) -> Result<Muxed, Fault> {
        let mut muxed = Muxed::default();
        let taken = frames(arena, table)?.collect::<Result<Vec<_>, Fault>>()?;
        for (tag, payload) in taken {
            self.add_frame(&tag, payload, origin_ms, &mut muxed);
        }
        if self.tracks.iter().any(|track| track.open_ms() >= SHORTEST_MS) {
            self.end_fragment(self.waiting_ms());
        }
        let runs = self.tracks.iter().map(|track| track.refused_run);
        muxed.refused_run = runs.max().unwrap_or(0);
        Ok(muxed)
    }

    /// Ends the last fragment, and the clocks with it: what follows may be on another.
    pub fn finish(&mut self) {
        for at in 0..self.tracks.len() {
            if let Some(sample) = self.tracks.get_mut(at).and_then(Track::end) {
                self.add_sample(at, sample);
            }
        }
        self.end_fragment(u64::MAX);
    }

    /// The fragments that are complete. What is left of the arena is copied and kept.
    pub fn take(&mut self, arena: &[u8]) -> Pieces {
        let mut taken = Pieces::default();
        for piece in &self.pieces {
            if piece.source == Source::Arena && piece.size >= PIECE_BYTES {
                taken.lend(piece.range());
            } else {
                taken.copy(self.bytes_of(piece, arena));
            }
        }
        self.keep(arena);
        self.heads.clear();
        self.pieces.clear();
        taken
    }

    fn keep(&mut self, arena: &[u8]) {
        let mut kept = Vec::with_capacity(self.open().map(|sample| sample.data.size).sum());
        let mut places = Vec::new();
        for sample in self.open() {
            places.push(kept.len());
            kept.extend_from_slice(self.bytes_of(&sample.data, arena));
        }
        let open = self.tracks.iter_mut().flat_map(Track::open_mut);
        for (sample, start) in open.zip(places) {
            (sample.data.source, sample.data.start) = (Source::Held, start);
        }
        self.held = kept;
    }

    fn open(&self) -> impl Iterator<Item = &Sample> {
        self.tracks
            .iter()
            .flat_map(|track| track.samples.iter().chain(&track.waiting))
    }

    fn bytes_of<'a>(&'a self, piece: &Piece, arena: &'a [u8]) -> &'a [u8] {
        let bytes = match piece.source {
            Source::Arena => arena,
            Source::Held => &self.held,
            Source::Heads => &self.heads,
        };
        bytes.get(piece.range()).unwrap_or_default()
    }

    fn add_frame(&mut self, tag: &Tag, payload: &[u8], origin_ms: i64, muxed: &mut Muxed) {
        let Some(at) = self.tracks.iter().position(|track| track.codec == tag.codec) else {
            return;
        };
        let data = self.place(tag, payload);
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        let Some(data) = data else {
            muxed.refused += 1;
            track.refused_run += 1;
            return;
        };
        track.refused_run = 0;
        let stamp = track.clock.step(tag.dts.saturating_sub(origin_ms), tag.cts);
        muxed.moved += u32::from(stamp.moved);
        if let Some(sample) = track.next(stamp, tag.flags & flag::KEY != 0, data) {
            self.add_sample(at, sample);
        }
    }

    /// Where a payload stands; None when it cannot be read.
    fn place(&mut self, tag: &Tag, payload: &[u8]) -> Option<Piece> {
        if tag.codec == codec::AV1 {
            if let Cow::Owned(sample) = obus::sample_of(payload).ok()? {
                let start = self.held.len();
                self.held.extend_from_slice(&sample);
                return (!sample.is_empty()).then_some(Piece {
                    source: Source::Held,
                    start,
                    size: sample.len(),
                });
            }
        }
        Some(Piece {
            source: Source::Arena,
            start: tag.media_offset as usize,
            size: payload.len(),
        })
    }

    fn add_sample(&mut self, at: usize, sample: Sample) {
        if self.open_bytes >= FRAGMENT_BYTES {
            self.end_fragment(u64::MAX);
        } else if let Some(begins_ms) = self.tracks.get(at).and_then(|track| track.due_ms(&sample)) {
            self.end_fragment(begins_ms.min(self.waiting_ms()));
        }
        if let Some(track) = self.tracks.get_mut(at) {
            self.open_bytes += sample.data.size;
            track.samples.push(sample);
        }
    }

    /// When the earliest of the frames that wait begins; one that is far behind the others is of a track that
    /// has ended, or is slow.
    fn waiting_ms(&self) -> u64 {
        let times = || self.tracks.iter().filter_map(Track::waiting_ms);
        let newest_ms = times().max().unwrap_or(u64::MAX);
        let near = times().filter(|time_ms| time_ms.saturating_add(LONGEST_MS) >= newest_ms);
        near.min().unwrap_or(u64::MAX)
    }

    /// Ends the fragment with what begins before `end_ms`.
    fn end_fragment(&mut self, end_ms: u64) {
        for track in &mut self.tracks {
            track.close(end_ms);
        }
        let tracks = || self.tracks.iter().filter(|track| !track.closed.is_empty());
        let moof_bytes = 24 + tracks().map(Track::traf_bytes).sum::<usize>();
        if moof_bytes == 24 {
            return;
        }
        let start = self.heads.len();
        let heads = &mut self.heads;
        put(
            heads,
            &[
                moof_bytes as u32,
                word(b"moof"),
                16,
                word(b"mfhd"),
                0,
                self.sequence,
            ],
        );
        let mut data_at = moof_bytes + 8;
        for track in tracks() {
            track.put_traf(heads, data_at);
            data_at += track.closed.iter().map(|sample| sample.data.size).sum::<usize>();
        }
        put(heads, &[(data_at - moof_bytes) as u32, word(b"mdat")]);
        self.pieces.push(Piece {
            source: Source::Heads,
            start,
            size: heads.len() - start,
        });
        for track in &mut self.tracks {
            self.pieces
                .extend(track.closed.drain(..).map(|sample| sample.data));
        }
        self.sequence = self.sequence.wrapping_add(1);
        let open = self.tracks.iter().flat_map(|track| &track.samples);
        self.open_bytes = open.map(|sample| sample.data.size).sum();
    }
}

impl Track {
    fn of(described: &Described, codec: u8) -> Self {
        Self {
            id: described.id,
            timescale: described.timescale,
            codec,
            is_video: codec < 100,
            clock: PacketClock::new(described.timescale, Some(0)),
            frame_ticks: 0,
            waiting: None,
            samples: Vec::new(),
            closed: Vec::new(),
            refused_run: 0,
        }
    }

    /// The newest frame waits, and the one that waited is complete.
    fn next(&mut self, stamp: Stamp, is_key: bool, data: Piece) -> Option<Sample> {
        let sample = Sample {
            dts: stamp.dts.unsigned_abs(),
            duration: 0,
            composition: u32::try_from(stamp.pts.saturating_sub(stamp.dts)).unwrap_or(u32::MAX),
            is_key,
            data,
        };
        let before = self.waiting.replace(sample)?;
        self.frame_ticks = u32::try_from(sample.dts.saturating_sub(before.dts)).unwrap_or(u32::MAX);
        Some(Sample {
            duration: self.frame_ticks,
            ..before
        })
    }

    /// The last frame lasts as long as the one before it.
    fn end(&mut self) -> Option<Sample> {
        self.clock = PacketClock::new(self.timescale, Some(0));
        let duration = self.frame_ticks;
        self.waiting.take().map(|sample| Sample { duration, ..sample })
    }

    fn open_mut(&mut self) -> impl Iterator<Item = &mut Sample> {
        self.samples.iter_mut().chain(&mut self.waiting)
    }

    /// Media in the open fragment.
    fn open_ms(&self) -> u64 {
        match (self.samples.first(), self.samples.last()) {
            (Some(first), Some(last)) => {
                self.ms_between(first.dts, last.dts.saturating_add(u64::from(last.duration)))
            }
            _ => 0,
        }
    }

    /// When the open fragment ends, if it does before this sample.
    fn due_ms(&self, sample: &Sample) -> Option<u64> {
        let first = self.samples.first()?;
        let open_ms = self.ms_between(first.dts, sample.dts);
        let is_cut = self.is_video && sample.is_key && open_ms >= SHORTEST_MS;
        (is_cut || open_ms >= LONGEST_MS).then(|| self.ms_between(0, sample.dts))
    }

    fn waiting_ms(&self) -> Option<u64> {
        self.waiting.map(|sample| self.ms_between(0, sample.dts))
    }

    /// Takes what begins before `end_ms` out of the open samples.
    fn close(&mut self, end_ms: u64) {
        let count = self
            .samples
            .iter()
            .take_while(|sample| self.ms_between(0, sample.dts) < end_ms);
        let count = count.count();
        self.closed.extend(self.samples.drain(..count));
    }

    fn ms_between(&self, from: u64, to: u64) -> u64 {
        to.saturating_sub(from).saturating_mul(1000) / u64::from(self.timescale.max(1))
    }

    fn run_bytes(&self) -> usize {
        20 + self.closed.len() * if self.is_video { 16 } else { 8 }
    }

    fn traf_bytes(&self) -> usize {
        8 + 20 + 20 + self.run_bytes()
    }

    fn put_traf(&self, out: &mut Vec<u8>, data_at: usize) {
        let dts = self.closed.first().map_or(0, |sample| sample.dts);
        let flags = if self.is_video { VIDEO_RUN_FLAGS } else { RUN_FLAGS };
        put(out, &[self.traf_bytes() as u32, word(b"traf")]);
        put(out, &[20, word(b"tfhd"), TFHD_FLAGS, self.id, SYNC]);
        put(out, &[20, word(b"tfdt"), 1 << 24, (dts >> 32) as u32, dts as u32]);
        put(out, &[self.run_bytes() as u32, word(b"trun"), flags]);
        put(out, &[self.closed.len() as u32, data_at as u32]);
        for sample in &self.closed {
            put(out, &[sample.duration, sample.data.size as u32]);
            if self.is_video {
                put(
                    out,
                    &[if sample.is_key { SYNC } else { NOT_SYNC }, sample.composition],
                );
            }
        }
    }
}

fn word(kind: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*kind)
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}
