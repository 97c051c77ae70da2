//! The line of a batch that says what came of a call.

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Tag};
use crate::units::Millis;

/// What came of a call. It says nothing of when or how fast, so that a batch that was stopped and
/// resumed ends with the same bytes as one that was not.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultLine {
    pub name: String,
    /// The list's line; left out where personal data is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    pub ok: bool,
    /// A hash of everything that was asked for: a call is done again where it differs.
    pub settings: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Why a call failed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub code: String,
    pub message: String,
}
