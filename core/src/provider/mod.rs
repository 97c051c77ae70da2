//! What providers say of their recordings: JSON in (of SIPREC, XML), a described call out. No
//! network, and no audio is opened here.
//!
//! [`read`] takes any document that [`detect`] knows and gives a [`CallDescription`]: the call, and one [`Recording`] for each
//! file of audio. [`locate`] then finds the files in the document's folder, or
//! [`CallDescription::attach`] joins the recordings with audio that the caller holds. What a
//! document says beyond that stays in `extra`; what is not understood is also named in a warning.

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
        /// Wellcloud's list of a call's recordings, or one row of it.
        Wellcloud = "wellcloud",
        /// A recording of VoIPBin, an array or a page of them.
        Voipbin = "voipbin",
        /// A recording of MCloud's API, an array or a page of them.
        Mcloud = "mcloud",
        /// A vCon of the IETF, or an array of them.
        Vcon = "vcon",
        /// The metadata of a SIPREC recording session (RFC 7865), which is XML: known by its root,
        /// see [`detect_text`].
        Siprec = "siprec",
        /// A file name of 3CX: no document, so [`detect`] never gives it; see
        /// [`threecx::describe`].
        Threecx = "threecx",
    }
}

impl Kind {
    /// The fields that no other document has. One of them is enough to know the document.
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

    /// The field that holds the records of a page.
    const fn page_field(self) -> Option<&'static str> {
        match self {
            Self::Voipbin => Some("result"),
            Self::Mcloud => Some("items"),
            _ => None,
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
    /// The offset from UTC of times that are written without one, in seconds east. `None`: the
    /// provider's default (Wellcloud +08:00), or no such times at all.
    pub local_offset_s: Option<i32>,
}

setters! { Options:
    with_local_offset_s(local_offset_s: Option<i32>),
}

/// A call as a provider describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallDescription {
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
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Who is heard, and since when.
    pub leg: Leg,
    /// Who is heard apart, should the audio turn out to hold its parties apart (channels, or
    /// members of a zip).
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
    #[serde(rename = "durationMs")]
    pub duration: Option<Millis>,
    /// Whether there is a file yet.
    pub state: State,
    /// The audio, where it is inside the document.
    #[serde(skip)]
    pub inline: Option<Vec<u8>>,
    /// Hashes of the audio as the document says them, such as `sha512-…`; all that are of a known
    /// algorithm must fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_hash: Vec<String>,
    /// What the document says of the recording beyond these fields, under its own names.
    pub extra: Map<String, Value>,
}

/// One party of a recording that holds several apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Who is heard; `leg.channel` says on which channel, where it is a channel.
    pub leg: Leg,
    /// How the name of the party's own file ends, without its extension, where it is a file (of a
    /// zip, often).
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
    /// What the recording is called in messages: its path, its id, the file name of its address, or
    /// another name of its audio.
    pub fn label(&self) -> String {
        let url = || self.urls.iter().find_map(|url| names::url_file_name(url));
        let named = self.path.clone().or_else(|| self.leg.recording_id.clone()).or_else(url);
        named.or_else(|| self.aliases.first().cloned()).unwrap_or_else(|| "unnamed".to_owned())
    }

    /// Who is heard on a channel of the audio (counted from 0), should it hold its parties on
    /// channels of their own.
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

/// What a file's own name says of the call, where it is one of a provider's (3CX). Without the
/// feature `providers` no name says anything.
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

/// Holds a recording's bytes against the hashes that its document says; bytes that can be read but
/// once are not looked at.
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
