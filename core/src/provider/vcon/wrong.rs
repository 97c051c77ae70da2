//! Builds the errors of a vCon (place, found, expected), and reads its parts with their places.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::wire::{Lenient, WireWarnings, json_type, take};

/// Returns the error for an invalid value at a place, such as `dialog[0].parties`.
pub(super) fn malformed(place: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Provider, format!("vcon: wrong {place}"))
}

/// Returns the objects of an array, or nothing if the array is missing or null.
pub(super) fn objects(fields: &mut Map<String, Value>, name: &str) -> Result<Vec<Map<String, Value>>> {
    let items = match fields.remove(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(malformed(name).with_mismatch(json_type(&other), "an array of objects")),
    };
    let object = |(at, item): (usize, Value)| match item {
        Value::Object(fields) => Ok(fields),
        other => Err(malformed(&format!("{name}[{at}]")).with_mismatch(json_type(&other), "an object")),
    };
    items.into_iter().enumerate().map(object).collect()
}

/// Reads an index into another array, counted from 0.
pub(super) fn index(value: &Value, place: &str, count: usize) -> Result<usize> {
    let found = value.as_u64().and_then(|index| usize::try_from(index).ok()).filter(|index| *index < count);
    found.ok_or_else(|| malformed(place).with_mismatch(value, format!("an index below {count}")))
}

/// Reads one index or several. A missing value has none.
pub(super) fn indices(value: Option<&Value>, place: &str, count: usize) -> Result<Vec<usize>> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| index(item, place, count)).collect(),
        Some(one) => Ok(vec![index(one, place, count)?]),
    }
}

/// Removes a field and returns its value. A value of another type is kept and named in a warning.
pub(super) fn field<T: Lenient>(
    fields: &mut Map<String, Value>,
    place: &str,
    name: &str,
    notes: &mut WireWarnings,
) -> Option<T> {
    let read = take(fields, name);
    if let (None, Some(other)) = (&read, fields.get(name)) {
        let found = json_type(other);
        notes.add("wrong_type", format!("field \"{place}.{name}\" is {found}; it is kept but not understood"));
    }
    read
}

/// Adds warnings for the fields that neither the draft nor its contact center extension contains.
pub(super) fn note_unknown(fields: &Map<String, Value>, place: &str, known: &[&str], notes: &mut WireWarnings) {
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        notes.add("unknown_field", format!("field \"{place}{name}\" is not known; it is kept but not understood"));
    }
}
