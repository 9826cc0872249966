//! Writes MPEG transport streams (ISO 13818-1): the media segments of an HLS playlist (RFC 8216 section 3.2).
//!
//! Each segment begins with its tables and can be read alone. One PES packet holds one frame, so that each has
//! its own timestamps; nothing waits for what comes next. Against FFmpeg's muxer: parameter sets stand right
//! behind the access unit delimiter, those of a record's messages (SEI) are left out, Opus has no trims, and
//! there is no service description table.

mod annexb;
mod carriage;
mod opus;
mod packets;
mod tables;
#[cfg(test)]
mod tests;

use crate::fault::Fault;
use crate::mux::{Muxed, PacketClock};
use crate::tag::{flag, frames, Tag};
use carriage::Carriage;
use packets::{PesHead, PesWriter, ROOM_BYTES};
use tables::{put_tables, Stream};

/// Size of a transport stream packet.
const PACKET_BYTES: usize = 188;
/// PIDs are this and the codec number: a player that does not start anew at a discontinuity never takes one
/// codec for another.
const FIRST_PID: u16 = 0x100;
/// What a frame takes beside its payload, for the estimate of the output: PES header, delimiter, parameter
/// sets, start codes.
const FRAME_OVERHEAD_BYTES: usize = 256;
const COUNTERS: usize = 1 << 8;
const TICKS_PER_S: u32 = 90_000;

/// What is known of a track before its first frame.
#[derive(Debug, Clone, Copy)]
pub struct TrackSetup<'a> {
    /// See [`crate::tag::codec`].
    pub codec: u8,
    /// The decoder configuration record; may be empty for MP3 and Opus.
    pub config: &'a [u8],
    /// For Opus without a record.
    pub channels: u32,
    /// For MP3; 0 when it is not known.
    pub sample_rate: u32,
}

/// Packets of some tracks; continuity counters go on from one media segment to the next.
#[derive(Debug)]
pub struct TransportWriter {
    tracks: Vec<Track>,
    /// PAT and PMT of the segment, until its first frame is written.
    tables: Vec<u8>,
    /// The next continuity counter of the tables, and of each codec's PID.
    table_counter: u8,
    counters: [u8; COUNTERS],
}

#[derive(Debug)]
struct Track {
    codec: u8,
    carriage: Carriage,
    clock: PacketClock,
    has_clock_reference: bool,
    /// Frames refused since the last one that was not, in whatever segment.
    refused_run: u32,
}

impl Track {
    fn pid(&self) -> u16 {
        pid_of(self.codec)
    }
}

fn pid_of(codec_number: u8) -> u16 {
    FIRST_PID + u16::from(codec_number)
}

impl Default for TransportWriter {
    fn default() -> Self {
        Self {
            tracks: Vec::new(),
            tables: Vec::new(),
            table_counter: 0,
            counters: [0; COUNTERS],
        }
    }
}

impl TransportWriter {
    /// Begins a segment of these tracks; what is muxed next begins with the tables. Fails, and leaves the
    /// segment before as it is, when a configuration cannot be read or a codec cannot be carried.
    pub fn begin_segment(&mut self, setups: &[TrackSetup]) -> Result<(), Fault> {
        let mut tracks: Vec<Track> = Vec::with_capacity(setups.len());
        for setup in setups {
            if tracks.iter().any(|track| track.codec == setup.codec) {
                let message = format!("two tracks of codec {} in a transport stream", setup.codec);
                return Err(Fault::new("ts.tracks", message));
            }
            let before = self.tracks.iter().find(|track| track.codec == setup.codec);
            tracks.push(Track {
                codec: setup.codec,
                carriage: Carriage::of(setup)?,
                clock: PacketClock::new(TICKS_PER_S, None),
                has_clock_reference: false,
                refused_run: before.map_or(0, |track| track.refused_run),
            });
        }
        let leading = tracks.iter().position(|track| track.carriage.is_video());
        let Some(leading) = tracks.get_mut(leading.unwrap_or(0)) else {
            return Err(Fault::new("ts.tracks", "a transport stream without tracks"));
        };
        leading.has_clock_reference = true;
        let clock_pid = leading.pid();
        let streams: Vec<Stream> = tracks
            .iter()
            .map(|track| Stream {
                stream_type: track.carriage.stream_type(),
                pid: track.pid(),
                descriptors: track.carriage.descriptors(),
            })
            .collect();
        self.tables.clear();
        put_tables(&streams, clock_pid, self.table_counter, &mut self.tables);
        self.tracks = tracks;
        Ok(())
    }

    /// Appends the frames among these rows to `out`, as packets at `dts - origin_ms`. Rows that are no frames,
    /// hold nothing or are of no track's codec are stepped over.
    ///
    /// `table` is rows as [`Tag::to_bytes`] gives them. Fails, and writes nothing, when it is not, and when a
    /// payload is outside of the arena.
    pub fn mux(
        &mut self,
        arena: &[u8],
        table: &[u8],
        origin_ms: i64,
        out: &mut Vec<u8>,
    ) -> Result<Muxed, Fault> {
        let rows = frames(arena, table)?.collect::<Result<Vec<_>, Fault>>()?;
        let estimate = rows
            .iter()
            .map(|(_, payload)| packets_of(payload.len()) * PACKET_BYTES)
            .fold(self.tables.len(), usize::saturating_add);
        out.reserve(estimate);
        let mut muxed = Muxed::default();
        for (tag, payload) in rows {
            self.mux_one(&tag, payload, origin_ms, &mut muxed, out);
        }
        let runs = self.tracks.iter().map(|track| track.refused_run);
        muxed.refused_run = runs.max().unwrap_or(0);
        Ok(muxed)
    }

    fn mux_one(&mut self, tag: &Tag, payload: &[u8], origin_ms: i64, muxed: &mut Muxed, out: &mut Vec<u8>) {
        let found = self.tracks.iter_mut().find(|track| track.codec == tag.codec);
        let counter = self.counters.get_mut(usize::from(tag.codec));
        let (Some(track), Some(counter)) = (found, counter) else {
            return;
        };
        let is_key = tag.flags & flag::KEY != 0;
        let is_first = track.clock.is_new();
        let Some(payload) = track.carriage.payload(payload, is_key, is_first) else {
            track.refused_run += 1;
            muxed.refused += 1;
            return;
        };
        track.refused_run = 0;
        let times = track.clock.step(tag.dts.saturating_sub(origin_ms), tag.cts);
        muxed.moved += u32::from(times.moved);
        if !self.tables.is_empty() {
            out.append(&mut self.tables);
            self.table_counter = self.table_counter.wrapping_add(1);
        }
        let head = PesHead {
            pid: pid_of(tag.codec),
            stream_id: track.carriage.stream_id(),
            pts: times.pts,
            dts: times.dts,
            random_access: is_key,
            has_clock: track.has_clock_reference,
            is_video: track.carriage.is_video(),
        };
        let mut pes = PesWriter::begin(&head, payload.size(), out, counter);
        payload.write(&mut pes);
    }
}

/// About how many packets a frame takes.
fn packets_of(payload_bytes: usize) -> usize {
    (payload_bytes + FRAME_OVERHEAD_BYTES).div_ceil(ROOM_BYTES)
}
