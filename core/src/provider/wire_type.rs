//! Defines types for providers' JSON. Every field is optional, and writing a value again loses
//! nothing that was read.

use serde_json::{Map, Number, Value};

use super::wire::{Lenient, whole};

/// A type that is written in the same form as it is read.
pub(super) trait Writable: Lenient {
    /// Returns the value as JSON.
    fn write(self) -> Value;
}

impl Writable for String {
    fn write(self) -> Value {
        Value::String(self)
    }
}

impl Writable for i64 {
    fn write(self) -> Value {
        self.into()
    }
}

impl Writable for f64 {
    fn write(self) -> Value {
        match whole(self) {
            Some(whole) => whole.into(),
            None => Number::from_f64(self).map_or(Value::Null, Value::Number),
        }
    }
}

/// Adds a field to an object, if it has a value.
pub(super) fn put<T: Writable>(fields: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.write());
    }
}

/// Returns a text without the spaces around it, or `None` if nothing is left.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty())
}

/// Defines a wire type: every field is optional, and `extra` holds unknown fields and fields of
/// another type than documented.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty = $json:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: Option<$type>,)+
            /// Fields that are not documented, and documented fields of another type than
            /// documented.
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
                $($crate::provider::wire_type::put(&mut fields, $json, wire.$field);)+
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::wire::WireWarnings;

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
    fn numbers_are_written_as_they_are_read() {
        for (text, written) in [("10", "10"), ("10.0", "10"), ("0.5", "0.5"), ("1e300", "1e+300")] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(f64::read(&value).unwrap().write().to_string(), written);
        }
        assert_eq!(i64::read(&serde_json::json!(1.5)), None);
        assert_eq!(i64::read(&serde_json::json!(u64::MAX)), None);
    }
}
