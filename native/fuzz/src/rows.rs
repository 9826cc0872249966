//! The writers with tables that no reader gave: a fault, or tags and messages that can be read again.

use crate::flv::read;
use crate::memory::within;
use reelkeeper_core::fault::Fault;
use reelkeeper_core::flv::FlvReader;
use reelkeeper_core::flv_write::{flv_header, flv_tags, Signalling, WrittenTags};
use reelkeeper_core::mp4::FragmentWriter;
use reelkeeper_core::rtmp::chunk_writer::write_rows;
use reelkeeper_core::tag::{codec, kind, Tag, TAG_BYTES};
use reelkeeper_core::ts::{TrackSetup, TransportWriter};

/// The first byte says how many rows (up to 7) follow, each [`TAG_BYTES`] long; the rest is the arena.
pub fn check(data: &[u8]) {
    check_with(
        |arena, table, signalling| flv_tags(arena, table, 0, signalling),
        data,
    );
}

/// Checks a writer of FLV tags, beside that of RTMP messages.
pub fn check_with(write: impl Fn(&[u8], &[u8], Signalling) -> Result<WrittenTags, Fault>, data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (table, arena) = rest.split_at((usize::from(count & 7) * TAG_BYTES).min(rest.len()));
    let tags: Vec<Tag> = table.chunks_exact(TAG_BYTES).map(row).collect();
    let wanted: usize = tags.iter().map(|tag| 64 + tag.size as usize).sum();
    // Faults take no more than their line; what is written, what the rows say.
    let cap = 8 * wanted.min(8 * (arena.len() + 64)) + 16 * data.len() + (64 << 10);
    for signalling in [Signalling::Source, Signalling::Enhanced, Signalling::Legacy] {
        if let Ok(written) = within(cap, || write(arena, table, signalling)) {
            check_written(&tags, &written.bytes, &written.starts);
        }
    }
    for chunk_size in [1, 128, 1 << 20] {
        // At worst a chunk of one byte has a header of 7.
        let _ = within(32 * cap, || write_rows(arena, table, 1, chunk_size));
    }
    check_transport(arena, table);
    check_fragments(arena, table);
}

/// AVCDecoderConfigurationRecord and VvcDecoderConfigurationRecord with lengths of 1 byte, AudioSpecificConfig.
const RECORDS: [(u8, &[u8]); 5] = [
    (
        codec::H264,
        &[1, 100, 0, 31, 0xfc, 0xe1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 2],
    ),
    (codec::H266, &[0xf8, 0]),
    (codec::AAC, &[0x12, 0x10]),
    (codec::MP3, &[]),
    (codec::OPUS, &[]),
];

fn check_transport(arena: &[u8], table: &[u8]) {
    let setups = RECORDS.map(|(codec, config)| TrackSetup {
        codec,
        config,
        channels: 2,
        sample_rate: 48_000,
    });
    let mut writer = TransportWriter::default();
    writer.begin_segment(&setups).expect("tracks that are carried");
    // A NAL unit of 2 bytes has 5 behind a start code, and 7 rows may be of the same bytes.
    let cap = 64 * arena.len() + (64 << 10);
    let mut packets = Vec::new();
    if within(cap, || writer.mux(arena, table, 0, &mut packets)).is_ok() {
        let mut packets = packets.chunks(188);
        assert!(packets.all(|packet| packet.len() == 188 && packet[0] == 0x47));
    }
}

fn check_fragments(arena: &[u8], table: &[u8]) {
    let codecs = [codec::H264, codec::AV1, codec::OPUS];
    let head = movie(codecs.len() as u8);
    let mut writer = FragmentWriter::new(&head, &codecs, 1).expect("three tracks");
    let cap = 64 * arena.len() + (64 << 10);
    let mut out = Vec::new();
    // Twice, so that what waits comes from an arena before.
    for _ in 0..2 {
        if within(cap, || writer.mux(arena, table, 0)).is_ok() {
            put_fragments(&mut writer, arena, &mut out);
        }
    }
    writer.finish();
    put_fragments(&mut writer, &[], &mut out);
    let mut rest = out.as_slice();
    while let Some((size, _)) = rest.split_first_chunk() {
        let (_, next) = rest.split_at(u32::from_be_bytes(*size) as usize);
        rest = next;
    }
    assert!(rest.is_empty());
}

fn put_fragments(writer: &mut FragmentWriter, arena: &[u8], out: &mut Vec<u8>) {
    for piece in writer.take(arena).iter(arena) {
        out.extend_from_slice(piece);
    }
}

/// A `moov` of so many tracks without samples.
fn movie(tracks: u8) -> Vec<u8> {
    let mut boxes = vec![full(b"mvhd", &[])];
    for id in 1..=tracks {
        let entries = nested(b"stbl", &[full(b"stsd", &[0; 4])]);
        let header = full(
            b"mdhd",
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 62, 128, 0, 0, 0, 0, 0, 0, 0, 0],
        );
        let media = nested(b"mdia", &[header, nested(b"minf", &[entries])]);
        let head = full(b"tkhd", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, id]);
        boxes.push(nested(b"trak", &[head, media]));
    }
    nested(b"moov", &boxes)
}

fn full(kind: &[u8; 4], fields: &[u8]) -> Vec<u8> {
    nested(kind, &[vec![0; 4], fields.to_vec()])
}

fn nested(kind: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    let payload = parts.concat();
    [
        &(8 + payload.len() as u32).to_be_bytes(),
        kind.as_slice(),
        &payload,
    ]
    .concat()
}

fn row(bytes: &[u8]) -> Tag {
    Tag::read_from(bytes.try_into().expect("a whole row"))
}

fn check_written(tags: &[Tag], bytes: &[u8], starts: &[u32]) {
    assert_eq!(starts.len(), tags.len());
    assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(starts.iter().all(|&start| start as usize <= bytes.len()));
    if tags
        .iter()
        .all(|tag| matches!(tag.kind, kind::AUDIO | kind::VIDEO | kind::SCRIPT))
    {
        let again = read::<FlvReader>(&[&flv_header(true, true), bytes], false);
        assert_eq!((again.fault, again.state), (None, (13 + bytes.len()).to_string()));
    }
}
