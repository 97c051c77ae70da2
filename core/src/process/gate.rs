//! Step 5, second half: each track on the call's timeline, with its party's own speech, bleed and
//! events.

use crate::call::Role;
use crate::config::{Config, Edges};
use crate::error::Result;
use crate::events::{self, TrackEvent};
use crate::level::Level;
use crate::mix::PartyLevel;
use crate::report::{Bleed, VoiceReport, rounded};
use crate::run::RunOptions;
use crate::speech::{self, BleedSpan, GateInput, Gated, LegInput};
use crate::threads;
use crate::timeline::{Event, EventKind, HeardEcho, Placement};
use crate::units::{Decibels, Millis, Span, without, without_all};
use crate::vad::Probabilities;

use super::analyze::TrackAnalysis;
use super::partition::ReadTrack;
use super::place::Placements;
use super::runaway;

/// The separated voices of a track.
pub(super) struct TrackVoices {
    /// The voices in the order of their first speech, in the call's time.
    pub voices: Vec<VoiceReport>,
    /// The expected share of speech time that is with its right voice. `None` without speech.
    pub confidence: Option<f64>,
    /// Whether a recorded announcement was removed from the voices.
    pub announced: bool,
    /// Whether a single voice is one party alone for sure. If not, others may speak besides: one
    /// too faint to be a party's, or words unlike it.
    pub alone: bool,
}

/// A track on the call's timeline.
pub(super) struct PlacedTrack {
    pub track: ReadTrack,
    pub placement: Placement,
    /// The party's own speech, in the call's time.
    pub speech: Vec<Span>,
    /// Other parties' bleed, in the call's time.
    pub bleed: Vec<Bleed>,
    /// Own speech according to the detector's probabilities alone, in the call's time.
    pub voiced: Vec<Span>,
    /// Where a recorded announcement plays in a loop, in the call's time. Speech there is no
    /// party's.
    pub announced: Option<Span>,
    /// Events on this track, in the call's time.
    pub events: Vec<Event>,
    pub noise: Option<Decibels>,
    pub gain: Decibels,
    pub party_level: PartyLevel,
    /// Share of hops with a signal above `outcome.deadDbov`.
    pub alive: f64,
    /// An earlier track with the same audio. This track is then neither counted nor mixed.
    pub repeats: Option<usize>,
    /// Whether the track holds several parties: it is recorded as mixed, or delivered for two
    /// parties.
    pub shared: bool,
    /// The voices of a mixed track, if they could be separated.
    pub voices: Option<TrackVoices>,
}

/// A track's speech after the gate, in its own time.
struct OwnSpeech {
    /// Own speech without tones and background, and bleed.
    gated: Gated,
    /// Background that was taken for own speech.
    background: Vec<Span>,
}

impl OwnSpeech {
    fn new(mut gated: Gated, track: &ReadTrack, events: &[TrackEvent], config: &Config) -> Self {
        let least = config.speech.min_speech_ms;
        gated.own = without_tones(&gated.own, events, least);
        // The spans of Silero's rule are told to the sample.
        if config.speech.edges == Edges::Detector {
            return Self { gated, background: Vec::new() };
        }
        let sounds: Vec<Span> = sounds(track).into_iter().chain(gated.bleed.iter().map(|bled| bled.span)).collect();
        let background = speech::background(&track.analysis.level, &gated.own, &sounds);
        gated.own = without_stretches(&gated.own, &background, least);
        Self { gated, background }
    }
}

/// Returns spans without stretches of them. What is left of a span is kept if it is longer than
/// `least`.
fn without_stretches(spans: &[Span], stretches: &[Span], least: Millis) -> Vec<Span> {
    let mut left = Vec::with_capacity(spans.len());
    let mut rest = stretches;
    for span in spans {
        let (here, later) = rest.split_at(rest.iter().take_while(|stretch| stretch.start < span.end).count());
        rest = later;
        let pieces = without_all(std::slice::from_ref(span), here);
        left.extend(pieces.into_iter().filter(|piece| here.is_empty() || piece.duration() > least));
    }
    left
}

/// Returns the sounds of a track that a speech detector may take for speech, in its own time.
pub(super) fn sounds(track: &ReadTrack) -> Vec<Span> {
    let heard = |sound: &&TrackEvent| sound.kind.is_tone() || sound.kind == EventKind::Music;
    let sounds = track.analysis.events.iter().filter(heard);
    sounds.map(|sound| Span::new(sound.start_ms, sound.end_ms)).collect()
}

/// Separates each track's speech into own speech and bleed, and removes events that bled from other
/// tracks. Where bleed shows that channels of one recording run apart, their placements follow.
///
/// # Errors
/// `cancelled`.
pub(super) fn gate(
    tracks: Vec<ReadTrack>,
    places: &mut Placements,
    config: &Config,
    run: &RunOptions,
) -> Result<Vec<PlacedTrack>> {
    let (mut gated, echoes) = own_speech(&tracks, &places.placements, config, run)?;
    if runaway::follow(&tracks, places, &echoes, config, run) {
        gated = own_speech(&tracks, &places.placements, config, run)?.0;
    }
    let events = own_events(&tracks, &places.placements);
    let heard = gated.into_iter().zip(&tracks).zip(&events);
    let heard: Vec<OwnSpeech> =
        threads::map(heard.collect(), |((gated, track), events)| OwnSpeech::new(gated, track, events, config));
    let floors = floors(&tracks, &places.placements, &heard, config);
    let indices: Vec<usize> = tracks.iter().map(|track| track.index).collect();
    let parts = tracks.into_iter().zip(&places.placements).zip(heard).zip(floors).zip(events);
    let placed = threads::map(parts.collect(), |((((track, placement), heard), floor), events)| {
        let repeats = places.repeated.iter().find(|pair| pair.1 == track.index).map(|pair| pair.0);
        let delivered_twice = places.repeated.iter().any(|pair| pair.0 == track.index || pair.1 == track.index);
        let placed = PlacedTrack::new(track, placement.clone(), heard, floor, &events, &indices, config);
        PlacedTrack { repeats, shared: placed.shared || delivered_twice, ..placed }
    });
    Ok(placed)
}

impl PlacedTrack {
    fn new(
        track: ReadTrack,
        placement: Placement,
        heard: OwnSpeech,
        floor: Option<Decibels>,
        events: &[TrackEvent],
        indices: &[usize],
        config: &Config,
    ) -> Self {
        let OwnSpeech { gated: Gated { mut own, bleed }, background } = heard;
        let level = &track.analysis.level;
        own.retain(|&span| speech::reaches(&level.hops, span, floor));
        let noise = level.hops.noise(&own);
        let party_level = PartyLevel::new(level, &own, noise);
        let voiced = voiced(&track.analysis.speech, &bleed, config.speech.threshold);
        let voiced = without_all(&voiced, &background).into_iter();
        let voiced = voiced.filter(|&run| speech::reaches(&level.hops, run, floor));
        let from = |place: usize| indices.get(place).copied().unwrap_or(place);
        let bled = |b: &BleedSpan| Bleed { span: placement.span_to_call(b.span), from_track: from(b.from) };
        Self {
            speech: own.iter().map(|&span| placement.span_to_call(span)).collect(),
            bleed: bleed.iter().map(bled).collect(),
            voiced: voiced.map(|span| placement.span_to_call(span)).collect(),
            announced: None,
            gain: party_level.gain(config.mix.level),
            party_level,
            alive: alive(level, config.outcome.dead_dbov),
            events: events.iter().map(|heard| event(heard, &placement)).collect(),
            noise,
            placement,
            repeats: None,
            shared: track.role == Role::Mixed,
            voices: None,
            track,
        }
    }

    /// Returns spans of this track without those of a recorded announcement.
    pub(super) fn of_parties(&self, spans: &[Span]) -> Vec<Span> {
        self.announced.map_or_else(|| spans.to_vec(), |stretch| without(spans, stretch))
    }

    /// Returns the end of the recording in the call's time.
    pub(super) fn end(&self) -> Millis {
        self.placement.to_call(self.track.analysis.duration)
    }
}

/// Returns own speech and bleed of every track, in its own time, and the certain echoes.
fn own_speech(
    tracks: &[ReadTrack],
    placements: &[Placement],
    config: &Config,
    run: &RunOptions,
) -> Result<(Vec<Gated>, Vec<HeardEcho>)> {
    let spans = threads::map(tracks.iter().collect(), |track| spans(&track.analysis, config));
    let inputs = spans.iter().zip(tracks).zip(placements).map(|((spans, track), placement)| GateInput {
        spans,
        samples: track.analysis.narrowband(),
        placement,
    });
    speech::gate_with_echoes(&inputs.collect::<Vec<_>>(), config, &run.cancel)
}

fn spans(analysis: &TrackAnalysis, config: &Config) -> Vec<Span> {
    speech::located(&analysis.speech, analysis.level.hops.power(), analysis.duration, &config.speech)
}

/// Removes single tones and keys from spans of speech. What remains of such a span is kept if it is
/// at least `min` long.
fn without_tones(speech: &[Span], events: &[TrackEvent], min: Millis) -> Vec<Span> {
    let tones = events.iter().filter(|e| e.kind.is_burst());
    let tones: Vec<Span> = tones.map(|e| Span::new(e.start_ms, e.end_ms)).collect();
    let mut left = Vec::with_capacity(speech.len());
    for &span in speech {
        let mut rest = span;
        for tone in tones.iter().filter(|tone| tone.overlap(&span).is_some()) {
            let before = Span { start: rest.start, end: tone.start.min(rest.end) };
            left.extend((before.end - before.start > min).then_some(before));
            rest.start = rest.start.max(tone.end);
        }
        left.extend((rest == span || rest.end - rest.start > min).then_some(rest));
    }
    left
}

/// Returns each track's level floor, if it has one.
fn floors(
    tracks: &[ReadTrack],
    placements: &[Placement],
    heard: &[OwnSpeech],
    config: &Config,
) -> Vec<Option<Decibels>> {
    let legs = tracks.iter().zip(placements).zip(heard).map(|((track, placement), heard)| LegInput {
        speech: &heard.gated.own,
        level: &track.analysis.level,
        placement,
    });
    let uncertainty = placements.iter().map(|p| p.uncertainty).fold(Millis(0.0), Millis::max);
    speech::floors(&legs.collect::<Vec<_>>(), uncertainty <= config.metrics.max_uncertainty_ms)
}

/// Largest distance in milliseconds of the same event on two tracks. An echo arrives up to 200 ms
/// late, and frames add their width.
const SAME_EVENT_MS: f64 = 300.0;

/// Returns every track's events without those that bled from other tracks.
fn own_events(tracks: &[ReadTrack], placements: &[Placement]) -> Vec<Vec<TrackEvent>> {
    let mut all: Vec<Vec<TrackEvent>> = tracks.iter().map(|track| track.analysis.events.clone()).collect();
    let comparable: Vec<bool> = placements.iter().map(|p| p.uncertainty.0 <= SAME_EVENT_MS).collect();
    let to_call = |track: usize, ms: f64| placements.get(track).map_or(ms, |p| p.to_call(Millis(ms)).0);
    events::dedupe(&mut all, &comparable, SAME_EVENT_MS, to_call);
    all
}

/// Places an event on the call's timeline.
pub(super) fn event(heard: &TrackEvent, placement: &Placement) -> Event {
    Event {
        kind: heard.kind,
        span: placement.span_to_call(Span::new(heard.start_ms, heard.end_ms)),
        detail: heard.detail.clone(),
        confidence: rounded(f64::from(heard.confidence)),
    }
}

/// Returns the spans above the detector's threshold that are not bleed, in the track's time.
fn voiced(speech: &Probabilities, bleed: &[BleedSpan], threshold: f32) -> Vec<Span> {
    let hop = speech.hop.0;
    let mut rest = bleed;
    let mut runs: Vec<Span> = Vec::new();
    for (i, _) in speech.values.iter().enumerate().filter(|(_, p)| **p >= threshold) {
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

/// Returns the share of a track's hops above a level.
fn alive(level: &Level, limit: Decibels) -> f64 {
    let power = 10f64.powf(limit.0 / 10.0) as f32;
    let above = level.hops.power().iter().filter(|&&p| p > power).count();
    above as f64 / level.hops.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_background_leaves_of_a_span_is_as_long_as_speech() {
        let seconds = |spans: &[(f64, f64)]| -> Vec<Span> {
            spans.iter().map(|&(start, end)| Span::new(1000.0 * start, 1000.0 * end)).collect()
        };
        let spans = seconds(&[(0.0, 0.1), (1.0, 3.0), (4.0, 5.0), (6.0, 7.0)]);
        let stretches = seconds(&[(1.0, 1.5), (2.5, 3.0), (4.0, 4.9), (6.0, 7.0)]);
        let left = without_stretches(&spans, &stretches, Millis(120.0));
        assert_eq!(left, seconds(&[(0.0, 0.1), (1.5, 2.5)]), "100 ms are kept if they were all of it");
        assert_eq!(without_all(&spans, &stretches), seconds(&[(0.0, 0.1), (1.5, 2.5), (4.9, 5.0)]));
        let wide = seconds(&[(0.05, 1.2), (2.0, 6.5)]);
        assert_eq!(without_all(&spans, &wide), seconds(&[(0.0, 0.05), (1.2, 2.0), (6.5, 7.0)]));
    }

    #[test]
    fn speech_ends_at_a_tone_and_goes_on_after_it() {
        let tone = |kind, start_ms: f64, end_ms: f64| TrackEvent {
            kind,
            start_ms,
            end_ms,
            detail: None,
            confidence: 1.0,
            level_dbov: -20.0,
        };
        let cut = |events: &[TrackEvent]| without_tones(&[Span::new(100.0, 2_000.0)], events, Millis(120.0));
        assert_eq!(cut(&[tone(EventKind::Music, 0.0, 3_000.0)]), [Span::new(100.0, 2_000.0)]);
        assert_eq!(cut(&[tone(EventKind::Fax, 3_000.0, 3_500.0)]), [Span::new(100.0, 2_000.0)]);
        let two = [tone(EventKind::Fax, 0.0, 600.0), tone(EventKind::Fax, 1_300.0, 1_900.0)];
        assert_eq!(cut(&two), [Span::new(600.0, 1_300.0)], "100 ms after the second are nobody's word");
        assert_eq!(cut(&[tone(EventKind::Beep, 50.0, 2_100.0)]), []);
        let keys = [tone(EventKind::Dtmf, 500.0, 650.0), tone(EventKind::Dtmf, 700.0, 850.0)];
        assert_eq!(cut(&keys), [Span::new(100.0, 500.0), Span::new(850.0, 2_000.0)], "keys are no word");
    }
}
