//! Reads Wellcloud's refusals: 448, 425 and other codes.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Stage};

/// A refusal by the service, with its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 448: the file does not exist.
    NoFile,
    /// 425: no call has this recording id.
    NoRecord,
    /// Any other code.
    Other(u16),
}

impl Refusal {
    /// Returns the refusal with this code.
    pub const fn from_code(code: u16) -> Self {
        match code {
            448 => Self::NoFile,
            425 => Self::NoRecord,
            other => Self::Other(other),
        }
    }

    /// Returns the code.
    pub const fn code(self) -> u16 {
        match self {
            Self::NoFile => 448,
            Self::NoRecord => 425,
            Self::Other(code) => code,
        }
    }

    /// Returns the refusal in a response, if it is one: by its status, or by a code in a JSON body
    /// with any status. The document does not state which of the two carries 425 and 448. A
    /// rejected token (401, 403) is also read from either.
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        // A body that is not an object contains no code.
        let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_else(|_| Map::new());
        let code = |name: &&str| match fields.get(*name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let codes = ["code", "errorCode", "errCode", "status"].iter().filter_map(code);
        let told = |code: &u16| matches!(code, 401 | 403 | 425 | 448);
        let known = codes.filter_map(|code| u16::try_from(code).ok()).find(told);
        known.map(Self::from_code).or_else(|| (!(200..300).contains(&status)).then_some(Self::from_code(status)))
    }

    /// Returns `true` if a retry may succeed: a record is written some seconds after its call
    /// ([`SETTLE`](super::SETTLE)), and a server may recover.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::NoRecord | Self::Other(408 | 429 | 500..=599))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("448: the recording's file does not exist"),
            Self::NoRecord => f.write_str("425: no call with this recording id"),
            Self::Other(code) => write!(f, "refused with {code}"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Provider, Stage::Provider, format!("Wellcloud: {refusal}"))
    }
}
