//! MCloud's Call Recording API: its recordings as input, and what it accepts as output, the bodies
//! of `POST /recordings` ([`NewRecording`]) and `PATCH /recordings/{id}` ([`Review`]). Also its
//! requests ([`McloudApi`]), answers and errors ([`ApiError`]). Sending is up to the caller.

use serde_json::{Map, Value};

use super::merge::{agree, grouped, merged};
use super::records::{add_to_first, no_recordings};
use super::rows::{keep, keep_repeats, known, moment, records, unwrapped};
use super::wire::WireWarnings;
use super::wire_type::{filled, put, wire};
use super::{CallDescription, Kind, Recording, StartBasis};
use crate::call::{Call, Direction, Leg, Role, Tag, named};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::fmt;

mod answers;
mod body;
mod error;
mod media;
mod options;
mod phone;
mod posting;
mod query;
mod requests;
mod standing_record;

pub use answers::{Business, KeyLevel, ProcessingStatus, RecordingPage, Whoami};
pub use body::{NewRecording, Outgoing, RecordLink, Review, data_id};
pub use error::{ApiCode, ApiError};
pub use media::content_type;
pub use phone::{Dialling, e164};
pub use posting::{Posting, UploadFile};
pub use query::ListQuery;
pub use requests::{Endpoint, McloudApi, Scope, upload};

wire! {
    /// A recording as returned by `GET /recordings` and `GET /recordings/{id}`.
    Record {
        /// The API's id.
        id: String = "id",
        /// The id assigned by its sender.
        data_id: String = "dataId",
        /// When the call began, RFC 3339.
        call_at: String = "callAt",
        /// `in` or `out`.
        direction: String = "direction",
        /// The customer's number.
        customer_phone: String = "customerPhone",
        /// The contact center's number.
        callcenter_number: String = "callcenterNumber",
        /// The contact center's name.
        callcenter_name: String = "callcenterName",
        /// One of the four tags.
        tag: String = "tag",
        /// 0 to 100.
        score: f64 = "score",
        /// A note.
        note: String = "note",
        /// The audio's MIME type.
        content_type: String = "contentType",
        /// The recording's source.
        source_provider: String = "sourceProvider",
        /// The state of the API's own processing.
        processing_status: String = "processingStatus",
        /// URL of the audio, relative to the service's.
        audio_url: String = "audioUrl",
        /// URL of the transcript.
        transcript_url: String = "transcriptUrl",
        /// URL of the summary.
        summary_url: String = "summaryUrl",
    }
}

wire! {
    /// The response to `POST /recordings`.
    Created {
        /// The recording's id.
        id: String = "id",
        /// URL to which to `PUT` the audio, if requested.
        upload_url: String = "uploadUrl",
    }
}

named! {
    /// The source of a recording.
    Source {
        /// A 3CX telephone system.
        Threecx = "threecx",
        /// The operator dtac.
        Dtac = "dtac",
        /// An upload, including through this API.
        Upload = "upload",
    }
}

/// Describes recordings, in any order, as one call each, sorted by id.
///
/// # Errors
/// [`Provider`](crate::ErrorKind::Provider) without recordings.
pub fn calls(recordings: Vec<Record>) -> Result<Vec<CallDescription>> {
    if recordings.is_empty() {
        return Err(no_recordings());
    }
    let groups = grouped(recordings, |r| key(r).map(str::to_owned), is_same)?;
    let mut calls = Vec::with_capacity(groups.len());
    for (_, group) in groups {
        calls.extend(merged(group, is_same)?.into_iter().map(|(wire, repeats)| describe(wire, repeats)));
    }
    Ok(calls)
}

/// Reads one recording, an array of them, or a page of the list.
pub(super) fn read(document: Value) -> Result<Vec<CallDescription>> {
    let (mut extra, mut notes) = (Map::new(), WireWarnings::default());
    let known = ["total", "limit", "offset"];
    let document = unwrapped(document, "items", &known, &mut extra, &mut notes);
    let recordings = records(document, &mut extra, &mut notes).into_iter().map(Record::from).collect();
    let mut calls = calls(recordings)?;
    add_to_first(&mut calls, extra, notes);
    Ok(calls)
}

fn key(wire: &Record) -> Option<&str> {
    filled(wire.id.as_ref()).or_else(|| filled(wire.data_id.as_ref()))
}

fn is_same(a: &Record, b: &Record) -> bool {
    agree(key(a), key(b)) == Some(true)
}

fn describe(wire: Record, repeats: Vec<Value>) -> CallDescription {
    let mut notes = WireWarnings::default();
    let owned = |text: &Option<String>| filled(text.as_ref()).map(str::to_owned);
    let (id, customer, agent) = (owned(&wire.data_id), owned(&wire.customer_phone), owned(&wire.callcenter_number));
    let direction = known("direction", wire.direction.as_ref(), Direction::from_name, &mut notes);
    let mut recording = recording(wire, &mut notes);
    keep_repeats(&mut recording, repeats, &mut notes);
    CallDescription {
        kind: Kind::Mcloud,
        call: Call {
            id: id.or_else(|| recording.leg.recording_id.clone()),
            provider: Some(Kind::Mcloud.name().to_owned()),
            direction,
            started_at: recording.leg.started_at,
            ..Call::default()
        },
        recordings: vec![recording],
        customer,
        agent,
        extra: Map::new(),
        warnings: notes.into_list(),
    }
}

fn recording(wire: Record, notes: &mut WireWarnings) -> Recording {
    let mut extra = wire.extra;
    notes.extra(&extra, Record::FIELDS);
    let filled_in = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let started_at = moment("callAt", wire.call_at, 0, &mut extra, notes);
    known("tag", wire.tag.as_ref(), Tag::from_name, notes);
    put(&mut extra, "score", wire.score);
    let fields = [
        ("direction", wire.direction),
        ("tag", wire.tag),
        ("callcenterName", wire.callcenter_name),
        ("note", wire.note),
        ("contentType", wire.content_type),
        ("sourceProvider", wire.source_provider),
        ("processingStatus", wire.processing_status),
        ("transcriptUrl", wire.transcript_url),
        ("summaryUrl", wire.summary_url),
    ];
    keep(&mut extra, fields);
    Recording {
        leg: Leg { role: Role::Mixed, started_at, recording_id: filled_in(wire.id), ..Leg::default() },
        start_basis: started_at.map(|_| StartBasis::Field),
        urls: filled_in(wire.audio_url).into_iter().collect(),
        aliases: filled_in(wire.data_id).into_iter().collect(),
        extra,
        ..Recording::default()
    }
}

#[cfg(test)]
mod tests;
