//! SIPREC: what a recording client says of the calls that it has recorded (RFC 7865).
//!
//! The XML alone is read, not the SIP message that brings it. Each stream is one recording, whose
//! audio is found by the stream's label or id; who sends it is heard on it. The metadata says
//! neither what the parties' roles are nor which channel of a mixed file is whose.

use super::CallDescription;
use super::records::{add_to_first, no_recordings};
use super::wire::WireWarnings;
use crate::error::Result;

mod directory;
mod markup;
mod members;
mod metadata;
mod stays;

use directory::Directory;
use metadata::RecordingMetadata;

/// Whether an XML text is recording metadata.
///
/// # Errors
/// `limit_exceeded`, and `malformed` for what is not XML.
pub(super) fn is_metadata(text: &str) -> Result<bool> {
    metadata::is_recording(text)
}

/// Reads the metadata of a recording session; each communication session is a call, and those of
/// one group are one.
pub(super) fn read(text: &str) -> Result<Vec<CallDescription>> {
    let mut notes = WireWarnings::default();
    let metadata = RecordingMetadata::read(text, &mut notes)?;
    if metadata.all("stream").is_empty() {
        let found = if metadata.is_partial { "a partial update" } else { "no stream" };
        return Err(no_recordings().with_mismatch(found, "complete metadata with a stream"));
    }
    if metadata.is_partial {
        notes.add("metadata_partial", "the metadata begins with an update: what it updates is not known");
    }
    let directory = Directory::of(&metadata, &mut notes)?;
    let mut calls = Vec::new();
    for (id, sessions) in directory.calls() {
        calls.extend(directory.describe(id, &sessions, &mut notes)?);
    }
    drop(directory);
    add_to_first(&mut calls, metadata.into_extra(), notes);
    Ok(calls)
}

#[cfg(test)]
mod tests;
