//! The line of a batch that holds a call's result.

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Tag};
use crate::units::Millis;

/// The result of a call. It contains no times, so that an interrupted and resumed batch ends with
/// the same bytes as an uninterrupted one.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultLine {
    pub name: String,
    /// The list's line. Omitted if personal data is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    pub ok: bool,
    /// Hash of all settings. A call is processed again if it differs.
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
