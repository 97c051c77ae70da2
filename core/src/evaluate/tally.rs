//! Counts over all disturbed calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::{Named, rounded};
use crate::units::sum;

use super::disturb::Disturbance;
use super::rate::Share;
use super::score::{Frames, PlacedScore, TrialScore, VoiceFrames, median, quantile};
use super::switch::{Switch, switches};

/// A placement within this distance is right, as defined by `confidence` in reports.
const RIGHT_MS: f64 = 250.0;
/// A placement within this distance is close.
const CLOSE_MS: f64 = 100.0;
/// Edges of the confidence bins for people ...
const BINS: [f64; 6] = [0.0, 0.2, 0.5, 0.8, 0.95, 1.0];
/// ... and for fitting.
const FINE_BINS: [f64; 15] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0];
/// Confidence from which a placement is called sure.
const SURE: f64 = 0.8;
/// One error in twenty lies beyond this many standard deviations, on one side.
const ONE_IN_TWENTY: f64 = 1.65;

/// Accuracy on calls whose truth is known. Contains only counts, nothing about any single call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Evaluation {
    /// The schema version.
    pub schema_version: u32,
    /// The library that analyzed the calls.
    pub library: Named,
    /// SHA-256 of the configuration.
    pub config_hash: String,
    /// Whether the configuration had a map of confidence: confidences are as it says, and no map
    /// can be fitted to them.
    pub calibrated: bool,
    /// Seed of the random disturbances.
    pub seed: u64,
    /// The recordings.
    pub calls: CallCounts,
    /// Placement, by kind of disturbance.
    pub placement: Vec<PlacementScore>,
    /// How often placements are right, by confidence.
    pub confidence: Vec<ConfidenceBin>,
    /// The same in finer bins, for fitting.
    pub confidence_fine: Vec<ConfidenceBin>,
    /// Placements with high confidence.
    pub sure: SureScore,
    /// Agreement of speech with the undisturbed call.
    pub speech: Vec<SpeechScore>,
    /// The voices of calls whose channels were summed.
    pub voices: VoicesScore,
    /// Agreement of tags and outcomes with the undisturbed call.
    pub tags: Vec<TagScore>,
    /// Undisturbed calls compared with the caller's labels. `None` without labels.
    pub labels: Option<LabelScore>,
}

/// Numbers of recordings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallCounts {
    /// Audio files found.
    pub found: u64,
    /// Two-channel recordings that were used.
    pub used: u64,
    /// Files that were not used, by reason.
    pub unused: BTreeMap<String, u64>,
    /// Disturbed calls that could not be analyzed.
    pub failed: u64,
}

/// Accuracy of placement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlacementScore {
    /// The kind of disturbance, or `None` for all.
    pub kind: Option<Disturbance>,
    /// Share placed within 250 ms.
    pub within_250_ms: Share,
    /// Share placed within 100 ms.
    pub within_100_ms: Share,
    /// Median error in milliseconds.
    pub median_ms: f64,
    /// 95th percentile of the error in milliseconds.
    pub p95_ms: f64,
    /// Mean stated confidence.
    pub said: f64,
    /// Share within 250 ms if both tracks are assumed to start together.
    pub equal_starts: Share,
    /// Share within 250 ms if both tracks are assumed to end together.
    pub equal_ends: Share,
    /// Share within 250 ms by start times in whole seconds alone.
    pub start_times: Share,
}

/// Placements of similar confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConfidenceBin {
    /// Lower edge of the bin.
    pub from: f64,
    /// Upper edge of the bin.
    pub to: f64,
    /// Mean stated confidence.
    pub said: f64,
    /// Share placed within 250 ms.
    pub right: Share,
}

/// Placements with a confidence of at least 0.8.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SureScore {
    /// Share that is more than 250 ms off.
    pub wrong: Share,
    /// Number expected to be off if confidences are right.
    pub expected_wrong: f64,
    /// Largest number that chance explains with a probability of 95 %.
    pub most_by_chance: f64,
}

/// Agreement of speech in frames of 10 ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SpeechScore {
    /// The kind of disturbance, or `None` for all.
    pub kind: Option<Disturbance>,
    /// F1 score: the harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Share of the undisturbed call's speech that is missing.
    pub missed: Share,
    /// Share of its silence that became speech.
    pub added: Share,
}

/// The voices of summed calls in which both parties speak.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VoicesScore {
    /// Share of calls whose voices were separated.
    pub apart: Share,
    /// In these calls, the share of frames of one party's speech with the right voice, among frames
    /// with any voice.
    pub right: Share,
    /// Stated share that is right.
    pub said: Option<f64>,
}

/// Agreement of tags and outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TagScore {
    /// The kind of disturbance, or `None` for all.
    pub kind: Option<Disturbance>,
    /// Share of unchanged tags.
    pub tag: Share,
    /// Share of unchanged outcomes.
    pub outcome: Share,
    /// Changes of tags, with their numbers.
    pub changed: Vec<Switch>,
}

/// Undisturbed calls compared with labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LabelScore {
    /// Share of tags equal to the labels.
    pub tag: Share,
    /// Share of outcomes equal to the labels. The total is 0 if no label names an outcome.
    pub outcome: Share,
    /// Differing tags: from the label to the analysis.
    pub changed: Vec<Switch>,
}

/// Of the kinds that occur, and of all of them.
fn by_kind<T>(trials: &[TrialScore], score: impl Fn(Option<Disturbance>, &[&TrialScore]) -> Option<T>) -> Vec<T> {
    let kinds = Disturbance::ALL.into_iter().map(Some).chain([None]);
    let of = |kind: Option<Disturbance>| {
        let trials: Vec<&TrialScore> = trials.iter().filter(|t| kind.is_none_or(|kind| t.kind == kind)).collect();
        score(kind, &trials)
    };
    kinds.filter_map(of).collect()
}

pub(super) fn placements(trials: &[TrialScore]) -> Vec<PlacementScore> {
    by_kind(trials, |kind, trials| {
        let placed: Vec<PlacedScore> = trials.iter().filter_map(|trial| trial.placed).collect();
        let errors = || placed.iter().map(|p| p.error_ms);
        let shortcut = |i: usize| Share::of(placed.iter().map(move |p| p.shortcuts[i] <= RIGHT_MS));
        (!placed.is_empty()).then(|| PlacementScore {
            kind,
            within_250_ms: Share::of(errors().map(|error| error <= RIGHT_MS)),
            within_100_ms: Share::of(errors().map(|error| error < CLOSE_MS)),
            median_ms: tenths(median(errors())),
            p95_ms: tenths(quantile(errors().collect(), 0.95)),
            said: mean(placed.iter().map(|p| p.said)),
            equal_starts: shortcut(0),
            equal_ends: shortcut(1),
            start_times: shortcut(2),
        })
    })
}

/// With one decimal; never a negative zero, which the sum of nothing is.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// The mean with four decimals; 0 of none.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0u64, 0.0), |(count, sum), value| (count + 1, sum + value));
    rounded(sum / count.max(1) as f64)
}

pub(super) fn confidence(trials: &[TrialScore]) -> Vec<ConfidenceBin> {
    bins(trials, &BINS)
}

pub(super) fn confidence_fine(trials: &[TrialScore]) -> Vec<ConfidenceBin> {
    bins(trials, &FINE_BINS)
}

fn bins(trials: &[TrialScore], edges: &[f64]) -> Vec<ConfidenceBin> {
    let placed: Vec<PlacedScore> = trials.iter().filter_map(|trial| trial.placed).collect();
    let bin = |edges: &[f64]| {
        let (from, to) = (*edges.first()?, *edges.last()?);
        // The last bin holds certainty too.
        let of_bin = |p: &&PlacedScore| p.said >= from && (p.said < to || to >= 1.0);
        let held: Vec<&PlacedScore> = placed.iter().filter(of_bin).collect();
        let said = mean(held.iter().map(|p| p.said));
        let right = Share::of(held.iter().map(|p| p.error_ms <= RIGHT_MS));
        (!held.is_empty()).then_some(ConfidenceBin { from, to, said, right })
    };
    edges.windows(2).filter_map(bin).collect()
}

pub(super) fn sure(trials: &[TrialScore]) -> SureScore {
    let sure: Vec<PlacedScore> = trials.iter().filter_map(|t| t.placed).filter(|p| p.said >= SURE).collect();
    let expected = sum(sure.iter().map(|p| 1.0 - p.said));
    let variance = sum(sure.iter().map(|p| p.said * (1.0 - p.said)));
    SureScore {
        wrong: Share::of(sure.iter().map(|p| p.error_ms > RIGHT_MS)),
        expected_wrong: tenths(expected),
        // Half a case, because cases are whole.
        most_by_chance: tenths(expected + ONE_IN_TWENTY * variance.sqrt() + 0.5),
    }
}

pub(super) fn speech(trials: &[TrialScore]) -> Vec<SpeechScore> {
    by_kind(trials, |kind, trials| {
        let mut sum = Frames::default();
        trials.iter().for_each(|trial| sum.add(trial.speech));
        let (of_either, speech) = (2 * sum.both + sum.added + sum.missed, sum.both + sum.missed);
        (!trials.is_empty()).then(|| SpeechScore {
            kind,
            f1: (of_either > 0).then(|| rounded(2.0 * sum.both as f64 / of_either as f64)),
            missed: Share::dependent(sum.missed, speech),
            added: Share::dependent(sum.added, sum.added + sum.neither),
        })
    })
}

pub(super) fn voices(trials: &[TrialScore]) -> VoicesScore {
    let told: Vec<VoiceFrames> = trials.iter().filter_map(|trial| trial.voices).collect();
    let said: Vec<f64> = told.iter().filter_map(|voices| voices.said).collect();
    VoicesScore {
        apart: Share::of(told.iter().map(|voices| voices.apart)),
        right: Share::dependent(told.iter().map(|v| v.right).sum(), told.iter().map(|v| v.any).sum()),
        said: (!said.is_empty()).then(|| mean(said.iter().copied())),
    }
}

pub(super) fn tags(trials: &[TrialScore]) -> Vec<TagScore> {
    by_kind(trials, |kind, trials| {
        (!trials.is_empty()).then(|| TagScore {
            kind,
            tag: Share::of(trials.iter().map(|trial| trial.tags.0 == trial.tags.1)),
            outcome: Share::of(trials.iter().map(|trial| trial.outcomes.0 == trial.outcomes.1)),
            changed: switches(trials.iter().map(|trial| (trial.tags.0.name(), trial.tags.1.name()))),
        })
    })
}
