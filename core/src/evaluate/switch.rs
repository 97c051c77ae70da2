//! Values that became others, counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value that became another, or should be another, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Switch {
    /// What it was, or should be.
    pub from: String,
    /// What it is.
    pub to: String,
    /// How often.
    pub count: u64,
}

/// Pairs that differ, counted.
pub(crate) fn switches<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Switch> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for pair in pairs.into_iter().filter(|(from, to)| from != to) {
        *counts.entry(pair).or_default() += 1;
    }
    let switch = |((from, to), count): ((&str, &str), u64)| Switch { from: from.into(), to: to.into(), count };
    counts.into_iter().map(switch).collect()
}
