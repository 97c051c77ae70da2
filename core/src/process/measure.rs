//! Step 6: turns, metrics, silences, integrity, outcome and tag.

use crate::call::{Outcome, Role};
use crate::config::Config;
use crate::integrity::{self, Finding, Inspected};
use crate::metrics::{self, Comparison, Metrics, Party, SilenceInput};
use crate::outcome::{self, Decision, Facts, Tagged, TrackFacts};
use crate::report::FactReport;
use crate::speech::{self, Turn};
use crate::timeline::{Event, EventKind, Placement};
use crate::units::{Millis, Rate, Span, total, without};

use super::facts::PlacedFacts;
use super::gate::TrackVoices;
use super::gate::{PlacedTrack, event};

/// The complete analysis of a call.
pub(super) struct CallAnalysis {
    pub tracks: Vec<PlacedTrack>,
    /// One entry per track, or per voice of a mixed track.
    pub parties: Vec<Party>,
    /// The turns. `party` is an index into `parties`.
    pub turns: Vec<Turn>,
    pub duration: Millis,
    pub metrics: Metrics,
    pub integrity: Vec<Finding>,
    pub outcome: Decision,
    pub tag: Tagged,
    pub facts: Vec<FactReport>,
}

/// Measures the conversation. `complete` says whether all tracks of the call could be read.
pub(super) fn measure(
    mut tracks: Vec<PlacedTrack>,
    complete: bool,
    known: &PlacedFacts,
    config: &Config,
) -> CallAnalysis {
    let scene = Scene::new(&tracks, complete, known, config);
    if scene.comparable {
        add_silences(&mut tracks, &scene, config);
    }
    let (mut parties, mut turns) = spoken(&tracks, config);
    let integrity = findings(&tracks, config);
    let damaged = !complete || integrity.iter().any(|finding| finding.code.forbids_judgement());
    let facts = facts(&tracks, &turns, &scene, damaged, config);
    let outcome = outcome::outcome(&facts, &config.outcome);
    let tag = outcome::tag(&outcome, &facts, &config.outcome);
    if outcome.value == Outcome::Voicemail
        && let Some(machine) = outcome::greeter(&facts, &config.outcome)
        && drop_voice(&mut tracks, machine)
    {
        (parties, turns) = spoken(&tracks, config);
    }
    CallAnalysis {
        tag,
        facts: known.told(),
        metrics: figures(&tracks, &parties, &turns, &scene, config),
        parties,
        duration: scene.duration,
        tracks,
        turns,
        integrity,
        outcome,
    }
}

/// Returns the parties of all tracks and their turns.
fn spoken(tracks: &[PlacedTrack], config: &Config) -> (Vec<Party>, Vec<Turn>) {
    let parties: Vec<Party> = tracks.iter().flat_map(parties_of).collect();
    let speech: Vec<Vec<Span>> = parties.iter().map(|party| party.speech.clone()).collect();
    let turns = speech::turns(&speech, config.speech.turn_pause_ms);
    (parties, turns)
}

/// Removes a recorded announcement from the voices of its track. `party` is the index that the
/// rules saw. Returns `false` if the announcement has a track of its own.
fn drop_voice(tracks: &mut [PlacedTrack], party: usize) -> bool {
    let mut place = party;
    for track in tracks.iter_mut().filter(|track| track.repeats.is_none()) {
        let seen = track.voices.as_ref().map_or(1, TrackVoices::seen);
        if place < seen {
            return track.voices.as_mut().is_some_and(|told| told.drop_announcement(place));
        }
        place -= seen;
    }
    false
}

/// The call's duration, and what can be compared in it.
struct Scene {
    duration: Millis,
    /// The largest uncertainty of any placement.
    uncertainty: Millis,
    /// Whether all placements are certain enough to compare parties in time.
    comparable: bool,
    /// What can be compared between the parties.
    comparison: Comparison,
    /// Spans in which silence is expected.
    excused: Vec<Span>,
    /// Spans and moments across which no response time is counted.
    breaks: Vec<Span>,
    /// Whether the call is known to have been answered.
    answered: bool,
}

impl Scene {
    fn new(tracks: &[PlacedTrack], complete: bool, known: &PlacedFacts, config: &Config) -> Self {
        let uncertainty = tracks.iter().map(|t| t.placement.uncertainty).fold(Millis(0.0), Millis::max);
        let comparable = uncertainty <= config.metrics.max_uncertainty_ms;
        let comparison = match comparable {
            _ if !complete => Comparison::Incomplete,
            false => Comparison::Unplaced,
            true if tracks.iter().any(is_unresolved) || is_of_anyone(tracks) => Comparison::Mixed,
            true if tracks.iter().any(|track| track.shared) => Comparison::Turns,
            true => Comparison::Full,
        };
        Self {
            duration: tracks.iter().map(PlacedTrack::end).fold(Millis(0.0), Millis::max),
            uncertainty,
            comparable,
            comparison,
            excused: known.excused(),
            breaks: known.breaks(),
            answered: known.answered(),
        }
    }
}

/// Returns a track's speech for the metrics. A repeated track counts once.
fn counted_speech(track: &PlacedTrack) -> Vec<Span> {
    if track.repeats.is_some() { Vec::new() } else { track.of_parties(&track.speech) }
}

/// Returns the parties of a track: its voices, if they were separated.
fn parties_of(track: &PlacedTrack) -> Vec<Party> {
    match &track.voices {
        Some(told) if told.voices.len() > 1 || told.announced => told.parties(track.track.index),
        _ => vec![Party { track: track.track.index, voice: None, speech: counted_speech(track) }],
    }
}

/// Returns `true` if a track holds several parties that were not separated.
fn is_unresolved(track: &PlacedTrack) -> bool {
    track.shared && track.repeats.is_none() && track.voices.is_none()
}

/// Returns `true` if a call is one track that nobody said is of one party: it may hold all.
fn is_of_anyone(tracks: &[PlacedTrack]) -> bool {
    matches!(tracks, [track] if track.track.role == Role::Unknown)
}

/// Adds the spans in which all parties are silent to the first track's events.
fn add_silences(tracks: &mut [PlacedTrack], scene: &Scene, config: &Config) {
    let inputs = tracks.iter().map(|t| SilenceInput {
        hops: &t.track.analysis.level.hops,
        placement: &t.placement,
        noise: t.noise,
        duration: t.track.analysis.duration,
    });
    let min = config.metrics.non_talk_ms;
    let silent = metrics::silences(&inputs.collect::<Vec<_>>(), scene.duration, min);
    let silent = unexcused(silent, &scene.excused, min);
    let Some(first) = tracks.first_mut() else { return };
    let event = |span| Event { kind: EventKind::Silence, span, detail: None, confidence: 1.0 };
    first.events.extend(silent.into_iter().map(event));
    first.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
}

/// Removes excused stretches from spans, and drops what is shorter than `min`.
fn unexcused(spans: Vec<Span>, excused: &[Span], min: Millis) -> Vec<Span> {
    let mut left = excused.iter().fold(spans, |left, &excused| without(&left, excused));
    if !excused.is_empty() {
        left.retain(|span| span.duration() >= min);
    }
    left
}

fn facts(tracks: &[PlacedTrack], turns: &[Turn], scene: &Scene, damaged: bool, config: &Config) -> Facts {
    let track_facts = |t: &PlacedTrack| TrackFacts {
        role: t.track.role,
        speech: t.of_parties(&t.speech),
        voiced: t.of_parties(&t.voiced),
        bleed: t.bleed.iter().map(|b| b.span).collect(),
        events: t.events.clone(),
        shared: t.shared,
        dead: integrity::is_dead(t.alive),
        duration: t.track.analysis.duration,
        end: t.end(),
    };
    let counted = tracks.iter().filter(|t| t.repeats.is_none()).flat_map(|t| match &t.voices {
        Some(told) => told.facts(&track_facts(t)),
        None => vec![track_facts(t)],
    });
    let mut facts = Facts {
        tracks: counted.collect(),
        exchanges: scene.comparison.counts_exchanges().then(|| metrics::exchanges(turns)),
        may_hide_another: false,
        uncertainty: scene.uncertainty,
        comparable: scene.comparable,
        excused: scene.excused.clone(),
        answered: scene.answered,
        damaged,
    };
    let one = facts.tracks.len() == 1
        && tracks.iter().any(|track| track.voices.as_ref().is_some_and(TrackVoices::may_hide_another));
    facts.may_hide_another = one || facts.hides_answers(&config.outcome);
    facts.exchanges = facts.exchanges.filter(|_| !facts.may_hide_another);
    facts
}

/// Returns the problems with the recordings.
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
            dc_offset: analysis.level.dc_offset,
            events,
            band: (analysis.rate.hz() > Rate::NARROWBAND.hz()).then_some((analysis.band.loud, analysis.band.wide)),
            warnings: analysis.source.warnings.iter().map(|w| &*w.code).collect(),
            placement: Some(&t.placement),
            repeats: t.repeats,
        }
    });
    integrity::findings(&inspected.collect::<Vec<_>>(), &config.integrity)
}

fn figures(tracks: &[PlacedTrack], parties: &[Party], turns: &[Turn], scene: &Scene, config: &Config) -> Metrics {
    let mut figures = metrics::metrics(parties, turns, scene.duration, scene.comparison, &config.metrics);
    if let Some(silences) = figures.non_talk.take() {
        let silences = unexcused(silences, &scene.excused, config.metrics.non_talk_ms);
        figures.non_talk_ms = Some(total(&silences));
        figures.non_talk = Some(silences);
    }
    if !scene.breaks.is_empty() {
        figures.response_ms = figures.response_ms.map(|_| metrics::response_times(turns, &scene.breaks));
    }
    // Parties that are not told apart have no figures, and nor has a track that repeats another.
    let told = |index: usize| tracks.iter().any(|t| t.track.index == index && !is_unresolved(t) && t.repeats.is_none());
    figures.by_track.retain(|party| told(party.track));
    figures
}
