//! Reads the hashes of a dialog's audio, in the notations of the draft and of earlier ones.

use serde_json::{Map, Value};

use super::wrong::malformed;
use crate::error::Result;
use crate::provider::content::{is_known_hash, known_hash};
use crate::provider::wire::WireWarnings;

/// The fields of a hash in earlier drafts.
const OLDER: [&str; 2] = ["alg", "signature"];

/// Returns the hashes of a dialog's audio. A hash that cannot be checked is named in a warning.
///
/// # Errors
/// `malformed` for an invalid hash.
pub(super) fn hashes(fields: &mut Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Result<Vec<String>> {
    let wrong =
        |value: &Value| malformed(&format!("{place}.content_hash")).with_mismatch(value, "sha512-… in base64url");
    let hash = |value: &Value| {
        let text =
            value.as_str().map(str::trim).filter(|text| text.split_once('-').is_some_and(|(_, hash)| !hash.is_empty()));
        text.map(str::to_owned).ok_or_else(|| wrong(value))
    };
    let mut hashes = match fields.get("content_hash") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) if items.is_empty() => {
            unchecked(notes, place, "content_hash is empty");
            Vec::new()
        }
        Some(Value::Array(items)) => items.iter().map(hash).collect::<Result<_>>()?,
        Some(one) => vec![hash(one)?],
    };
    for unknown in hashes.iter().filter(|hash| !is_known_hash(hash)) {
        unchecked(notes, place, &format!("{unknown} is of no algorithm that is known"));
    }
    fields.remove("content_hash");
    hashes.extend(older_hash(fields, place, notes));
    Ok(hashes)
}

fn unchecked(notes: &mut WireWarnings, place: &str, why: &str) {
    notes.add("content_hash_unchecked", format!("{place}: {why}; not checked"));
}

/// Returns the hash in the notation of drafts before 0.0.2: `alg` names the algorithm, and
/// `signature` is the hash. Other algorithms were signatures, or hashes of data that only their
/// vendor knows.
fn older_hash(fields: &Map<String, Value>, place: &str, notes: &mut WireWarnings) -> Option<String> {
    let [alg, signature] = OLDER.map(|name| fields.get(name).filter(|value| !value.is_null()));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::trim).map(str::to_owned);
    let hash = text(alg).zip(text(signature)).and_then(|(alg, hash)| known_hash(&alg, &hash));
    if hash.is_none() && (alg, signature) != (None, None) {
        let said = [("alg", alg), ("signature", signature)];
        let said = said.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        let said = said.collect::<Vec<_>>().join(", ");
        unchecked(notes, place, &format!("{said} is no hash that is known"));
    }
    hash
}
