//! Reads providers' documents and returns described calls. Documents are JSON, or XML for SIPREC.
//! This module uses no network and opens no audio.
//!
//! [`read`] takes any document that [`detect`] recognizes and returns a [`CallDescription`]: the
//! call, and one [`Recording`] for each audio file. [`locate`] then finds the files in the
//! document's folder, or [`CallDescription::attach`] joins the recordings with audio that the
//! caller holds. All other data of the document stays in `extra`. Unknown data is also named in a
//! warning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

use crate::call::{Call, Leg, Moment, named};
use crate::config::setters;
use crate::error::{Result, Warning};
use crate::units::Millis;

#[cfg(feature = "providers")]
mod content;
#[cfg(feature = "providers")]
mod documents;
mod facts;
mod find;
#[cfg(feature = "providers")]
pub mod http;
#[cfg(feature = "providers")]
pub mod json;
mod manifest;
#[cfg(feature = "providers")]
pub mod mcloud;
#[cfg(feature = "providers")]
mod merge;
mod names;
mod offset;
mod parse;
#[cfg(feature = "providers")]
mod parties;
#[cfg(feature = "providers")]
pub mod policy;
#[cfg(feature = "providers")]
mod presence;
mod read;
mod records;
#[cfg(feature = "providers")]
mod rows;
#[cfg(feature = "providers")]
pub mod session;
#[cfg(feature = "providers")]
mod siprec;
#[cfg(feature = "providers")]
pub mod tencent;
#[cfg(feature = "providers")]
pub mod threecx;
#[cfg(feature = "providers")]
mod times;
#[cfg(feature = "providers")]
pub mod vcon;
#[cfg(feature = "providers")]
pub mod voipbin;
#[cfg(feature = "providers")]
pub mod wellcloud;
mod wire;
#[cfg(feature = "providers")]
mod wire_type;

pub use facts::read_facts;
pub(crate) use find::is_document_name;
pub use find::{AudioMatch, FoundAudio, MissingAudio, locate};
pub use offset::parse_offset;
pub use read::{detect, detect_text, read, read_all, read_as, read_with};

/// The largest document that is read, in bytes: the pushes of about 50,000 recordings.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// The maximum number of recordings of one call.
pub const MAX_RECORDINGS: usize = 1024;

named! {
    /// The kind of a document.
    Kind {
        /// callweave's own `manifest.json`.
        Manifest = "manifest",
        /// One push of Tencent Cloud Contact Center, or an array of them.
        Tencent = "tencent",
        /// Wellcloud's list of a call's recordings, or one row of it.
        Wellcloud = "wellcloud",
        /// A recording of VoIPBin, an array or a page of them.
        Voipbin = "voipbin",
        /// A recording of MCloud's API, an array or a page of them.
        Mcloud = "mcloud",
        /// A vCon of the IETF, or an array of them.
        Vcon = "vcon",
        /// The metadata of a SIPREC recording session (RFC 7865). It is XML and is recognized by
        /// its root; see [`detect_text`].
        Siprec = "siprec",
        /// A file name of 3CX. It is not a document, so [`detect`] never returns this kind; see
        /// [`threecx::describe`].
        Threecx = "threecx",
    }
}

impl Kind {
    /// Returns the fields that only this kind of document has. One of them is enough to recognize
    /// it.
    const fn own_fields(self) -> &'static [&'static str] {
        match self {
            Self::Manifest => &["tracks"],
            Self::Tencent => {
                &["SdkAppId", "RecordId", "SessionId", "Timestamp", "EndpointUser", "RecordURL", "CustomRecordURL"]
            }
            Self::Wellcloud => &[
                "ani",
                "dnis",
                "callDirection",
                "startTime",
                "endTime",
                "callLength",
                "fileSize",
                "deviceId",
                "callId",
                "tenantId",
            ],
            Self::Voipbin => &[
                "customer_id",
                "owner_type",
                "owner_id",
                "activeflow_id",
                "reference_type",
                "reference_id",
                "on_end_flow_id",
                "tm_start",
                "tm_end",
                "tm_create",
                "tm_update",
                "tm_delete",
            ],
            Self::Mcloud => &[
                "dataId",
                "callAt",
                "customerPhone",
                "callcenterNumber",
                "callcenterName",
                "processingStatus",
                "audioUrl",
                "transcriptUrl",
                "summaryUrl",
                "sourceProvider",
                "audioPresignedUploadUrl",
            ],
            Self::Vcon => &[
                "vcon",
                "parties",
                "dialog",
                "analysis",
                "attachments",
                "payload",
                "signatures",
                "ciphertext",
                "recipients",
            ],
            Self::Siprec | Self::Threecx => &[],
        }
    }

    /// Returns the field that holds the records of a page.
    const fn page_field(self) -> Option<&'static str> {
        match self {
            Self::Voipbin => Some("result"),
            Self::Mcloud => Some("items"),
            _ => None,
        }
    }
}

named! {
    /// The state of a recording's file.
    State {
        /// The recording is complete.
        Ready = "ready",
        /// The recording is still in progress.
        Pending = "pending",
        /// The provider failed to make the recording.
        Failed = "failed",
        /// The provider's value is not documented.
        Unknown = "unknown",
    }
}

named! {
    /// The source of a recording's start.
    StartBasis {
        /// A field of the document.
        Field = "field",
        /// The time in a file name, which is plausible but not documented.
        FileName = "file_name",
    }
}

/// Settings for documents that do not contain all they need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// The UTC offset of times that are written without one, in seconds east. `None` means the
    /// provider's default (Wellcloud +08:00), or that the document has no such times.
    pub local_offset_s: Option<i32>,
}

setters! { Options:
    with_local_offset_s(local_offset_s: Option<i32>),
}

/// A call as its provider describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallDescription {
    /// The kind of document that the call was read from.
    pub kind: Kind,
    /// The call's properties.
    pub call: Call,
    /// The recordings: the customer's first, then the agents' in the order in which they joined.
    pub recordings: Vec<Recording>,
    /// The customer's telephone number or address, if the document identifies the customer.
    pub customer: Option<String>,
    /// The first agent's address or extension, if the document identifies the agent.
    pub agent: Option<String>,
    /// All other data of the document about the call, under its own names.
    pub extra: Map<String, Value>,
    /// Doubtful and unknown data.
    pub warnings: Vec<Warning>,
}

/// A recording as its provider describes it, with the names of its audio.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The party on the recording, and its start.
    pub leg: Leg,
    /// The separate parties, if the audio holds its parties on channels or in members of a zip.
    pub parts: Vec<Part>,
    /// The source of the start in `leg`.
    pub start_basis: Option<StartBasis>,
    /// A time by which the recording was over: its end, or when its file was made.
    pub over_by: Option<Moment>,
    /// The path of the audio, relative to the document's folder. Only a manifest contains one.
    pub path: Option<String>,
    /// The addresses of the audio as given. The provider's address is before the customer's own
    /// storage.
    pub urls: Vec<String>,
    /// Other ids that may name the audio.
    pub aliases: Vec<String>,
    /// The size that the document states, in bytes. A hint.
    pub bytes: Option<u64>,
    /// The duration that the document states. A hint.
    #[serde(rename = "durationMs")]
    pub duration: Option<Millis>,
    /// The state of the file.
    pub state: State,
    /// The audio, if it is inside the document.
    #[serde(skip)]
    pub inline: Option<Vec<u8>>,
    /// The hashes of the audio in the document, such as `sha512-…`. All hashes of known algorithms
    /// must match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_hash: Vec<String>,
    /// All other data of the document about the recording, under its own names.
    pub extra: Map<String, Value>,
}

/// One party of a recording that holds several parties separately.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The party. `leg.channel` is its channel, if the parties are on channels.
    pub leg: Leg,
    /// The end of the file name of the party's own file, without extension. Such files are often in
    /// a zip.
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
            inline: None,
            content_hash: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl Recording {
    /// Returns the recording's name for messages: its path, its id, the file name of its address,
    /// or another name of its audio.
    pub fn label(&self) -> String {
        let url = || self.urls.iter().find_map(|url| names::url_file_name(url));
        let named = self.path.clone().or_else(|| self.leg.recording_id.clone()).or_else(url);
        named.or_else(|| self.aliases.first().cloned()).unwrap_or_else(|| "unnamed".to_owned())
    }

    /// Returns the leg on a channel of the audio (counted from 0), if the parties are on separate
    /// channels.
    pub fn leg_of_channel(&self, channel: u16) -> Option<&Leg> {
        self.parts.iter().map(|p| &p.leg).find(|leg| leg.channel == Some(channel))
    }

    /// Returns the leg in a file of this name, if the recording is several files or a zip of them.
    pub fn leg_of_file(&self, name: &str) -> Option<&Leg> {
        let name = names::last_segment(name);
        let stem = names::stem(&name);
        self.parts.iter().find(|p| p.name_ends.is_some_and(|end| stem.ends_with(end))).map(|p| &p.leg)
    }
}

/// Describes a call by the name of its file, if the name has a provider's format (3CX). Without the
/// feature `providers`, returns `None` for every name.
///
/// # Errors
/// As [`threecx::describe`].
#[cfg(feature = "providers")]
pub(crate) fn described_by_name(name: &str, options: &Options) -> Result<Option<CallDescription>> {
    threecx::describe(name, options)
}

#[cfg(not(feature = "providers"))]
pub(crate) fn described_by_name(_name: &str, _options: &Options) -> Result<Option<CallDescription>> {
    Ok(None)
}

/// Compares a recording's bytes with the hashes in its document. Does not check bytes that can be
/// read only once.
///
/// # Errors
/// As [`content::check_hashes`].
#[cfg(feature = "providers")]
pub(crate) fn check_content(hashes: &[String], bytes: Option<impl std::io::Read>) -> Result<()> {
    bytes.map_or(Ok(()), |bytes| content::check_hashes(hashes, bytes))
}

#[cfg(not(feature = "providers"))]
pub(crate) fn check_content(_hashes: &[String], _bytes: Option<impl std::io::Read>) -> Result<()> {
    Err(crate::error::Error::compiled_out(crate::error::Stage::Provider, "content_hash", "providers"))
}

#[cfg(all(test, feature = "providers"))]
mod properties;
#[cfg(all(test, feature = "providers"))]
mod tests;
