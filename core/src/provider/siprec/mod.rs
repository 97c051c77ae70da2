//! SIPREC: what a recording client says of the calls that it has recorded (RFC 7865).
//!
//! The XML alone is read, not the SIP message that brings it. Each stream is one recording, whose
//! audio is found by the stream's label or id; who sends it is heard on it. The metadata says
//! neither what the parties' roles are nor which channel of a mixed file is whose.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::parties::{told_apart, without_scheme};
use super::presence::Presence;
use super::records::{add_to_first, earliest, no_recordings, too_many};
use super::wire::WireWarnings;
use super::{CallDescription, Kind, MAX_RECORDINGS, Recording, StartBasis, facts};
use crate::call::{Call, Fact, FactKind, FactTime, Leg, Moment, Role};
use crate::error::Result;

mod metadata;

use metadata::{RecordingMetadata, first, malformed, texts};

/// Whether an XML text is recording metadata.
///
/// # Errors
/// `limit_exceeded`, and `malformed` for what is not XML.
pub(super) fn is_metadata(text: &str) -> Result<bool> {
    metadata::is_recording(text)
}

/// Reads the metadata of a recording session; each communication session is a call, and those of
/// one group are one.
pub(super) fn read(text: &str) -> Result<Vec<CallDescription>> {
    let mut notes = WireWarnings::default();
    let metadata = RecordingMetadata::read(text, &mut notes)?;
    if metadata.all("stream").is_empty() {
        let found = if metadata.is_partial { "a partial update" } else { "no stream" };
        return Err(no_recordings().with_mismatch(found, "complete metadata with a stream"));
    }
    let directory = Directory::of(&metadata, &mut notes)?;
    let mut calls = Vec::new();
    for (id, sessions) in directory.calls() {
        calls.extend(directory.describe(id, &sessions, &mut notes)?);
    }
    if calls.is_empty() {
        return Err(no_recordings().with_mismatch("no session with a stream", "a stream of a session"));
    }
    drop(directory);
    add_to_first(&mut calls, metadata.into_extra(), notes);
    Ok(calls)
}

/// What belongs to what, by ids.
struct Directory<'a> {
    metadata: &'a RecordingMetadata,
    /// What each participant is called, in the document's order.
    names: Vec<String>,
    /// A participant's place.
    participants: BTreeMap<&'a str, usize>,
    /// Who sends a stream.
    senders: BTreeMap<&'a str, Vec<Sender>>,
    /// The streams of a session.
    streams: BTreeMap<&'a str, Vec<&'a Map<String, Value>>>,
    /// When a session was recorded.
    recorded: BTreeMap<&'a str, &'a Map<String, Value>>,
    /// Who took part in a session.
    members: BTreeMap<&'a str, Vec<Sender>>,
}

/// A participant that sends a stream or takes part in a session, and from when to when.
#[derive(Clone, Copy)]
struct Sender {
    participant: usize,
    since: Option<Moment>,
    until: Option<Moment>,
}

impl<'a> Directory<'a> {
    fn of(metadata: &'a RecordingMetadata, notes: &mut WireWarnings) -> Result<Self> {
        let listed = metadata.all("participant");
        let names: Vec<Vec<String>> = listed.iter().map(names).collect();
        let ids = listed.iter().enumerate().filter_map(|(at, fields)| Some((first(fields, "participant_id")?, at)));
        let mut directory = Self {
            metadata,
            names: told_apart(&names, |at| format!("participant[{at}]")),
            participants: ids.collect(),
            senders: BTreeMap::new(),
            streams: BTreeMap::new(),
            recorded: by_session(metadata.all("sessionrecordingassoc")).collect(),
            members: BTreeMap::new(),
        };
        let sessions: BTreeMap<_, _> = by_session(metadata.all("session")).collect();
        let only = sessions.keys().next().copied().unwrap_or_default();
        for (at, stream) in metadata.all("stream").iter().enumerate() {
            let session = match first(stream, "session_id").unwrap_or_default() {
                known if sessions.contains_key(known) => known,
                _ if sessions.len() < 2 => only,
                unknown => {
                    return Err(malformed(&format!("stream[{at}].session_id"))
                        .with_mismatch(format!("\"{unknown}\""), "a session of the document"));
                }
            };
            directory.streams.entry(session).or_default().push(stream);
        }
        for (at, assoc) in metadata.all("participantstreamassoc").iter().enumerate() {
            let sender = directory.sender(assoc, &format!("participantstreamassoc[{at}]"), notes)?;
            for stream in texts(assoc, "send") {
                let known = directory.senders.entry(stream).or_default();
                if !known.iter().any(|known| known.participant == sender.participant) {
                    known.push(sender);
                }
            }
        }
        for (at, assoc) in metadata.all("participantsessionassoc").iter().enumerate() {
            let member = directory.sender(assoc, &format!("participantsessionassoc[{at}]"), notes)?;
            directory.members.entry(first(assoc, "session_id").unwrap_or_default()).or_default().push(member);
        }
        Ok(directory)
    }

    fn sender(&self, assoc: &Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Result<Sender> {
        let id = first(assoc, "participant_id").unwrap_or_default();
        let participant = *self.participants.get(id).ok_or_else(|| {
            malformed(&format!("{place}.participant_id"))
                .with_mismatch(format!("\"{id}\""), "a participant of the document")
        })?;
        let since = moment(assoc, place, "associate-time", notes);
        Ok(Sender { participant, since, until: moment(assoc, place, "disassociate-time", notes) })
    }

    /// The calls: the sessions of each group, and each session of none.
    fn calls(&self) -> Vec<(&'a str, Vec<&'a Map<String, Value>>)> {
        let mut calls: Vec<(&str, Vec<&Map<String, Value>>)> = Vec::new();
        let mut grouped: BTreeMap<&str, usize> = BTreeMap::new();
        for session in self.metadata.all("session") {
            let id = first(session, "session_id").unwrap_or_default();
            let group = first(session, "group-ref");
            match group.and_then(|group| calls.get_mut(*grouped.get(group)?)) {
                Some((call, sessions)) => {
                    *call = group.unwrap_or(call);
                    sessions.push(session);
                }
                None => {
                    group.and_then(|group| grouped.insert(group, calls.len()));
                    calls.push((id, vec![session]));
                }
            }
        }
        // Streams of no session are one call without an id.
        if calls.is_empty() { vec![("", Vec::new())] } else { calls }
    }

    /// A call of its sessions; none where no stream is of it.
    fn describe(
        &self,
        id: &str,
        sessions: &[&Map<String, Value>],
        notes: &mut WireWarnings,
    ) -> Result<Option<CallDescription>> {
        let (mut recordings, mut facts, mut begun) = (Vec::new(), Vec::new(), Vec::new());
        let nothing = Map::new();
        let none = [&nothing];
        for session in if sessions.is_empty() { &none } else { sessions } {
            let session_id = first(session, "session_id").unwrap_or_default();
            let times = SessionTimes::of(session, self.recorded.get(session_id).copied(), notes);
            let streams = self.streams.get(session_id).map(Vec::as_slice).unwrap_or_default();
            recordings.extend(streams.iter().map(|stream| self.recording(stream, times)));
            facts.extend(self.facts(session_id));
            let alone = sessions.len() < 2;
            facts.extend(times.stopped.filter(|_| alone).map(|at| Fact::new(FactKind::Hangup, FactTime::At(at))));
            begun.extend(times.started);
        }
        if recordings.len() > MAX_RECORDINGS {
            return Err(too_many(recordings.len()));
        }
        facts::check_count(facts.len())?;
        facts::in_order(&mut facts);
        let started_at = begun.into_iter().min_by_key(|start| start.unix_ms()).or_else(|| earliest(&recordings));
        Ok((!recordings.is_empty()).then(|| CallDescription {
            kind: Kind::Siprec,
            call: Call { id: Some(id.to_owned()).filter(|id| !id.is_empty()), started_at, facts, ..Call::default() },
            recordings,
            customer: None,
            agent: None,
            extra: Map::new(),
            warnings: Vec::new(),
        }))
    }

    /// The recording of a stream.
    fn recording(&self, stream: &Map<String, Value>, times: SessionTimes) -> Recording {
        let id = first(stream, "stream_id").unwrap_or_default();
        let senders = self.senders.get(id).map(Vec::as_slice).unwrap_or_default();
        let by_ms = |moment: &Moment| moment.unix_ms();
        let since = senders.iter().filter_map(|sender| sender.since).min_by_key(by_ms).or(times.recorded);
        let until = senders.iter().map(|sender| sender.until).collect::<Option<Vec<_>>>();
        let until = until.and_then(|ends| ends.into_iter().max_by_key(by_ms)).or(times.stopped);
        let (role, party) = match senders {
            [] => (Role::Unknown, None),
            [one] => (Role::Unknown, self.names.get(one.participant).cloned()),
            _ => (Role::Mixed, None),
        };
        let mut extra = stream.clone();
        let names = senders.iter().filter_map(|sender| self.names.get(sender.participant));
        extra.insert("$senders".to_owned(), names.cloned().collect());
        Recording {
            leg: Leg { role, party, started_at: since, recording_id: Some(id.to_owned()), ..Leg::default() },
            start_basis: since.map(|_| StartBasis::Field),
            over_by: until,
            aliases: first(stream, "label").map(str::to_owned).into_iter().collect(),
            extra,
            ..Recording::default()
        }
    }

    /// Who joined and left a session.
    fn facts(&self, session: &str) -> Vec<Fact> {
        let members = self.members.get(session).map(Vec::as_slice).unwrap_or_default();
        let mut present: Presence =
            members.iter().filter(|member| member.since.is_none()).map(|member| member.participant).collect();
        let mut joined: Vec<(Moment, usize)> =
            members.iter().filter_map(|member| Some((member.since?, member.participant))).collect();
        joined.sort_by_key(|(at, _)| at.unix_ms());
        let name = |participant: usize| self.names.get(participant).cloned();
        // Who is there from the first moment may still be called.
        let first = joined.first().map(|(at, _)| *at);
        let joins = joined.into_iter().filter_map(|(at, participant)| {
            let kind = present.join(participant).filter(|kind| *kind != FactKind::Answer || Some(at) != first)?;
            let party = name(participant).filter(|_| kind != FactKind::Answer);
            Some(Fact { party, ..Fact::new(kind, FactTime::At(at)) })
        });
        let joins: Vec<Fact> = joins.collect();
        let left = members.iter().filter_map(|member| {
            let fact = Fact::new(FactKind::Hangup, FactTime::At(member.until?));
            Some(Fact { party: name(member.participant), ..fact })
        });
        joins.into_iter().chain(left).collect()
    }
}

/// Elements by their session's id.
fn by_session(elements: &[Map<String, Value>]) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
    elements.iter().filter_map(|fields| Some((first(fields, "session_id")?, fields)))
}

/// When a session began, was recorded, and ended.
#[derive(Clone, Copy)]
struct SessionTimes {
    started: Option<Moment>,
    recorded: Option<Moment>,
    stopped: Option<Moment>,
}

impl SessionTimes {
    /// `assoc`: what is said of its being recorded.
    fn of(session: &Map<String, Value>, assoc: Option<&Map<String, Value>>, notes: &mut WireWarnings) -> Self {
        let mut of_assoc = |name| moment(assoc?, "sessionrecordingassoc", name, notes);
        let (recorded, over) = (of_assoc("associate-time"), of_assoc("disassociate-time"));
        let started = moment(session, "session", "start-time", notes);
        let stopped = moment(session, "session", "stop-time", notes);
        Self { started: started.or(recorded), recorded: recorded.or(started), stopped: stopped.or(over) }
    }
}

/// What a participant is called: its addresses, then its names.
fn names(participant: &Map<String, Value>) -> Vec<String> {
    let ids = participant.get("nameID").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<&Map<String, Value>> = ids.iter().filter_map(Value::as_object).collect();
    let aors = ids.iter().filter_map(|id| first(id, "aor")).map(|aor| without_scheme(aor).to_owned());
    let names = ids.iter().flat_map(|id| texts(id, "name")).map(str::to_owned);
    aors.chain(names).filter(|name| !name.is_empty()).collect()
}

/// A time of an element; one that cannot be read is kept and noted.
fn moment(fields: &Map<String, Value>, place: &str, name: &str, notes: &mut WireWarnings) -> Option<Moment> {
    let text = first(fields, name).filter(|text| !text.is_empty())?;
    let read = Moment::from_rfc3339(text);
    if read.is_none() {
        notes.add("unknown_value", format!("{place}.{name} \"{text}\" is no time in RFC 3339; it is kept"));
    }
    read
}

#[cfg(test)]
mod tests;
