//! Reads an HTTP/1.x response whose body is FLV (RFC 9112).
//!
//! [`HttpFlvReader`] keeps the bytes of the head until it is whole; body bytes go straight from the fed
//! piece to the [`FlvReader`]. The head is parsed by `httparse`, the body framing here: chunked wins over
//! Content-Length, and without either the body ends where the connection does.

use crate::fault::Fault;
use crate::flv::FlvReader;
use crate::limits;
use crate::tag::Batch;

mod in_place;

const VERSION_PREFIX: &[u8; 5] = b"HTTP/";
/// CR LF; a lone LF is read too.
const LINE_END_BYTES: usize = 2;
const STATUS_SWITCHING_PROTOCOLS: u16 = 101;
const STATUS_OK: u16 = 200;
const STATUS_NO_CONTENT: u16 = 204;
const STATUS_NOT_MODIFIED: u16 = 304;

/// Status line and headers of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: String,
    /// Names in lower case, values as ISO 8859-1, in the order received.
    pub headers: Vec<(String, String)>,
}

/// An HTTP response holding FLV.
#[derive(Debug, Default)]
pub struct HttpFlvReader {
    state: State,
    /// The head as far as it has arrived, or the line of the chunked coding that is being read.
    line: Vec<u8>,
    interim_responses: usize,
    head: Option<ResponseHead>,
    flv: FlvReader,
    fault: Option<Fault>,
    /// A chunk ended inside a tag.
    splits_tags: bool,
}

/// What comes next in the response.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    UntilClose,
    /// Bytes of the declared body still to come.
    Declared(u64),
    ChunkSize,
    /// Bytes of the chunk still to come.
    ChunkData(u64),
    ChunkEnd,
    /// Bytes and lines of the trailer section so far.
    Trailers(usize, usize),
    Ended,
}

impl HttpFlvReader {
    /// A reader at the start of a response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `data`. After bad input [`HttpFlvReader::fault`] is set and further bytes are ignored, as they
    /// are behind the end of the declared body.
    pub fn feed(&mut self, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() && self.state != State::Ended && self.fault.is_none() {
            if let Err(fault) = self.step(&mut rest) {
                self.stop(fault);
            }
        }
    }

    /// The whole tags since the last take.
    pub fn take(&mut self) -> Option<Batch> {
        self.flv.take()
    }

    /// The peer closed: a cut head, declared body or FLV tag is a fault.
    pub fn finish(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let cut = match self.state {
            State::Head if self.line.is_empty() => {
                "the connection closed before the response head".to_owned()
            }
            State::Head => format!("the response head is cut after {} bytes", self.line.len()),
            State::Declared(missing) => format!("{missing} bytes of the declared body are missing"),
            State::ChunkData(missing) => format!("{missing} bytes of the last chunk are missing"),
            State::ChunkSize | State::ChunkEnd | State::Trailers(..) => {
                "the chunked body has no end".to_owned()
            }
            State::UntilClose | State::Ended => {
                if self.is_wanted() {
                    self.flv.finish();
                    self.fault = self.flv.fault().cloned();
                }
                return;
            }
        };
        self.stop(Fault::new("http.truncated", cut));
    }

    /// The head once it is whole; interim (1xx) ones are skipped.
    pub fn head(&self) -> Option<&ResponseHead> {
        self.head.as_ref()
    }

    /// The declared body is complete.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Why the reader stopped.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    fn stop(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.line = Vec::new();
    }

    /// Only a 200 holds the stream; the bodies of other answers are discarded.
    fn is_wanted(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.status == STATUS_OK)
    }

    /// Takes one line, or what there is of a body, off the front of `rest`, which is not empty.
    fn step(&mut self, rest: &mut &[u8]) -> Result<(), Fault> {
        match self.state {
            State::Head => self.head_line(rest)?,
            State::UntilClose => _ = self.body(rest, u64::MAX)?,
            State::Declared(missing) => {
                let missing = self.body(rest, missing)?;
                self.state = if missing == 0 {
                    State::Ended
                } else {
                    State::Declared(missing)
                };
            }
            State::ChunkSize => {
                let cap = limits::HTTP_CHUNK_LINE_BYTES;
                let too_long = || {
                    Fault::new(
                        "http.chunk",
                        format!("a chunk size line is longer than {cap} bytes"),
                    )
                };
                if self.read_line(rest, cap, too_long)? {
                    let size = chunk_size(&self.line)?;
                    self.state = if size == 0 {
                        State::Trailers(0, 0)
                    } else {
                        State::ChunkData(size)
                    };
                    self.line.clear();
                }
            }
            State::ChunkData(missing) => {
                let missing = self.body(rest, missing)?;
                self.state = if missing == 0 {
                    State::ChunkEnd
                } else {
                    State::ChunkData(missing)
                };
            }
            State::ChunkEnd => {
                let longer = || Fault::new("http.chunk", "a chunk does not end where its size says");
                if self.read_line(rest, LINE_END_BYTES, longer)? {
                    if !is_blank(&self.line) {
                        return Err(longer());
                    }
                    self.state = State::ChunkSize;
                    self.line.clear();
                }
            }
            State::Trailers(bytes, lines) => self.trailer(rest, bytes, lines)?,
            State::Ended => {}
        }
        Ok(())
    }

    /// Hands up to `missing` bytes of `rest` on; returns how many are still missing.
    fn body(&mut self, rest: &mut &[u8], missing: u64) -> Result<u64, Fault> {
        let count = usize::try_from(missing).unwrap_or(usize::MAX).min(rest.len());
        let (part, behind) = rest.split_at(count);
        *rest = behind;
        if self.is_wanted() {
            self.flv.feed(part);
        }
        match self.flv.fault() {
            Some(fault) => Err(fault.clone()),
            None => Ok(missing - count as u64),
        }
    }

    fn head_line(&mut self, rest: &mut &[u8]) -> Result<(), Fault> {
        if self
            .line
            .iter()
            .chain(rest.iter())
            .zip(VERSION_PREFIX)
            .any(|(have, want)| have != want)
        {
            return Err(Fault::new(
                "http.head",
                "the answer is not HTTP: it does not begin with \"HTTP/\"",
            ));
        }
        let cap = limits::HTTP_HEAD_BYTES;
        let too_large = || {
            Fault::new(
                "http.head_too_large",
                format!("the response head is larger than {cap} bytes"),
            )
        };
        let whole_line = self.read_line(rest, cap, too_large)?;
        if whole_line && (self.line.ends_with(b"\n\r\n") || self.line.ends_with(b"\n\n")) {
            let head = parse_head(&std::mem::take(&mut self.line))?;
            self.begin_body(head)?;
        }
        Ok(())
    }

    fn begin_body(&mut self, head: ResponseHead) -> Result<(), Fault> {
        if head.status == STATUS_SWITCHING_PROTOCOLS {
            return Err(Fault::new(
                "http.upgrade",
                "the server switched to a protocol that nobody asked for",
            ));
        }
        if head.status < STATUS_OK {
            self.interim_responses += 1;
            if self.interim_responses > limits::HTTP_INTERIM_RESPONSES {
                let message = format!("more than {} interim responses", limits::HTTP_INTERIM_RESPONSES);
                return Err(Fault::new("http.interim", message));
            }
            return Ok(());
        }
        let head = self.head.insert(head);
        self.state = framing(head)?;
        if head.status == STATUS_OK {
            refuse_content_encoding(head)?;
        }
        Ok(())
    }

    fn trailer(&mut self, rest: &mut &[u8], bytes: usize, lines: usize) -> Result<(), Fault> {
        let too_large = || {
            Fault::new(
                "http.trailers",
                "the trailer section is larger than a head may be",
            )
        };
        if !self.read_line(rest, limits::HTTP_HEAD_BYTES.saturating_sub(bytes), too_large)? {
            return Ok(());
        }
        if is_blank(&self.line) {
            self.state = State::Ended;
        } else if lines == limits::HTTP_HEADERS {
            return Err(too_large());
        } else {
            self.state = State::Trailers(bytes + self.line.len(), lines + 1);
        }
        self.line.clear();
        Ok(())
    }

    /// Appends to `line` up to the next line feed, itself included; true when it is there.
    fn read_line(
        &mut self,
        rest: &mut &[u8],
        cap: usize,
        too_long: impl Fn() -> Fault,
    ) -> Result<bool, Fault> {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let (part, behind) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
        *rest = behind;
        if self.line.len() + part.len() > cap {
            return Err(too_long());
        }
        self.line.extend_from_slice(part);
        Ok(end.is_some())
    }
}

fn parse_head(bytes: &[u8]) -> Result<ResponseHead, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; limits::HTTP_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => {
            return Err(Fault::new("http.head", "the response head cannot be read"))
        }
        Err(httparse::Error::TooManyHeaders) => {
            let message = format!("the response has more than {} headers", limits::HTTP_HEADERS);
            return Err(Fault::new("http.too_many_headers", message));
        }
        Err(error) => {
            return Err(Fault::new(
                "http.head",
                format!("the response head cannot be read: {error}"),
            ));
        }
    }
    let text = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
    Ok(ResponseHead {
        status: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default().to_owned(),
        headers: response
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect(),
    })
}

/// The elements of a header that is a comma-separated list, over all its lines.
fn elements<'a>(head: &'a ResponseHead, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.headers
        .iter()
        .filter(move |(key, _)| key == name)
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

/// How the body ends (RFC 9112 section 6.3).
fn framing(head: &ResponseHead) -> Result<State, Fault> {
    if matches!(head.status, STATUS_NO_CONTENT | STATUS_NOT_MODIFIED) {
        return Ok(State::Ended);
    }
    let codings: Vec<&str> = elements(head, "transfer-encoding")
        .filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        .collect();
    match codings.as_slice() {
        [] => {}
        [coding] if coding.eq_ignore_ascii_case("chunked") => return Ok(State::ChunkSize),
        _ => {
            let message = format!("refused: transfer-encoding {:?}", codings.join(", "));
            return Err(Fault::new("http.transfer_encoding", message));
        }
    }
    let mut lengths = elements(head, "content-length");
    let Some(first) = lengths.next() else {
        return Ok(State::UntilClose);
    };
    if let Some(other) = lengths.find(|&length| length != first) {
        let message = format!("content-length is said to be {first:?} and {other:?}");
        return Err(Fault::new("http.content_length", message));
    }
    let digits = first.bytes().all(|byte| byte.is_ascii_digit());
    match first.parse::<u64>() {
        Ok(0) if digits => Ok(State::Ended),
        Ok(length) if digits => Ok(State::Declared(length)),
        _ => Err(Fault::new(
            "http.content_length",
            format!("content-length {first:?} is not a size"),
        )),
    }
}

/// Coded media does not compress, and what an origin compresses anyway arrives late: it is not undone here.
fn refuse_content_encoding(head: &ResponseHead) -> Result<(), Fault> {
    match elements(head, "content-encoding").find(|coding| !coding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(coding) => Err(Fault::new(
            "http.content_encoding",
            format!("refused: the body has content-encoding {coding:?}"),
        )),
    }
}

/// The size in a chunk size line; extensions behind `;` are ignored.
fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let field = line.split(|&byte| byte == b';').next().unwrap_or_default();
    std::str::from_utf8(field)
        .ok()
        .map(str::trim)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| {
            Fault::new(
                "http.chunk",
                format!("{:?} is no chunk size", String::from_utf8_lossy(field).trim_end()),
            )
        })
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}
