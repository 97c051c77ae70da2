//! Between placement and measurement: separates the voices of mixed tracks and assigns roles to
//! them.

use std::iter::zip;

use crate::call::{Direction, Role};
use crate::config::Config;
use crate::error::{Result, Stage};
use crate::level::Level;
use crate::metrics::Party;
use crate::outcome::TrackFacts;
use crate::report::{VoiceReport, rounded};
use crate::run::RunOptions;
use crate::speech;
use crate::timeline::EventKind;
use crate::units::{Millis, Span, joined, without};
use crate::voices::{self, Separation};

use super::gate::{PlacedTrack, TrackVoices, sounds};

/// Lowest probability of nearly all speech being with its right voice at which separated voices
/// are reported.
///
/// Of 525 made calls one lies below. The bound was chosen with one real call of two similar voices
/// in view, whose voices are right.
const LEAST_PROBABILITY: f64 = 0.29;
/// Confidence of a role assigned by who spoke first: the called party answers. It is higher if the
/// line was heard ringing before.
const ANSWERED: (f64, f64) = (0.8, 0.9);
/// The same from which a single voice is one party alone. Below it, a missed answer would make the
/// other party a silent one.
const SURELY_ONE: f64 = 0.9;
/// The shortest rest of speech beside a voice that is cut out: a tenth of a frame.
const LEAST_REST: Millis = Millis(1.0);
/// Confidence of roles among three or more voices.
const AMONG_MORE: f64 = 0.65;

/// Separates the voices of mixed tracks.
///
/// # Errors
/// `cancelled`.
pub(super) fn separate(
    mut tracks: Vec<PlacedTrack>,
    direction: Option<Direction>,
    config: &Config,
    run: &RunOptions,
) -> Result<Vec<PlacedTrack>> {
    for track in tracks.iter_mut().filter(|track| config.voices && track.shared && track.repeats.is_none()) {
        run.check(Stage::Speech)?;
        track.announced = announced(track, run)?;
        let mut found = TrackVoices::of(track, direction, config, run)?;
        // A party whom nobody answers may have said the same before: it is no queue.
        if track.announced.is_some() && found.as_ref().is_none_or(|(told, _)| told.voices.len() < 2) {
            track.announced = None;
            found = TrackVoices::of(track, direction, config, run)?;
        }
        let Some((voices, faint)) = found else { continue };
        // As on a track of its own, what hardly rises above the noise is no party's speech.
        track.speech = cut(&track.speech, &faint);
        track.voiced = cut(&track.voiced, &faint);
        track.voices = Some(voices);
    }
    Ok(tracks)
}

/// Returns where a recorded announcement plays in a loop, in the call's time.
fn announced(placed: &PlacedTrack, run: &RunOptions) -> Result<Option<Span>> {
    let found = voices::announced(
        placed.track.analysis.narrowband(),
        &on_track(placed, &placed.speech),
        &sounds(&placed.track),
        &run.cancel,
    )?;
    Ok(found.map(|stretch| placed.placement.span_to_call(stretch)))
}

/// Returns spans of a track in its own time.
fn on_track(placed: &PlacedTrack, spans: &[Span]) -> Vec<Span> {
    let back = |span: &Span| {
        let (start, end) = (placed.placement.to_track(span.start), placed.placement.to_track(span.end));
        (end > start).then_some(Span { start, end })
    };
    spans.iter().filter_map(back).collect()
}

/// Returns spans without others, and without the rests that rounding leaves.
fn cut(spans: &[Span], others: &[Span]) -> Vec<Span> {
    let mut left = others.iter().fold(spans.to_vec(), |left, &other| without(&left, other));
    left.retain(|span| span.duration() >= LEAST_REST);
    left
}

impl TrackVoices {
    /// Returns the voices of a track, and the speech of voices too faint to be a party's, or `None`
    /// if voices cannot be separated.
    ///
    /// # Errors
    /// `cancelled`.
    fn of(
        placed: &PlacedTrack,
        direction: Option<Direction>,
        config: &Config,
        run: &RunOptions,
    ) -> Result<Option<(Self, Vec<Span>)>> {
        let heard = &placed.track.analysis;
        let spans = on_track(placed, &cut(&placed.speech, placed.announced.as_slice()));
        let sounds = sounds(&placed.track);
        let separate =
            |spans: &[Span]| voices::separate(heard.narrowband(), spans, &sounds, config.portable, &run.cancel);
        let (found, faint) = without_faint(separate(&spans)?, &heard.level, &sounds, separate)?;
        let on_call = |spans: Vec<Span>| spans.into_iter().map(|span| placed.placement.span_to_call(span)).collect();
        let spoken: Vec<Vec<Span>> = found.voices.into_iter().map(on_call).collect();
        let faint: Vec<Span> = on_call(faint);
        let first = spoken.first().and_then(|spans| spans.first()).map_or(Millis(0.0), |span| span.start);
        let rang = placed.events.iter().any(|e| e.kind == EventKind::Ringback && e.span.start < first);
        let roles = roles(&spoken, direction, if rang { ANSWERED.1 } else { ANSWERED.0 });
        let report = |(voice, (speech, (role, confidence)))| VoiceReport {
            voice,
            role,
            role_confidence: found
                .confidence
                .filter(|_| role != Role::Unknown)
                .map(|share| rounded(confidence * share)),
            speech,
        };
        let voices = spoken.into_iter().zip(roles).enumerate().map(report).collect();
        let confidence = found.confidence.map(rounded);
        // Beside a faint voice or words unlike it, a single voice need not be one party alone.
        let surely = found.probability.is_some_and(|probability| probability >= SURELY_ONE);
        let alone = surely && faint.is_empty() && found.alone;
        let told = Self { voices, confidence, announced: false, alone };
        Ok(found.probability.is_none_or(|probability| probability >= LEAST_PROBABILITY).then_some((told, faint)))
    }
}

/// Returns the voices that are no faint ones, and the speech of the faint ones.
///
/// If one voice is left, the faint one was what differed most from it, such as the noise of a room,
/// and two parties may have been taken for that one. So what is left is separated again, once.
fn without_faint(
    found: Separation,
    level: &Level,
    sounds: &[Span],
    separate: impl FnOnce(&[Span]) -> Result<Separation>,
) -> Result<(Separation, Vec<Span>)> {
    let (found, mut faint) = parted(found, level, sounds);
    let [left] = found.voices.as_slice() else { return Ok((found, faint)) };
    if faint.is_empty() {
        return Ok((found, faint));
    }
    let again = separate(&joined(left.clone()))?;
    let (found, fainter) = parted(again, level, &[sounds, &faint].concat());
    faint.extend(fainter);
    Ok((found, faint))
}

/// Returns the voices that are no faint ones, and the speech of those that are.
fn parted(mut found: Separation, level: &Level, sounds: &[Span]) -> (Separation, Vec<Span>) {
    let is_faint = speech::faint_voices(level, &found.voices, sounds);
    let (faint, spoken): (Vec<_>, Vec<_>) = zip(found.voices, is_faint).partition(|(_, faint)| *faint);
    found.voices = spoken.into_iter().map(|(spans, _)| spans).collect();
    (found, faint.into_iter().flat_map(|(spans, _)| spans).collect())
}

impl TrackVoices {
    /// Returns the voices as parties of the call. A single voice next to an announcement needs no
    /// number.
    pub(super) fn parties(&self, track: usize) -> Vec<Party> {
        let several = self.voices.len() > 1;
        let party =
            |told: &VoiceReport| Party { track, voice: several.then_some(told.voice), speech: told.speech.clone() };
        if self.voices.is_empty() {
            return vec![Party { track, voice: None, speech: Vec::new() }];
        }
        self.voices.iter().map(party).collect()
    }

    /// Returns the number of parties that the rules see.
    pub(super) fn seen(&self) -> usize {
        match self.voices.len() {
            0 => 1,
            1 if !self.alone => 1,
            1 => 2,
            several => several,
        }
    }

    /// Returns `true` if there is one voice, in which another party may be hidden.
    pub(super) fn may_hide_another(&self) -> bool {
        self.voices.len() == 1 && !self.alone
    }

    /// Removes a voice because it is a recorded announcement. Returns `false` if it does not exist.
    pub(super) fn drop_announcement(&mut self, place: usize) -> bool {
        if place >= self.voices.len() {
            return false;
        }
        self.voices.remove(place);
        self.voices.iter_mut().enumerate().for_each(|(number, told)| told.voice = number);
        self.announced = true;
        true
    }

    /// Returns the voices as the rules see parties.
    ///
    /// Other sounds on the track may belong to any of them. If one party certainly speaks alone,
    /// the other is present and silent.
    pub(super) fn facts(&self, track: &TrackFacts) -> Vec<TrackFacts> {
        let shared = TrackFacts { role: Role::Mixed, ..track.clone() };
        if self.voices.is_empty() || self.may_hide_another() {
            // Between words, a room's talkers are above the detector's threshold now and then.
            return vec![TrackFacts { voiced: shared.speech.clone(), ..shared }];
        }
        let party = |told: &VoiceReport| TrackFacts {
            role: if told.role == Role::Unknown { Role::Mixed } else { told.role },
            speech: told.speech.clone(),
            voiced: told.speech.clone(),
            ..shared.clone()
        };
        let silent = TrackFacts { speech: Vec::new(), voiced: Vec::new(), ..shared.clone() };
        let alone = (self.voices.len() == 1).then_some(silent);
        self.voices.iter().map(party).chain(alone).collect()
    }
}

/// Returns each voice's role with its probability: the called party speaks first.
fn roles(voices: &[Vec<Span>], direction: Option<Direction>, answered: f64) -> Vec<(Role, f64)> {
    let (called, caller) = match direction {
        Some(Direction::In) => (Role::Agent, Role::Customer),
        Some(Direction::Out) => (Role::Customer, Role::Agent),
        _ => (Role::Unknown, Role::Unknown),
    };
    match voices {
        [_, _] => vec![(called, answered), (caller, answered)],
        [first, others @ ..] if !others.is_empty() && direction == Some(Direction::In) => {
            let ends = first.last().map_or(Millis(0.0), |span| span.end);
            let begins = |voice: &[Span]| voice.first().map_or(Millis(0.0), |span| span.start);
            // The customer spoke to the first agent; who came after that agent took the call over.
            let role = |voice: &Vec<Span>| match begins(voice) {
                start if start >= ends => (Role::Transfer, AMONG_MORE),
                _ if others.iter().filter(|other| begins(other) < ends).count() == 1 => (caller, AMONG_MORE),
                _ => (Role::Unknown, 0.0),
            };
            std::iter::once((called, AMONG_MORE)).chain(others.iter().map(role)).collect()
        }
        _ => vec![(Role::Unknown, 0.0); voices.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::LevelMeter;
    use crate::track::SampleSink;
    use crate::units::Rate;

    fn spoken(at: &[&[(f64, f64)]]) -> Vec<Vec<Span>> {
        at.iter().map(|spans| spans.iter().map(|&(a, b)| Span::new(a, b)).collect()).collect()
    }

    fn names(at: &[&[(f64, f64)]], direction: Option<Direction>) -> Vec<Role> {
        roles(&spoken(at), direction, 0.8).into_iter().map(|(role, _)| role).collect()
    }

    #[test]
    fn the_called_party_speaks_first() {
        let two: &[&[(f64, f64)]] = &[&[(0.0, 1.0)], &[(2.0, 3.0)]];
        assert_eq!(names(two, Some(Direction::In)), [Role::Agent, Role::Customer]);
        assert_eq!(names(two, Some(Direction::Out)), [Role::Customer, Role::Agent]);
        assert_eq!(names(two, None), [Role::Unknown; 2]);
        assert_eq!(names(&two[..1], Some(Direction::In)), [Role::Unknown]);
    }

    #[test]
    fn who_comes_after_the_first_agent_took_the_call_over() {
        let three: &[&[(f64, f64)]] = &[&[(0.0, 1.0), (4.0, 5.0)], &[(2.0, 3.0), (8.0, 9.0)], &[(6.0, 7.0)]];
        assert_eq!(names(three, Some(Direction::In)), [Role::Agent, Role::Customer, Role::Transfer]);
    }

    #[test]
    fn what_a_faint_voice_leaves_is_separated_once_more() {
        // A minute at -50 dBov: speech at -30, and a room at -47 between.
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        let level_at = |s: f64| {
            if s < 4.0 {
                -30.0
            } else if (6.0..8.0).contains(&s) {
                -47.0
            } else {
                -50.0
            }
        };
        let sample = |n: usize| 10f64.powf(level_at(n as f64 / 8_000.0) / 20.0) as f32 * [1.0, -1.0][n % 2];
        meter.push(&(0..480_000).map(sample).collect::<Vec<f32>>());
        let level = meter.finish();
        let found = |at: &[&[(f64, f64)]]| Separation {
            voices: spoken(at),
            confidence: Some(0.9),
            probability: Some(0.9),
            alone: true,
        };
        let (first, second, room) = ((0.0, 2_000.0), (2_000.0, 4_000.0), (6_000.0, 8_000.0));
        let one_and_room = found(&[&[first, second], &[room]]);
        let asked = std::cell::Cell::new(0);
        let (two, faint) = without_faint(one_and_room.clone(), &level, &[], |left| {
            asked.set(asked.get() + 1);
            assert_eq!(left, spoken(&[&[(0.0, 4_000.0)]])[0]);
            Ok(found(&[&[first], &[second]]))
        })
        .unwrap();
        assert_eq!(
            (two.voices, faint, asked.get()),
            (spoken(&[&[first], &[second]]), spoken(&[&[room]])[0].clone(), 1)
        );
        // A room that is found again is dropped again, and that is all.
        let (one, faint) = without_faint(one_and_room, &level, &[], |_| Ok(found(&[&[first], &[room]]))).unwrap();
        assert_eq!((one.voices.len(), faint.len()), (1, 2));
        let never = |_: &[Span]| unreachable!("no voice is faint");
        assert_eq!(without_faint(found(&[&[first], &[second]]), &level, &[], never).unwrap().0.voices.len(), 2);
    }
}
