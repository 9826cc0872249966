//! What messages become: rows of the tag table, or events.

use super::kind;
use crate::amf0::{self, Value};
use crate::fault::Fault;
use crate::limits::BATCH_BYTES;
use crate::tag::{kind as media_kind, Batch};

/// Something a session decides about.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The handshake is done: messages can be sent.
    Handshake,
    /// A command, or the status of a stream sent as a data message: all its values, the name first.
    Command {
        /// Message stream it came on.
        message_stream: u32,
        /// Name, transaction number, command object, arguments.
        values: Vec<Value>,
    },
    /// A user control message other than a ping.
    UserControl {
        /// Event type (section 7.1.7).
        event_type: u16,
        /// The first 32-bit value, mostly a message stream; 0 when there is none.
        first: u32,
    },
}

/// Adds an audio, video or data message to the table.
///
/// The name `@setDataFrame` is taken off, so that the row is what an FLV file holds. `|RtmpSampleAccess`,
/// which only tells Flash what scripts may read, is dropped. Gives the values of `onStatus` and
/// `onPlayStatus`, which are about the stream and no part of it, as [`command_values`] does.
pub(super) fn push_media(
    batch: &mut Batch,
    kind: u8,
    timestamp: u32,
    body: &[u8],
) -> Result<Option<(Vec<Value>, usize)>, Fault> {
    if !batch.has_room(body.len()) {
        return Err(Fault::new(
            "rtmp.untaken",
            format!("more than {BATCH_BYTES} bytes of media wait to be taken"),
        ));
    }
    let script = match kind {
        media_kind::SCRIPT => body,
        kind::DATA_AMF3 => body.strip_prefix(&[0]).unwrap_or(body),
        _ => {
            batch.push(kind, timestamp, body);
            return Ok(None);
        }
    };
    match leading_name(script) {
        Some((b"|RtmpSampleAccess" | b"@clearDataFrame", _)) => {}
        Some((b"onStatus" | b"onPlayStatus", _)) => return Ok(Some(amf0::decode_counted(script)?)),
        Some((b"@setDataFrame", rest)) => batch.push(media_kind::SCRIPT, timestamp, rest),
        _ => batch.push(media_kind::SCRIPT, timestamp, script),
    }
    Ok(None)
}

/// The AMF0 string that script data starts with, and what follows it.
fn leading_name(script: &[u8]) -> Option<(&[u8], &[u8])> {
    let &[2, high, low, ref rest @ ..] = script else {
        return None;
    };
    let size = usize::from(u16::from_be_bytes([high, low]));
    (size <= rest.len()).then(|| rest.split_at(size))
}

/// The values of a command message, and the bytes they would take without references.
pub(super) fn command_values(kind: u8, payload: &[u8]) -> Result<(Vec<Value>, usize), Fault> {
    let encoded = match kind {
        kind::COMMAND_AMF3 => payload.strip_prefix(&[0]).unwrap_or(payload),
        _ => payload,
    };
    amf0::decode_counted(encoded)
}

/// One message inside of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub kind: u8,
    pub timestamp: u32,
    pub body: &'a [u8],
}

/// Splits an aggregate message (section 7.1.6): FLV tags whose timestamps count from the first of them, which
/// has the timestamp of the message. Back pointers are stepped over unread; the last may be missing.
pub(super) struct Aggregate<'a> {
    rest: &'a [u8],
    timestamp: u32,
    first: Option<u32>,
}

impl<'a> Aggregate<'a> {
    pub fn new(timestamp: u32, payload: &'a [u8]) -> Self {
        Self {
            rest: payload,
            timestamp,
            first: None,
        }
    }
}

impl<'a> Iterator for Aggregate<'a> {
    type Item = Result<Part<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = match std::mem::take(&mut self.rest) {
            &[kind, a, b, c, t2, t1, t0, t3, _, _, _, ref rest @ ..] => {
                let size = u32::from_be_bytes([0, a, b, c]) as usize;
                let timestamp = u32::from_be_bytes([t3, t2, t1, t0]);
                rest.get(..size)
                    .map(|body| (kind, timestamp, body, &rest[size..]))
            }
            _ => None,
        };
        let Some((kind, timestamp, body, rest)) = part else {
            return Some(Err(Fault::new(
                "rtmp.aggregate",
                "an aggregate message ends inside of one of its messages",
            )));
        };
        self.rest = rest.get(4..).unwrap_or_default();
        let first = *self.first.get_or_insert(timestamp);
        let timestamp = self.timestamp.wrapping_add(timestamp.wrapping_sub(first));
        Some(Ok(Part {
            kind,
            timestamp,
            body,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(kind: u8, body: &[u8]) -> Vec<Vec<u8>> {
        let mut batch = Batch::default();
        push_media(&mut batch, kind, 7, body).unwrap();
        batch
            .tags
            .iter()
            .map(|tag| batch.arena[tag.offset as usize..][..tag.size as usize].to_vec())
            .collect()
    }

    #[test]
    fn script_rows_are_what_flv_holds() {
        let named = |name: &str, rest: &[u8]| [&[2, 0, name.len() as u8][..], name.as_bytes(), rest].concat();
        let metadata = named("onMetaData", &[8, 0, 0, 0, 0, 0, 0, 9]);
        let set_metadata = named("@setDataFrame", &metadata);
        for (kind, body) in [
            (18, &metadata),
            (18, &set_metadata),
            (15, &[&[0], &set_metadata[..]].concat()),
        ] {
            assert_eq!(rows(kind, body), std::slice::from_ref(&metadata));
        }
        assert!(rows(18, &named("|RtmpSampleAccess", &[1, 1])).is_empty());
        assert_eq!(rows(18, &[2, 0, 200, b'x']), [[2, 0, 200, b'x']]);
        assert_eq!(rows(8, &[]), [[0; 0]]);
    }

    #[test]
    fn a_status_in_a_data_message_is_an_event() {
        let body = amf0::encode(&[Value::Text("onPlayStatus".into()), Value::Null]).unwrap();
        let values = push_media(&mut Batch::default(), 18, 0, &body).unwrap();
        assert_eq!(
            values,
            Some((vec![Value::Text("onPlayStatus".into()), Value::Null], body.len()))
        );
    }

    #[test]
    fn aggregates_are_rebased() {
        let part = |kind: u8, timestamp: u8, body: &[u8]| {
            [
                &[kind, 0, 0, body.len() as u8, 0, 0, timestamp, 0, 0, 0, 0][..],
                body,
                &[0xEE; 4],
            ]
            .concat()
        };
        let payload = [part(8, 10, b"a"), part(9, 5, b"bc"), part(9, 30, b"")].concat();
        let expected = [(8, 1000, &b"a"[..]), (9, 995, b"bc"), (9, 1020, b"")];
        for end in [payload.len(), payload.len() - 4] {
            let parts: Vec<_> = Aggregate::new(1000, &payload[..end])
                .map(Result::unwrap)
                .collect();
            assert_eq!(
                parts,
                expected.map(|(kind, timestamp, body)| Part {
                    kind,
                    timestamp,
                    body
                })
            );
        }
        let cut: Vec<_> = Aggregate::new(0, &payload[..20]).collect();
        assert_eq!(cut.len(), 2);
        assert_eq!(cut[1].as_ref().unwrap_err().code, "rtmp.aggregate");
    }
}
