//! Who is in a call: what it means that somebody joins.

use std::collections::BTreeSet;

use crate::call::FactKind;

/// The parties that are there, by their places in the document.
#[derive(Debug, Default)]
pub(super) struct Presence(BTreeSet<usize>);

impl FromIterator<usize> for Presence {
    fn from_iter<I: IntoIterator<Item = usize>>(parties: I) -> Self {
        Self(parties.into_iter().collect())
    }
}

impl Presence {
    /// A party joins. Before the second one came, nobody spoke to anybody: that is the answer; with
    /// a third it is a conference.
    pub(super) fn join(&mut self, party: usize) -> Option<FactKind> {
        let new = self.0.insert(party);
        match self.0.len() {
            2 if new => Some(FactKind::Answer),
            3.. if new => Some(FactKind::Conference),
            _ => None,
        }
    }

    /// A party leaves.
    pub(super) fn leave(&mut self, party: usize) {
        self.0.remove(&party);
    }
}
