//! How far apart the recorders of two parties start, as measured on reports of separate recordings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::Role;
use crate::config::{OffsetPrior, Profile};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::process::VERSION;
use crate::report::{AlignmentReport, Report, TrackReport};
use crate::run::RunOptions;
use crate::timeline::Method;
use crate::units::Millis;

use super::reports::{UnreadableReport, each_report, told};
use super::score::median;

/// The party whose recorder's start is measured, and the one after whose it is.
const PARTIES: (Role, Role) = (Role::Customer, Role::Agent);
/// Lowest confidence of a placement that is measured. Of 304 made pairs with near bleed or equal
/// lengths at this confidence, none was more than 250 ms off; of 51 with far echo at 0.95 and more,
/// three were (`core/docs/alignment.md`).
const MIN_CONFIDENCE: f64 = 0.9;
/// Fewest calls. If each is wrong with a probability of a tenth, five of ten are, and move the
/// median, with one of 0.0016.
const MIN_CALLS: usize = 10;
/// Standard deviations of a normal distribution per median absolute deviation.
const PER_DEVIATION: f64 = 1.4826;
/// A call starts elsewhere if it is so many standard deviations from the median (Iglewicz, Hoaglin,
/// "How to detect and handle outliers", 1993) ...
const ELSEWHERE: f64 = 3.5;
/// ... and farther than a placement that counts as right.
const RIGHT_MS: f64 = 250.0;
/// Largest share of calls that start elsewhere. With more, the distance is not fixed.
const MAX_ELSEWHERE: f64 = 0.2;
/// Largest spread. Of calls with this one, 38 in 100 lie within 250 ms of the mean: fewer than by
/// start times in whole seconds (44).
const MAX_SPREAD_MS: f64 = 500.0;
/// Farther apart no two recorders are looked for.
const MAX_OFFSET_MS: f64 = 3_600_000.0;

/// How far apart the recorders of the customer and the agent start, measured on the reports of
/// separate recordings. Contains only counts, nothing about any single call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OffsetMeasurement {
    /// The measured distance, as `align.offsetPrior` takes it. Its `calls` are as few as the calls
    /// that start elsewhere allow.
    pub prior: OffsetPrior,
    /// Number of reports.
    pub reports: u64,
    /// Number of calls that were measured.
    pub measured: u64,
    /// Of these, calls whose recorders start at another distance.
    pub elsewhere: u64,
    /// Of these, calls in which bleed is heard one way, so that the echo's delay is assumed. Zero
    /// if enough calls are heard both ways, and the others are not used. A call whose start time or
    /// offset is warned about counts here, because its report does not say.
    pub one_way: u64,
    /// Reports that were not used, by reason.
    pub unused: BTreeMap<String, u64>,
    /// Reports that cannot be read, besides.
    pub unreadable: Vec<UnreadableReport>,
}

/// Why a report is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnusedReport {
    /// It was made with an offset prior, which must not confirm itself.
    OffsetPrior,
    /// It has not exactly one track of each party.
    Parties,
    /// A recording of several channels is placed by its first channel.
    SeveralChannels,
    /// The parties' tracks may be one recording.
    RepeatedTrack,
    /// Something else than bleed places the tracks.
    NotByBleed,
    /// The placement is not sure.
    Unsure,
    /// Bleed is heard one way, so that other evidence chose the echo's path, and enough calls are
    /// heard both ways.
    OneWay,
    /// The distance is no number, or longer than an hour.
    OutOfRange,
    /// Another report is of the same recordings or call.
    SameCall,
}

impl UnusedReport {
    const fn code(self) -> &'static str {
        match self {
            Self::OffsetPrior => "offset_prior",
            Self::Parties => "parties",
            Self::SeveralChannels => "several_channels",
            Self::RepeatedTrack => "repeated_track",
            Self::NotByBleed => "not_by_bleed",
            Self::Unsure => "unsure",
            Self::OneWay => "one_way",
            Self::OutOfRange => "out_of_range",
            Self::SameCall => "same_call",
        }
    }
}

/// Measures how far apart the recorders of the customer and the agent start, on the reports of some
/// folders and those within them. Links are not followed.
///
/// Used are calls with one recording of each party, of one channel, that are placed by bleed with a
/// confidence of 0.9 and more, and without an offset prior. If ten of them are heard both ways,
/// only those are: their distances are exact to the echo.
///
/// ```no_run
/// use callweave::RunOptions;
/// use callweave::evaluate::measure_offsets;
///
/// let measured = measure_offsets(["reports-of-may"], &RunOptions::default())?;
/// let profile = measured.profile("my-trunk")?;
/// println!("{}", profile.to_json()?);
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// The folders are read file by file. A file that several of them reach counts once.
///
/// # Errors
/// `io` where a folder cannot be read, `invalid_argument` for one without reports, `cancelled`, and
/// those of [`measure_offsets_of`], which then name the reports that cannot be read too.
pub fn measure_offsets(
    folders: impl IntoIterator<Item = impl AsRef<Path>>,
    run: &RunOptions,
) -> Result<OffsetMeasurement> {
    let (mut offsets, mut unreadable) = (MeasuredOffsets::default(), Vec::new());
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for folder in folders {
        let folder = folder.as_ref();
        let found = each_report(folder, |path, report| {
            run.check(Stage::Input)?;
            if files.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())) {
                offsets.add(&report);
            }
            Ok(())
        })?;
        let named = |told: UnreadableReport| UnreadableReport {
            report: folder.join(&told.report).display().to_string(),
            ..told
        };
        unreadable.extend(found.into_iter().map(named));
    }
    let measured = offsets.measured().map_err(|error| match told(&unreadable) {
        None => error,
        Some(more) => {
            let (found, expected) = (error.found().unwrap_or_default(), error.expected().unwrap_or_default());
            let (found, expected) = (format!("{found}, and {more}"), expected.to_owned());
            error.with_mismatch(found, expected)
        }
    })?;
    Ok(OffsetMeasurement { unreadable, ..measured })
}

/// Measures the same on reports in memory. Reports without hashes of their recordings and without
/// an id of their call count each.
///
/// # Errors
/// `invalid_argument` if fewer than ten calls can be measured, or if their recorders start at no
/// fixed distance.
pub fn measure_offsets_of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Result<OffsetMeasurement> {
    let mut offsets = MeasuredOffsets::default();
    reports.into_iter().for_each(|report| offsets.add(report));
    offsets.measured()
}

/// What the reports say so far.
#[derive(Default)]
struct MeasuredOffsets {
    reports: u64,
    unused: BTreeMap<String, u64>,
    /// The distances of calls in which bleed is heard both ways.
    both_ways: Vec<f64>,
    /// Those of calls in which it is heard one way, or not known to be heard both ways.
    one_way: Vec<f64>,
    known: BTreeSet<Vec<String>>,
}

impl MeasuredOffsets {
    fn add(&mut self, report: &Report) {
        self.reports += 1;
        let measured = MeasuredCall::of(report).and_then(|call| {
            let new = call.recordings.is_empty() || self.known.insert(call.recordings.clone());
            if new { Ok(call) } else { Err(UnusedReport::SameCall) }
        });
        match measured {
            Ok(call) if call.one_way => self.one_way.push(call.offset_ms),
            Ok(call) => self.both_ways.push(call.offset_ms),
            Err(why) => *self.unused.entry(why.code().to_owned()).or_default() += 1,
        }
    }

    fn measured(self) -> Result<OffsetMeasurement> {
        let Self { reports, mut unused, both_ways: mut offsets, mut one_way, .. } = self;
        if offsets.len() >= MIN_CALLS && !one_way.is_empty() {
            unused.insert(UnusedReport::OneWay.code().to_owned(), one_way.len() as u64);
            one_way.clear();
        }
        offsets.extend(&one_way);
        if offsets.len() < MIN_CALLS {
            return Err(too_few(offsets.len(), reports, &unused));
        }
        let (prior, elsewhere) = fitted(&offsets)?;
        let (measured, one_way) = (offsets.len() as u64, one_way.len() as u64);
        Ok(OffsetMeasurement { prior, reports, measured, elsewhere, one_way, unused, unreadable: Vec::new() })
    }
}

/// The distance of one call, and what tells the call from others.
struct MeasuredCall {
    /// How much later the customer's recording starts than the agent's.
    offset_ms: f64,
    /// Whether bleed is heard in one direction only, as far as the report says. A track has one
    /// warning: that of a start time or an offset says nothing of the direction.
    one_way: bool,
    /// The hashes of the recordings, else the call's id; empty if neither is told.
    recordings: Vec<String>,
}

impl MeasuredCall {
    /// Measures a call by its report.
    fn of(report: &Report) -> std::result::Result<Self, UnusedReport> {
        if report.config.pointer("/align/offsetPrior").is_some_and(|prior| !prior.is_null()) {
            return Err(UnusedReport::OffsetPrior);
        }
        let (of, after) = (only(report, PARTIES.0)?, only(report, PARTIES.1)?);
        let (tracks, placed) = ([of.0, after.0], [of.1, after.1]);
        let warned = |code: &str| report.warnings.iter().any(|warning| warning.code == code);
        let is = |method: Method| placed.iter().filter(|placed| placed.method == method).count();
        let offset_ms = of.1.offset_ms.0 - after.1.offset_ms.0;
        let refused = [
            (tracks.iter().any(|track| track.channel.is_some()), UnusedReport::SeveralChannels),
            (warned("repeated_track"), UnusedReport::RepeatedTrack),
            (is(Method::Bleed) == 0 || is(Method::Bleed) + is(Method::Reference) < 2, UnusedReport::NotByBleed),
            (!placed.iter().all(|placed| placed.confidence >= MIN_CONFIDENCE), UnusedReport::Unsure),
            (!(-MAX_OFFSET_MS..=MAX_OFFSET_MS).contains(&offset_ms), UnusedReport::OutOfRange),
        ];
        if let Some((_, why)) = refused.into_iter().find(|(holds, _)| *holds) {
            return Err(why);
        }
        let hash = |track: &TrackReport| track.source.as_ref()?.sha256.clone();
        let hashes: Option<Vec<String>> = tracks.into_iter().map(hash).collect();
        let recordings = hashes.or_else(|| Some(vec![report.call.id.clone()?])).unwrap_or_default();
        let one_way = ["path_delay_assumed", "start_time_wrong", "offset_contradicted"].into_iter().any(warned);
        Ok(Self { offset_ms, one_way, recordings })
    }
}

/// Returns the only track of a party that was placed.
fn only(report: &Report, role: Role) -> std::result::Result<(&TrackReport, &AlignmentReport), UnusedReport> {
    let mut tracks = report.tracks.iter().filter(|track| track.role == role);
    match (tracks.next(), tracks.next()) {
        (Some(track), None) => track.alignment.as_ref().map(|placed| (track, placed)).ok_or(UnusedReport::Parties),
        _ => Err(UnusedReport::Parties),
    }
}

/// Returns the prior that follows from some distances, and how many of them are elsewhere.
///
/// The median and the median absolute deviation stand for mean and spread, because placements of
/// this confidence may be wrong. What is elsewhere lowers the number of calls, so that the next
/// call is like the others as probably as (alike + 1) / (all + 2) (Laplace's rule of succession).
fn fitted(offsets_ms: &[f64]) -> Result<(OffsetPrior, u64)> {
    let middle_ms = median(offsets_ms.iter().copied());
    let spread_ms = PER_DEVIATION * median(offsets_ms.iter().map(|offset| (offset - middle_ms).abs()));
    let reach_ms = (ELSEWHERE * spread_ms).max(RIGHT_MS);
    let all = offsets_ms.len();
    let elsewhere = offsets_ms.iter().filter(|&offset| (offset - middle_ms).abs() > reach_ms).count();
    let refused = |found: String, expected: String| {
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "the recorders start at no fixed distance")
            .with_mismatch(found, expected))
    };
    if spread_ms > MAX_SPREAD_MS {
        let found = format!("a spread of {spread_ms:.0} ms around {middle_ms:.0} ms over {all} calls");
        return refused(found, format!("at most {MAX_SPREAD_MS} ms"));
    }
    if elsewhere as f64 > MAX_ELSEWHERE * all as f64 {
        let found = format!("{elsewhere} of {all} calls more than {reach_ms:.0} ms from {middle_ms:.0} ms");
        return refused(found, format!("at most {:.0} in 100", 100.0 * MAX_ELSEWHERE));
    }
    let calls = u32::try_from((all + 2) / (elsewhere + 1) - 2).unwrap_or(u32::MAX);
    let (mean, spread) = (Millis(middle_ms.round() + 0.0), Millis(spread_ms.round()));
    Ok((OffsetPrior::new(PARTIES.0, PARTIES.1, mean, spread, calls), elsewhere as u64))
}

fn too_few(found: usize, reports: u64, unused: &BTreeMap<String, u64>) -> Error {
    let why = if unused.is_empty() { String::new() } else { format!(" (not used: {})", listed(unused)) };
    Error::new(ErrorKind::InvalidArgument, Stage::Config, "too few calls to measure how far apart recorders start")
        .with_mismatch(
            format!("{found} of {reports} reports{why}"),
            format!("at least {MIN_CALLS} of a {} and an {} surely placed by bleed", PARTIES.0, PARTIES.1),
        )
}

/// Counts by name, as text.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

impl OffsetMeasurement {
    /// Returns a profile that holds what was measured alone.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an empty name.
    pub fn profile(&self, name: impl Into<String>) -> Result<Profile> {
        self.add_to(&Profile::new(name, Map::new())?)
    }

    /// Returns a profile with what was measured, instead of its own offset prior if it has one.
    ///
    /// ```no_run
    /// use callweave::RunOptions;
    /// use callweave::evaluate::{Evaluation, calibrate, measure_offsets};
    ///
    /// # let text = "";
    /// let fitted = calibrate("my-trunk", &Evaluation::from_json(text)?)?;
    /// let profile = measure_offsets(["reports-of-may"], &RunOptions::default())?.add_to(&fitted)?;
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a prior that was changed and is
    /// not valid.
    pub fn add_to(&self, profile: &Profile) -> Result<Profile> {
        let mut config = profile.changes().clone();
        let align = config.entry("align").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(align) = align {
            align.insert("offsetPrior".to_owned(), json::tree(&self.prior)?);
        }
        let mut sources = profile.sources().to_vec();
        sources.push(format!(
            "offsetPrior measured on {} calls of {} reports, {} of them elsewhere, {} heard one way, by callweave {VERSION}",
            self.measured, self.reports, self.elsewhere, self.one_way
        ));
        let fitted = Profile::new(profile.name(), config)?.with_sources(sources);
        fitted.with_channels(profile.channels().iter().cloned())
    }

    /// Returns the measurement as text.
    pub fn to_text(&self) -> String {
        let OffsetPrior { of, after, mean, spread, .. } = self.prior;
        let Self { measured, reports, elsewhere, one_way, .. } = self;
        let found = format!("the {of} starts {mean} after the {after}, with a spread of {spread}");
        let on = format!("on {measured} calls of {reports} reports, {elsewhere} elsewhere, {one_way} heard one way");
        let unused =
            if self.unused.is_empty() { String::new() } else { format!("; not used: {}", listed(&self.unused)) };
        format!("{found}, {on}{unused}\n")
    }
}
