//! The reports of a folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::files::{files_within, read_text};
use crate::report::{Report, SCHEMA_VERSION};

/// The most bytes of a report.
const MAX_REPORT: u64 = 64 << 20;
/// The name of a call's report in its folder.
const REPORT: &str = "report.json";

/// A report that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UnreadableReport {
    /// The file's path in the folder.
    pub report: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// The reports of a folder and those within it, by their paths in it.
pub(crate) struct ReportSet {
    pub reports: BTreeMap<String, Report>,
    /// Files that should be reports, in the order of their paths.
    pub unreadable: Vec<UnreadableReport>,
}

/// Reads the reports of a folder and those within it. Links are not followed.
///
/// # Errors
/// `io` where the folder cannot be read, `invalid_argument` for one without reports.
pub(crate) fn reports(folder: &Path) -> Result<ReportSet> {
    let mut reports = BTreeMap::new();
    let unreadable = each_report(folder, |path, report| {
        reports.insert(name_of(folder, path), report);
        Ok(())
    })?;
    Ok(ReportSet { reports, unreadable })
}

/// Gives each report of a folder and of those within it, with its path, to `take`, one after the
/// other. Links are not followed. Returns the files that should be reports and cannot be read, in
/// the order of their paths.
///
/// # Errors
/// Those of [`reports`], and of `take`.
pub(crate) fn each_report(
    folder: &Path,
    mut take: impl FnMut(&Path, Report) -> Result<()>,
) -> Result<Vec<UnreadableReport>> {
    let (mut count, mut unreadable) = (0usize, Vec::new());
    for path in files_within(folder)? {
        if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            continue;
        }
        match read(&path) {
            Some(Ok(report)) => {
                count += 1;
                take(&path, report)?;
            }
            Some(Err(reason)) => unreadable.push(UnreadableReport { report: parts(folder, &path).join("/"), reason }),
            None => {}
        }
    }
    unreadable.sort_by(|a, b| a.report.cmp(&b.report));
    if count > 0 { Ok(unreadable) } else { Err(no_reports(folder, &unreadable)) }
}

fn no_reports(folder: &Path, unreadable: &[UnreadableReport]) -> Error {
    let found = told(unreadable).unwrap_or_else(|| "a folder without one".to_owned());
    Error::new(ErrorKind::InvalidArgument, Stage::Input, "no reports")
        .with_mismatch(found, "reports in JSON, as process and batch write them")
        .in_input(folder.display().to_string())
}

/// Returns how many reports cannot be read, and the first of them.
pub(super) fn told(unreadable: &[UnreadableReport]) -> Option<String> {
    let UnreadableReport { report, reason } = unreadable.first()?;
    Some(format!("{} that cannot be read, such as {report} ({reason})", unreadable.len()))
}

/// The report of a file of JSON; `None` where the file is none, the reason where it should be one
/// and cannot be read.
fn read(path: &Path) -> Option<Result<Report, String>> {
    let text = match read_text(path, MAX_REPORT, Stage::Input) {
        Ok(text) => text,
        Err(error) => return Some(Err(error.to_string())),
    };
    // What is no JSON may have been a report.
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(error) => return Some(Err(format!("not JSON: {error}"))),
    };
    let claims = path.file_name().is_some_and(|name| name == REPORT) || is_like_one(&value);
    let version = value.get("schemaVersion").cloned();
    let report = match version.as_ref().and_then(Value::as_u64) {
        Some(version) if version == u64::from(SCHEMA_VERSION) => {
            serde_json::from_value(value).map_err(|error| format!("not a report: {error}"))
        }
        _ => {
            let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            Err(format!("schemaVersion: found {found}, expected {SCHEMA_VERSION}"))
        }
    };
    (report.is_ok() || claims).then_some(report)
}

/// Whether a document has what only reports have.
fn is_like_one(value: &Value) -> bool {
    ["schemaVersion", "library", "tracks"].iter().all(|name| value.get(name).is_some())
}

/// A report's path in its folder; of the usual `call/report.json`, the call's folder.
fn name_of(folder: &Path, path: &Path) -> String {
    let parts = parts(folder, path);
    match parts.split_last() {
        Some((last, call)) if last == REPORT && !call.is_empty() => call.join("/"),
        _ => parts.join("/"),
    }
}

/// The parts of a path in a folder.
fn parts(folder: &Path, path: &Path) -> Vec<String> {
    let within = path.strip_prefix(folder).unwrap_or(path);
    within.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}
