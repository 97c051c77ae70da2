//! Wellcloud: a list of recordings per `callId` (`recordings2`), and the audio as a stream by
//! recording id.
//!
//! The content of a recording is not documented. It is taken to hold both sides of the call at the
//! extension `deviceId`, so the rows of one extension are consecutive segments. If a segment has
//! two channels, the caller is taken to be on the first.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::path_segment;
use super::merge::{agree, grouped, merged};
use super::offset::check_offset;
use super::records::{add_to_first, earliest, no_recordings};
use super::rows::{keep, keep_repeats, known, moment, records, when};
use super::wire::WireWarnings;
use super::wire_type::{filled, put, wire};
use super::{CallDescription, Kind, Options, Part, Recording, StartBasis, State, times};
use crate::call::{Call, Direction, Leg, Role, named};
use crate::error::Result;
use crate::units::Millis;

mod refusal;
mod requests;

pub use refusal::Refusal;
pub use requests::{WellcloudApi, read_list};

/// UTC offset of times in a list, which are written without one: China's, in seconds east.
pub const DEFAULT_OFFSET_S: i32 = 8 * 3600;

/// Time after the end of a call until its recordings are listed. According to the documentation,
/// they are written 3 s after hang-up.
pub const SETTLE: std::time::Duration = std::time::Duration::from_secs(4);

wire! {
    /// One row of `GET /api/operation/tenant/calls/{callId}/recordings2`.
    Row {
        /// The recording's id, with which its audio is fetched.
        id: String = "id",
        /// The caller.
        ani: String = "ani",
        /// The callee.
        dnis: String = "dnis",
        /// The direction; see [`CallDirection`].
        call_direction: String = "callDirection",
        /// When it began: `2018.01.29 16:08:23`, without an offset.
        start_time: String = "startTime",
        /// When it ended, in the same format.
        end_time: String = "endTime",
        /// Length in seconds. The published sample has 10 for a span of 11.
        call_length: f64 = "callLength",
        /// Size in bytes. The published sample has 0 for a successful recording.
        file_size: i64 = "fileSize",
        /// The extension, `8001@test.cc`.
        device_id: String = "deviceId",
        /// The call's id.
        call_id: String = "callId",
        /// `Success` or `Fail`.
        state: String = "state",
        /// The tenant's id.
        tenant_id: String = "tenantId",
    }
}

named! {
    /// The documented values of `callDirection`.
    CallDirection {
        /// An incoming call.
        Inbound = "Inbound",
        /// An outgoing call.
        Outbound = "Outbound",
        /// A call between extensions.
        Internal = "Internal",
        /// An extension went off-hook.
        Offhook = "Offhook",
        /// A campaign call that reserves an agent before dialing.
        PreOccupied = "PreOccupied",
        /// A campaign call that is dialed before an agent is free.
        PreDictive = "PreDictive",
    }
}

impl CallDirection {
    /// Returns the direction as seen from the service, or `None` for off-hook.
    pub const fn direction(self) -> Option<Direction> {
        match self {
            Self::Inbound => Some(Direction::In),
            Self::Outbound | Self::PreOccupied | Self::PreDictive => Some(Direction::Out),
            Self::Internal => Some(Direction::Internal),
            Self::Offhook => None,
        }
    }

    /// Returns the value with this name, ignoring case.
    fn read(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name().eq_ignore_ascii_case(name))
    }
}

/// Describes rows, in any order and possibly repeated, as calls sorted by `callId`.
///
/// # Errors
/// - [`Provider`](crate::ErrorKind::Provider) without rows.
/// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for more recordings in a call than
///   [`MAX_RECORDINGS`](super::MAX_RECORDINGS).
/// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid UTC offset.
pub fn calls(rows: Vec<Row>, options: &Options) -> Result<Vec<CallDescription>> {
    let offset_s = options.local_offset_s.unwrap_or(DEFAULT_OFFSET_S);
    check_offset(offset_s)?;
    if rows.is_empty() {
        return Err(no_recordings());
    }
    let groups = grouped(rows, |row| filled(row.call_id.as_ref()).map(str::to_owned), is_same)?;
    groups.into_iter().map(|(id, rows)| describe(id, rows, offset_s)).collect()
}

/// Reads a list, or a single row.
pub(super) fn read(document: Value, options: &Options) -> Result<Vec<CallDescription>> {
    let (mut extra, mut notes) = (Map::new(), WireWarnings::default());
    let rows = records(document, &mut extra, &mut notes).into_iter().map(Row::from).collect();
    let mut calls = calls(rows, options)?;
    add_to_first(&mut calls, extra, notes);
    Ok(calls)
}

fn is_same(a: &Row, b: &Row) -> bool {
    agree(filled(a.id.as_ref()), filled(b.id.as_ref())) == Some(true)
}

fn describe(call_id: Option<String>, rows: Vec<Row>, offset_s: i32) -> Result<CallDescription> {
    let mut notes = WireWarnings::default();
    if rows.iter().any(|row| filled(row.call_id.as_ref()).is_none()) {
        notes.add("call_id_missing", "a row has no callId; taken for a part of this call");
    }
    let rows = merged(rows, is_same)?;
    let sides: Vec<Sides> = rows.iter().map(|(row, _)| Sides::of(row, &mut notes)).collect();
    let mut recordings: Vec<(Recording, Sides)> = rows
        .into_iter()
        .zip(sides)
        .map(|((row, repeats), sides)| (recording(row, repeats, offset_s, &mut notes), sides))
        .collect();
    recordings.sort_by_cached_key(|(r, _)| (when(r), r.leg.recording_id.clone(), r.label()));
    let first_agent = recordings.iter().find_map(|(_, sides)| sides.agent.clone());
    for (recording, sides) in &mut recordings {
        recording.parts = sides.parts(first_agent.as_deref(), &recording.leg);
    }
    if recordings.iter().any(|(r, _)| !r.parts.is_empty()) {
        notes.add("sides_assumed", "should the audio have two channels, the caller is taken to be on the first");
    }
    let customer = recordings.iter().find_map(|(_, sides)| sides.customer.clone());
    let direction = recordings.iter().find_map(|(_, sides)| sides.direction);
    let mut recordings: Vec<Recording> = recordings.into_iter().map(|(recording, _)| recording).collect();
    if let ([only], Some(id)) = (&mut recordings[..], &call_id) {
        only.aliases.push(id.clone());
    }
    Ok(CallDescription {
        kind: Kind::Wellcloud,
        call: Call {
            id: call_id,
            provider: Some(Kind::Wellcloud.name().to_owned()),
            direction,
            started_at: earliest(&recordings),
            ..Call::default()
        },
        recordings,
        customer,
        agent: first_agent,
        extra: Map::new(),
        warnings: notes.into_list(),
    })
}

/// The parties on both sides of a row's call.
struct Sides {
    direction: Option<Direction>,
    caller: Option<String>,
    callee: Option<String>,
    customer: Option<String>,
    agent: Option<String>,
}

impl Sides {
    /// Determines the parties: the agent is the recorded extension, the customer the other side. If
    /// the direction is missing or undocumented, the extension's side determines it.
    fn of(row: &Row, notes: &mut WireWarnings) -> Self {
        let known = known("callDirection", row.call_direction.as_ref(), CallDirection::read, notes);
        let owned = |text: &Option<String>| filled(text.as_ref()).map(str::to_owned);
        let (caller, callee, device) = (owned(&row.ani), owned(&row.dnis), owned(&row.device_id));
        let device_calls = device.is_some() && device == caller;
        let device_is_called = device.is_some() && device == callee;
        let direction = match (known, device_calls, device_is_called) {
            (Some(known), _, _) => known.direction(),
            (None, true, false) => Some(Direction::Out),
            (None, false, true) => Some(Direction::In),
            _ => None,
        };
        let (customer, agent) = match (direction, device_calls, device_is_called) {
            (Some(Direction::Internal), _, _) => (None, device.or_else(|| caller.clone())),
            (_, true, false) => (callee.clone(), device),
            (_, false, true) => (caller.clone(), device),
            (Some(Direction::In), _, _) => (caller.clone(), device.or_else(|| callee.clone())),
            (Some(Direction::Out), _, _) => (callee.clone(), device.or_else(|| caller.clone())),
            (None, _, _) => (None, device),
        };
        Self { direction, caller, callee, customer, agent }
    }

    /// Returns the parties for two channels: the caller, then the callee.
    fn parts(&self, first_agent: Option<&str>, whole: &Leg) -> Vec<Part> {
        let customer_calls = self.customer.is_some() && self.customer == self.caller;
        let customer_is_called = self.customer.is_some() && self.customer == self.callee;
        let agent = if self.agent.as_deref() == first_agent { Role::Agent } else { Role::Transfer };
        let roles = match (self.direction, customer_calls, customer_is_called) {
            (Some(Direction::Internal), _, _) => [Role::Participant, Role::Participant],
            (_, true, false) => [Role::Customer, agent],
            (_, false, true) => [agent, Role::Customer],
            _ => return Vec::new(),
        };
        let party = |role: Role, side: &Option<String>| match role {
            Role::Agent | Role::Transfer => self.agent.clone(),
            _ => side.clone(),
        };
        let parties = [party(roles[0], &self.caller), party(roles[1], &self.callee)];
        let parts = roles.into_iter().zip(parties).zip(0u16..).map(|((role, party), channel)| Part {
            leg: Leg { role, party, channel: Some(channel), ..whole.clone() },
            name_ends: None,
        });
        parts.collect()
    }
}

fn recording(row: Row, repeats: Vec<Value>, offset_s: i32, notes: &mut WireWarnings) -> Recording {
    let mut extra = row.extra;
    notes.extra(&extra, Row::FIELDS);
    let started_at = moment("startTime", row.start_time, offset_s, &mut extra, notes);
    let over_by = moment("endTime", row.end_time, offset_s, &mut extra, notes);
    let length = row.call_length.filter(|s| *s > 0.0 && s.is_finite()).map(|s| s * 1000.0);
    let state = known("state", row.state.as_ref(), state, notes).unwrap_or(State::Unknown);
    let fields = [
        ("ani", row.ani),
        ("dnis", row.dnis),
        ("callDirection", row.call_direction),
        ("deviceId", row.device_id),
        ("state", row.state),
        ("tenantId", row.tenant_id),
    ];
    keep(&mut extra, fields);
    put(&mut extra, "callLength", row.call_length.filter(|_| length.is_none()));
    put(&mut extra, "fileSize", row.file_size.filter(|size| *size <= 0));
    let id = filled(row.id.as_ref()).map(str::to_owned);
    let mut made = Recording {
        leg: Leg { role: Role::Mixed, started_at, recording_id: id, ..Leg::default() },
        start_basis: started_at.map(|_| StartBasis::Field),
        over_by,
        bytes: row.file_size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0),
        duration: length.or_else(|| times::between(started_at, over_by)).map(Millis),
        state,
        extra,
        ..Recording::default()
    };
    keep_repeats(&mut made, repeats, notes);
    made
}

/// Returns the state for a documented name, ignoring case.
fn state(name: &str) -> Option<State> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("success") {
        return Some(State::Ready);
    }
    is("fail").then_some(State::Failed)
}

/// Returns the path of a call's list of recordings, relative to the service's URL.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid id.
pub fn list_path(call_id: &str) -> Result<String> {
    Ok(format!("/api/operation/tenant/calls/{}/recordings2", path_segment("call's id", call_id)?))
}

/// Returns the path of a recording's audio, relative to the service's URL.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid id.
pub fn stream_path(recording_id: &str) -> Result<String> {
    let id = path_segment("recording's id", recording_id)?;
    Ok(format!("/api/operation/tenant/recording/{id}/stream2?download=false"))
}

#[cfg(test)]
mod tests;
