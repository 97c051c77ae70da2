//! Reads providers' documents of a known kind.

use serde_json::Value;

use super::records::{only, unknown_document};
use super::{CallDescription, Kind, Options, mcloud, siprec, tencent, vcon, voipbin, wellcloud};
use crate::error::{Error, Result};

/// Reads the calls of a document whose kind has documents.
pub(super) fn read_provider(kind: Kind, document: Value, options: &Options) -> Result<Vec<CallDescription>> {
    match kind {
        Kind::Tencent => tencent::read(document),
        Kind::Wellcloud => wellcloud::read(document, options),
        Kind::Voipbin => voipbin::read(document),
        Kind::Mcloud => mcloud::read(document),
        Kind::Vcon => vcon::read(document),
        Kind::Manifest | Kind::Siprec | Kind::Threecx => Err(unknown_document(&document)),
    }
}

/// Reads the calls of an XML document.
pub(super) fn read_xml(text: &str) -> Result<Vec<CallDescription>> {
    siprec::read(text)
}

/// Returns the kind of an XML document.
pub(super) fn detect_xml(text: &str) -> Result<Option<Kind>> {
    Ok(siprec::is_metadata(text)?.then_some(Kind::Siprec))
}

macro_rules! only_call {
    ($($record:ty => $calls:expr),+ $(,)?) => {$(
        impl TryFrom<Vec<$record>> for CallDescription {
            type Error = Error;

            /// Returns the one call that the records describe. Returns `invalid_argument` if there
            /// are several, and `provider` if there is none.
            fn try_from(records: Vec<$record>) -> Result<Self> {
                only($calls(records)?)
            }
        }
    )+};
}
only_call!(
    tencent::Push => tencent::calls,
    wellcloud::Row => |rows| wellcloud::calls(rows, &Options::default()),
    voipbin::Record => voipbin::calls,
    mcloud::Record => mcloud::calls,
);
