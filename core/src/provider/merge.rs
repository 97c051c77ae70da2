//! Groups records that arrive in any order, possibly repeated: by call, and by recording.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::MAX_RECORDINGS;
use super::records::too_many;
use crate::error::Result;

/// Most different records per recording, on average. Each is compared with all recordings.
const MAX_REPEATS: usize = 4;

/// Groups records by the id of their call, sorted by id.
///
/// A record without an id belongs to the only call; if there are several, each recording without
/// one is a separate call.
///
/// # Errors
/// Those of [`merged`].
pub(super) fn grouped<W>(
    records: Vec<W>,
    id: impl Fn(&W) -> Option<String>,
    is_same: impl Fn(&W, &W) -> bool,
) -> Result<Vec<(Option<String>, Vec<W>)>>
where
    W: Clone + From<Map<String, Value>> + Into<Map<String, Value>>,
{
    let mut calls: BTreeMap<String, Vec<W>> = BTreeMap::new();
    let mut without = Vec::new();
    for record in records {
        match id(&record) {
            Some(id) => calls.entry(id).or_default().push(record),
            None => without.push(record),
        }
    }
    let mut groups: Vec<(Option<String>, Vec<W>)> = calls.into_iter().map(|(id, group)| (Some(id), group)).collect();
    match &mut groups[..] {
        [] => groups.push((None, without)),
        [(_, only)] => only.append(&mut without),
        _ => groups.extend(merged(without, is_same)?.into_iter().map(|(record, _)| (None, vec![record]))),
    }
    Ok(groups)
}

/// Merges repeated records into one per recording, and returns the contradicting repeats, which are
/// kept.
///
/// The most complete records come first, so the result does not depend on the order of arrival.
///
/// # Errors
/// `limit_exceeded` for more recordings than [`MAX_RECORDINGS`].
pub(super) fn merged<W>(records: Vec<W>, is_same: impl Fn(&W, &W) -> bool) -> Result<Vec<(W, Vec<Value>)>>
where
    W: Clone + From<Map<String, Value>> + Into<Map<String, Value>>,
{
    let mut fields: Vec<Map<String, Value>> = records.into_iter().map(Into::into).collect();
    fields.sort_by_cached_key(|f| (usize::MAX - f.len(), Value::Object(f.clone()).to_string()));
    fields.dedup();
    if fields.len() > MAX_REPEATS * MAX_RECORDINGS {
        return Err(too_many(fields.len()));
    }
    let mut merged: Vec<(W, Vec<Value>)> = Vec::new();
    for record in fields.into_iter().map(W::from) {
        let full = merged.len() == MAX_RECORDINGS;
        match merged.iter_mut().find(|(known, _)| is_same(known, &record)) {
            Some((known, repeats)) => fill(known, record.into(), repeats),
            None if full => return Err(too_many(MAX_RECORDINGS + 1)),
            None => merged.push((record, Vec::new())),
        }
    }
    Ok(merged)
}

/// Fills the missing fields of a record from a repeat. A repeat that contradicts it is kept.
fn fill<W>(known: &mut W, repeat: Map<String, Value>, repeats: &mut Vec<Value>)
where
    W: Clone + From<Map<String, Value>> + Into<Map<String, Value>>,
{
    let mut fields: Map<String, Value> = known.clone().into();
    let differs = repeat.iter().any(|(name, value)| fields.get(name).is_some_and(|said| said != value));
    for (name, value) in &repeat {
        fields.entry(name).or_insert_with(|| value.clone());
    }
    if differs {
        repeats.push(Value::Object(repeat));
    }
    *known = W::from(fields);
}

/// Returns whether two values are equal, or `None` if one is missing.
pub(super) fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<bool> {
    Some(a? == b?)
}
