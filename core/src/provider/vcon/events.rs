//! What a vCon knows of its call: who joined, was held, muted, pressed a key, was transferred.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::dialog::{DialogType, channels, moment};
use super::party::VconParty;
use super::wrong::{index, indices, malformed, objects};
use crate::call::{Fact, FactKind, FactTime, Moment, Role, named};
use crate::error::Result;
use crate::provider::facts::{check_count, in_order};
use crate::provider::presence::Presence;
use crate::provider::wire::WireWarnings;

named! {
    /// What happened to a party.
    PartyEvent {
        /// It joined.
        Join = "join",
        /// It left.
        Drop = "drop",
        /// It was put on hold.
        Hold = "hold",
        /// It was taken off hold.
        Unhold = "unhold",
        /// It was muted.
        Mute = "mute",
        /// It was no longer muted.
        Unmute = "unmute",
        /// It pressed a key.
        Keydown = "keydown",
        /// It released a key.
        Keyup = "keyup",
    }
}

/// An entry of a dialog's history.
struct HistoryEntry {
    at: Moment,
    party: usize,
    event: PartyEvent,
    key: Option<char>,
}

/// The facts of a call's dialogs, in the order of their times.
///
/// # Errors
/// `malformed` for a party or a dialog that is not there; `limit_exceeded` for too many.
pub(super) fn facts(
    dialogs: &[(Option<DialogType>, Map<String, Value>)],
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Vec<Fact>> {
    let mut facts: Vec<Fact> = Vec::new();
    for (at, (kind, fields)) in dialogs.iter().enumerate() {
        let place = format!("dialog[{at}]");
        let told = match kind {
            Some(DialogType::Transfer) => transfer(fields, &place, dialogs, parties, notes)?,
            _ => history(fields, &place, parties, notes)?,
        };
        facts.extend(told);
        check_count(facts.len())?;
    }
    in_order(&mut facts);
    // A set of recordings and its recordings may tell the same.
    facts.dedup();
    Ok(facts)
}

/// Makes transfers' targets those to whom the call was transferred.
///
/// # Errors
/// `malformed` for a party that is not there.
pub(super) fn mark_transferred(
    dialogs: &[(Option<DialogType>, Map<String, Value>)],
    parties: &mut [VconParty],
) -> Result<()> {
    for (at, (kind, fields)) in dialogs.iter().enumerate() {
        if *kind == Some(DialogType::Transfer) {
            let target = fields.get("transfer_target").or_else(|| fields.get("transfer-target"));
            for target in indices(target, &format!("dialog[{at}].transfer_target"), parties.len())? {
                let agent = parties.get_mut(target).filter(|party| party.role == Role::Agent);
                agent.into_iter().for_each(|party| party.role = Role::Transfer);
            }
        }
    }
    Ok(())
}

/// The facts of a transfer: when the target's call began, and when it was asked before.
fn transfer(
    fields: &Map<String, Value>,
    place: &str,
    dialogs: &[(Option<DialogType>, Map<String, Value>)],
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Vec<Fact>> {
    let start = |name: &str| -> Result<Option<Moment>> {
        let value = fields.get(name).or_else(|| fields.get(&name.replace('_', "-")));
        let named = indices(value, &format!("{place}.{name}"), dialogs.len())?;
        let text = |at: usize| dialogs.get(at)?.1.get("start")?.as_str();
        let starts = named.into_iter().filter_map(text).filter_map(Moment::from_rfc3339);
        Ok(starts.min_by_key(|start| start.unix_ms()))
    };
    let who = |name: &str| -> Result<Option<String>> {
        let named = fields.get(name).filter(|value| !value.is_null());
        let party = named.map(|value| index(value, &format!("{place}.{name}"), parties.len())).transpose()?;
        Ok(party.and_then(|at| parties.get(at)).map(|party| party.who.clone()))
    };
    let own = fields.get("start").and_then(Value::as_str).and_then(Moment::from_rfc3339);
    let transferred = start("target_dialog")?.or(own);
    if transferred.is_none() {
        notes.add("event_without_time", format!("{place}: nothing says when the transfer was; it is kept"));
    }
    let fact = |kind, at: Option<Moment>, party| Some(Fact { party, ..Fact::new(kind, FactTime::At(at?)) });
    let consulted = fact(FactKind::Consult, start("consultation")?, who("transferor")?);
    let transferred = fact(FactKind::Transfer, transferred, who("transferee")?);
    Ok(consulted.into_iter().chain(transferred).collect())
}

/// The facts of a dialog's `party_history`.
fn history(
    fields: &Map<String, Value>,
    place: &str,
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Vec<Fact>> {
    let mut own = fields.get("party_history").map(|list| Map::from_iter([("party_history".to_owned(), list.clone())]));
    let list = own.as_mut().map_or_else(|| Ok(Vec::new()), |own| objects(own, "party_history"));
    let list = list.map_err(|e| e.in_input(place))?;
    check_count(list.len())?;
    let mut entries = Vec::new();
    for (at, mut entry) in list.into_iter().enumerate() {
        entries.extend(read(&mut entry, &format!("{place}.party_history[{at}]"), parties.len(), notes)?);
    }
    entries.sort_by_key(|entry| entry.at.unix_ms());
    let mut present: Presence = channels(fields, place, parties.len())?.into_iter().flatten().collect();
    for joined in entries.iter().filter(|entry| entry.event == PartyEvent::Join) {
        present.leave(joined.party);
    }
    let mut facts = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let later = entries.get(at + 1..).unwrap_or_default();
        facts.extend(entry.fact(&mut present, later, parties));
    }
    Ok(facts)
}

/// An entry of a history; none where it says nothing that is known, or nothing of a time.
fn read(
    entry: &mut Map<String, Value>,
    place: &str,
    count: usize,
    notes: &mut WireWarnings,
) -> Result<Option<HistoryEntry>> {
    let party = entry.get("party").ok_or_else(|| malformed(place).with_mismatch("no party", "the index of one"))?;
    let party = index(party, &format!("{place}.party"), count)?;
    let name = entry.get("event").cloned().unwrap_or_default();
    let Some(event) = name.as_str().and_then(PartyEvent::from_name) else {
        notes.add("unknown_value", format!("{place}.event {name} is not documented; it is kept"));
        return Ok(None);
    };
    let Some(at) = moment(entry, place, "time", notes) else {
        if !entry.contains_key("time") {
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
    Ok(Some(HistoryEntry { at, party, event, key }))
}

impl HistoryEntry {
    /// What the entry makes known of the call, by who is there before it.
    fn fact(&self, present: &mut Presence, later: &[Self], parties: &[VconParty]) -> Option<Fact> {
        let party = parties.get(self.party).map(|party| party.who.clone());
        let fact = |kind| Fact { party: party.clone(), ..Fact::new(kind, FactTime::At(self.at)) };
        match self.event {
            PartyEvent::Join => present.join(self.party).map(|kind| match kind {
                FactKind::Answer => Fact { party: None, ..fact(kind) },
                kind => fact(kind),
            }),
            PartyEvent::Drop => {
                present.leave(self.party);
                let again = later.iter().any(|entry| entry.party == self.party && entry.event == PartyEvent::Join);
                (!again).then(|| fact(FactKind::Hangup))
            }
            PartyEvent::Hold => Some(fact(FactKind::Hold)),
            PartyEvent::Unhold => Some(fact(FactKind::Resume)),
            PartyEvent::Mute => Some(fact(FactKind::Mute)),
            PartyEvent::Unmute => Some(fact(FactKind::Unmute)),
            PartyEvent::Keydown => Some(Fact { key: self.key, ..fact(FactKind::Key) }),
            PartyEvent::Keyup => None,
        }
    }
}
