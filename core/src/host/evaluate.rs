//! Evaluations, calibrations and comparisons for the bindings, as JSON and as text.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::call::Role;
use crate::compare;
use crate::config::Config;
use crate::error::Result;
use crate::evaluate::{self, Disturbance, EvaluateOptions, Evaluation};
use crate::run::RunOptions;

/// The caller's options of an evaluation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct EvaluateSpec {
    seed: Option<u64>,
    kinds: Vec<Disturbance>,
    roles: Vec<Role>,
    labels: Option<PathBuf>,
}

/// Evaluates callweave on a folder. `options` are JSON. Returns the counts as JSON and as text.
///
/// # Errors
/// Those of [`evaluate::evaluate`]; `invalid_argument` for invalid options.
pub fn evaluate(folder: &Path, options: &str, config: &Config, run: &RunOptions) -> Result<(String, String)> {
    let spec: EvaluateSpec = super::from_json(options)?;
    let mut options = EvaluateOptions::default();
    options.seed = spec.seed.unwrap_or(options.seed);
    options.labels = spec.labels.map(evaluate::read_labels).transpose()?.unwrap_or_default();
    if !spec.kinds.is_empty() {
        options.kinds = spec.kinds;
    }
    options.roles = match *spec.roles.as_slice() {
        [] => options.roles,
        [first, second] => [first, second],
        _ => {
            return Err(
                super::refused("wrong number of roles").with_mismatch(spec.roles.len(), "two, one for each channel")
            );
        }
    };
    let found = evaluate::evaluate(folder, &options, config, run)?;
    Ok((found.to_json()?, found.to_text()))
}

/// Returns a profile calibrated to an evaluation, both as JSON.
///
/// # Errors
/// Those of [`evaluate::calibrate`]; `invalid_argument` for text that is not an evaluation.
pub fn calibrate(evaluation: &str, name: &str) -> Result<String> {
    evaluate::calibrate(name, &Evaluation::from_json(evaluation)?)?.to_json()
}

/// Returns what changed between two folders of reports, or which reports of one folder have other
/// revisions, as JSON and as text.
///
/// # Errors
/// Those of [`compare::compare`].
pub fn compare(old: &Path, new: Option<&Path>) -> Result<(String, String)> {
    match new {
        Some(new) => {
            let found = compare::compare(old, new)?;
            Ok((found.to_json()?, found.to_text()))
        }
        None => {
            let found = compare::outdated(old)?;
            Ok((found.to_json()?, found.to_text()))
        }
    }
}
