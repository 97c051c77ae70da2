//! Joins the elements of the metadata by their ids, and describes the recordings and events of each
//! call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::members::{SessionMember, events};
use super::metadata::{RecordingMetadata, first, malformed, texts};
use super::stays::{Stay, Stays, earliest, latest};
use crate::call::{Call, Fact, FactKind, FactTime, Leg, Moment, Role};
use crate::error::Result;
use crate::provider::parties::{told_apart, without_scheme};
use crate::provider::records::{self, too_many};
use crate::provider::wire::WireWarnings;
use crate::provider::{CallDescription, Kind, MAX_RECORDINGS, Recording, StartBasis, facts};

/// The elements of the metadata, joined by ids.
pub(super) struct Directory<'a> {
    metadata: &'a RecordingMetadata,
    /// The names of the participants, in the document's order.
    names: Vec<String>,
    /// The index of each participant.
    participants: BTreeMap<&'a str, usize>,
    /// The index of each session.
    sessions: BTreeMap<&'a str, usize>,
    /// The streams of each session.
    streams: BTreeMap<&'a str, Vec<&'a Map<String, Value>>>,
    /// The senders of each stream, in the document's order.
    senders: BTreeMap<&'a str, Vec<Sender>>,
    /// When each session was recorded.
    recorded: BTreeMap<&'a str, Stays>,
    /// The participants of each session, and when they took part.
    members: BTreeMap<&'a str, BTreeMap<usize, Stays>>,
}

/// A participant that sends a stream.
struct Sender {
    participant: usize,
    stays: Stays,
    /// The index of the last element about this sender.
    told: usize,
}

impl<'a> Directory<'a> {
    pub(super) fn of(metadata: &'a RecordingMetadata, notes: &mut WireWarnings) -> Result<Self> {
        let listed = metadata.all("participant");
        let names: Vec<Vec<String>> = listed.iter().map(names).collect();
        let mut directory = Self {
            metadata,
            names: told_apart(&names, |at| format!("participant[{at}]")),
            participants: places(listed, "participant_id"),
            sessions: places(metadata.all("session"), "session_id"),
            streams: BTreeMap::new(),
            senders: BTreeMap::new(),
            recorded: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        directory.add_streams(notes)?;
        directory.add_senders(notes)?;
        directory.add_members(notes)?;
        Ok(directory)
    }

    /// Assigns the streams to their sessions. A stream without a known session belongs to the only
    /// session.
    fn add_streams(&mut self, notes: &mut WireWarnings) -> Result<()> {
        let only = self.sessions.keys().next().copied().unwrap_or_default();
        let mut unknown = BTreeSet::new();
        for (at, stream) in self.metadata.all("stream").iter().enumerate() {
            let id = first(stream, "session_id").filter(|id| !id.is_empty());
            let known = id.filter(|id| self.sessions.contains_key(id));
            if known.is_none() {
                unknown.insert(id);
                // Streams of several sessions are not one call.
                if self.sessions.len() > 1 || (self.sessions.is_empty() && unknown.len() > 1) {
                    let found = id.map_or_else(|| "none".to_owned(), |id| format!("\"{id}\""));
                    let wrong = malformed(&format!("stream[{at}].session_id"));
                    return Err(wrong.with_mismatch(found, "a session of the document"));
                }
                note_stream(at, id, notes);
            }
            self.streams.entry(known.unwrap_or(only)).or_default().push(stream);
        }
        Ok(())
    }

    /// Assigns the senders to their streams, each with its own times.
    fn add_senders(&mut self, notes: &mut WireWarnings) -> Result<()> {
        let streams = places(self.metadata.all("stream"), "stream_id");
        let mut known: BTreeMap<(&str, usize), usize> = BTreeMap::new();
        let mut left: BTreeMap<usize, (usize, Stay)> = BTreeMap::new();
        for (at, assoc) in self.metadata.all("participantstreamassoc").iter().enumerate() {
            let place = format!("participantstreamassoc[{at}]");
            let (participant, stay) = (self.participant(assoc, &place)?, stay(assoc, &place, notes));
            for (name, stream) in
                ["send", "recv"].into_iter().flat_map(|name| texts(assoc, name).map(move |id| (name, id)))
            {
                if !streams.contains_key(stream) {
                    notes.add(
                        "unknown_value",
                        format!("{place}.{name} \"{stream}\" is no stream of the document; it is kept"),
                    );
                }
            }
            // An association without streams concerns all streams that the participant sends.
            if !assoc.contains_key("send") && !assoc.contains_key("recv") {
                left.insert(participant, (at, stay));
            }
            for stream in texts(assoc, "send") {
                let senders = self.senders.entry(stream).or_default();
                let slot = *known.entry((stream, participant)).or_insert(senders.len());
                if slot == senders.len() {
                    senders.push(Sender { participant, stays: Stays::default(), told: at });
                }
                if let Some(sender) = senders.get_mut(slot) {
                    sender.stays.tell(stay);
                    sender.told = at;
                }
            }
        }
        for sender in self.senders.values_mut().flatten() {
            let later = left.get(&sender.participant).filter(|(at, _)| *at > sender.told);
            let open = sender.stays.until().is_none();
            let told = later.filter(|(_, stay)| open || stay.since.is_some());
            told.into_iter().for_each(|(_, stay)| sender.stays.tell(*stay));
        }
        Ok(())
    }

    /// Assigns the participants to their sessions, and reads when the sessions were recorded.
    fn add_members(&mut self, notes: &mut WireWarnings) -> Result<()> {
        for (name, of_participants) in [("sessionrecordingassoc", false), ("participantsessionassoc", true)] {
            for (at, assoc) in self.metadata.all(name).iter().enumerate() {
                let place = format!("{name}[{at}]");
                let participant = of_participants.then(|| self.participant(assoc, &place)).transpose()?;
                let (id, stay) = (first(assoc, "session_id").unwrap_or_default(), stay(assoc, &place, notes));
                if !self.sessions.contains_key(id) {
                    let why = "is no session of the document; it is kept";
                    notes.add("unknown_value", format!("{place}.session_id \"{id}\" {why}"));
                }
                let stays = match participant {
                    Some(participant) => self.members.entry(id).or_default().entry(participant).or_default(),
                    None => self.recorded.entry(id).or_default(),
                };
                stays.tell(stay);
            }
        }
        Ok(())
    }

    fn participant(&self, assoc: &Map<String, Value>, place: &str) -> Result<usize> {
        let id = first(assoc, "participant_id").unwrap_or_default();
        self.participants.get(id).copied().ok_or_else(|| {
            malformed(&format!("{place}.participant_id"))
                .with_mismatch(format!("\"{id}\""), "a participant of the document")
        })
    }

    /// Returns the calls: the sessions of each group, and each session without a group.
    pub(super) fn calls(&self) -> Vec<(&'a str, Vec<&'a Map<String, Value>>)> {
        let mut calls: Vec<(&str, Vec<&Map<String, Value>>)> = Vec::new();
        let mut grouped: BTreeMap<&str, usize> = BTreeMap::new();
        for session in self.metadata.all("session") {
            let id = first(session, "session_id").unwrap_or_default();
            let group = first(session, "group-ref").filter(|group| !group.is_empty());
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
        // Streams without a session are one call without an id.
        if calls.is_empty() { vec![("", Vec::new())] } else { calls }
    }

    /// Describes the call of these sessions. Returns `None` if they have no stream.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub(super) fn describe(
        &self,
        id: &str,
        sessions: &[&Map<String, Value>],
        notes: &mut WireWarnings,
    ) -> Result<Option<CallDescription>> {
        let (mut recordings, mut times) = (Vec::new(), Vec::new());
        let nothing = Map::new();
        let none = [&nothing];
        let sessions: &[&Map<String, Value>] = if sessions.is_empty() { &none } else { sessions };
        let count = sessions.iter().map(|session| self.streams_of(session).len()).sum();
        if count > MAX_RECORDINGS {
            return Err(too_many(count));
        }
        for session in sessions {
            let session_id = first(session, "session_id").unwrap_or_default();
            let of_session = SessionTimes::of(session, session_id, self.recorded.get(session_id), notes);
            recordings.extend(self.streams_of(session).iter().map(|stream| self.recording(stream, of_session)));
            times.push((session_id, of_session));
        }
        let facts = self.facts(&times)?;
        let started_at = earliest(times.iter().map(|(_, of_session)| of_session.started));
        let started_at = started_at.or_else(|| records::earliest(&recordings));
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

    /// Returns the streams of a session.
    fn streams_of(&self, session: &Map<String, Value>) -> &[&'a Map<String, Value>] {
        let id = first(session, "session_id").unwrap_or_default();
        self.streams.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the recording of a stream. A sender of whom nobody says since when has sent from the
    /// beginning.
    fn recording(&self, stream: &Map<String, Value>, times: SessionTimes) -> Recording {
        let id = first(stream, "stream_id").unwrap_or_default();
        let senders = self.senders.get(id).map(Vec::as_slice).unwrap_or_default();
        let own = earliest(senders.iter().map(|sender| sender.stays.since()));
        let all = senders.iter().all(|sender| sender.stays.since().is_some());
        let since = if all { own.or(times.recorded) } else { times.recorded.or(own) };
        let until = latest(senders.iter().map(|sender| sender.stays.until())).or(times.over);
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

    /// Returns who joined and left the call's sessions, and when all sessions were over.
    fn facts(&self, sessions: &[(&str, SessionTimes)]) -> Result<Vec<Fact>> {
        let mut members = Vec::new();
        for (session, (id, times)) in sessions.iter().enumerate() {
            for (&participant, stays) in self.members.get(id).into_iter().flatten() {
                let member = |stay| SessionMember { participant, session, stay, stopped: times.stopped };
                members.extend(stays.iter().map(member));
            }
        }
        let fact = |(at, kind, participant): (Moment, FactKind, Option<usize>)| {
            let party = participant.and_then(|participant| self.names.get(participant)).cloned();
            Fact { party, ..Fact::new(kind, FactTime::At(at)) }
        };
        let over = latest(sessions.iter().map(|(_, times)| times.stopped));
        let over = over.map(|at| Fact::new(FactKind::Hangup, FactTime::At(at)));
        let events = events(&members);
        facts::check_count(events.len() + usize::from(over.is_some()))?;
        let mut facts: Vec<Fact> = events.into_iter().map(fact).chain(over).collect();
        facts::in_order(&mut facts);
        Ok(facts)
    }
}

/// Adds a warning for a stream without a known session.
fn note_stream(at: usize, id: Option<&str>, notes: &mut WireWarnings) {
    let taken = "the stream is taken for the only one's";
    match id {
        Some(id) => notes
            .add("unknown_value", format!("stream[{at}].session_id \"{id}\" is no session of the document; {taken}")),
        None => notes.add("session_missing", format!("stream[{at}] has no session_id; {taken}")),
    }
}

/// Returns the indices of the elements of a list, by their ids.
fn places<'a>(elements: &'a [Map<String, Value>], id: &str) -> BTreeMap<&'a str, usize> {
    elements.iter().enumerate().filter_map(|(at, fields)| Some((first(fields, id)?, at))).collect()
}

/// The times at which a session began, was recorded, and ended.
#[derive(Clone, Copy)]
struct SessionTimes {
    started: Option<Moment>,
    recorded: Option<Moment>,
    /// When the session ended.
    stopped: Option<Moment>,
    /// When the session ended, or when its recording ended.
    over: Option<Moment>,
}

impl SessionTimes {
    fn of(session: &Map<String, Value>, id: &str, recorded: Option<&Stays>, notes: &mut WireWarnings) -> Self {
        let place = format!("session \"{id}\"");
        let started = moment(session, &place, "start-time", notes);
        let stopped = moment(session, &place, "stop-time", notes);
        let (since, until) = (recorded.and_then(Stays::since), recorded.and_then(Stays::until));
        Self { started: started.or(since), recorded: since.or(started), stopped, over: stopped.or(until) }
    }
}

/// Returns the names of a participant: its addresses, then its names.
fn names(participant: &Map<String, Value>) -> Vec<String> {
    let ids = participant.get("nameID").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<&Map<String, Value>> = ids.iter().filter_map(Value::as_object).collect();
    let aors = ids.iter().filter_map(|id| first(id, "aor")).map(|aor| without_scheme(aor).to_owned());
    let names = ids.iter().flat_map(|id| texts(id, "name")).map(str::to_owned);
    aors.chain(names).filter(|name| !name.is_empty()).collect()
}

/// Returns the period of an association.
fn stay(assoc: &Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Stay {
    let mut time = |name| moment(assoc, place, name, notes);
    Stay { since: time("associate-time"), until: time("disassociate-time") }
}

/// Reads a time of an element. A time that cannot be read is kept and named in a warning.
fn moment(fields: &Map<String, Value>, place: &str, name: &str, notes: &mut WireWarnings) -> Option<Moment> {
    let text = first(fields, name).filter(|text| !text.is_empty())?;
    let read = Moment::from_rfc3339(text);
    if read.is_none() {
        notes.add("unknown_value", format!("{place}.{name} \"{text}\" is no time in RFC 3339; it is kept"));
    }
    read
}
