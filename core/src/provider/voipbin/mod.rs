//! VoIPBin: a recording of a call or a conference, as WAV at 8 kHz, 16 bits, mono.
//!
//! The documentation describes one mixed file. The service's public code writes two files per call,
//! the audio received from the recorded party and the audio sent to it, and offers a ZIP of both.
//! The recorded party is taken to be the customer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

use super::merge::{agree, grouped, merged};
use super::names::{last_segment, stem};
use super::parties::is_uuid;
use super::records::{add_to_first, earliest, no_recordings};
use super::rows::{keep, keep_repeats, known, moment, records, unwrapped, when};
use super::wire::WireWarnings;
use super::wire_type::{filled, put, wire};
use super::{CallDescription, Kind, Part, Recording, StartBasis, State, times};
use crate::call::{Call, Leg, Moment, Role, named};
use crate::error::Result;
use crate::units::Millis;

mod requests;

pub use requests::{RecordPage, RecordingStart, VoipbinApi};

wire! {
    /// A recording, `GET /recordings/{id}`. Its audio is at `GET /recordingfiles/{id}`.
    Record {
        /// The recording's id.
        id: String = "id",
        /// The service's customer that owns it; not the caller.
        customer_id: String = "customer_id",
        /// `agent`, or empty.
        owner_type: String = "owner_type",
        /// The agent's id, or the nil UUID.
        owner_id: String = "owner_id",
        /// The flow that made the recording, or the nil UUID.
        activeflow_id: String = "activeflow_id",
        /// What was recorded; see [`ReferenceType`].
        reference_type: String = "reference_type",
        /// What was recorded.
        reference_id: String = "reference_id",
        /// The state of the recording.
        status: String = "status",
        /// `wav`.
        format: String = "format",
        /// The flow that runs when it ends, or the nil UUID.
        on_end_flow_id: String = "on_end_flow_id",
        /// When it began.
        tm_start: String = "tm_start",
        /// When it ended.
        tm_end: String = "tm_end",
        /// When this record was made.
        tm_create: String = "tm_create",
        /// When this record last changed.
        tm_update: String = "tm_update",
        /// When the recording was deleted; `9999-01-01 00:00:00.000000` or empty if it was not.
        tm_delete: String = "tm_delete",
    }
}

named! {
    /// The kind of what was recorded.
    ReferenceType {
        /// A call.
        Call = "call",
        /// A conference.
        Confbridge = "confbridge",
    }
}

named! {
    /// The state of a recording.
    Status {
        /// It is being prepared.
        Initiating = "initiating",
        /// It is in progress.
        Recording = "recording",
        /// It is being finished.
        Stopping = "stopping",
        /// It is complete. There is no file before this.
        Ended = "ended",
    }
}

named! {
    /// The side of the recorded channel in a file.
    Side {
        /// Audio received from the recorded party.
        In = "in",
        /// Audio sent to the recorded party.
        Out = "out",
    }
}

/// Assumed largest difference between the starts of both sides' files. The documentation has one
/// time for both, and one command starts two recorders in sequence.
const SIDES_APART: Millis = Millis(250.0);

impl Side {
    /// Returns the suffix of the file name, without extension.
    const fn name_ends(self) -> &'static str {
        match self {
            Self::In => "_in",
            Self::Out => "_out",
        }
    }

    /// Returns who speaks, if the recorded party is the customer.
    const fn role(self) -> Role {
        match self {
            Self::In => Role::Customer,
            Self::Out => Role::Agent,
        }
    }
}

/// A parsed file name: `call_<uuid>_<RFC 3339>_{in,out}.wav`.
#[derive(Debug, Clone, PartialEq)]
pub struct VoipbinFileName {
    /// What was recorded, usually `call`.
    pub reference_type: String,
    /// The id of the call or conference.
    pub reference_id: String,
    /// When the recording began.
    pub started_at: Option<Moment>,
    /// The side in the file, if it holds only one.
    pub side: Option<Side>,
}

impl VoipbinFileName {
    /// Parses a file name, or the last segment of a path or URL. Characters that some systems
    /// substitute for the colons of the time are accepted.
    pub fn parse(name: &str) -> Option<Self> {
        let name = last_segment(name);
        let text = stem(&name);
        let side = Side::ALL.iter().copied().find(|side| text.ends_with(side.name_ends()));
        let text = side.and_then(|side| text.strip_suffix(side.name_ends())).unwrap_or(text);
        let (reference_type, rest) = text.split_once('_')?;
        let (id, time) = rest.split_once('_').unwrap_or((rest, ""));
        is_uuid(id).then(|| Self {
            reference_type: reference_type.to_owned(),
            reference_id: id.to_owned(),
            started_at: times::read(&with_colons(time), 0),
            side,
        })
    }
}

/// Replaces the characters between hours, minutes and seconds of a time such as
/// `2021-01-29T05_31_47Z` by colons.
fn with_colons(time: &str) -> String {
    let mark = |(at, c): (usize, char)| if matches!(at, 13 | 16) && !c.is_ascii_digit() { ':' } else { c };
    time.chars().enumerate().map(mark).collect()
}

/// Describes recordings, in any order, as calls sorted by reference. A recording without a
/// reference is a separate call.
///
/// # Errors
/// `provider` for no recordings, `limit_exceeded` for more recordings in a call than
/// [`MAX_RECORDINGS`](super::MAX_RECORDINGS).
pub fn calls(recordings: Vec<Record>) -> Result<Vec<CallDescription>> {
    if recordings.is_empty() {
        return Err(no_recordings());
    }
    let groups =
        grouped(recordings, |r| id(r.reference_id.as_ref()).or(id(r.id.as_ref())).map(str::to_owned), is_same)?;
    groups.into_iter().map(|(reference, recordings)| describe(reference, recordings)).collect()
}

/// Reads one recording, an array of them, or a page of a list (`result`).
pub(super) fn read(document: Value) -> Result<Vec<CallDescription>> {
    let (mut extra, mut notes) = (Map::new(), WireWarnings::default());
    let document = unwrapped(document, "result", &["next_page_token"], &mut extra, &mut notes);
    let recordings = records(document, &mut extra, &mut notes).into_iter().map(Record::from).collect();
    let mut calls = calls(recordings)?;
    add_to_first(&mut calls, extra, notes);
    Ok(calls)
}

/// Returns an id, or `None` for the nil UUID.
fn id(text: Option<&String>) -> Option<&str> {
    filled(text).filter(|id| !id.bytes().all(|b| matches!(b, b'0' | b'-')))
}

fn is_same(a: &Record, b: &Record) -> bool {
    agree(id(a.id.as_ref()), id(b.id.as_ref())) == Some(true)
}

fn describe(reference: Option<String>, wires: Vec<Record>) -> Result<CallDescription> {
    let mut notes = WireWarnings::default();
    let agent_owns = |w: &Record| filled(w.owner_type.as_ref()) == Some("agent");
    let agent = wires.iter().filter(|w| agent_owns(w)).find_map(|w| id(w.owner_id.as_ref())).map(str::to_owned);
    let merged = merged(wires, is_same)?;
    let mut recordings: Vec<Recording> =
        merged.into_iter().map(|(wire, repeats)| recording(wire, repeats, &mut notes)).collect();
    recordings.sort_by_cached_key(|r| (when(r), r.leg.recording_id.clone()));
    if recordings.iter().any(|r| !r.parts.is_empty()) {
        notes.add("sides_assumed", "should there be a file for each side, what came in is taken to be the customer");
    }
    Ok(CallDescription {
        kind: Kind::Voipbin,
        call: Call {
            id: reference,
            provider: Some(Kind::Voipbin.name().to_owned()),
            direction: None,
            started_at: earliest(&recordings),
            ..Call::default()
        },
        recordings,
        customer: None,
        agent,
        extra: Map::new(),
        warnings: notes.into_list(),
    })
}

fn recording(wire: Record, repeats: Vec<Value>, notes: &mut WireWarnings) -> Recording {
    let mut extra = wire.extra;
    notes.extra(&extra, Record::FIELDS);
    let started_at = time("tm_start", wire.tm_start, &mut extra, notes);
    let over_by = time("tm_end", wire.tm_end, &mut extra, notes);
    let reference_type = known("reference_type", wire.reference_type.as_ref(), ReferenceType::from_name, notes);
    let mut state = state(known("status", wire.status.as_ref(), Status::from_name, notes));
    if time("tm_delete", wire.tm_delete.clone(), &mut extra, notes).is_some() {
        notes.add("deleted", "the recording was deleted at its provider");
        state = State::Unknown;
        put(&mut extra, "tm_delete", wire.tm_delete);
    }
    let reference = id(wire.reference_id.as_ref()).map(str::to_owned);
    let recording_id = id(wire.id.as_ref()).map(str::to_owned);
    let fields = [
        ("customer_id", wire.customer_id),
        ("owner_type", wire.owner_type),
        ("owner_id", wire.owner_id),
        ("activeflow_id", wire.activeflow_id),
        ("reference_type", wire.reference_type),
        ("status", wire.status),
        ("format", wire.format),
        ("on_end_flow_id", wire.on_end_flow_id),
        ("tm_create", wire.tm_create),
        ("tm_update", wire.tm_update),
    ];
    keep(&mut extra, fields);
    let leg = Leg { role: Role::Mixed, started_at, recording_id, ..Leg::default() };
    let sides = if reference_type == Some(ReferenceType::Confbridge) { &[][..] } else { Side::ALL };
    let apart = started_at.map(|start| start.no_finer_than(SIDES_APART));
    let part = |side: &Side| Part {
        leg: Leg { role: side.role(), started_at: apart, ..leg.clone() },
        name_ends: Some(side.name_ends()),
    };
    let mut made = Recording {
        parts: sides.iter().map(part).collect(),
        start_basis: started_at.map(|_| StartBasis::Field),
        over_by,
        aliases: aliases(reference, started_at),
        duration: times::between(started_at, over_by).map(Millis),
        state,
        extra,
        leg,
        ..Recording::default()
    };
    keep_repeats(&mut made, repeats, notes);
    made
}

/// Returns other names of the files: the call's id with the second in which the recording began,
/// and the id alone.
fn aliases(reference: Option<String>, started_at: Option<Moment>) -> Vec<String> {
    let Some(reference) = reference else { return Vec::new() };
    let second = started_at.and_then(|start| Moment::from_unix_seconds(start.unix_ms().div_euclid(1000) as f64));
    let dated = second.map(|second| format!("{reference}_{}", second.to_rfc3339()));
    dated.into_iter().chain([reference]).collect()
}

/// Reads a time of a record in either of its two spellings, in UTC. Returns `None` for `9999-…` and
/// for an empty text.
fn time(name: &str, text: Option<String>, extra: &mut Map<String, Value>, notes: &mut WireWarnings) -> Option<Moment> {
    let set = text.filter(|text| !text.trim_start().starts_with("9999-"));
    moment(name, set, 0, extra, notes)
}

/// Returns the state of the file, by a record's status.
fn state(status: Option<Status>) -> State {
    match status {
        Some(Status::Ended) => State::Ready,
        Some(_) => State::Pending,
        None => State::Unknown,
    }
}

#[cfg(test)]
mod tests;
