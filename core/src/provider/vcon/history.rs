//! Orders the events of a vCon's parties over all its dialogs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::dialog::{DialogType, TypedDialog, channels, length, moment, start};
use super::party::VconParty;
use super::wrong::{index, malformed, objects};
use crate::call::{Fact, FactKind, FactTime, Moment, named};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::facts::check_count;
use crate::provider::presence::{Presence, Seat};
use crate::provider::wire::WireWarnings;

/// The maximum number of parties of all dialogs together. It exceeds 1024 recordings with 64
/// channels.
const MAX_HEARD: usize = 100_000;

named! {
    /// An event of a party.
    PartyEvent {
        /// The party joined.
        Join = "join",
        /// The party left.
        Drop = "drop",
        /// The party was put on hold.
        Hold = "hold",
        /// The party was taken off hold.
        Unhold = "unhold",
        /// The party was muted.
        Mute = "mute",
        /// The party was unmuted.
        Unmute = "unmute",
        /// The party pressed a key.
        Keydown = "keydown",
        /// The party released a key.
        Keyup = "keyup",
    }
}

/// The order of events at the same moment: parties leave before others join.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StepOrder {
    Leaves,
    Comes,
    LeavesAtOnce,
}

/// A step of a party at a moment.
enum HistoryStep {
    /// An entry of a history states the event.
    Told(Moment, PartyEvent, Option<char>),
    /// The party's dialog begins. The party is present, and no entry states since when.
    Begun,
    /// The party's dialog is over.
    Over,
}

struct HistoryEntry {
    ms: i64,
    rank: StepOrder,
    dialog: usize,
    party: usize,
    step: HistoryStep,
}

/// All steps of the parties.
#[derive(Default)]
pub(super) struct History {
    entries: Vec<HistoryEntry>,
    /// When parties join according to entries.
    joins: BTreeSet<(usize, i64)>,
    /// The dialogs by which parties join, and when.
    joins_by: BTreeSet<(usize, usize, i64)>,
    /// The number of entries in all histories.
    told: usize,
}

/// A dialog with its parties, its start and its end.
struct DialogSpan {
    dialog: usize,
    parties: BTreeSet<usize>,
    start: i64,
    end: Option<i64>,
    is_set: bool,
}

impl History {
    /// Merges the histories of all dialogs.
    ///
    /// # Errors
    /// `malformed` for a party that does not exist; `limit_exceeded` for too many entries or
    /// parties.
    pub(super) fn of(dialogs: &[TypedDialog], parties: usize, notes: &mut WireWarnings) -> Result<Self> {
        let (mut all, mut stretches, mut heard) = (Self::default(), Vec::new(), 0);
        for (dialog, (kind, fields)) in dialogs.iter().enumerate() {
            if *kind == Some(DialogType::Transfer) {
                continue;
            }
            let last = all.add(dialog, fields, parties, notes)?;
            let is_set = *kind == Some(DialogType::RecordingSet);
            if is_set || *kind == Some(DialogType::Recording) || last.is_some() {
                let stretch = DialogSpan::of(dialog, fields, parties, last, is_set)?;
                heard += stretch.parties.len();
                check_heard(heard)?;
                stretches.push(stretch);
            }
        }
        stretches.into_iter().for_each(|stretch| all.imply(stretch));
        all.entries.sort_by_key(|entry| (entry.ms, entry.rank));
        Ok(all)
    }

    /// Adds a dialog's own history. Returns the time of its last entry.
    fn add(
        &mut self,
        dialog: usize,
        fields: &Map<String, Value>,
        parties: usize,
        notes: &mut WireWarnings,
    ) -> Result<Option<i64>> {
        let place = format!("dialog[{dialog}]");
        let Some(list) = fields.get("party_history") else { return Ok(None) };
        let mut own = Map::from_iter([("party_history".to_owned(), list.clone())]);
        let list = objects(&mut own, "party_history").map_err(|e| e.in_input(&place))?;
        self.told += list.len();
        check_count(self.told)?;
        let mut last = None;
        for (at, mut entry) in list.into_iter().enumerate() {
            let place = format!("{place}.party_history[{at}]");
            let Some((party, step)) = read(&mut entry, &place, parties, notes)? else { continue };
            let HistoryStep::Told(moment, event, _) = step else { continue };
            let ms = moment.unix_ms();
            let rank = match event {
                PartyEvent::Drop if self.joins_by.contains(&(dialog, party, ms)) => StepOrder::LeavesAtOnce,
                PartyEvent::Drop => StepOrder::Leaves,
                _ => StepOrder::Comes,
            };
            if event == PartyEvent::Join {
                self.joins.insert((party, ms));
                self.joins_by.insert((dialog, party, ms));
            }
            last = last.max(Some(ms));
            self.entries.push(HistoryEntry { ms, rank, dialog, party, step });
        }
        Ok(last)
    }

    /// Adds the presence of a dialog's parties from its beginning to its end, unless an entry
    /// states when a party joined. A set of recordings without an end lasts as long as its
    /// recordings.
    fn imply(&mut self, stretch: DialogSpan) {
        let DialogSpan { dialog, mut parties, start, end, is_set } = stretch;
        let until = end.unwrap_or(if is_set { i64::MAX } else { start });
        for &party in &parties {
            let own = self.joins_by.range((dialog, party, i64::MIN)..).next();
            let own = own.is_some_and(|&(by, who, _)| (by, who) == (dialog, party));
            if !own && self.joins.range((party, start)..(party, until)).next().is_none() {
                self.entries.push(HistoryEntry {
                    ms: start,
                    rank: StepOrder::Comes,
                    dialog,
                    party,
                    step: HistoryStep::Begun,
                });
            }
        }
        let Some(ms) = end else { return };
        parties.extend(self.joins_by.range((dialog, 0, i64::MIN)..(dialog + 1, 0, i64::MIN)).map(|joined| joined.1));
        let over = |party| HistoryEntry { ms, rank: StepOrder::Leaves, dialog, party, step: HistoryStep::Over };
        self.entries.extend(parties.into_iter().map(over));
    }

    /// Returns the facts that follow from the histories. Dialogs that are consultations are not
    /// part of the call.
    pub(super) fn facts(&self, consultations: &BTreeSet<usize>, parties: &[VconParty]) -> Vec<Fact> {
        let joins =
            |entry: &HistoryEntry| matches!(entry.step, HistoryStep::Begun | HistoryStep::Told(_, PartyEvent::Join, _));
        let joined = self.entries.iter().enumerate().filter(|(_, entry)| joins(entry));
        let last_joins = joined.map(|(at, entry)| (entry.party, at)).collect();
        let mut call = PartySweep { present: Presence::default(), gone: BTreeSet::new(), last_joins, consultations };
        let fact = |(at, entry): (usize, &HistoryEntry)| {
            let (kind, party) = call.step(at, entry)?;
            let HistoryStep::Told(moment, _, key) = entry.step else { return None };
            let party = party.and_then(|party| parties.get(party)).map(|party| party.who.clone());
            Some(Fact { key, party, ..Fact::new(kind, FactTime::At(moment)) })
        };
        self.entries.iter().enumerate().filter_map(fact).collect()
    }
}

/// The parties in the call, entry by entry.
struct PartySweep<'a> {
    present: Presence,
    /// The parties that hung up.
    gone: BTreeSet<usize>,
    /// The entry by which each party joins for the last time.
    last_joins: BTreeMap<usize, usize>,
    consultations: &'a BTreeSet<usize>,
}

impl PartySweep<'_> {
    /// Returns the fact that follows from an entry, and the party that it concerns.
    fn step(&mut self, at: usize, entry: &HistoryEntry) -> Option<(FactKind, Option<usize>)> {
        let &HistoryEntry { dialog, party, .. } = entry;
        let seat = Seat { room: self.consultations.get(&dialog).map_or(0, |own| own + 1), part: dialog };
        let event = match entry.step {
            HistoryStep::Told(_, event, _) => event,
            HistoryStep::Begun => return self.present.join(party, seat).and(None),
            HistoryStep::Over => {
                self.present.close(party, seat);
                return None;
            }
        };
        let kind = match event {
            PartyEvent::Join => return self.present.join(party, seat).map(|joined| (joined.kind, joined.party)),
            PartyEvent::Drop => {
                let again = self.last_joins.get(&party).is_some_and(|last| *last > at);
                (self.present.leave(party, seat.room) && !again && self.gone.insert(party))
                    .then_some(FactKind::Hangup)?
            }
            PartyEvent::Hold => FactKind::Hold,
            PartyEvent::Unhold => FactKind::Resume,
            PartyEvent::Mute => FactKind::Mute,
            PartyEvent::Unmute => FactKind::Unmute,
            PartyEvent::Keydown => FactKind::Key,
            PartyEvent::Keyup => return None,
        };
        Some((kind, Some(party)))
    }
}

impl DialogSpan {
    fn of(dialog: usize, fields: &Map<String, Value>, parties: usize, last: Option<i64>, is_set: bool) -> Result<Self> {
        let heard = channels(fields, &format!("dialog[{dialog}]"), parties)?.into_iter().flatten();
        let start = start(fields).map(Moment::unix_ms);
        let end = start.zip(length(fields)).map(|(start, length)| start.saturating_add(length.0 as i64));
        let end = end.filter(|end| Some(*end) > start && last.is_none_or(|last| last <= *end));
        Ok(Self { dialog, parties: heard.collect(), start: start.unwrap_or(i64::MIN), end, is_set })
    }
}

fn check_heard(count: usize) -> Result<()> {
    if count <= MAX_HEARD {
        return Ok(());
    }
    let error = Error::new(ErrorKind::LimitExceeded, Stage::Provider, "too many parties of a call's dialogs");
    Err(error.with_mismatch(count, format!("at most {MAX_HEARD}")))
}

/// Reads an entry of a history. Returns `None` if its event is unknown or it has no time.
fn read(
    entry: &mut Map<String, Value>,
    place: &str,
    count: usize,
    notes: &mut WireWarnings,
) -> Result<Option<(usize, HistoryStep)>> {
    let party = entry.get("party").ok_or_else(|| malformed(place).with_mismatch("no party", "the index of one"))?;
    let party = index(party, &format!("{place}.party"), count)?;
    let name = entry.get("event").cloned().unwrap_or_default();
    let Some(event) = name.as_str().and_then(PartyEvent::from_name) else {
        notes.add("unknown_value", format!("{place}.event {name} is not documented; it is kept"));
        return Ok(None);
    };
    let Some(at) = moment(entry, place, "time", notes) else {
        if entry.get("time").is_none_or(Value::is_null) {
            notes.add("event_without_time", format!("{place}: nothing says when the {event} was; it is kept"));
        }
        return Ok(None);
    };
    let button = entry.get("button").and_then(Value::as_str).unwrap_or_default().to_uppercase();
    let key = button.chars().next().filter(|key| button.len() == 1 && "0123456789*#ABCD".contains(*key));
    if event == PartyEvent::Keydown && key.is_none() {
        notes.add("unknown_value", format!("{place}.button is no key of a telephone; it is kept"));
        return Ok(None);
    }
    Ok(Some((party, HistoryStep::Told(at, event, key.filter(|_| event == PartyEvent::Keydown)))))
}
