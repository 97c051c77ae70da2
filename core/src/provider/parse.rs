//! Parses JSON text without losing a field that an object repeats.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::MAX_DOCUMENT_BYTES;
use crate::error::{Error, ErrorKind, Result, Stage};

/// A parsed document, and the repeated fields of its objects: name and earlier value.
pub(super) struct Parsed {
    pub document: Value,
    pub earlier: Vec<(String, Value)>,
}

/// Parses JSON within the size limit, with or without a byte order mark.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Provider, "document too long")
            .with_mismatch(format!("{} bytes", text.len()), format!("at most {MAX_DOCUMENT_BYTES}")));
    }
    let mut earlier = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    let document = FieldCollector(&mut earlier).deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    let document = document.map_err(|e| Error::new(ErrorKind::Malformed, Stage::Provider, format!("not JSON: {e}")))?;
    Ok(Parsed { document, earlier })
}

/// Reads a value, and collects the values that a repeated field would overwrite.
struct FieldCollector<'a>(&'a mut Vec<(String, Value)>);

impl<'de> DeserializeSeed<'de> for FieldCollector<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Reads leaf values as `serde_json` does.
macro_rules! leaves {
    ($($visit:ident: $type:ty),+ $(,)?) => {$(
        fn $visit<E>(self, leaf: $type) -> std::result::Result<Value, E> {
            Ok(Value::from(leaf))
        }
    )+};
}

impl<'de> Visitor<'de> for FieldCollector<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    leaves! { visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str, visit_string: String }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(FieldCollector(self.0))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(FieldCollector(self.0))?;
            match fields.insert(name.clone(), value) {
                Some(before) if fields.get(&name) != Some(&before) => self.0.push((name, before)),
                _ => {}
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_serde_reads_it() {
        for text in [
            "null",
            "[true, 1, -1, 1.5, 18446744073709551615, \"a\\u0041\"]",
            r#"{"a": {"b": [{}, []]}, "c": null}"#,
            "\u{feff}{}",
        ] {
            let plain: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            let parsed = parse(text).unwrap();
            assert_eq!((parsed.document, parsed.earlier), (plain, Vec::new()), "{text}");
        }
        for wrong in ["", "{", "[1,]", "1 2", "{\"a\" 1}", &"[".repeat(200)] {
            assert_eq!(parse(wrong).err().unwrap().kind(), ErrorKind::Malformed, "{wrong}");
        }
    }

    #[test]
    fn what_is_said_twice_is_told() {
        let parsed = parse(r#"[{"a": 1, "b": 2, "a": 3, "b": 2}]"#).unwrap();
        assert_eq!(parsed.document, serde_json::json!([{"a": 3, "b": 2}]));
        assert_eq!(parsed.earlier, [("a".to_owned(), 1.into())]);
    }
}
