//! HTTP responses that hold FLV: any split reads the same, heads and chunk lines stay within their caps.

use crate::flv::{check_in_place, check_splits, Reader};
use reelkeeper_core::fault::Fault;
use reelkeeper_core::http::HttpFlvReader;
use reelkeeper_core::limits;
use reelkeeper_core::tag::Batch;

impl Reader for HttpFlvReader {
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
        if let Some(head) = self.head() {
            assert!((200..1000).contains(&head.status), "status {}", head.status);
            assert!(head.headers.len() <= limits::HTTP_HEADERS);
        }
        format!("{:?} {}", self.head(), self.ended())
    }
}

/// See the module.
pub fn check(data: &[u8]) {
    let outcome = check_splits::<HttpFlvReader>(data);
    check_in_place(data, HttpFlvReader::read_in_place);
    if let Some(fault) = outcome.fault {
        assert!(
            !fault.message.contains('\n'),
            "a fault is one line: {:?}",
            fault.message
        );
    }
}
