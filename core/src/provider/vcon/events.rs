//! Derives the facts of a vCon's call from its histories and its transfers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::dialog::{DialogType, TypedDialog, channels, start};
use super::history::History;
use super::party::VconParty;
use super::wrong::{index, indices};
use crate::call::{Fact, FactKind, FactTime, Moment, Role};
use crate::error::Result;
use crate::provider::facts::{check_count, in_order};
use crate::provider::wire::WireWarnings;

/// Returns the facts of a call's dialogs, in the order of their times.
///
/// # Errors
/// `malformed` for a party or a dialog that does not exist; `limit_exceeded` for too many.
pub(super) fn facts(
    dialogs: &[TypedDialog],
    consultations: &BTreeSet<usize>,
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Vec<Fact>> {
    let history = History::of(dialogs, parties.len(), notes)?;
    let mut facts = Vec::new();
    for (place, fields) in transfers(dialogs) {
        facts.extend(transfer(fields, &place, dialogs, parties, notes)?);
        check_count(facts.len())?;
    }
    // A transfer dialog is more precise than the parties' joining.
    let told = facts.iter().any(|fact| fact.kind == FactKind::Transfer);
    let joined = history.facts(consultations, parties).into_iter();
    facts.extend(joined.filter(|fact| !told || fact.kind != FactKind::Transfer));
    check_count(facts.len())?;
    in_order(&mut facts);
    // A set of recordings and its recordings may state the same fact.
    facts.dedup();
    Ok(facts)
}

/// Returns the transfer dialogs, with their places.
fn transfers(dialogs: &[TypedDialog]) -> impl Iterator<Item = (String, &Map<String, Value>)> {
    let transfers = dialogs.iter().enumerate().filter(|(_, (kind, _))| *kind == Some(DialogType::Transfer));
    transfers.map(|(at, (_, fields))| (format!("dialog[{at}]"), fields))
}

/// Returns a field of a transfer. Earlier drafts wrote some names with `-`.
fn of_transfer<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| fields.get(&name.replace('_', "-")))
}

/// Returns the dialogs in which a transfer was discussed before.
///
/// # Errors
/// `malformed` for a dialog that does not exist.
pub(super) fn consultations(dialogs: &[TypedDialog]) -> Result<BTreeSet<usize>> {
    let mut all = BTreeSet::new();
    for (place, fields) in transfers(dialogs) {
        all.extend(named(fields, &place, "consultation", dialogs.len())?);
    }
    Ok(all)
}

fn named(fields: &Map<String, Value>, place: &str, name: &str, count: usize) -> Result<Vec<usize>> {
    indices(of_transfer(fields, name), &format!("{place}.{name}"), count)
}

/// A transfer, with the parties that were in the call before it, as far as they are known.
struct TransferMove {
    ms: i64,
    from: Vec<usize>,
    /// The dialogs of the call before the transfer.
    original: BTreeSet<usize>,
    to: Vec<usize>,
}

impl TransferMove {
    fn of(fields: &Map<String, Value>, place: &str, dialogs: &[TypedDialog], parties: usize) -> Result<Self> {
        Ok(Self {
            ms: time(fields, place, dialogs)?.map_or(i64::MAX, Moment::unix_ms),
            from: named(fields, place, "transferor", parties)?,
            original: named(fields, place, "original", dialogs.len())?.into_iter().collect(),
            to: named(fields, place, "transfer_target", parties)?,
        })
    }
}

/// Returns the parties of each dialog that a transfer names as the call before it.
fn heard_before(
    moves: &[TransferMove],
    dialogs: &[TypedDialog],
    parties: usize,
) -> Result<BTreeMap<usize, BTreeSet<usize>>> {
    let original: BTreeSet<usize> = moves.iter().flat_map(|moved| &moved.original).copied().collect();
    let heard = |at: usize| -> Result<(usize, BTreeSet<usize>)> {
        let fields = dialogs.get(at).map(|(_, fields)| fields);
        let heard = fields.map(|fields| channels(fields, &format!("dialog[{at}]"), parties)).transpose()?;
        Ok((at, heard.into_iter().flatten().flatten().collect()))
    };
    original.into_iter().map(heard).collect()
}

/// Changes the role of agents who received the call by a transfer. An agent who was in the call
/// before the transfer takes it back and keeps the role. At least one agent stays an agent.
///
/// # Errors
/// `malformed` for a party that does not exist.
pub(super) fn mark_transferred(dialogs: &[TypedDialog], parties: &mut [VconParty]) -> Result<()> {
    let moves = transfers(dialogs).map(|(place, fields)| TransferMove::of(fields, &place, dialogs, parties.len()));
    let mut moves = moves.collect::<Result<Vec<_>>>()?;
    moves.sort_by_key(|moved| moved.ms);
    let mut heard = heard_before(&moves, dialogs, parties.len())?;
    let (mut before, mut marked) = (BTreeSet::new(), Vec::new());
    for TransferMove { from, original, to, .. } in moves {
        before.extend(from);
        let called: BTreeSet<usize> = to.iter().copied().collect();
        for dialog in original {
            // Each party is read only once, because many transfers may name one dialog.
            let Some(left) = heard.get_mut(&dialog) else { continue };
            let (targets, others): (BTreeSet<usize>, BTreeSet<usize>) =
                std::mem::take(left).into_iter().partition(|party| called.contains(party));
            #[cfg(test)]
            STEPS.set(STEPS.get() + targets.len() + others.len());
            *left = targets;
            before.extend(others);
        }
        for target in to.into_iter().filter(|target| !before.contains(target)) {
            let agent = parties.get_mut(target).filter(|party| party.role == Role::Agent);
            marked.extend(agent.map(|party| {
                party.role = Role::Transfer;
                target
            }));
        }
    }
    if !parties.iter().any(|party| party.role == Role::Agent) {
        let first = marked.first().and_then(|first| parties.get_mut(*first));
        first.into_iter().for_each(|party| party.role = Role::Agent);
    }
    Ok(())
}

#[cfg(test)]
thread_local! {
    /// The number of parties of earlier dialogs that were read.
    pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Returns when a transfer happened: when the target's dialog began, or else when the transfer's
/// own dialog began.
fn time(fields: &Map<String, Value>, place: &str, dialogs: &[TypedDialog]) -> Result<Option<Moment>> {
    Ok(earliest(fields, place, "target_dialog", dialogs)?.or_else(|| start(fields)))
}

/// Returns when the first of the dialogs began that a transfer names.
fn earliest(fields: &Map<String, Value>, place: &str, name: &str, dialogs: &[TypedDialog]) -> Result<Option<Moment>> {
    let starts = named(fields, place, name, dialogs.len())?.into_iter();
    Ok(starts.filter_map(|at| start(&dialogs.get(at)?.1)).min_by_key(|start| start.unix_ms()))
}

/// Returns the facts of a transfer: the beginning of the target's call, and of the consultation
/// before it.
fn transfer(
    fields: &Map<String, Value>,
    place: &str,
    dialogs: &[TypedDialog],
    parties: &[VconParty],
    notes: &mut WireWarnings,
) -> Result<Vec<Fact>> {
    let who = |name: &str| -> Result<Option<String>> {
        let named = fields.get(name).filter(|value| !value.is_null());
        let party = named.map(|value| index(value, &format!("{place}.{name}"), parties.len())).transpose()?;
        Ok(party.and_then(|at| parties.get(at)).map(|party| party.who.clone()))
    };
    let transferred = time(fields, place, dialogs)?;
    if transferred.is_none() {
        notes.add("event_without_time", format!("{place}: nothing says when the transfer was; it is kept"));
    }
    let fact = |kind, at: Option<Moment>, party| Some(Fact { party, ..Fact::new(kind, FactTime::At(at?)) });
    let consulted = fact(FactKind::Consult, earliest(fields, place, "consultation", dialogs)?, who("transferor")?);
    let transferred = fact(FactKind::Transfer, transferred, who("transferee")?);
    Ok(consulted.into_iter().chain(transferred).collect())
}
