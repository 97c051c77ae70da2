//! What the readers of providers' documents share: rows out of JSON, their times and names.

use serde_json::{Map, Value};

use super::wire::{WireWarnings, json_type};
use super::wire_type::{filled, put};
use super::{Recording, times};
use crate::call::Moment;

/// Splits a document into records: one object, or an array of them. What is no object is kept in
/// `extra` and noted.
pub(super) fn records(
    document: Value,
    extra: &mut Map<String, Value>,
    notes: &mut WireWarnings,
) -> Vec<Map<String, Value>> {
    let items = match document {
        Value::Array(items) => items,
        one => vec![one],
    };
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::Object(record) => records.push(record),
            other => stray(extra, notes, format!("item {index}"), other),
        }
    }
    records
}

/// The records of a page, where the document is one; what stands beside them goes to `extra`.
pub(super) fn unwrapped(
    document: Value,
    field: &str,
    known: &[&str],
    extra: &mut Map<String, Value>,
    notes: &mut WireWarnings,
) -> Value {
    match document {
        Value::Object(mut page) if page.get(field).is_some_and(Value::is_array) => {
            let items = page.remove(field).unwrap_or_default();
            let unknown = page.iter().filter(|(name, _)| !known.contains(&name.as_str()));
            notes.extra(&unknown.map(|(name, value)| (name.clone(), value.clone())).collect(), &[]);
            extra.append(&mut page);
            items
        }
        other => other,
    }
}

/// Keeps repeats of a record that say something else than it.
pub(super) fn keep_repeats(recording: &mut Recording, repeats: Vec<Value>, notes: &mut WireWarnings) {
    if !repeats.is_empty() {
        notes.add(
            "repeat_differs",
            format!("repeats of recording {} differ; the fullest one counts", recording.label()),
        );
        recording.extra.insert("$repeats".to_owned(), Value::Array(repeats));
    }
}

/// Keeps fields that have no place of their own, under their own names.
pub(super) fn keep<const N: usize>(extra: &mut Map<String, Value>, fields: [(&str, Option<String>); N]) {
    for (name, value) in fields {
        put(extra, name, value);
    }
}

/// A time of a record, with an offset where it has none of its own; one that cannot be read is kept
/// and noted.
pub(super) fn moment(
    name: &str,
    text: Option<String>,
    offset_s: i32,
    extra: &mut Map<String, Value>,
    notes: &mut WireWarnings,
) -> Option<Moment> {
    let read = times::read(filled(text.as_ref())?, offset_s);
    if read.is_none() {
        notes.add("unknown_value", format!("{name} is no time that can be read; it is kept"));
        put(extra, name, text);
    }
    read
}

/// A value of a list of names; others are noted.
pub(super) fn known<T>(
    field: &str,
    text: Option<&String>,
    read: impl Fn(&str) -> Option<T>,
    notes: &mut WireWarnings,
) -> Option<T> {
    let text = filled(text)?;
    let value = read(text);
    if value.is_none() {
        notes.add("unknown_value", format!("{field} \"{text}\" is not documented; it is kept"));
    }
    value
}

/// When a recording began and when it was over, the unknown last.
pub(super) fn when(recording: &Recording) -> (i64, i64) {
    let ms = |moment: Option<Moment>| moment.map_or(i64::MAX, Moment::unix_ms);
    (ms(recording.leg.started_at), ms(recording.over_by))
}

/// Keeps something that is not a record where a record should be, and notes it.
fn stray(extra: &mut Map<String, Value>, notes: &mut WireWarnings, place: String, value: Value) {
    let found = json_type(&value);
    notes.add("not_a_record", format!("{place} is {found}, not an object; it is kept but not understood"));
    extra.insert(place, value);
}
