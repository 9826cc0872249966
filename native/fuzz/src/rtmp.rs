//! RTMP connections of both roles: any split gives the same rows, events and answers, in bounded memory.

use crate::memory::within;
use crate::pieces::pieces;
use crate::{rows_of, Row};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::limits::AMF_EXPANSION_BYTES;
use reelkeeper_core::rtmp::connection::{Connection, Role};

const VERSION: u8 = 3;
/// Version byte, C1 or S1, C2 or S2.
const HANDSHAKE_BYTES: usize = 1 + 2 * 1536;

/// What came of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Media and script data.
    pub rows: Vec<Row>,
    /// Events with the number of rows before them; as text, in which NaN equals NaN.
    pub events: Vec<(usize, String)>,
    /// What was answered behind the handshake, whose bytes are random.
    pub answers: Vec<u8>,
    /// Why it stopped.
    pub fault: Option<Fault>,
}

/// Something that behaves like one side of a connection.
pub trait Peer {
    /// Takes bytes.
    fn feed(&mut self, data: &[u8]);
    /// The connection whose boxes and fault are looked at.
    fn connection(&mut self) -> &mut Connection;
}

impl Peer for Connection {
    fn feed(&mut self, data: &[u8]) {
        self.feed(data);
    }

    fn connection(&mut self) -> &mut Connection {
        self
    }
}

fn take(connection: &mut Connection, outcome: &mut Outcome) {
    let before = outcome.rows.len();
    outcome
        .rows
        .extend(connection.inbox.take_batch().iter().flat_map(rows_of));
    for (rows, event) in connection.inbox.take_events() {
        assert!(
            before + rows <= outcome.rows.len(),
            "an event behind rows that are not there"
        );
        outcome.events.push((before + rows, format!("{event:?}")));
    }
    outcome.answers.extend(connection.outbox.take());
}

/// Feeds pieces; `taking` takes what waits after each. The first `random` bytes of the answers are left out.
pub fn read(mut peer: impl Peer, pieces: &[&[u8]], taking: bool, random: usize) -> Outcome {
    let mut outcome = Outcome {
        rows: Vec::new(),
        events: Vec::new(),
        answers: Vec::new(),
        fault: None,
    };
    for piece in pieces {
        peer.feed(piece);
        if taking {
            take(peer.connection(), &mut outcome);
        }
    }
    take(peer.connection(), &mut outcome);
    outcome.answers.drain(..outcome.answers.len().min(random));
    outcome.fault = peer.connection().fault().cloned();
    outcome
}

/// Feeds `data` whole, byte by byte and in pieces to peers that `start` makes.
pub fn check_splits<P: Peer>(start: impl Fn() -> P, data: &[u8], random: usize) -> Outcome {
    // A decoded value of one byte takes 56 in a vector that grows by doubling, and is printed besides.
    let cap = 256 * data.len() + 8 * AMF_EXPANSION_BYTES;
    let whole = within(cap, || read(start(), &[data], false, random));
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(
        within(cap, || read(start(), &bytes, false, random)),
        whole,
        "byte by byte"
    );
    // Waiting events are capped, and here they do not wait.
    if whole
        .fault
        .as_ref()
        .is_none_or(|fault| fault.code != "rtmp.events")
    {
        let pieces = pieces(data);
        assert_eq!(
            within(cap, || read(start(), &pieces, true, random)),
            whole,
            "in pieces"
        );
    }
    // The dearest answer: 18 bytes to a ping of 3.
    let answered = whole.answers.len();
    assert!(
        answered <= 8 * data.len() + 64,
        "answers of {answered} bytes to {}",
        data.len()
    );
    whole
}

/// A connection past its handshake.
pub fn greeted(role: Role) -> Connection {
    let mut connection = Connection::new(role);
    connection.feed(&[&[VERSION][..], &[0; HANDSHAKE_BYTES - 1]].concat());
    connection.inbox.take_events();
    connection.outbox.take();
    connection
}

/// `data` behind a handshake and, when it begins like one, from the first byte on. Behind the handshake the roles
/// are the same, so that one of them is fed in every way and the other in one.
pub fn check(data: &[u8]) {
    if data.first() == Some(&VERSION) {
        for role in [Role::Server, Role::Client] {
            check_splits(|| Connection::new(role), data, HANDSHAKE_BYTES);
        }
    }
    let server = check_splits(|| greeted(Role::Server), data, 0);
    assert_eq!(server, read(greeted(Role::Client), &[data], false, 0));
}
