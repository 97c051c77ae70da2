//! How a disturbed call was heard, held against what is known of it.

use crate::call::{Outcome, Tag};
use crate::report::{Report, TrackReport};
use crate::timeline::{Method, Placement};
use crate::units::{Millis, Span};

use super::disturb::{Disturbance, TrueTrack};
use super::known::KnownCall;

/// Time between two samples of a placement's error.
const GRID_MS: f64 = 50.0;
/// A frame of speech scoring.
const FRAME_MS: f64 = 10.0;
/// Tracks with less sound in common are not judged.
const MIN_COMMON_MS: f64 = 1000.0;

/// What came of one disturbed call.
#[derive(Debug, Clone)]
pub(super) struct TrialScore {
    pub kind: Disturbance,
    pub placed: Option<PlacedScore>,
    pub speech: Frames,
    pub voices: Option<VoiceFrames>,
    pub tags: (Tag, Tag),
    pub outcomes: (Outcome, Outcome),
}

/// How far off a placement is.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedScore {
    /// The median of the error over the time that both tracks hold.
    pub error_ms: f64,
    /// The confidence that was said.
    pub said: f64,
    /// The error if both began together, if both ended together, and by whole seconds.
    pub shortcuts: [f64; 3],
}

/// Frames of speech, as heard against as known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Frames {
    pub both: u64,
    pub added: u64,
    pub missed: u64,
    pub neither: u64,
}

/// Frames of one party's speech on a summed track.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct VoiceFrames {
    /// Whether both parties speak, and voices were told apart.
    pub apart: bool,
    /// Frames with the right voice, and with any.
    pub right: u64,
    pub any: u64,
    /// The share that was said to be right.
    pub said: Option<f64>,
}

/// Holds a report against what is known; `None` where a track could not be read.
pub(super) fn score(call: &KnownCall, kind: Disturbance, truth: &[TrueTrack], report: &Report) -> Option<TrialScore> {
    let (mut speech, mut placed, mut voices) = (Frames::default(), None, None);
    if kind == Disturbance::Summed {
        let track = report.tracks.first()?;
        voices = both_speak(call).then(|| voice_frames(call, track));
        speech.add(frames(
            call.length(),
            |at| speaks(call, 0, at) || speaks(call, 1, at),
            |at| holds(&track.speech, at),
        ));
    } else {
        let found = report.tracks.iter().map(placement).collect::<Option<Vec<_>>>()?;
        let ([a, b], [first, second]) = (truth, found.as_slice()) else { return None };
        placed = place_score((a, first), (b, second));
        for (channel, ((truth, found), track)) in truth.iter().zip(&found).zip(&report.tracks).enumerate() {
            let known = |at| speaks(call, channel, truth.placement.to_call(at));
            speech.add(frames(truth.length, known, |at| holds(&track.speech, found.to_call(at))));
        }
    }
    let tags = (call.report.tag.value, report.tag.value);
    let outcomes = (call.report.outcome.value, report.outcome.value);
    Some(TrialScore { kind, placed, speech, voices, tags, outcomes })
}

/// Where a report says that a track lies.
fn placement(track: &TrackReport) -> Option<Placement> {
    let told = track.alignment.as_ref()?;
    Some(Placement::through(told.knots.clone(), told.method, told.confidence, told.uncertainty_ms))
}

/// Judges two placements as a listener would: wherever both tracks hold sound, how far apart the
/// two end up that belong together.
fn place_score((a, found_a): (&TrueTrack, &Placement), (b, found_b): (&TrueTrack, &Placement)) -> Option<PlacedScore> {
    let end = |track: &TrueTrack| track.placement.to_call(track.length).0;
    let from = a.placement.offset().0.max(b.placement.offset().0);
    let common = end(a).min(end(b)) - from;
    if common < MIN_COMMON_MS {
        return None;
    }
    let moments = (0..(common / GRID_MS) as usize).map(|i| Millis(from + i as f64 * GRID_MS));
    let tracks: Vec<(Millis, Millis)> =
        moments.map(|at| (a.placement.to_track(at), b.placement.to_track(at))).collect();
    let apart = |offset: f64| median(tracks.iter().map(|(a, b)| (offset + b.0 - a.0).abs()));
    let said = [found_a, found_b].into_iter().filter(|p| p.method != Method::Reference).map(|p| p.confidence);
    Some(PlacedScore {
        error_ms: median(tracks.iter().map(|&(a, b)| (found_b.to_call(b).0 - found_a.to_call(a).0).abs())),
        said: said.fold(1.0, f64::min),
        shortcuts: [0.0, a.length.0 - b.length.0, (b.second - a.second) * 1000.0].map(apart),
    })
}

/// The middle value; 0 of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values.collect(), 0.5)
}

/// The value below which a share of the values lies, between the nearest two; 0 of none.
pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = share * values.len().saturating_sub(1) as f64;
    let value = |i: usize| values.get(i).copied().unwrap_or(0.0);
    value(at as usize) + at.fract() * (value(at.ceil() as usize) - value(at as usize))
}

impl Frames {
    pub(super) fn add(&mut self, other: Self) {
        self.both += other.both;
        self.added += other.added;
        self.missed += other.missed;
        self.neither += other.neither;
    }
}

/// Counts the frames of a track by what is known and what is heard at their beginnings.
fn frames(length: Millis, known: impl Fn(Millis) -> bool, heard: impl Fn(Millis) -> bool) -> Frames {
    let mut frames = Frames::default();
    for frame in 0..(length.0 / FRAME_MS) as usize {
        let at = Millis(frame as f64 * FRAME_MS);
        match (known(at), heard(at)) {
            (true, true) => frames.both += 1,
            (false, true) => frames.added += 1,
            (true, false) => frames.missed += 1,
            (false, false) => frames.neither += 1,
        }
    }
    frames
}

/// Whether a channel's party speaks at a moment of the call.
fn speaks(call: &KnownCall, channel: usize, at: Millis) -> bool {
    holds(call.speech(channel), at)
}

/// Whether one of the spans, which are in order, holds a moment.
fn holds(spans: &[Span], at: Millis) -> bool {
    let after = spans.partition_point(|span| span.start <= at);
    after.checked_sub(1).and_then(|i| spans.get(i)).is_some_and(|span| at < span.end)
}

fn both_speak(call: &KnownCall) -> bool {
    [0, 1].iter().all(|&channel| !call.speech(channel).is_empty())
}

/// Counts the frames in which one party speaks and a voice is heard, and those with the right one,
/// by the best pairing of voices and parties.
fn voice_frames(call: &KnownCall, track: &TrackReport) -> VoiceFrames {
    let voices = track.voices.as_deref().unwrap_or_default();
    // By voice, the frames in which one party alone speaks.
    let mut alone = vec![[0u64; 2]; voices.len()];
    for frame in 0..(call.length().0 / FRAME_MS) as usize {
        let at = Millis(frame as f64 * FRAME_MS);
        let party = match (speaks(call, 0, at), speaks(call, 1, at)) {
            (true, false) => 0,
            (false, true) => 1,
            _ => continue,
        };
        for (voice, counts) in voices.iter().zip(&mut alone) {
            counts[party] += u64::from(holds(&voice.speech, at));
        }
    }
    let pairs = (0..alone.len()).flat_map(|i| (0..alone.len()).filter(move |&j| j != i).map(move |j| (i, j)));
    let right = pairs.map(|(i, j)| alone[i][0] + alone[j][1]).max().unwrap_or(0);
    let (apart, said) = (voices.len() > 1, track.voices_confidence.filter(|_| voices.len() > 1));
    let any = if apart { alone.iter().flatten().sum() } else { 0 };
    VoiceFrames { apart, right, any, said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Knot;

    fn known(offset: f64, length: f64, second: f64) -> TrueTrack {
        let placement = Placement::at(Millis(offset), Method::Given, 1.0, Millis(0.0));
        TrueTrack { placement, length: Millis(length), second }
    }

    fn found(offset: f64, method: Method) -> Placement {
        Placement::at(Millis(offset), method, 0.7, Millis(10.0))
    }

    #[test]
    fn a_placement_is_off_by_what_a_listener_hears() {
        let (a, b) = (known(0.0, 60_000.0, 0.0), known(2_400.0, 50_000.0, 2.0));
        let score =
            |b_at: f64| place_score((&a, &found(5.0, Method::Reference)), (&b, &found(b_at, Method::Bleed))).unwrap();
        assert!(score(2_405.0).error_ms < 1e-6 && (score(2_505.0).error_ms - 100.0).abs() < 1e-6);
        assert_eq!(score(2_405.0).said, 0.7);
        // Begun together: 2.4 s off; ended together: 60 - 52.4 s; by seconds: 0.4 s.
        for (shortcut, want) in score(0.0).shortcuts.into_iter().zip([2_400.0, 7_600.0, 400.0]) {
            assert!((shortcut - want).abs() < 1e-6, "{shortcut} {want}");
        }
        let apart = known(59_500.0, 5_000.0, 59.0);
        assert!(place_score((&a, &found(0.0, Method::Reference)), (&apart, &found(0.0, Method::None))).is_none());
    }

    #[test]
    fn lost_audio_counts_where_most_of_the_call_lies() {
        let knot = |track: f64, call: f64| Knot { track: Millis(track), call: Millis(call) };
        let knots = vec![knot(0.0, 0.0), knot(10_000.0, 10_000.0), knot(10_000.0, 13_000.0), knot(57_000.0, 60_000.0)];
        let b = TrueTrack {
            placement: Placement::through(knots, Method::Given, 1.0, Millis(0.0)),
            length: Millis(57_000.0),
            second: 0.0,
        };
        let a = known(0.0, 60_000.0, 0.0);
        let told = place_score((&a, &found(0.0, Method::Reference)), (&b, &found(0.0, Method::Bleed))).unwrap();
        assert!((told.error_ms - 3_000.0).abs() < 1e-6, "{told:?}");
    }

    #[test]
    fn quantiles_lie_between_the_nearest_values() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0, 4.0], 0.5), 2.5);
        assert_eq!((quantile(Vec::new(), 0.5), quantile(vec![7.0], 0.95)), (0.0, 7.0));
    }
}
