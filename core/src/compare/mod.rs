//! Compares two sets of reports, from two versions or two configurations: tags, outcomes,
//! placements, speech, roles, voices and events, and which calls to listen to.

mod call;
mod events;
mod moved;
mod pair;
mod spans;
mod table;
#[cfg(test)]
mod tests;
mod voices;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use call::{CallDifference, TrackDifference};

pub use crate::evaluate::UnreadableReport;

use call::ComparedCall;

use crate::error::Result;
use crate::evaluate::{ReportSet, Share, Switch, reports, switches};
use crate::json;
use crate::report::{REVISIONS, Report};

/// The version of a comparison's schema.
const SCHEMA_VERSION: u32 = 1;

/// The differences between two sets of reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportComparison {
    /// The schema version.
    pub schema_version: u32,
    /// Number of calls in both sets.
    pub both: u64,
    /// Calls only in the old set.
    pub only_old: Vec<String>,
    /// Calls only in the new set.
    pub only_new: Vec<String>,
    /// Reports of the old set that cannot be read: their calls are not compared.
    pub unreadable_old: Vec<UnreadableReport>,
    /// The same of the new set.
    pub unreadable_new: Vec<UnreadableReport>,
    /// Share of calls whose tag changed.
    pub tag: Share,
    /// Changes of the tag, with their numbers.
    pub tags: Vec<Switch>,
    /// Share of calls whose outcome changed.
    pub outcome: Share,
    /// Changes of the outcome, with their numbers.
    pub outcomes: Vec<Switch>,
    /// Share of calls with a track that moved by more than 250 ms relative to the others, of those
    /// of which that is known: no track is unreadable, not placed or of one report alone.
    pub moved: Share,
    /// Share of calls whose speech differs, of those of which that is known.
    pub speech: Share,
    /// Stages whose revision differs between the sets, with the number of calls.
    pub stages: Vec<StageDifference>,
    /// The calls that differ, most important first.
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
    /// Those that cannot be read, besides.
    pub unreadable: Vec<UnreadableReport>,
    /// Stages of another revision than this version's, and of how many calls.
    pub stages: Vec<StageDifference>,
    /// The calls that have some.
    pub calls: Vec<String>,
}

/// Compares the reports of two folders, and of those within them. Links are not followed. A call is
/// known by its id, else by the path of its report in its folder. A report that cannot be read is
/// named in the result, with the reason.
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
    let (old, new) = (reports(old.as_ref())?, reports(new.as_ref())?);
    let found = compare_reports(&old.reports, &new.reports);
    Ok(ReportComparison { unreadable_old: old.unreadable, unreadable_new: new.unreadable, ..found })
}

/// Compares reports by their calls' ids, else by their names.
pub fn compare_reports(old: &BTreeMap<String, Report>, new: &BTreeMap<String, Report>) -> ReportComparison {
    let names = pair::calls(old, new);
    let pairs: Vec<(&str, &Report, &Report)> =
        names.iter().filter_map(|&(was, is)| Some((is, old.get(was)?, new.get(is)?))).collect();
    let all: Vec<ComparedCall> = pairs.iter().map(|(name, old, new)| ComparedCall::new(name, old, new)).collect();
    let only = |set: &BTreeMap<String, Report>, of: fn(&(&str, &str)) -> String| {
        let both: BTreeSet<String> = names.iter().map(of).collect();
        set.keys().filter(|name| !both.contains(*name)).cloned().collect()
    };
    let share = |holds: &dyn Fn(&ComparedCall) -> Option<bool>| Share::of(all.iter().filter_map(holds));
    let named = |of: &dyn Fn(&Report) -> &'static str| switches(pairs.iter().map(|(_, old, new)| (of(old), of(new))));
    ReportComparison {
        schema_version: SCHEMA_VERSION,
        both: pairs.len() as u64,
        only_old: only(old, |pair| pair.0.to_owned()),
        only_new: only(new, |pair| pair.1.to_owned()),
        unreadable_old: Vec::new(),
        unreadable_new: Vec::new(),
        tag: share(&|call| Some(call.difference.tag.is_some())),
        tags: named(&|report| report.tag.value.name()),
        outcome: share(&|call| Some(call.difference.outcome.is_some())),
        outcomes: named(&|report| report.outcome.value.name()),
        moved: share(&|call| call.moved),
        speech: share(&|call| call.speaks_otherwise),
        stages: stages(pairs.iter().map(|(_, old, new)| (&old.stages, &new.stages))),
        calls: call::ranked(all.into_iter().map(|call| call.difference).collect()),
    }
}

/// Which stages of the reports of a folder have another revision than this version's, so that those
/// calls are to be heard again where their results matter.
///
/// # Errors
/// As [`compare`].
pub fn outdated(folder: impl AsRef<Path>) -> Result<OutdatedReports> {
    let ReportSet { reports, unreadable } = reports(folder.as_ref())?;
    let now = crate::report::revisions();
    let is_outdated = |(_, report): &(&String, &Report)| report.stages != now;
    Ok(OutdatedReports {
        schema_version: SCHEMA_VERSION,
        reports: reports.len() as u64,
        unreadable,
        stages: stages(reports.values().map(|report| (&report.stages, &now))),
        calls: reports.iter().filter(is_outdated).map(|(name, _)| name.clone()).collect(),
    })
}

/// How many calls have another revision of each stage. Stages that this version does not know, of a
/// newer one, come last.
fn stages<'a>(
    pairs: impl Iterator<Item = (&'a BTreeMap<String, u32>, &'a BTreeMap<String, u32>)>,
) -> Vec<StageDifference> {
    let known = REVISIONS.map(|(stage, _)| stage);
    let mut differ: BTreeMap<&str, u64> = BTreeMap::new();
    for (old, new) in pairs {
        // A report without revisions may be of any.
        let told = |stage: &&str| !old.contains_key(*stage) || old.get(*stage) != new.get(*stage);
        let is_new = |stage: &&str| !known.contains(stage);
        let of_old = old.keys().map(String::as_str).filter(is_new).filter(|stage| old.get(*stage) != new.get(*stage));
        let of_new = new.keys().map(String::as_str).filter(is_new).filter(|stage| !old.contains_key(*stage));
        let all = known.into_iter().filter(told).chain(of_old).chain(of_new);
        all.for_each(|stage| *differ.entry(stage).or_default() += 1);
    }
    let unknown: Vec<&str> = differ.keys().copied().filter(|stage| !known.contains(stage)).collect();
    let of = |stage: &str| StageDifference { stage: stage.to_owned(), calls: differ.get(stage).copied().unwrap_or(0) };
    known.into_iter().chain(unknown).map(of).filter(|told| told.calls > 0).collect()
}

impl ReportComparison {
    /// Reports that cannot be read, of both sets.
    pub fn unreadable(&self) -> impl Iterator<Item = &UnreadableReport> {
        self.unreadable_old.iter().chain(&self.unreadable_new)
    }

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
