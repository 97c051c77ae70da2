//! What is said of a list of recordings.

use serde_json::{Map, Value};

use super::wire::WireWarnings;
use super::{CallDescription, MAX_RECORDINGS, Recording};
use crate::call::{Moment, Role};
use crate::error::{Error, ErrorKind, Stage};

/// Gives the first call what belongs to the whole document.
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

/// The earliest start among recordings.
pub(super) fn earliest(recordings: &[Recording]) -> Option<Moment> {
    recordings.iter().filter_map(|r| r.leg.started_at).min_by_key(|start| start.unix_ms())
}

/// The party of the first recording with a role.
pub(super) fn party_of(recordings: &[Recording], role: Role) -> Option<String> {
    recordings.iter().filter(|r| r.leg.role == role).find_map(|r| r.leg.party.clone())
}
