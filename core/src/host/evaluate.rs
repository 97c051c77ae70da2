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

/// Returns a profile calibrated to an evaluation, to folders of reports, or to both, as JSON.
///
/// # Errors
/// Those of [`evaluate::calibrate`] and [`evaluate::measure_offsets`]; `invalid_argument` for text
/// that is not an evaluation, without either, and for a report that cannot be read.
pub fn calibrate(evaluation: Option<&str>, name: &str, reports: &[PathBuf], run: &RunOptions) -> Result<String> {
    let fitted = evaluation.map(|text| evaluate::calibrate(name, &Evaluation::from_json(text)?)).transpose()?;
    if reports.is_empty() {
        let nothing = || super::refused("nothing to calibrate by").with_mismatch("neither", "an evaluation or reports");
        return fitted.ok_or_else(nothing)?.to_json();
    }
    let measured = evaluate::measure_offsets(reports, run)?;
    if let Some(told) = measured.unreadable.first() {
        let error = super::refused("a report that cannot be read").with_mismatch(&told.reason, "a report, or no file");
        return Err(error.in_input(told.report.clone()));
    }
    let profile = fitted.map_or_else(|| measured.profile(name), |fitted| measured.add_to(&fitted))?;
    profile.to_json()
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
