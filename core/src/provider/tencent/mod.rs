//! Tencent Cloud Contact Center: one push per participant's recording of a session, as MP3.
//!
//! A session has two recordings, or three after a transfer; `SessionId` joins them. [`Session`]
//! collects pushes, and a [`Cdr`] tells who called whom. `EndpointUser` is the customer's number or
//! an agent's email address.
//!
//! A push does not say when a recording began: `Timestamp` is when its file was made. In the
//! published sample, the file name ends in a time 13 s earlier, which is taken as the start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::merge::{agree, grouped, merged};
use super::names::{stem, url_file_name};
use super::parties::{NamedParty, party};
use super::records::{add_to_first, earliest, no_recordings, only, party_of};
use super::rows::{keep_repeats, records};
use super::wire::WireWarnings;
use super::wire_type::{filled, wire};
use super::{AudioMatch, CallDescription, Kind, Recording, StartBasis};
use crate::call::{Call, Leg, Moment, Role};
use crate::error::Result;

mod cdr;
mod delivery;
mod roles;
mod session;

pub use cdr::{Cdr, CdrParticipant};
pub use delivery::{Delivery, DeliveryKind};
pub use session::{Session, Taken};

use roles::{assign_roles, note_shared_ids};

wire! {
    /// One push: `POST https://{custom_url}?action=record&version=1`.
    Push {
        /// The application's id.
        sdk_app_id: i64 = "SdkAppId",
        /// The recording's id. In the published sample it equals the time of `Timestamp`, so two
        /// recordings may share one.
        record_id: String = "RecordId",
        /// The session's id, the same for all recordings of a call.
        session_id: String = "SessionId",
        /// When the file was made, in Unix seconds.
        timestamp: i64 = "Timestamp",
        /// Who speaks: the customer's number or the agent's email address.
        endpoint_user: String = "EndpointUser",
        /// URL of the file, which is kept for three months.
        record_url: String = "RecordURL",
        /// URL in the customer's own storage, if that is enabled.
        custom_record_url: String = "CustomRecordURL",
    }
}

/// The reply to a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 0 for success.
    #[serde(rename = "ErrCode")]
    pub err_code: i64,
    /// The error message; empty for success.
    #[serde(rename = "ErrMsg")]
    pub err_msg: String,
}

impl Reply {
    /// Accepts the push: `{"ErrCode":0,"ErrMsg":""}`.
    pub fn ok() -> Self {
        Self { err_code: 0, err_msg: String::new() }
    }

    /// Rejects the push, with a nonzero code and a reason.
    pub fn failed(code: i64, reason: impl Into<String>) -> Self {
        Self { err_code: code, err_msg: reason.into() }
    }
}

/// Longest time in seconds between the beginning of a recording and its file: a day, as long as the
/// longest recording that is decoded.
const MAX_S: i64 = 86_400;

/// Seconds by which the clock of the file name may be ahead of the push's.
const CLOCK_SLACK_S: i64 = 5;

/// 2010-01-01, before which this service made no recordings.
const FIRST_S: i64 = 1_262_304_000;

impl Push {
    /// Returns when the recording began, by the ten digits at the end of its file name
    /// (`…-1608130637.mp3`). Returns `None` for other names, and for times after the file was made
    /// or more than a day before.
    pub fn started_at(&self) -> Option<Moment> {
        let urls = [&self.record_url, &self.custom_record_url];
        let names = urls.into_iter().filter_map(|url| url_file_name(filled(url.as_ref())?));
        let mut times = names.filter_map(|name| time_of_name(&name));
        let plausible = |&time: &i64| match self.timestamp.filter(|made| *made >= FIRST_S) {
            Some(made) => (made.saturating_sub(MAX_S)..=made.saturating_add(CLOCK_SLACK_S)).contains(&time),
            None => true,
        };
        times.find(plausible).and_then(|time| Moment::from_unix_seconds(time as f64))
    }

    /// Returns the kind of party in `EndpointUser`.
    fn party(&self) -> NamedParty {
        filled(self.endpoint_user.as_ref()).map_or(NamedParty::Other, party)
    }

    /// Returns `true` if two pushes are about one recording: they do not contradict each other, and
    /// share an id or a file.
    fn is_same(&self, other: &Self) -> bool {
        let file = |push: &Self| filled(push.record_url.as_ref()).and_then(url_file_name);
        let ids = agree(filled(self.record_id.as_ref()), filled(other.record_id.as_ref()));
        let files = agree(file(self), file(other));
        let users = agree(filled(self.endpoint_user.as_ref()), filled(other.endpoint_user.as_ref()));
        let contradicted = [ids, files, users].contains(&Some(false));
        !contradicted && (ids == Some(true) || files == Some(true))
    }
}

/// Returns the Unix time at the end of a file name: a last word of exactly ten digits.
fn time_of_name(name: &str) -> Option<i64> {
    let word = stem(name).rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let digits = word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|time| digits && *time >= FIRST_S)
}

/// Describes the pushes of one call, with the audio by record id (or URL, or file name).
///
/// # Errors
/// - [`Provider`](crate::ErrorKind::Provider) without pushes.
/// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for the pushes of several sessions.
pub fn call<T>(
    pushes: Vec<Push>,
    audio: impl IntoIterator<Item = (String, T)>,
) -> Result<(CallDescription, AudioMatch<T>)> {
    let described = only(calls(pushes)?)?;
    let matched = described.attach(audio);
    Ok((described, matched))
}

/// Describes any number of pushes, in any order and possibly repeated, as calls sorted by
/// `SessionId`.
///
/// A push without a `SessionId` belongs to the only session; if there are several, each such push
/// is a separate call.
///
/// # Errors
/// - [`Provider`](crate::ErrorKind::Provider) without pushes.
/// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for more recordings in a call than
///   [`MAX_RECORDINGS`](super::MAX_RECORDINGS).
pub fn calls(pushes: Vec<Push>) -> Result<Vec<CallDescription>> {
    if pushes.is_empty() {
        return Err(no_recordings());
    }
    let groups = grouped(pushes, |push| filled(push.session_id.as_ref()).map(str::to_owned), Push::is_same)?;
    groups.into_iter().map(|(id, group)| describe(id, group)).collect()
}

/// Reads one push or an array of them, possibly with CDRs.
pub(super) fn read(document: Value) -> Result<Vec<CallDescription>> {
    let (mut extra, mut notes) = (Map::new(), WireWarnings::default());
    let (cdrs, pushes): (Vec<_>, Vec<_>) = records(document, &mut extra, &mut notes).into_iter().partition(Cdr::is_cdr);
    let cdrs: BTreeMap<String, Cdr> = cdrs.into_iter().map(Cdr::from).filter_map(of_session).collect();
    let pushes: Vec<Push> = pushes.into_iter().map(Push::from).collect();
    let mut calls = if cdrs.is_empty() { calls(pushes)? } else { calls_with(pushes, &cdrs)? };
    add_to_first(&mut calls, extra, notes);
    Ok(calls)
}

/// Returns a CDR with its session.
fn of_session(cdr: Cdr) -> Option<(String, Cdr)> {
    Some((filled(cdr.session_id.as_ref())?.to_owned(), cdr))
}

/// Describes calls of which some have a CDR, possibly without a push.
fn calls_with(pushes: Vec<Push>, cdrs: &BTreeMap<String, Cdr>) -> Result<Vec<CallDescription>> {
    let mut groups: BTreeMap<String, Vec<Push>> = cdrs.keys().map(|id| (id.clone(), Vec::new())).collect();
    let mut others = Vec::new();
    for push in pushes {
        match filled(push.session_id.as_ref()).and_then(|id| groups.get_mut(id)) {
            Some(group) => group.push(push),
            None => others.push(push),
        }
    }
    if let ([only], true) = (&mut groups.values_mut().collect::<Vec<_>>()[..], others.iter().all(is_without_session)) {
        only.append(&mut others);
    }
    let told = groups.into_iter().map(|(id, group)| described(Some(id.clone()), group, cdrs.get(&id)));
    let mut all = told.collect::<Result<Vec<_>>>()?;
    if !others.is_empty() {
        all.extend(calls(others)?);
    }
    Ok(all)
}

fn is_without_session(push: &Push) -> bool {
    filled(push.session_id.as_ref()).is_none()
}

/// Describes a session by its pushes and its CDR, which adds the recordings of parties without a
/// push and identifies the parties.
fn described(session: Option<String>, mut pushes: Vec<Push>, cdr: Option<&Cdr>) -> Result<CallDescription> {
    if let Some(cdr) = cdr {
        pushes.extend(cdr.recordings_beside(&pushes));
    }
    if pushes.is_empty() {
        return Err(no_recordings());
    }
    let mut call = describe(session, pushes)?;
    if let Some(cdr) = cdr {
        let mut notes = WireWarnings::default();
        cdr.tell(&mut call, &mut notes);
        call.warnings.extend(notes.into_list());
        call.extra.insert("$cdr".to_owned(), Value::Object(cdr.clone().into()));
    }
    Ok(call)
}

fn describe(session: Option<String>, pushes: Vec<Push>) -> Result<CallDescription> {
    let mut notes = WireWarnings::default();
    if pushes.iter().any(is_without_session) {
        notes.add("session_missing", "a push has no SessionId; taken for a part of this call");
    }
    let mut recordings = Vec::new();
    for (push, repeats) in merged(pushes, Push::is_same)? {
        notes.extra(&push.extra, Push::FIELDS);
        recordings.push(recording(push, repeats, &mut notes));
    }
    assign_roles(&mut recordings, &mut notes);
    note_shared_ids(&recordings, &mut notes);
    Ok(CallDescription {
        kind: Kind::Tencent,
        call: Call {
            id: session,
            provider: Some(Kind::Tencent.name().to_owned()),
            direction: None,
            started_at: earliest(&recordings),
            ..Call::default()
        },
        customer: party_of(&recordings, Role::Customer),
        agent: party_of(&recordings, Role::Agent),
        recordings,
        extra: Map::new(),
        warnings: notes.into_list(),
    })
}

fn recording(push: Push, repeats: Vec<Value>, notes: &mut WireWarnings) -> Recording {
    let started_at = push.started_at();
    let role = match push.party() {
        NamedParty::Phone => Role::Customer,
        NamedParty::Mail => Role::Agent,
        NamedParty::Other => Role::Unknown,
    };
    let party = filled(push.endpoint_user.as_ref()).map(str::to_owned);
    let over_by = push.timestamp.and_then(|made| Moment::from_unix_seconds(made as f64));
    let urls = [&push.record_url, &push.custom_record_url]
        .into_iter()
        .filter_map(|url| filled(url.as_ref()))
        .map(str::to_owned);
    let mut made = Recording {
        leg: Leg {
            role,
            party,
            started_at,
            channel: None,
            recording_id: filled(push.record_id.as_ref()).map(str::to_owned),
            offset: None,
        },
        start_basis: started_at.map(|_| StartBasis::FileName),
        over_by,
        urls: urls.collect(),
        extra: push.extra,
        ..Recording::default()
    };
    if let Some(id) = push.sdk_app_id {
        made.extra.insert("SdkAppId".to_owned(), id.into());
    }
    if let (Some(odd), None) = (push.timestamp, over_by) {
        made.extra.insert("Timestamp".to_owned(), odd.into());
        notes.add("unknown_value", format!("Timestamp {odd} is no plausible time; it is kept but not understood"));
    }
    keep_repeats(&mut made, repeats, notes);
    if role == Role::Unknown {
        notes.add("role_unknown", format!("recording {} names neither a number nor a mail address", made.label()));
    }
    made
}

#[cfg(test)]
mod tests;
