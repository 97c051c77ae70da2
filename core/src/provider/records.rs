//! Derives properties of a call from its list of recordings.

use serde_json::{Map, Value};

use super::wire::{self, WireWarnings};
use super::{CallDescription, Kind, MAX_RECORDINGS, Recording};
use crate::call::{Moment, Role};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Adds the data of the whole document to the first call.
pub(super) fn add_to_first(calls: &mut [CallDescription], mut extra: Map<String, Value>, notes: WireWarnings) {
    if let Some(first) = calls.first_mut() {
        first.extra.append(&mut extra);
        first.warnings.extend(notes.into_list());
    }
}

pub(super) fn no_recordings() -> Error {
    Error::new(ErrorKind::Provider, Stage::Provider, "no recording in the document")
        .with_mismatch("none", "at least one")
}

pub(super) fn too_many(count: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded, Stage::Provider, "too many recordings of one call")
        .with_mismatch(count, format!("at most {MAX_RECORDINGS}"))
}

/// Returns the earliest start of the recordings.
pub(super) fn earliest(recordings: &[Recording]) -> Option<Moment> {
    recordings.iter().filter_map(|r| r.leg.started_at).min_by_key(|start| start.unix_ms())
}

/// Returns the party of the first recording with a role.
pub(super) fn party_of(recordings: &[Recording], role: Role) -> Option<String> {
    recordings.iter().filter(|r| r.leg.role == role).find_map(|r| r.leg.party.clone())
}

/// Returns the only call, or an error if there are several.
pub(super) fn only(mut calls: Vec<CallDescription>) -> Result<CallDescription> {
    let count = calls.len();
    match (calls.pop(), count) {
        (Some(call), 1) => Ok(call),
        _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "several calls in one document")
            .with_mismatch(format!("{count} calls"), "the recordings of one")),
    }
}

/// Returns the error for an unknown document.
pub(super) fn unknown_document(document: &Value) -> Error {
    let error = Error::new(ErrorKind::Unsupported, Stage::Provider, "not a document that is known");
    let first = document.as_array().and_then(|items| items.first()).unwrap_or(document);
    let found = match first.as_object() {
        Some(fields) if !fields.is_empty() => {
            let names: Vec<&str> = fields.keys().take(6).map(String::as_str).collect();
            format!("fields {}", names.join(", "))
        }
        _ => wire::json_type(document).to_owned(),
    };
    let known: Vec<&str> = Kind::ALL.iter().filter(|k| **k != Kind::Threecx).map(|k| k.name()).collect();
    error.with_mismatch(found, format!("one of {}", known.join(", ")))
}
