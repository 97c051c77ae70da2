//! Determines who is on a session's recordings, as far as the pushes tell.

use std::collections::BTreeMap;

use crate::call::Role;
use crate::provider::Recording;
use crate::provider::rows::when;
use crate::provider::wire::WireWarnings;

/// Assigns roles. Numbers are customers. The first agent by time is the agent, and later agents
/// received the call by transfer.
pub(super) fn assign_roles(recordings: &mut [Recording], notes: &mut WireWarnings) {
    let agents = parties_by_time(recordings, Role::Agent);
    let customers = parties_by_time(recordings, Role::Customer);
    let untimed = |r: &Recording| r.leg.role == Role::Agent && r.leg.started_at.is_none();
    if agents.len() > 1 && recordings.iter().any(untimed) {
        notes.add("transfer_guessed", "not every agent's recording says when it began; who came first is a guess");
    }
    for party in agents.iter().skip(1) {
        change_role(recordings, party, Role::Transfer);
    }
    if customers.len() > 1 {
        let (kept, role) = if agents.is_empty() { (0, Role::Unknown) } else { (1, Role::Participant) };
        let message =
            format!("{} telephone numbers in one session; who the customer is, is not certain", customers.len());
        notes.add("role_ambiguous", message);
        for party in customers.iter().skip(kept) {
            change_role(recordings, party, role);
        }
    }
    if agents.len() == 1 && customers.is_empty() {
        assign_withheld(recordings, notes);
    }
    in_order(recordings);
}

/// Sorts the recordings: customer first, then agents in the order in which they joined.
pub(super) fn in_order(recordings: &mut [Recording]) {
    recordings.sort_by_cached_key(|r| (r.leg.role.order(), when(r), r.leg.recording_id.clone(), r.urls.clone()));
}

/// Makes the only recording of a withheld number the customer's.
fn assign_withheld(recordings: &mut [Recording], notes: &mut WireWarnings) {
    let mut others = recordings.iter_mut().filter(|r| r.leg.role == Role::Unknown);
    if let (Some(only), None) = (others.next(), others.next())
        && is_withheld(only.leg.party.as_deref())
    {
        only.leg.role = Role::Customer;
        notes.add("number_withheld", "the other party's number is withheld; beside one agent it is the customer");
    }
}

/// Returns `true` if a party's name stands for a withheld number: an empty name, or a word that
/// telephone systems write instead (RFC 3323 `anonymous`, and other usual words).
pub(super) fn is_withheld(party: Option<&str>) -> bool {
    const WORDS: &[&str] = &[
        "anonymous",
        "unknown",
        "unavailable",
        "private",
        "restricted",
        "withheld",
        "blocked",
        "hidden",
        "null",
        "none",
    ];
    let letters = |c: &char| c.is_alphanumeric();
    let word: String = party.unwrap_or_default().chars().filter(letters).flat_map(char::to_lowercase).collect();
    word.is_empty() || WORDS.contains(&&*word) || ["nocallerid", "numberwithheld", "privatenumber"].contains(&&*word)
}

fn change_role(recordings: &mut [Recording], party: &str, role: Role) {
    for recording in recordings.iter_mut().filter(|r| key(r).is_some_and(|k| k == party)) {
        recording.leg.role = role;
    }
}

/// Returns a party's name for comparison. Mail addresses are compared without case.
fn key(recording: &Recording) -> Option<String> {
    recording.leg.party.as_ref().map(|p| p.to_lowercase())
}

/// Returns the different parties of a role in the order in which they joined: by their starts if
/// all are known, else by the times at which their files were made.
fn parties_by_time(recordings: &[Recording], role: Role) -> Vec<String> {
    let of_role: Vec<&Recording> = recordings.iter().filter(|r| r.leg.role == role).collect();
    let all_start = of_role.iter().all(|r| r.leg.started_at.is_some());
    let time = |r: &Recording| if all_start { when(r) } else { (when(r).1, when(r).0) };
    let mut parties: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for recording in of_role {
        let Some(party) = key(recording) else { continue };
        let first = parties.entry(party).or_insert((i64::MAX, i64::MAX));
        *first = time(recording).min(*first);
    }
    let mut ordered: Vec<((i64, i64), String)> = parties.into_iter().map(|(party, time)| (time, party)).collect();
    ordered.sort();
    ordered.into_iter().map(|(_, party)| party).collect()
}

pub(super) fn note_shared_ids(recordings: &[Recording], notes: &mut WireWarnings) {
    let mut seen = std::collections::BTreeSet::new();
    for id in recordings.iter().filter_map(|r| r.leg.recording_id.as_deref()) {
        if !seen.insert(id) {
            notes.add(
                "record_id_shared",
                format!("several recordings have RecordId {id}; only their URLs tell them apart"),
            );
        }
    }
}
