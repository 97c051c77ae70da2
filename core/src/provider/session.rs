//! Calls that come in pieces: when there is enough of one to process it, and when it has changed
//! since.
//!
//! `tencent::Session` gathers pushes, [`PieceSession`] the lists of Wellcloud and VoIPBin. Both are
//! plain values that are stored between pieces; the time is the caller's.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CallDescription;
use super::names::url_file_name;
use crate::units::Millis;

mod pieces;

pub use pieces::PieceSession;

/// How long a session waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Patience {
    /// How long a complete session waits for something more: pushes of one call come close to each
    /// other.
    #[serde(rename = "settleMs")]
    pub settle: Millis,
    /// How long behind its last push a session that is not complete is waited for. Of a transferred
    /// call the first agent's recording may come an hour before the customer's.
    #[serde(rename = "deadlineMs")]
    pub deadline: Millis,
    /// Whether a session is complete only with its CDR, without which nobody knows who called.
    pub expects_cdr: bool,
}

impl Default for Patience {
    /// Five seconds, two hours, and no CDR expected.
    fn default() -> Self {
        Self { settle: Millis(5_000.0), deadline: Millis(7_200_000.0), expects_cdr: false }
    }
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// It is not complete yet.
    Waiting {
        /// When to look again, Unix milliseconds, if nothing comes before.
        #[serde(rename = "untilMs")]
        until_ms: i64,
    },
    /// It can be processed.
    Ready,
    /// It was processed, and something came that changes it: its record is to be made anew.
    Changed,
    /// It was processed and nothing has changed.
    Settled,
}

/// What became of a call last time, and how it stands by that.
pub(super) struct SessionProgress<'a> {
    /// The fingerprint of what was processed.
    pub(super) handled: Option<&'a str>,
    /// The fingerprint of what there is.
    pub(super) current: &'a str,
    /// Whether all is there.
    pub(super) complete: bool,
    /// When the last piece came.
    pub(super) last_ms: i64,
}

impl SessionProgress<'_> {
    pub(super) fn standing(&self, patience: &Patience, now_ms: i64) -> Standing {
        if self.handled == Some(self.current) {
            return Standing::Settled;
        }
        let patient = if self.complete || self.handled.is_some() { patience.settle } else { patience.deadline };
        let until_ms = self.last_ms.saturating_add(patient.0.max(0.0) as i64);
        match self.handled {
            _ if now_ms < until_ms => Standing::Waiting { until_ms },
            None => Standing::Ready,
            Some(_) => Standing::Changed,
        }
    }
}

/// What of a call its record depends on, in 32 hex digits: who called, who is heard on which
/// recording. Not the addresses' signatures, nor anything else that may differ when a push is
/// repeated.
pub(super) fn fingerprint(call: Option<&CallDescription>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    };
    if let Some(call) = call {
        add(call.call.direction.map_or("", |direction| direction.name()));
        add(call.customer.as_deref().unwrap_or_default());
        for recording in &call.recordings {
            let file = recording.urls.iter().find_map(|url| url_file_name(url));
            let party = recording.leg.party.as_ref().map(|party| party.to_lowercase());
            add(recording.leg.role.name());
            add(&party.unwrap_or_default());
            add(&file.or_else(|| recording.leg.recording_id.clone()).unwrap_or_default());
            add(recording.state.name());
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
