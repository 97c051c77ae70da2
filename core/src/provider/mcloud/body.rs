//! Builds the request bodies of MCloud's API: `POST /recordings` and `PATCH /recordings/{id}`.

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::media::content_type_of_output;
use super::phone::{Dialling, e164};
use crate::call::{Call, Direction, Leg, Moment, Role, Tag};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::offset::check_offset;
use crate::provider::parties::{NamedParty, is_uuid, party};
use crate::provider::records::party_of;
use crate::provider::{CallDescription, Kind, Recording};
use crate::report::{Report, TrackReport};

/// The body of `POST /recordings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRecording {
    /// The sender's id. Posting it again does not create a second recording.
    pub data_id: String,
    /// When the call began. Written as RFC 3339 with its offset.
    pub call_at: Moment,
    /// The direction: `in` or `out`.
    pub direction: Direction,
    /// The customer's number, in E.164 if possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_phone: Option<String>,
    /// The contact center's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callcenter_number: Option<String>,
    /// The contact center's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callcenter_name: Option<String>,
    /// One of the four tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The score, from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The audio's MIME type. `None` means the API's default, `audio/wav`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Whether the response shall contain an address to `PUT` the audio to.
    #[serde(default)]
    pub audio_presigned_upload_url: bool,
}

/// The choices of a service about its recordings, and values that a document may leave open.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// An id to use instead of the derived one.
    pub data_id: Option<String>,
    /// When the call began, if the document does not state it or is wrong.
    pub call_at: Option<Moment>,
    /// The offset in which `callAt` is written, in seconds east of UTC. `None` means the original
    /// offset.
    pub offset_s: Option<i32>,
    /// The direction, if the document does not state it. Tencent's pushes and VoIPBin's documents
    /// never do.
    pub direction: Option<Direction>,
    /// How national numbers are dialled. With `None`, only international numbers become E.164.
    pub dialling: Option<Dialling>,
    /// The customer's number, if the document does not contain it.
    pub customer_phone: Option<String>,
    /// The contact center's number. `None` means the agent's party, if it is a number.
    pub callcenter_number: Option<String>,
    /// The contact center's name.
    pub callcenter_name: Option<String>,
    /// A tag to use instead of the one that processing determined.
    pub tag: Option<Tag>,
    /// The score, from 0 to 100.
    pub score: Option<f64>,
    /// A note.
    pub note: Option<String>,
    /// The audio's MIME type. `None` means the type of the mix in the report. Without a report, it
    /// is left out.
    pub content_type: Option<String>,
    /// Whether to request an address to upload the audio to.
    pub upload: bool,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            data_id: None,
            call_at: None,
            offset_s: None,
            direction: None,
            dialling: None,
            customer_phone: None,
            callcenter_number: None,
            callcenter_name: None,
            tag: None,
            score: None,
            note: None,
            content_type: None,
            upload: true,
        }
    }
}

impl NewRecording {
    /// Builds the body for a call, with the tag that processing determined.
    ///
    /// # Errors
    /// `invalid_argument` if neither the call nor the options contain `dataId`, `callAt` or
    /// `direction` (in or out), if a given `dataId` contains a telephone number or a mail address,
    /// or if a score is outside 0 to 100.
    pub fn of(call: &CallDescription, tag: Option<Tag>, options: &Outgoing) -> Result<Self> {
        let data_id = match &options.data_id {
            Some(given) => checked_id(given, call)?,
            None => data_id(call)?,
        };
        let call_at = options.call_at.or(call.call.started_at).ok_or_else(|| lacks("callAt", "nothing", "a moment"))?;
        let call_at = match options.offset_s {
            Some(offset_s) => {
                check_offset(offset_s)?;
                call_at.with_offset_seconds(offset_s)
            }
            None => call_at,
        };
        let direction = match options.direction.or(call.call.direction) {
            Some(direction @ (Direction::In | Direction::Out)) => direction,
            Some(Direction::Internal) => return Err(lacks("direction", "internal", "in or out")),
            None => return Err(lacks("direction", "nothing", "in or out")),
        };
        check_score("recording", options.score)?;
        let dialling = options.dialling.as_ref();
        let customer = options.customer_phone.as_deref().or(call.customer.as_deref());
        Ok(Self {
            data_id,
            call_at,
            direction,
            customer_phone: customer.and_then(|text| number(text, dialling)),
            callcenter_number: options.callcenter_number.clone().or_else(|| number(call.agent.as_deref()?, dialling)),
            callcenter_name: options.callcenter_name.clone(),
            tag: options.tag.or(tag),
            score: options.score,
            note: options.note.clone(),
            content_type: options.content_type.clone(),
            audio_presigned_upload_url: options.upload,
        })
    }

    /// Builds the body for a processed call. If the call is given as its document describes it, it
    /// provides what the report lacks: ids of recordings, and the customer of a mixed recording.
    ///
    /// # Errors
    /// As [`NewRecording::of`].
    pub fn of_report(report: &Report, call: Option<&CallDescription>, options: &Outgoing) -> Result<Self> {
        let tag = Some(report.tag.value);
        let mut body = match call {
            Some(call) => Self::of(call, tag, options)?,
            None => Self::of(&CallDescription::from(report), tag, options)?,
        };
        if let (None, Some(mix)) = (&options.content_type, report.outputs.first()) {
            body.content_type = Some(content_type_of_output(&mix.path).to_owned());
        }
        Ok(body)
    }
}

/// Describes the call of a report. There are no ids of recordings, and no parties if the report
/// dropped them.
impl From<&Report> for CallDescription {
    fn from(report: &Report) -> Self {
        let call = &report.call;
        let recording = |track: &TrackReport| Recording {
            leg: Leg { role: track.role, party: track.party.clone(), ..Leg::default() },
            path: track.source.as_ref().and_then(|source| source.path.clone()),
            ..Recording::default()
        };
        let recordings: Vec<Recording> = report.tracks.iter().map(recording).collect();
        Self {
            kind: call.provider.as_deref().and_then(Kind::from_name).unwrap_or(Kind::Manifest),
            call: Call {
                id: call.id.clone(),
                provider: call.provider.clone(),
                direction: call.direction,
                started_at: call.started_at,
                ..Call::default()
            },
            customer: party_of(&recordings, Role::Customer),
            agent: party_of(&recordings, Role::Agent),
            recordings,
            extra: serde_json::Map::new(),
            warnings: Vec::new(),
        }
    }
}

/// Returns a number in E.164 if possible, or unchanged if it is a number. Returns `None` for names
/// and mail addresses.
fn number(text: &str, dialling: Option<&Dialling>) -> Option<String> {
    e164(text, dialling).or_else(|| {
        let user = text.split('@').next().unwrap_or_default().trim();
        (party(user) == NamedParty::Phone).then(|| user.to_owned())
    })
}

/// Returns an id that is always the same for the same call: the provider's name and the first 128
/// bits of a SHA-256. The hash covers the provider and the call id, or the sorted ids of the
/// recordings if the call has no id. It is a hash because ids can contain telephone numbers. A
/// recording that came from MCloud keeps its id there.
///
/// # Errors
/// `invalid_argument` if neither the call nor a recording has an id.
pub fn data_id(call: &CallDescription) -> Result<String> {
    if let (Kind::Mcloud, Some(own)) = (call.kind, &call.call.id) {
        return Ok(own.clone());
    }
    let provider = call.call.provider.as_deref().unwrap_or_default();
    let mut ids: Vec<&str> = call.call.id.as_deref().into_iter().collect();
    if ids.is_empty() {
        ids = call.recordings.iter().filter_map(|r| r.leg.recording_id.as_deref()).collect();
        ids.sort_unstable();
    }
    if ids.is_empty() {
        return Err(lacks("dataId", "neither the call's nor a recording's id", "one from which to derive it"));
    }
    let mut hash = Sha256::new();
    for part in std::iter::once(provider).chain(ids) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let name = Kind::from_name(provider).map_or("call", Kind::name);
    Ok(format!("{name}_{hex}"))
}

/// Rejects an id that reveals a party, because ids are shown, searched and logged.
fn checked_id(given: &str, call: &CallDescription) -> Result<String> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let own = digits(given);
    let legs = call.recordings.iter().flat_map(|r| std::iter::once(&r.leg).chain(r.parts.iter().map(|p| &p.leg)));
    let parties =
        legs.filter_map(|leg| leg.party.as_deref()).chain(call.customer.as_deref()).chain(call.agent.as_deref());
    // The last seven digits are the subscriber's number in every notation.
    let tails = parties.map(digits).filter_map(|number| Some(number.get(number.len().checked_sub(7)?..)?.to_owned()));
    if given.trim().is_empty() || given.contains('@') || tails.into_iter().any(|tail| own.contains(&tail)) {
        return Err(lacks(
            "dataId",
            "nothing, or a telephone number or mail address in it",
            "an id that tells nobody's",
        ));
    }
    Ok(given.to_owned())
}

fn check_score(what: &str, score: Option<f64>) -> Result<()> {
    match score.filter(|score| !(0.0..=100.0).contains(score)) {
        None => Ok(()),
        Some(score) => Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("{what}: wrong score"))
            .with_mismatch(score, "0 to 100")),
    }
}

fn lacks(field: &str, found: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("MCloud recording: no {field}"))
        .with_mismatch(found, expected)
}

/// The body of `PATCH /recordings/{id}`: a reviewer's findings. A field that is `None` stays
/// unchanged at MCloud.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The score, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The tag. It belongs to the reviewer: leave it out unless the user asked to overwrite it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// A reviewer's comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_comment: Option<String>,
    /// A note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The user to whom the recording belongs. It requires the scope `manage_recording_link`.
    #[serde(rename = "linkedUserId", skip_serializing_if = "Option::is_none")]
    pub link: Option<RecordLink>,
}

/// A recording's link to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordLink {
    /// A user's UUID.
    To(String),
    /// No user: `null`.
    Nobody,
}

impl Serialize for RecordLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::To(user) => serializer.serialize_str(user),
            Self::Nobody => serializer.serialize_none(),
        }
    }
}

impl Review {
    /// Builds the review for a processed call. It contains only the note, because the tag belongs
    /// to the reviewer. With `overwrite_tag`, it contains the tag too.
    pub fn of(tag: Tag, note: Option<String>, overwrite_tag: bool) -> Self {
        Self { tag: overwrite_tag.then_some(tag), note, ..Self::default() }
    }

    /// Rejects values that the API would reject.
    pub(super) fn check(&self) -> Result<()> {
        check_score("review", self.score)?;
        match self.link.as_ref() {
            Some(RecordLink::To(user)) if !is_uuid(user) => {
                Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "review: wrong linkedUserId")
                    .with_mismatch(format!("\"{user}\""), "a UUID"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// `invalid_argument` for a score outside 0 to 100, or a link to anything but a UUID.
    pub fn to_json(&self) -> Result<String> {
        self.check()?;
        serde_json::to_string(self).map_err(|e| Error::new(ErrorKind::Internal, Stage::Provider, e.to_string()))
    }
}
