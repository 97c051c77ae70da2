//! SIPREC: the metadata of a recording client about the calls that it recorded (RFC 7865).
//!
//! Only the XML is read, not the SIP message around it. Each stream is one recording. Its audio is
//! found by the stream's label or id, and its party is the sender of the stream. The metadata
//! contains neither the roles of the parties nor the channels of a mixed file.

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

/// Returns `true` if an XML text is recording metadata.
///
/// # Errors
/// `limit_exceeded`, and `malformed` for a text that is not XML.
pub(super) fn is_metadata(text: &str) -> Result<bool> {
    metadata::is_recording(text)
}

/// Reads the metadata of a recording session. Each communication session is a call, and the
/// sessions of one group are one call.
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
