//! Reading of providers' documents, once it is known whose they are.

use serde_json::Value;

use super::records::{only, unknown_document};
use super::{CallDescription, Kind, Options, mcloud, siprec, tencent, vcon, voipbin, wellcloud};
use crate::error::{Error, Result};

/// The calls of a document of a kind that has documents.
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

/// The calls of a document in XML.
pub(super) fn read_xml(text: &str) -> Result<Vec<CallDescription>> {
    siprec::read(text)
}

/// Which document an XML text is.
pub(super) fn detect_xml(text: &str) -> Result<Option<Kind>> {
    Ok(siprec::is_metadata(text)?.then_some(Kind::Siprec))
}

macro_rules! only_call {
    ($($record:ty => $calls:expr),+ $(,)?) => {$(
        impl TryFrom<Vec<$record>> for CallDescription {
            type Error = Error;

            /// The one call that the records describe; `invalid_argument` if there are several,
            /// `provider` if none.
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
