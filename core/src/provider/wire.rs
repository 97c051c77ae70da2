//! Reading other people's JSON: fields may be missing, null, of another type or unknown; nothing is lost and nothing fails.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use crate::error::Warning;

/// A value that can be read from JSON that is not quite as documented.
pub(super) trait Lenient: Sized {
    /// What the value says, if it can be understood.
    fn read(value: &Value) -> Option<Self>;
    /// The value as it is written.
    fn write(self) -> Value;
}

impl Lenient for String {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn write(self) -> Value {
        Value::String(self)
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

    fn write(self) -> Value {
        self.into()
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

    fn write(self) -> Value {
        match whole(self) {
            Some(whole) => whole.into(),
            None => Number::from_f64(self).map_or(Value::Null, Value::Number),
        }
    }
}

/// The integer that a number is, if it is one that a double holds exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// Takes a field out of an object. Null is as good as missing; what is of another type stays where it is.
pub(super) fn take<T: Lenient>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    let read = T::read(fields.get(name)?);
    if read.is_some() || fields.get(name).is_some_and(Value::is_null) {
        fields.remove(name);
    }
    read
}

/// Puts a field into an object, if there is one.
pub(super) fn put<T: Lenient>(fields: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.write());
    }
}

/// A text without the spaces around it; none if that leaves nothing.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty())
}

/// A wire type: every field optional, and `extra` for fields that are unknown or of another type than documented.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty = $json:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: Option<$type>,)+
            /// Fields that are not documented, and documented ones that are not of their documented type.
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        impl $name {
            /// The documented fields, in the document's order.
            pub const FIELDS: &'static [&'static str] = &[$($json),+];
        }

        impl From<serde_json::Map<String, serde_json::Value>> for $name {
            fn from(mut fields: serde_json::Map<String, serde_json::Value>) -> Self {
                Self { $($field: $crate::provider::wire::take(&mut fields, $json),)+ extra: fields }
            }
        }

        impl From<$name> for serde_json::Map<String, serde_json::Value> {
            fn from(wire: $name) -> Self {
                let mut fields = wire.extra;
                $($crate::provider::wire::put(&mut fields, $json, wire.$field);)+
                fields
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serde_json::Map::from(self.clone()).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                serde_json::Map::deserialize(deserializer).map(Self::from)
            }
        }
    };
}
pub(super) use wire;

/// The warnings of one document, each said once.
#[derive(Debug, Default)]
pub(super) struct WireWarnings {
    said: BTreeSet<(&'static str, String)>,
    list: Vec<Warning>,
}

impl WireWarnings {
    /// Adds a warning, unless it has been given before.
    pub(super) fn add(&mut self, code: &'static str, message: impl Into<String>) {
        let message = message.into();
        if self.said.insert((code, message.clone())) {
            self.list.push(Warning::new(code, message));
        }
    }

    /// Names the fields that were not understood.
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

    /// WireWarnings something that is not a record where a record should be, and keeps it.
    pub(super) fn stray(&mut self, extra: &mut Map<String, Value>, place: String, value: Value) {
        let found = json_type(&value);
        self.add("not_a_record", format!("{place} is {found}, not an object; it is kept but not understood"));
        extra.insert(place, value);
    }

    /// The warnings in the order in which they were first given.
    pub(super) fn into_list(self) -> Vec<Warning> {
        self.list
    }
}

/// What a JSON value is, for messages.
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

    wire! {
        /// A row for the tests.
        Row {
            /// A text.
            name: String = "Name",
            /// A count.
            count: i64 = "Count",
            /// A number.
            score: f64 = "Score",
        }
    }

    #[test]
    fn values_of_another_type_are_read_where_they_can_be_and_kept_where_not() {
        let row: Row = serde_json::from_str(r#"{"Name": 7, "Count": "12", "Score": [1], "New": null}"#).unwrap();
        assert_eq!((row.name.as_deref(), row.count, row.score), (Some("7"), Some(12), None));
        let mut notes = WireWarnings::default();
        notes.extra(&row.extra, Row::FIELDS);
        let codes: Vec<String> = notes.into_list().into_iter().map(|w| w.to_string()).collect();
        assert_eq!(
            codes,
            [
                "unknown_field: field \"New\" is not known; it is kept but not understood",
                "wrong_type: field \"Score\" is an array; it is kept but not understood",
            ]
        );
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"Count":12,"Name":"7","New":null,"Score":[1]}"#);
    }

    #[test]
    fn a_warning_is_given_once() {
        let mut notes = WireWarnings::default();
        notes.add("a", "x");
        notes.add("a", "x");
        notes.add("a", "y");
        assert_eq!(notes.into_list().len(), 2);
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for (text, written) in [("10", "10"), ("10.0", "10"), ("0.5", "0.5"), ("1e300", "1e+300")] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(f64::read(&value).unwrap().write().to_string(), written);
        }
        assert_eq!(i64::read(&serde_json::json!(1.5)), None);
        assert_eq!(i64::read(&serde_json::json!(u64::MAX)), None);
    }
}
