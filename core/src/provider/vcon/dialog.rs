//! Reads a dialog of a vCon that is a recording: the parties on its channels, its start, and its
//! audio.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hashes::hashes;
use super::party::VconParty;
use super::wrong::{field, index, indices, malformed, note_unknown};
use crate::call::{Leg, Moment, Role, named};
use crate::error::Result;
use crate::provider::content::{check_hashes, from_base64url};
use crate::provider::names::last_segment;
use crate::provider::wire::{Lenient as _, WireWarnings, json_type};
use crate::provider::{Part, Recording, StartBasis};
use crate::units::Millis;

named! {
    /// The type of a dialog.
    DialogType {
        /// Audio or video of a part of the conversation.
        Recording = "recording",
        /// The recordings that make up one call.
        RecordingSet = "recording-set",
        /// A text of one of the parties.
        Text = "text",
        /// A transfer: who transferred whom to whom.
        Transfer = "transfer",
        /// A call that failed before anyone spoke.
        Incomplete = "incomplete",
    }
}

/// The fields of a dialog in the draft, in its contact center extension, and in earlier drafts.
const FIELDS: [&str; 34] = [
    "type",
    "start",
    "duration",
    "parties",
    "originator",
    "recordings",
    "recording_set",
    "mediatype",
    "filename",
    "body",
    "encoding",
    "url",
    "content_hash",
    "disposition",
    "session_id",
    "party_history",
    "transferee",
    "transferor",
    "transfer_target",
    "original",
    "consultation",
    "target_dialog",
    "application",
    "message_id",
    "campaign",
    "interaction_type",
    "interaction_id",
    "skill",
    "mimetype",
    "alg",
    "signature",
    "transfer-target",
    "target-dialog",
    "metadata",
];

/// A dialog and its type.
pub(super) type TypedDialog = (Option<DialogType>, Map<String, Value>);

/// The maximum number of channels that are assigned to parties. With more channels, the recording
/// is mixed.
const MAX_CHANNELS: usize = 64;

/// The maximum duration, in seconds: one day.
const MAX_SECONDS: f64 = 86_400.0;

/// Returns the type of a dialog, or `None` if it has no type or an unknown one.
pub(super) fn dialog_type(fields: &Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Option<DialogType> {
    note_unknown(fields, &format!("{place}."), &FIELDS, notes);
    let Some(name) = fields.get("type").filter(|name| !name.is_null()) else {
        notes.add("unknown_value", format!("{place} says no type; it is kept"));
        return None;
    };
    let known = name.as_str().and_then(DialogType::from_name);
    if known.is_none() {
        notes.add("unknown_value", format!("{place}.type {name} is not documented; it is kept"));
    }
    known
}

/// Reads a time. A time that cannot be read is kept and named in a warning.
pub(super) fn moment(
    fields: &mut Map<String, Value>,
    place: &str,
    name: &str,
    notes: &mut WireWarnings,
) -> Option<Moment> {
    let text = fields.get(name).filter(|time| !time.is_null())?;
    let read = text.as_str().and_then(|text| Moment::from_rfc3339(text.trim()));
    if read.is_none() {
        notes.add("unknown_value", format!("{place}.{name} {text} is no time in RFC 3339; it is kept"));
        return None;
    }
    fields.remove(name);
    read
}

/// Returns the parties on each channel, or on the only one, as indices.
pub(super) fn channels(fields: &Map<String, Value>, place: &str, count: usize) -> Result<Vec<Vec<usize>>> {
    let place = format!("{place}.parties");
    match fields.get("parties") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| indices(Some(item), &place, count)).collect(),
        Some(one) => Ok(vec![vec![index(one, &place, count)?]]),
    }
}

/// Returns the recording of a dialog.
///
/// # Errors
/// `malformed` for parties that do not exist, and for audio that cannot be read or does not match
/// its hash.
pub(super) fn recording(
    mut fields: Map<String, Value>,
    at: usize,
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Recording> {
    let place = format!("dialog[{at}]");
    let channels = channels(&fields, &place, parties.len())?;
    let started_at = moment(&mut fields, &place, "start", notes);
    let duration = duration(&mut fields, &place, notes);
    let url: Option<String> = field(&mut fields, &place, "url", notes);
    let file: Option<String> = field(&mut fields, &place, "filename", notes);
    let content_hash = hashes(&mut fields, &place, notes)?;
    let inline = inline(&mut fields, &place)?;
    if let Some(bytes) = &inline {
        check_hashes(&content_hash, bytes.as_slice()).map_err(|e| e.in_input(place.clone()))?;
    }
    fields.insert("$dialog".to_owned(), at.into());
    let file = file.map(|file| last_segment(&file)).filter(|file| !file.is_empty());
    let whole = Leg { started_at, ..Leg::default() };
    Ok(Recording {
        leg: leg(channels.as_slice(), parties, &whole),
        parts: parts(&channels, parties, &whole),
        start_basis: started_at.map(|_| StartBasis::Field),
        over_by: started_at.zip(duration).and_then(|(start, length)| after(start, length)),
        urls: url.into_iter().collect(),
        aliases: file.into_iter().chain([place]).collect(),
        bytes: inline.as_ref().map(|bytes| bytes.len() as u64),
        duration,
        inline,
        content_hash,
        extra: fields,
        ..Recording::default()
    })
}

/// Returns when a dialog began.
pub(super) fn start(fields: &Map<String, Value>) -> Option<Moment> {
    Moment::from_rfc3339(fields.get("start")?.as_str()?.trim())
}

/// Returns the duration that a dialog states.
pub(super) fn length(fields: &Map<String, Value>) -> Option<Millis> {
    let seconds = f64::read(fields.get("duration")?).filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    seconds.map(|seconds| Millis((seconds * 1000.0).round()))
}

/// Removes a dialog's duration and returns it. An invalid duration is kept and named in a warning.
fn duration(fields: &mut Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Option<Millis> {
    let (length, said) = (length(fields), field::<f64>(fields, place, "duration", notes));
    if let (None, Some(seconds)) = (length, said) {
        let most = format!("0 to {MAX_SECONDS} seconds");
        notes.add("unknown_value", format!("{place}.duration {seconds} is no duration of {most}; it is kept"));
        fields.insert("duration".to_owned(), seconds.into());
    }
    length
}

/// Returns the moment this long after another.
fn after(start: Moment, length: Millis) -> Option<Moment> {
    let end = Moment::from_unix_seconds((start.unix_ms() as f64 + length.0) / 1000.0);
    end.map(|end| end.no_finer_than(start.resolution()))
}

/// Returns the leg of a whole recording.
fn leg(channels: &[Vec<usize>], parties: &[VconParty], whole: &Leg) -> Leg {
    match channels {
        [] => whole.clone(),
        [only] => leg_of(only, parties, whole),
        _ => Leg { role: Role::Mixed, ..whole.clone() },
    }
}

/// Returns the leg of each channel, if the recording has as many channels.
fn parts(channels: &[Vec<usize>], parties: &[VconParty], whole: &Leg) -> Vec<Part> {
    if !(2..=MAX_CHANNELS).contains(&channels.len()) {
        return Vec::new();
    }
    let part = |(of, channel): (&Vec<usize>, u16)| Part {
        leg: Leg { channel: Some(channel), ..leg_of(of, parties, whole) },
        name_ends: None,
    };
    channels.iter().zip(0u16..).map(part).collect()
}

fn leg_of(channel: &[usize], parties: &[VconParty], whole: &Leg) -> Leg {
    match channel {
        &[one] => {
            let party = parties.get(one);
            let role = party.map(|party| party.role).unwrap_or_default();
            Leg { role, party: party.map(|party| party.who.clone()), ..whole.clone() }
        }
        [] => whole.clone(),
        _ => Leg { role: Role::Mixed, ..whole.clone() },
    }
}

/// Decodes the audio inside the document.
fn inline(fields: &mut Map<String, Value>, place: &str) -> Result<Option<Vec<u8>>> {
    let body = match fields.remove("body") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(body)) if body.is_empty() => return Ok(None),
        Some(Value::String(body)) => body,
        Some(other) => return Err(malformed(&format!("{place}.body")).with_mismatch(json_type(&other), "a text")),
    };
    let encoding = fields.get("encoding").filter(|encoding| !encoding.is_null());
    if encoding.is_some_and(|encoding| encoding != "base64url") {
        let found = encoding.map(Value::to_string).unwrap_or_default();
        return Err(malformed(&format!("{place}.encoding")).with_mismatch(found, "base64url of a recording"));
    }
    let bytes = from_base64url(&body);
    bytes.map(Some).map_err(|found| malformed(&format!("{place}.body")).with_mismatch(found, "base64url"))
}
