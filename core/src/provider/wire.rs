//! Reads providers' JSON leniently. Fields may be missing, null, unknown or of another type. No
//! data is lost, and reading never fails.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::Warning;

/// A type that can be read from JSON that differs slightly from its documentation.
pub(super) trait Lenient: Sized {
    /// Reads a value, or returns `None` if it cannot be understood.
    fn read(value: &Value) -> Option<Self>;
}

impl Lenient for String {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

impl Lenient for i64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl Lenient for f64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|number: &Self| number.is_finite()),
            _ => None,
        }
    }
}

/// Returns a number as an integer, if a double represents it exactly.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// Removes a field from an object and returns its value. Null counts as missing. A value of another
/// type stays in the object.
pub(super) fn take<T: Lenient>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    let read = T::read(fields.get(name)?);
    if read.is_some() || fields.get(name).is_some_and(Value::is_null) {
        fields.remove(name);
    }
    read
}

/// The warnings of one document, each of them once.
#[derive(Debug, Default)]
pub(super) struct WireWarnings {
    said: BTreeSet<(&'static str, String)>,
    list: Vec<Warning>,
}

impl WireWarnings {
    /// Adds a warning, unless it was added before.
    pub(super) fn add(&mut self, code: &'static str, message: impl Into<String>) {
        let message = message.into();
        if self.said.insert((code, message.clone())) {
            self.list.push(Warning::new(code, message));
        }
    }

    /// Adds warnings that name the unknown fields.
    pub(super) fn extra(&mut self, extra: &Map<String, Value>, known: &[&str]) {
        for (name, value) in extra {
            if known.contains(&name.as_str()) {
                let found = json_type(value);
                self.add("wrong_type", format!("field \"{name}\" is {found}; it is kept but not understood"));
            } else {
                self.add("unknown_field", format!("field \"{name}\" is not known; it is kept but not understood"));
            }
        }
    }

    /// Returns the warnings in the order in which they were first added.
    pub(super) fn into_list(self) -> Vec<Warning> {
        self.list
    }
}

/// Returns the type of a JSON value, for messages.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_once() {
        let mut notes = WireWarnings::default();
        notes.add("a", "x");
        notes.add("a", "x");
        notes.add("a", "y");
        assert_eq!(notes.into_list().len(), 2);
    }
}
