//! What changed between two sets of reports, of two versions or two configurations: tags, outcomes,
//! placements, speech, and which calls to listen to.

mod call;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use call::{CallDifference, Switch, TrackDifference};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::evaluate::Share;
use crate::files::read_text;
use crate::json;
use crate::report::{REVISIONS, Report};

/// The version of a comparison's names and meanings.
const SCHEMA_VERSION: u32 = 1;
/// The most bytes of a report.
const MAX_REPORT: u64 = 64 << 20;

/// What changed between two sets of reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportComparison {
    /// The version of these names and meanings.
    pub schema_version: u32,
    /// Calls of both sets.
    pub both: u64,
    /// Calls of the old set alone.
    pub only_old: Vec<String>,
    /// Calls of the new set alone.
    pub only_new: Vec<String>,
    /// Tags that changed.
    pub tag: Share,
    /// From which tag to which, and how often.
    pub tags: Vec<Switch>,
    /// Outcomes that changed.
    pub outcome: Share,
    /// From which outcome to which, and how often.
    pub outcomes: Vec<Switch>,
    /// Calls of which a track moved by more than 250 ms against the others.
    pub moved: Share,
    /// Calls whose speech differs.
    pub speech: Share,
    /// Stages of another revision in the two sets, and of how many calls.
    pub stages: Vec<StageDifference>,
    /// The calls that differ, the one to listen to first before the others.
    pub calls: Vec<CallDifference>,
}

/// A stage of another revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StageDifference {
    /// The stage.
    pub stage: String,
    /// Calls of which the revisions differ, or of which one is not known.
    pub calls: u64,
}

/// What of a set of reports a version would have to do again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutdatedReports {
    /// The version of these names and meanings.
    pub schema_version: u32,
    /// How many reports there are.
    pub reports: u64,
    /// Stages of another revision than this version's, and of how many calls.
    pub stages: Vec<StageDifference>,
    /// The calls that have some.
    pub calls: Vec<String>,
}

/// Compares the reports of two folders. A call is known by the path of its report in its folder.
///
/// ```no_run
/// use callweave::compare::compare;
///
/// let found = compare("reports-0.1", "reports-0.2")?;
/// println!("{}", found.to_text());
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `io` where a folder cannot be read, `invalid_argument` for one without reports.
pub fn compare(old: impl AsRef<Path>, new: impl AsRef<Path>) -> Result<ReportComparison> {
    Ok(compare_reports(&reports(old.as_ref())?, &reports(new.as_ref())?))
}

/// Compares reports by their names.
pub fn compare_reports(old: &BTreeMap<String, Report>, new: &BTreeMap<String, Report>) -> ReportComparison {
    let pairs: Vec<(&String, &Report, &Report)> =
        old.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?))).collect();
    let all: Vec<CallDifference> = pairs.iter().map(|(name, old, new)| CallDifference::new(name, old, new)).collect();
    let only = |a: &BTreeMap<String, Report>, b: &BTreeMap<String, Report>| {
        a.keys().filter(|name| !b.contains_key(*name)).cloned().collect()
    };
    let share = |holds: &dyn Fn(&CallDifference) -> bool| {
        Share::new(all.iter().filter(|call| holds(call)).count() as u64, all.len() as u64)
    };
    let named =
        |of: &dyn Fn(&Report) -> &'static str| call::switches(pairs.iter().map(|(_, old, new)| (of(old), of(new))));
    ReportComparison {
        schema_version: SCHEMA_VERSION,
        both: pairs.len() as u64,
        only_old: only(old, new),
        only_new: only(new, old),
        tag: share(&|call| call.tag.is_some()),
        tags: named(&|report| report.tag.value.name()),
        outcome: share(&|call| call.outcome.is_some()),
        outcomes: named(&|report| report.outcome.value.name()),
        moved: share(&CallDifference::is_moved),
        speech: share(&CallDifference::speaks_otherwise),
        stages: stages(pairs.iter().map(|(_, old, new)| (&old.stages, &new.stages))),
        calls: call::ranked(all),
    }
}

/// Which stages of the reports of a folder have another revision than this version's, so that those
/// calls are to be heard again where their results matter.
///
/// # Errors
/// As [`compare`].
pub fn outdated(folder: impl AsRef<Path>) -> Result<OutdatedReports> {
    let reports = reports(folder.as_ref())?;
    let now = crate::report::revisions();
    let is_outdated = |(_, report): &(&String, &Report)| !report.outdated().is_empty();
    Ok(OutdatedReports {
        schema_version: SCHEMA_VERSION,
        reports: reports.len() as u64,
        stages: stages(reports.values().map(|report| (&report.stages, &now))),
        calls: reports.iter().filter(is_outdated).map(|(name, _)| name.clone()).collect(),
    })
}

/// How many calls have another revision of each stage.
fn stages<'a>(
    pairs: impl Iterator<Item = (&'a BTreeMap<String, u32>, &'a BTreeMap<String, u32>)>,
) -> Vec<StageDifference> {
    let pairs: Vec<_> = pairs.collect();
    let of = |stage: &str| {
        let differ = pairs.iter().filter(|(old, new)| old.get(stage).is_none() || old.get(stage) != new.get(stage));
        StageDifference { stage: stage.to_owned(), calls: differ.count() as u64 }
    };
    REVISIONS.iter().map(|(stage, _)| of(stage)).filter(|told| told.calls > 0).collect()
}

impl ReportComparison {
    /// The comparison as JSON.
    ///
    /// # Errors
    /// `internal` by a defect alone.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }
}

impl OutdatedReports {
    /// The same as JSON.
    ///
    /// # Errors
    /// `internal` by a defect alone.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }
}

/// The reports of a folder and those within it, by their paths in it.
fn reports(folder: &Path) -> Result<BTreeMap<String, Report>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], BTreeMap::new());
    while let Some(inner) = folders.pop() {
        let failed = |e| Error::io(Stage::Input, e).in_input(inner.display().to_string());
        for entry in fs::read_dir(&inner).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && let Some(report) = report(&path)
            {
                found.insert(name_of(folder, &path), report);
            }
        }
    }
    if found.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "no reports")
            .with_mismatch("a folder without one", "reports in JSON, as process and batch write them")
            .in_input(folder.display().to_string()));
    }
    Ok(found)
}

/// The report of a file, if it is one.
fn report(path: &Path) -> Option<Report> {
    path.extension().filter(|ending| ending.eq_ignore_ascii_case("json"))?;
    serde_json::from_str(&read_text(path, MAX_REPORT, Stage::Input).ok()?).ok()
}

/// A report's path in its folder; of the usual `call/report.json`, the call's folder.
fn name_of(folder: &Path, path: &Path) -> String {
    let within = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    match parts.split_last() {
        Some((last, call)) if last == "report.json" && !call.is_empty() => call.join("/"),
        _ => parts.join("/"),
    }
}
