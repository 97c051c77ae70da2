//! Shared helpers of the readers of providers' documents: records, times and names.

use serde_json::{Map, Value};

use super::wire::{WireWarnings, json_type};
use super::wire_type::{filled, put};
use super::{Recording, times};
use crate::call::Moment;

/// Splits a document into records: one object, or an array of objects. Values that are not objects
/// are kept in `extra` and named in a warning.
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

/// Returns the records of a page, if the document is one. Fields beside the records go to `extra`.
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

/// Keeps the repeats of a record that contradict it.
pub(super) fn keep_repeats(recording: &mut Recording, repeats: Vec<Value>, notes: &mut WireWarnings) {
    if !repeats.is_empty() {
        notes.add(
            "repeat_differs",
            format!("repeats of recording {} differ; the fullest one counts", recording.label()),
        );
        recording.extra.insert("$repeats".to_owned(), Value::Array(repeats));
    }
}

/// Keeps fields without a place of their own, under their own names.
pub(super) fn keep<const N: usize>(extra: &mut Map<String, Value>, fields: [(&str, Option<String>); N]) {
    for (name, value) in fields {
        put(extra, name, value);
    }
}

/// Reads a time of a record, and applies the offset if it has none. A time that cannot be read is
/// kept and named in a warning.
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

/// Reads one of several names. Other names are reported in a warning.
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

/// Returns when a recording began and ended, for sorting. Unknown times are last.
pub(super) fn when(recording: &Recording) -> (i64, i64) {
    let ms = |moment: Option<Moment>| moment.map_or(i64::MAX, Moment::unix_ms);
    (ms(recording.leg.started_at), ms(recording.over_by))
}

/// Keeps a value that is not a record, and names it in a warning.
fn stray(extra: &mut Map<String, Value>, notes: &mut WireWarnings, place: String, value: Value) {
    let found = json_type(&value);
    notes.add("not_a_record", format!("{place} is {found}, not an object; it is kept but not understood"));
    extra.insert(place, value);
}
