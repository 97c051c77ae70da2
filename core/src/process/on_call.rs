//! One track on the call's timeline: its own speech, what bled, what else sounds.

use crate::config::Config;
use crate::events::{self, TrackEvent};
use crate::level::Level;
use crate::mix;
use crate::report::{Bleed, rounded};
use crate::speech::{self, BleedSpan, GateInput, Gated};
use crate::timeline::{Event, Placement};
use crate::units::{Decibels, Millis, Span};
use crate::vad::Probabilities;

use super::hear::{NOTHING, TrackAnalysis};
use super::lanes::CallTrack;

/// A track on the call's timeline.
pub(super) struct PlacedAnalysis {
    pub placement: Placement,
    /// Own speech, in the call's time.
    pub speech: Vec<Span>,
    /// Other parties, heard faintly, in the call's time.
    pub bleed: Vec<Bleed>,
    /// Own speech by the detector's probabilities alone, in the call's time.
    pub voiced: Vec<Span>,
    /// What else sounds on this track, in the call's time.
    pub events: Vec<Event>,
    pub noise: Option<Decibels>,
    pub gain: Decibels,
    /// Share of its hops that carry a signal: above `outcome.deadDbov`.
    pub alive: f64,
}

impl PlacedAnalysis {
    pub(super) fn new(
        heard: &TrackAnalysis,
        placement: Placement,
        gated: Gated,
        sounds: &[TrackEvent],
        config: &Config,
    ) -> Self {
        let Gated { own, bleed } = gated;
        let noise = heard.level.hops.noise(&own);
        let voiced = voiced(&heard.voice, &bleed, config.speech.threshold).into_iter();
        let bled = |b: &BleedSpan| Bleed { span: placement.span_to_call(b.span), from_track: b.from };
        Self {
            speech: own.iter().map(|&span| placement.span_to_call(span)).collect(),
            bleed: bleed.iter().map(bled).collect(),
            voiced: voiced.map(|span| placement.span_to_call(span)).collect(),
            gain: mix::gain(&heard.level, &own, noise, config.mix.level),
            alive: alive(&heard.level, config.outcome.dead_dbov),
            events: sounds.iter().map(|sound| event(sound, &placement)).collect(),
            noise,
            placement,
        }
    }
}

/// Own speech and bleed of every track, in its own time; nothing for one that could not be read.
pub(super) fn gate(lanes: &[CallTrack], placements: &[Option<Placement>], config: &Config) -> Vec<Gated> {
    let spans: Vec<Vec<Span>> =
        lanes.iter().map(|lane| lane.heard.as_ref().map_or_else(|_| Vec::new(), |h| spans(h, config))).collect();
    let nowhere = Placement::reference();
    let inputs = spans.iter().zip(lanes).zip(placements).map(|((spans, lane), placement)| GateInput {
        spans,
        samples: lane.heard.as_ref().map_or(NOTHING, TrackAnalysis::narrow),
        placement: placement.as_ref().unwrap_or(&nowhere),
    });
    speech::gate(&inputs.collect::<Vec<_>>(), config)
}

fn spans(heard: &TrackAnalysis, config: &Config) -> Vec<Span> {
    speech::spans(&heard.voice, heard.duration, &config.speech)
}

/// How far apart the same sound may lie on two tracks: an echo comes up to 200 ms late, and frames add their width.
const SAME_SOUND_MS: f64 = 300.0;

/// Every track's sounds without those of other tracks that bled here.
pub(super) fn own_sounds(lanes: &[CallTrack], placements: &[Option<Placement>]) -> Vec<Vec<TrackEvent>> {
    let mut all: Vec<Vec<TrackEvent>> =
        lanes.iter().map(|lane| lane.heard.as_ref().map(|h| h.sounds.clone()).unwrap_or_default()).collect();
    let lies = |p: &Option<Placement>| p.as_ref().is_some_and(|p| p.uncertainty.0 <= SAME_SOUND_MS);
    let comparable: Vec<bool> = placements.iter().map(lies).collect();
    let to_call = |track: usize, ms: f64| match placements.get(track) {
        Some(Some(placement)) => placement.to_call(Millis(ms)).0,
        _ => ms,
    };
    events::dedupe(&mut all, &comparable, SAME_SOUND_MS, to_call);
    all
}

/// A sound on the call's timeline.
pub(super) fn event(sound: &TrackEvent, placement: &Placement) -> Event {
    Event {
        kind: sound.kind,
        span: placement.span_to_call(Span::new(sound.start_ms, sound.end_ms)),
        detail: sound.detail.clone(),
        confidence: rounded(f64::from(sound.confidence)),
    }
}

/// Where the detector is above its threshold, and not in bleed, in the track's time.
fn voiced(voice: &Probabilities, bleed: &[BleedSpan], threshold: f32) -> Vec<Span> {
    let hop = voice.hop.0;
    let mut rest = bleed;
    let mut runs: Vec<Span> = Vec::new();
    for (i, _) in voice.values.iter().enumerate().filter(|(_, p)| **p >= threshold) {
        let frame = Span::new(i as f64 * hop, (i + 1) as f64 * hop);
        let middle = (i as f64 + 0.5) * hop;
        let over = rest.iter().take_while(|b| b.span.end.0 <= middle).count();
        rest = rest.get(over..).unwrap_or_default();
        if rest.first().is_some_and(|b| b.span.start.0 <= middle) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if frame.start.0 - run.end.0 < hop / 2.0 => run.end = frame.end,
            _ => runs.push(frame),
        }
    }
    runs
}

/// Share of a track's hops above a limit.
fn alive(level: &Level, limit: Decibels) -> f64 {
    let power = 10f64.powf(limit.0 / 10.0) as f32;
    let above = level.hops.power().iter().filter(|&&p| p > power).count();
    above as f64 / level.hops.len().max(1) as f64
}
