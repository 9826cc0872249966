//! The one way a reader says that its input is bad.

use std::fmt;

/// Why a reader stopped: a stable code (`flv.tag_too_large`) and one clear line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `<reader>.<what>`, stable, lower case; Python maps the part before the dot to an error class.
    pub code: &'static str,
    /// What happened, to what, with the offending numbers.
    pub message: String,
}

impl Fault {
    /// A fault with its stable code and its line.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
