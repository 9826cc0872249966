//! What has come and waits to be taken, and the answers that need no decision.

use super::chunk_reader::{control_value, Message};
use super::kind;
use super::message::{command_values, push_media, Aggregate, Event};
use super::outbox::Outbox;
use crate::fault::Fault;
use crate::limits::{RTMP_PENDING_BYTES, RTMP_PENDING_EVENTS};
use crate::tag::{kind as media_kind, Batch};

/// Window of a peer that never said one: what most servers say.
const DEFAULT_WINDOW_BYTES: u32 = 2_500_000;

const PING_REQUEST: u16 = 6;
const PING_RESPONSE: u16 = 7;

/// Rows and events in the order they came, and the peer's sending window.
#[derive(Debug)]
pub struct Inbox {
    pub(super) batch: Batch,
    pub(super) peer_window_bytes: u32,
    events: Vec<(usize, Event)>,
    pending_bytes: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            batch: Batch::default(),
            peer_window_bytes: DEFAULT_WINDOW_BYTES,
            events: Vec::new(),
            pending_bytes: 0,
        }
    }
}

impl Inbox {
    /// The rows since the last call; None when there are none.
    pub fn take_batch(&mut self) -> Option<Batch> {
        (!self.batch.is_empty()).then(|| std::mem::take(&mut self.batch))
    }

    /// The events since the last call, each with the number of untaken rows when it came.
    pub fn take_events(&mut self) -> Vec<(usize, Event)> {
        self.pending_bytes = 0;
        std::mem::take(&mut self.events)
    }

    /// Makes a message rows or events, or answers it.
    pub(super) fn accept(&mut self, message: &Message<'_>, answers: &mut Outbox) -> Result<(), Fault> {
        let payload = message.payload;
        match message.kind {
            media_kind::AUDIO | media_kind::VIDEO | media_kind::SCRIPT | kind::DATA_AMF3 => {
                self.accept_media(message.message_stream, message.kind, message.timestamp, payload)
            }
            kind::AGGREGATE => self.accept_aggregate(message),
            kind::COMMAND | kind::COMMAND_AMF3 => {
                // Checked before decoding, which takes many times the memory of the message.
                self.check_pending(payload.len())?;
                let (values, bytes) = command_values(message.kind, payload)?;
                self.push_event(
                    Event::Command {
                        message_stream: message.message_stream,
                        values,
                    },
                    bytes,
                )
            }
            kind::USER_CONTROL => self.accept_user_control(payload, answers),
            kind::WINDOW_ACKNOWLEDGEMENT_SIZE => {
                self.peer_window_bytes = control_value(payload)?;
                Ok(())
            }
            kind::SET_PEER_BANDWIDTH => answers.answer_peer_bandwidth(control_value(payload)?),
            _ => Ok(()), // acknowledgements, shared objects, and types nobody defined
        }
    }

    fn accept_media(
        &mut self,
        message_stream: u32,
        kind: u8,
        timestamp: u32,
        body: &[u8],
    ) -> Result<(), Fault> {
        match push_media(&mut self.batch, kind, timestamp, body)? {
            Some((values, bytes)) => self.push_event(
                Event::Command {
                    message_stream,
                    values,
                },
                bytes,
            ),
            None => Ok(()),
        }
    }

    fn accept_aggregate(&mut self, message: &Message<'_>) -> Result<(), Fault> {
        for part in Aggregate::new(message.timestamp, message.payload) {
            let part = part?;
            if matches!(
                part.kind,
                media_kind::AUDIO | media_kind::VIDEO | media_kind::SCRIPT
            ) {
                self.accept_media(message.message_stream, part.kind, part.timestamp, part.body)?;
            }
        }
        Ok(())
    }

    fn accept_user_control(&mut self, payload: &[u8], answers: &mut Outbox) -> Result<(), Fault> {
        let [high, low, ref rest @ ..] = *payload else {
            return Err(Fault::new(
                "rtmp.control",
                format!("a user control message of {} bytes", payload.len()),
            ));
        };
        let event_type = u16::from_be_bytes([high, low]);
        let first = control_value(rest).unwrap_or(0);
        if event_type == PING_REQUEST {
            return answers.user_control(PING_RESPONSE, first, None);
        }
        self.push_event(Event::UserControl { event_type, first }, payload.len())
    }

    fn check_pending(&self, bytes: usize) -> Result<(), Fault> {
        if self.events.len() >= RTMP_PENDING_EVENTS || self.pending_bytes + bytes > RTMP_PENDING_BYTES {
            let message = format!(
                "commands of more than {RTMP_PENDING_BYTES} bytes, or more than {RTMP_PENDING_EVENTS}, at once"
            );
            return Err(Fault::new("rtmp.events", message));
        }
        Ok(())
    }

    pub(super) fn push_event(&mut self, event: Event, bytes: usize) -> Result<(), Fault> {
        self.check_pending(bytes)?;
        self.pending_bytes += bytes;
        self.events.push((self.batch.tags.len(), event));
        Ok(())
    }
}
