//! Collects the parts of calls that arrive over time, and decides when a call is complete enough to
//! process and when it has changed since.
//!
//! `tencent::Session` collects pushes, [`PieceSession`] the lists of Wellcloud and VoIPBin. Both
//! are plain values to be stored between pieces. The caller provides the time.

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
    /// How long a complete session waits for further pieces. Pushes of one call arrive close
    /// together.
    #[serde(rename = "settleMs")]
    pub settle: Millis,
    /// How long after its last push an incomplete session waits. After a transfer, the first
    /// agent's recording may arrive an hour before the customer's.
    #[serde(rename = "deadlineMs")]
    pub deadline: Millis,
    /// Whether a session is only complete with its CDR, without which the direction is unknown.
    pub expects_cdr: bool,
}

impl Default for Patience {
    /// Five seconds, two hours, and no CDR required.
    fn default() -> Self {
        Self { settle: Millis(5_000.0), deadline: Millis(7_200_000.0), expects_cdr: false }
    }
}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// It is not complete.
    Waiting {
        /// When to check again, in Unix milliseconds, if nothing arrives before.
        #[serde(rename = "untilMs")]
        until_ms: i64,
    },
    /// It can be processed.
    Ready,
    /// It was processed, and has changed since: process it again.
    Changed,
    /// It was processed, and has not changed.
    Settled,
}

/// What was processed last, and what there is now.
pub(super) struct SessionProgress<'a> {
    /// Fingerprint of what was processed.
    pub(super) handled: Option<&'a str>,
    /// Fingerprint of what there is.
    pub(super) current: &'a str,
    /// Whether the session is complete.
    pub(super) complete: bool,
    /// When the last piece arrived.
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

/// Returns a fingerprint, in 32 hexadecimal digits, of what a call's record depends on: who called,
/// and who speaks on which recording. Leaves out URL signatures and whatever else may differ when a
/// push is repeated.
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
