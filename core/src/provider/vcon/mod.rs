//! vCon: a conversation with its parties, recordings and events in one JSON document (IETF,
//! draft-ietf-vcon-vcon-core and its contact center extension).
//!
//! Only the unsigned form is read. Audio is inside the document or beside it, under the name of its
//! URL or its file; nothing is fetched. Audio that does not match its `content_hash` is rejected.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::records::{earliest, no_recordings, too_many};
use super::rows::when;
use super::wire::WireWarnings;
use super::{CallDescription, Kind, MAX_RECORDINGS};
use crate::call::{Call, Direction, Moment, Role};
use crate::error::{Error, ErrorKind, Result, Stage};

mod dialog;
mod events;
mod hashes;
mod history;
mod party;
mod write;
mod wrong;

#[cfg(feature = "cli")]
pub(crate) use write::ReportPlace;
pub use write::with_report;

use dialog::{DialogType, TypedDialog, channels, dialog_type, recording, start};
use party::VconParty;
use wrong::{field, index, malformed, note_unknown, objects};

/// The fields of a vCon in the draft and in earlier ones.
const FIELDS: [&str; 18] = [
    "vcon",
    "uuid",
    "extensions",
    "critical",
    "must_support",
    "created_at",
    "updated_at",
    "subject",
    "redacted",
    "amended",
    "appended",
    "group",
    "parties",
    "dialog",
    "analysis",
    "attachments",
    "metadata",
    "meta",
];

/// The known versions of the format.
const VERSIONS: [&str; 6] = ["0.0.1", "0.0.2", "0.1.0", "0.2.0", "0.3.0", "0.4.0"];

/// Reads one vCon, or an array of them.
pub(super) fn read(document: Value) -> Result<Vec<CallDescription>> {
    let Value::Array(items) = document else { return Ok(vec![call(document)?]) };
    let one = |(at, item)| call(item).map_err(|e| e.in_input(format!("item {at}")));
    items.into_iter().enumerate().map(one).collect()
}

/// Returns the fields of a vCon in the unsigned form.
///
/// # Errors
/// `unsupported` for the signed and the encrypted form, and for critical extensions, without which
/// a vCon must not be read.
fn unsigned(document: Value) -> Result<Map<String, Value>> {
    let refused = |what: &str| Error::new(ErrorKind::Unsupported, Stage::Provider, what);
    let fields = match document {
        Value::Object(fields) => fields,
        other => return Err(malformed("document").with_mismatch(super::wire::json_type(&other), "an object")),
    };
    if fields.contains_key("ciphertext") {
        return Err(refused("an encrypted vCon (JWE) is not read")
            .with_mismatch("ciphertext", "the unsigned form, decrypted and verified"));
    }
    if fields.contains_key("signatures") {
        return Err(refused("a signed vCon (JWS) is not read")
            .with_mismatch("signatures", "the unsigned form, from its payload once it is verified"));
    }
    for name in ["critical", "must_support"] {
        if let Some(extensions) = fields.get(name).filter(|list| !is_empty(list)) {
            return Err(refused("a vCon that needs extensions").with_mismatch(extensions, format!("no {name} ones")));
        }
    }
    Ok(fields)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn call(document: Value) -> Result<CallDescription> {
    let mut fields = unsigned(document)?;
    let mut notes = WireWarnings::default();
    note_unknown(&fields, "", &FIELDS, &mut notes);
    note_form(&fields, &mut notes);
    let id: Option<String> = field(&mut fields, "vcon", "uuid", &mut notes);
    let listed = objects(&mut fields, "parties")?;
    let mut parties = party::parties(&listed, &mut notes);
    let dialogs = dialogs(&mut fields, &mut notes)?;
    events::mark_transferred(&dialogs, &mut parties)?;
    let consultations = events::consultations(&dialogs)?;
    let facts = events::facts(&dialogs, &consultations, &parties, &mut notes)?;
    let direction = direction(&dialogs, &consultations, &parties)?;
    let begins = set_start(&dialogs);
    let types = types(&dialogs);
    let (recorded, others): (Vec<_>, Vec<_>) =
        dialogs.into_iter().enumerate().partition(|(_, (kind, _))| *kind == Some(DialogType::Recording));
    if recorded.is_empty() {
        return Err(no_recordings().with_mismatch(types, "a dialog of the type recording"));
    }
    if recorded.len() > MAX_RECORDINGS {
        return Err(too_many(recorded.len()));
    }
    let one = |(at, (_, fields))| recording(fields, at, &parties, &mut notes);
    let mut recordings = recorded.into_iter().map(one).collect::<Result<Vec<_>>>()?;
    recordings.sort_by_cached_key(|recording| (recording.leg.role.order(), when(recording)));
    keep(&mut fields, listed, others);
    let of_role = |role| parties.iter().find(|party: &&VconParty| party.role == role).map(|party| party.who.clone());
    Ok(CallDescription {
        kind: Kind::Vcon,
        call: Call { id, direction, started_at: begins.or_else(|| earliest(&recordings)), facts, ..Call::default() },
        recordings,
        customer: of_role(Role::Customer),
        agent: of_role(Role::Agent),
        extra: fields,
        warnings: notes.into_list(),
    })
}

/// Adds warnings for an unknown version and for a redacted vCon.
fn note_form(fields: &Map<String, Value>, notes: &mut WireWarnings) {
    if let Some(version) = fields.get("vcon").filter(|version| !version.is_null())
        && !version.as_str().is_some_and(|version| VERSIONS.contains(&version))
    {
        let known = VERSIONS.join(", ");
        notes
            .add("unknown_value", format!("vcon {version} is no version that is known ({known}); it is read as 0.4.0"));
    }
    if fields.get("redacted").is_some_and(|redacted| !is_empty(redacted)) {
        notes.add("vcon_redacted", "the vCon is redacted: what was taken out of it is not known");
    }
}

fn dialogs(fields: &mut Map<String, Value>, notes: &mut WireWarnings) -> Result<Vec<TypedDialog>> {
    let typed =
        |(at, fields): (usize, Map<String, Value>)| (dialog_type(&fields, &format!("dialog[{at}]"), notes), fields);
    Ok(objects(fields, "dialog")?.into_iter().enumerate().map(typed).collect())
}

/// Returns the types of the dialogs in words.
fn types(dialogs: &[TypedDialog]) -> String {
    let one = |(kind, fields): &TypedDialog| {
        let name = kind.map_or("unknown", DialogType::name);
        match fields.get("disposition").and_then(Value::as_str) {
            Some(disposition) if *kind == Some(DialogType::Incomplete) => format!("{name} ({disposition})"),
            _ => name.to_owned(),
        }
    };
    let named: Vec<String> = dialogs.iter().take(8).map(one).collect();
    if named.is_empty() { "no dialog".to_owned() } else { format!("dialogs of the types {}", named.join(", ")) }
}

/// Returns when the call began, according to a set of recordings.
fn set_start(dialogs: &[TypedDialog]) -> Option<Moment> {
    let sets = dialogs.iter().filter(|(kind, _)| *kind == Some(DialogType::RecordingSet));
    sets.filter_map(|(_, fields)| start(fields)).min_by_key(|start| start.unix_ms())
}

/// Returns the direction, if the role of the calling party is known. The earliest dialog decides,
/// because later ones are calls to other parties.
fn direction(
    dialogs: &[TypedDialog],
    consultations: &BTreeSet<usize>,
    parties: &[VconParty],
) -> Result<Option<Direction>> {
    let mut callers = Vec::new();
    for (at, (kind, fields)) in dialogs.iter().enumerate() {
        let caller = caller(fields, &format!("dialog[{at}]"), parties.len())?;
        let call = matches!(kind, Some(DialogType::Recording | DialogType::RecordingSet | DialogType::Incomplete));
        if call && !consultations.contains(&at) {
            // A set without a start begins with its first recording.
            let unknown = if *kind == Some(DialogType::RecordingSet) { i64::MIN } else { i64::MAX };
            callers.push((start(fields).map_or(unknown, Moment::unix_ms), caller));
        }
    }
    let first = callers.iter().map(|(start, _)| *start).filter(|start| *start != i64::MIN).min();
    let direction = |caller: usize| match parties.get(caller)?.role {
        Role::Customer => Some(Direction::In),
        Role::Agent | Role::Transfer => Some(Direction::Out),
        _ => None,
    };
    let earliest = callers.iter().filter(|(start, _)| *start == i64::MIN || Some(*start) == first);
    Ok(earliest.filter_map(|(_, caller)| *caller).find_map(direction))
}

/// Returns the calling party of a dialog: the originator, or else the first of several parties.
/// With one party, each party may have a separate recording, so the caller is unknown.
fn caller(fields: &Map<String, Value>, place: &str, parties: usize) -> Result<Option<usize>> {
    let heard: Vec<usize> = channels(fields, place, parties)?.concat();
    let said = fields.get("originator").filter(|value| !value.is_null());
    let said = said.map(|value| index(value, &format!("{place}.originator"), parties)).transpose()?;
    Ok(said.or_else(|| heard.first().copied().filter(|_| heard.len() > 1)))
}

/// Keeps parts without a place of their own, under their own names.
fn keep(fields: &mut Map<String, Value>, parties: Vec<Map<String, Value>>, others: Vec<(usize, TypedDialog)>) {
    fields.insert("parties".to_owned(), parties.into_iter().map(Value::Object).collect());
    let others = others.into_iter().map(|(at, (_, mut dialog))| {
        dialog.insert("$dialog".to_owned(), at.into());
        Value::Object(dialog)
    });
    let others: Vec<Value> = others.collect();
    if !others.is_empty() {
        fields.insert("dialog".to_owned(), Value::Array(others));
    }
}

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod tests;
