//! Sixth step: the conversation's turns, figures, silences, integrity, outcome and tag.

use crate::call::Role;
use crate::config::Config;
use crate::integrity::{self, Finding, Inspected};
use crate::metrics::{self, Metrics, Party, SilenceInput};
use crate::outcome::{self, Decision, Facts, Tagged};
use crate::speech::{self, Turn};
use crate::timeline::{Event, EventKind, Placement};
use crate::units::{Millis, Rate, Span};

use super::gate::{PlacedTrack, event};

/// Everything that is known of a call.
pub(super) struct CallAnalysis {
    pub tracks: Vec<PlacedTrack>,
    /// Turns; `party` is the place among `tracks`.
    pub turns: Vec<Turn>,
    pub duration: Millis,
    pub metrics: Metrics,
    pub integrity: Vec<Finding>,
    pub outcome: Decision,
    pub tag: Tagged,
}

/// Measures the conversation.
pub(super) fn measure(mut tracks: Vec<PlacedTrack>, config: &Config) -> CallAnalysis {
    let scene = Scene::new(&tracks, config);
    if scene.comparable {
        add_silences(&mut tracks, scene.duration, config);
    }
    let turns = speech::turns(&tracks.iter().map(counted_speech).collect::<Vec<_>>(), config.speech.turn_pause_ms);
    let integrity = findings(&tracks, config);
    let damaged = integrity.iter().any(|finding| finding.code.forbids_judgement());
    let facts = facts(&tracks, &turns, &scene, damaged);
    let outcome = outcome::outcome(&facts, &config.outcome);
    CallAnalysis {
        tag: outcome::tag(&outcome, &facts, &config.outcome),
        metrics: figures(&tracks, &turns, &scene, config),
        duration: scene.duration,
        tracks,
        turns,
        integrity,
        outcome,
    }
}

/// How long the call is, and how well its tracks can be compared.
struct Scene {
    duration: Millis,
    /// How uncertain the least certain placement is.
    uncertainty: Millis,
    /// Whether all placements are certain enough to compare parties in time.
    comparable: bool,
}

impl Scene {
    fn new(tracks: &[PlacedTrack], config: &Config) -> Self {
        let uncertainty = tracks.iter().map(|t| t.placement.uncertainty).fold(Millis(0.0), Millis::max);
        Self {
            duration: tracks.iter().map(PlacedTrack::end).fold(Millis(0.0), Millis::max),
            uncertainty,
            comparable: uncertainty <= config.metrics.max_uncertainty_ms,
        }
    }
}

/// A track's speech as the figures count it: that of a repeated track is counted once.
fn counted_speech(track: &PlacedTrack) -> Vec<Span> {
    if track.repeats.is_some() { Vec::new() } else { track.speech.clone() }
}

/// Adds the stretches in which both sides are quiet to the first track.
fn add_silences(tracks: &mut [PlacedTrack], call: Millis, config: &Config) {
    let inputs = tracks.iter().map(|t| SilenceInput {
        hops: &t.track.analysis.level.hops,
        placement: &t.placement,
        noise: t.noise,
        duration: t.track.analysis.duration,
    });
    let silent = metrics::silences(&inputs.collect::<Vec<_>>(), call, config.metrics.non_talk_ms);
    let Some(first) = tracks.first_mut() else { return };
    let event = |span| Event { kind: EventKind::Silence, span, detail: None, confidence: 1.0 };
    first.events.extend(silent.into_iter().map(event));
    first.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
}

fn facts(tracks: &[PlacedTrack], turns: &[Turn], scene: &Scene, damaged: bool) -> Facts {
    let counted = tracks.iter().filter(|t| t.repeats.is_none()).map(|t| outcome::TrackFacts {
        role: t.track.role,
        speech: t.speech.clone(),
        voiced: t.voiced.clone(),
        bleed: t.bleed.iter().map(|b| b.span).collect(),
        events: t.events.clone(),
        dead: integrity::is_dead(t.alive),
        duration: t.track.analysis.duration,
        end: t.end(),
    });
    Facts {
        tracks: counted.collect(),
        exchanges: turns.windows(2).filter(|w| w[0].party != w[1].party).count() as u32,
        uncertainty: scene.uncertainty,
        comparable: scene.comparable,
        damaged,
    }
}

/// What is wrong with the recordings.
fn findings(tracks: &[PlacedTrack], config: &Config) -> Vec<Finding> {
    let own_time = Placement::reference();
    let in_own_time = |t: &PlacedTrack| t.track.analysis.events.iter().map(|e| event(e, &own_time)).collect();
    let events: Vec<Vec<Event>> = tracks.iter().map(in_own_time).collect();
    let inspected = tracks.iter().zip(&events).map(|(t, events)| {
        let analysis = &t.track.analysis;
        Inspected {
            track: t.track.index,
            alive: t.alive,
            speaks: !t.speech.is_empty(),
            duration: analysis.duration,
            samples: analysis.rate.sample_at(analysis.duration),
            clipped: analysis.level.clipped,
            events,
            band: (analysis.rate.hz() > Rate::NARROWBAND.hz()).then_some((analysis.band.loud, analysis.band.wide)),
            warnings: analysis.source.warnings.iter().map(|w| &*w.code).collect(),
            placement: Some(&t.placement),
            repeats: t.repeats,
        }
    });
    integrity::findings(&inspected.collect::<Vec<_>>(), &config.integrity)
}

fn figures(tracks: &[PlacedTrack], turns: &[Turn], scene: &Scene, config: &Config) -> Metrics {
    let party = |t: &PlacedTrack| Party { track: t.track.index, speech: counted_speech(t) };
    let parties: Vec<Party> = tracks.iter().map(party).collect();
    let mut figures = metrics::metrics(&parties, turns, scene.duration, scene.comparable, &config.metrics);
    // In a mixed track nobody can be told apart: the same recording delivered for two parties is one.
    let repeated = tracks.iter().any(|t| t.repeats.is_some());
    let mixed = |index: usize| tracks.iter().any(|t| t.track.index == index && t.track.role == Role::Mixed);
    figures.by_track.retain(|party| !repeated && !mixed(party.track));
    figures
}
