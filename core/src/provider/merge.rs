//! Records that come in any order and more than once: which belong to one call, and which are about
//! one recording.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::MAX_RECORDINGS;
use super::records::too_many;
use crate::error::Result;

/// How many different records of one recording are looked at, on average: each is compared with all
/// recordings.
const MAX_REPEATS: usize = 4;

/// Groups records by the id of their call, in the order of the ids.
///
/// A record without an id joins the only call there is; of several, each recording without one is a
/// call of its own.
///
/// # Errors
/// As [`merged`].
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

/// One record for each recording, filled from its repeats; and the repeats that say something else,
/// to be kept.
///
/// The fullest records come first, so the result does not depend on the order in which they came.
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

/// Fills what a record does not say from a repeat; a repeat that contradicts it is kept.
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

/// Whether two values are the same; none if one of them is missing.
pub(super) fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<bool> {
    Some(a? == b?)
}
