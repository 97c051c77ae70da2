//! Serializes values as JSON, and handles failures in one place.

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result, Stage};

/// Returns a value as JSON text.
///
/// # Errors
/// `internal` for a value that JSON cannot represent, such as a map whose keys are not strings; a
/// defect of its type.
pub fn text(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(defect)
}

/// Returns a value as a JSON tree.
///
/// # Errors
/// Those of [`text`].
pub fn tree(value: &(impl Serialize + ?Sized)) -> Result<Value> {
    serde_json::to_value(value).map_err(defect)
}

fn defect(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, Stage::Export, "the value cannot be written as JSON").caused_by(error)
}

/// Serializes a 32-bit float with its own digits: 0.6 becomes `0.6`, not the nearest 64-bit float's
/// `0.6000000238418579`.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn shortest<S: Serializer>(value: &f32, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.to_string().parse().unwrap_or(f64::from(*value)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_json_cannot_hold_is_an_error_not_an_empty_text() {
        let keyed = BTreeMap::from([(vec![1], 2)]);
        for error in [text(&keyed).unwrap_err(), tree(&keyed).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.source().unwrap().to_string().contains("key must be a string"), "{error:?}");
        }
    }

    #[test]
    fn a_32_bit_number_keeps_its_digits() {
        #[derive(Serialize)]
        struct Held(#[serde(serialize_with = "shortest")] f32);
        for (value, said) in [(0.6, "0.6"), (0.35, "0.35"), (1.0, "1.0"), (0.1 + 0.2, "0.3"), (1e-7, "1e-7")] {
            assert_eq!(text(&Held(value)).unwrap(), said);
            assert_eq!(tree(&Held(value)).unwrap().to_string(), said);
        }
    }
}
