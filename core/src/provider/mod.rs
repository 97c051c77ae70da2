//! What providers say of their recordings: JSON in, a described call out. No network, and no audio is opened here.
//!
//! [`read`] takes any document that [`detect`] knows and gives a [`Described`]: the call, and one [`Recording`] for each
//! file of audio. [`locate`] then finds the files in the document's folder, or [`Described::attach`] joins the recordings
//! with audio that the caller holds. What a document says beyond that stays in `extra`; what is not understood is also
//! named in a warning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

use crate::call::{Call, Leg, Moment, Role, named};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Millis;

mod find;
pub mod manifest;
mod names;
pub mod tencent;
mod wire;

pub use find::{Found, Matched, Missing, locate};

/// The longest document that is read, in bytes: the pushes of some 50,000 recordings.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// The most recordings of one call.
pub const MAX_RECORDINGS: usize = 1024;

named! {
    /// Which document a JSON text is.
    Kind {
        /// callweave's own `manifest.json`.
        Manifest = "manifest",
        /// One push of Tencent Cloud Contact Center, or an array of them.
        Tencent = "tencent",
    }
}

impl Kind {
    /// The fields that no other document has. One of them is enough to know the document.
    const fn own_fields(self) -> &'static [&'static str] {
        match self {
            Self::Manifest => &["tracks"],
            Self::Tencent => tencent::Push::FIELDS,
        }
    }
}

named! {
    /// Whether there is a file yet.
    State {
        /// The recording is complete.
        Ready = "ready",
        /// It is still being made.
        Pending = "pending",
        /// The provider failed to make it.
        Failed = "failed",
        /// The provider says something that is not documented.
        Unknown = "unknown",
    }
}

named! {
    /// Where a recording's start comes from.
    StartBasis {
        /// A field of the document.
        Field = "field",
        /// The time in a file name: plausible, not documented.
        FileName = "file_name",
    }
}

/// What is not written in a document but needed to read some of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// The offset from UTC of times that are written without one, in seconds east. `None`: the provider's default
    /// (Wellcloud +08:00), or no such times at all.
    pub local_offset_s: Option<i32>,
}

/// A call as a provider describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Which document it was read from.
    pub kind: Kind,
    /// What is known of the call.
    pub call: Call,
    /// One for each recording: customer first, then agents in the order in which they came.
    pub recordings: Vec<Recording>,
    /// The customer's telephone number or address, if the document tells which it is.
    pub customer: Option<String>,
    /// The first agent's address or extension, if the document tells which it is.
    pub agent: Option<String>,
    /// What the document says of the call beyond these fields, under its own names.
    pub extra: Map<String, Value>,
    /// What is doubtful, and what was not understood.
    pub warnings: Vec<Warning>,
}

/// One recording as a provider describes it, and how its audio is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Who is heard, and since when.
    pub leg: Leg,
    /// Who is heard apart, should the audio turn out to hold its parties apart (channels, or members of a zip).
    pub parts: Vec<Part>,
    /// Where the start in `leg` comes from.
    pub start_basis: Option<StartBasis>,
    /// A moment by which the recording was over: its end, or when its file was made.
    pub over_by: Option<Moment>,
    /// Path of the audio, relative to the document's folder. Only a manifest says one.
    pub path: Option<String>,
    /// Addresses of the audio as given, the provider's before the customer's own storage.
    pub urls: Vec<String>,
    /// Other ids by which the audio may be named.
    pub aliases: Vec<String>,
    /// Size that the document claims, in bytes. A hint.
    pub bytes: Option<u64>,
    /// Duration that the document claims. A hint.
    pub duration: Option<Millis>,
    /// Whether there is a file yet.
    pub state: State,
    /// What the document says of the recording beyond these fields, under its own names.
    pub extra: Map<String, Value>,
}

/// One party of a recording that holds several apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Who is heard; `leg.channel` says on which channel, where it is a channel.
    pub leg: Leg,
    /// How the name of the party's own file ends, without its extension, where it is a file (of a zip, often).
    pub name_ends: Option<&'static str>,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            leg: Leg::default(),
            parts: Vec::new(),
            start_basis: None,
            over_by: None,
            path: None,
            urls: Vec::new(),
            aliases: Vec::new(),
            bytes: None,
            duration: None,
            state: State::Ready,
            extra: Map::new(),
        }
    }
}

impl Recording {
    /// What the recording is called in messages: its path, its id, or the file name of its address.
    pub fn label(&self) -> String {
        let url = || self.urls.iter().find_map(|url| names::url_file_name(url));
        self.path.clone().or_else(|| self.leg.recording_id.clone()).or_else(url).unwrap_or_else(|| "unnamed".to_owned())
    }

    /// Who is heard on a channel of the audio (counted from 0), should it hold its parties on channels of their own.
    pub fn leg_of_channel(&self, channel: u16) -> Option<&Leg> {
        self.parts.iter().map(|p| &p.leg).find(|leg| leg.channel == Some(channel))
    }

    /// Who is heard in a file of this name, should the recording be several files or a zip of them.
    pub fn leg_of_file(&self, name: &str) -> Option<&Leg> {
        let name = names::last_segment(name);
        let stem = names::stem(&name);
        self.parts.iter().find(|p| p.name_ends.is_some_and(|end| stem.ends_with(end))).map(|p| &p.leg)
    }
}

/// Which document a JSON value is: by the fields that only one of them has.
pub fn detect(document: &Value) -> Option<Kind> {
    let records = match document {
        Value::Object(record) => std::slice::from_ref(record).iter().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_object).collect::<Vec<_>>(),
        _ => return None,
    };
    let one = document.is_object();
    let score = |kind: Kind| kind.own_fields().iter().filter(|f| records.iter().any(|r| r.contains_key(**f))).count();
    let scored =
        Kind::ALL.iter().copied().filter(|kind| one || *kind != Kind::Manifest).map(|kind| (score(kind), kind));
    // Of equal scores the first declared: `max_by_key` would take the last.
    scored.filter(|(score, _)| *score > 0).min_by_key(|(score, kind)| (usize::MAX - score, *kind)).map(|(_, kind)| kind)
}

/// Reads a document that describes one call.
///
/// # Errors
/// As [`read_all`]; and `invalid_argument` if it describes several calls.
pub fn read(text: &str) -> Result<Described> {
    read_with(text, &Options::default())
}

/// [`read`] with what the document does not say.
///
/// # Errors
/// As [`read`].
pub fn read_with(text: &str, options: &Options) -> Result<Described> {
    only(read_all(text, options)?)
}

/// The only one of several calls.
fn only(mut calls: Vec<Described>) -> Result<Described> {
    let count = calls.len();
    match (calls.pop(), count) {
        (Some(call), 1) => Ok(call),
        _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "several calls in one document")
            .found(format!("{count} calls"), "the recordings of one")),
    }
}

/// Reads a document that may describe several calls, as an array of Tencent's pushes can; in the order of their ids.
///
/// # Errors
/// `limit_exceeded` for more than [`MAX_DOCUMENT_BYTES`], `malformed` if it is not JSON or a manifest with mistakes,
/// `unsupported` if it is no document that is known, `provider` if it holds no recording.
pub fn read_all(text: &str, options: &Options) -> Result<Vec<Described>> {
    let document = parse(text)?;
    let Some(kind) = detect(&document) else {
        return Err(unknown_document(&document));
    };
    read_as(kind, document, options)
}

/// Reads a document whose kind is known.
fn read_as(kind: Kind, document: Value, _options: &Options) -> Result<Vec<Described>> {
    match kind {
        Kind::Manifest => manifest::read(document).map(|call| vec![call]),
        Kind::Tencent => tencent::read(document),
    }
}

/// Parses JSON within the limit, with or without a byte order mark.
fn parse(text: &str) -> Result<Value> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Provider, "document too long")
            .found(format!("{} bytes", text.len()), format!("at most {MAX_DOCUMENT_BYTES}")));
    }
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| Error::new(ErrorKind::Malformed, Stage::Provider, format!("not JSON: {e}")))
}

fn unknown_document(document: &Value) -> Error {
    let error = Error::new(ErrorKind::Unsupported, Stage::Provider, "not a document that is known");
    let first = document.as_array().and_then(|items| items.first()).unwrap_or(document);
    let found = match first.as_object() {
        Some(fields) if !fields.is_empty() => {
            let names: Vec<&str> = fields.keys().take(6).map(String::as_str).collect();
            format!("fields {}", names.join(", "))
        }
        _ if document.as_array().is_some_and(Vec::is_empty) => "an empty array".to_owned(),
        _ => wire::json_type(document).to_owned(),
    };
    let known: Vec<&str> = Kind::ALL.iter().map(|k| k.name()).collect();
    error.found(found, format!("one of {}", known.join(", ")))
}

/// Splits a document into records: one object, or an array of them. What is no object is kept in `extra` and noted.
fn records(document: Value, extra: &mut Map<String, Value>, notes: &mut wire::Notes) -> Vec<Map<String, Value>> {
    let items = match document {
        Value::Array(items) => items,
        one => vec![one],
    };
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::Object(record) => records.push(record),
            other => notes.stray(extra, format!("item {index}"), other),
        }
    }
    records
}

fn no_recordings() -> Error {
    Error::new(ErrorKind::Provider, Stage::Provider, "no recording in the document").found("none", "at least one")
}

fn too_many(count: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded, Stage::Provider, "too many recordings of one call")
        .found(count, format!("at most {MAX_RECORDINGS}"))
}

/// The earliest start among recordings.
fn earliest(recordings: &[Recording]) -> Option<Moment> {
    recordings.iter().filter_map(|r| r.leg.started_at).min_by_key(|start| start.unix_ms())
}

/// The party of the first recording with a role.
fn party_of(recordings: &[Recording], role: Role) -> Option<String> {
    recordings.iter().filter(|r| r.leg.role == role).find_map(|r| r.leg.party.clone())
}

#[cfg(test)]
mod tests;
