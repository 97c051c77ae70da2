//! The call's timeline: where each track lies on it, and what happens on it.

use serde::{Deserialize, Serialize};

use crate::units::{Millis, Ppm, Span};

/// How a placement was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// The reference track, or a track that shares its file.
    Reference,
    /// The other party, a tone or music is audible on both tracks.
    Bleed,
    /// The caller gave the offset.
    Given,
    /// One recorder made both tracks: they have equal lengths.
    Lengths,
    /// The provider's start times.
    Timestamps,
    /// Turn taking between the parties.
    Turns,
    /// The offset prior of the configuration.
    Prior,
    /// No evidence: the tracks start together.
    None,
}

impl Method {
    /// Returns the method's name, as in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Bleed => "bleed",
            Self::Given => "given",
            Self::Lengths => "lengths",
            Self::Timestamps => "timestamps",
            Self::Turns => "turns",
            Self::Prior => "prior",
            Self::None => "none",
        }
    }
}

/// The same moment in a track's time and in the call's time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Millis, Millis)", into = "(Millis, Millis)")]
pub struct Knot {
    /// Time on the track.
    pub track: Millis,
    /// Time on the call.
    pub call: Millis,
}

impl From<(Millis, Millis)> for Knot {
    fn from((track, call): (Millis, Millis)) -> Self {
        Self { track, call }
    }
}

impl From<Knot> for (Millis, Millis) {
    fn from(knot: Knot) -> Self {
        (knot.track, knot.call)
    }
}

/// A track's placement: an invertible map between the track's time and the call's.
///
/// Piecewise linear, extrapolated at both ends; both axes are non-decreasing. Two knots at one
/// track time are lost audio: the call's time advances and the track's does not. A placement has at
/// least one knot.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    knots: Vec<Knot>,
    /// How the placement was found.
    pub method: Method,
    /// The probability that the placement is within 250 ms of the truth.
    pub confidence: f64,
    /// Half the width of the 90 % interval around the placement.
    pub uncertainty: Millis,
}

impl Placement {
    /// Creates a placement from a single offset: the call time of the track's first sample.
    pub fn at(offset: Millis, method: Method, confidence: f64, uncertainty: Millis) -> Self {
        Self { knots: vec![Knot { track: Millis(0.0), call: offset }], method, confidence, uncertainty }
    }

    /// Creates the placement of the reference track.
    pub fn reference() -> Self {
        Self::at(Millis(0.0), Method::Reference, 1.0, Millis(0.0))
    }

    /// Creates a placement through knots. Knots at which either time would decrease are dropped;
    /// without knots, the offset is 0.
    pub fn through(knots: Vec<Knot>, method: Method, confidence: f64, uncertainty: Millis) -> Self {
        let mut placement = Self { knots: Vec::with_capacity(knots.len()), method, confidence, uncertainty };
        for knot in knots {
            let rises = placement.knots.last().is_none_or(|last| knot.track >= last.track && knot.call > last.call);
            if rises && knot.track.0.is_finite() && knot.call.0.is_finite() {
                placement.knots.push(knot);
            }
        }
        if placement.knots.is_empty() {
            placement.knots.push(Knot { track: Millis(0.0), call: Millis(0.0) });
        }
        placement
    }

    /// Returns the placement shifted later by `by`.
    #[must_use]
    pub fn shifted(mut self, by: Millis) -> Self {
        for knot in &mut self.knots {
            knot.call = knot.call + by;
        }
        self
    }

    /// Returns the knots of the map.
    pub fn knots(&self) -> &[Knot] {
        &self.knots
    }

    /// Returns the call time of the track's first sample.
    pub fn offset(&self) -> Millis {
        self.to_call(Millis(0.0))
    }

    /// Returns the recorder's clock error over the whole placement, without lost audio.
    pub fn drift(&self) -> Ppm {
        let (mut track, mut call) = (0.0, 0.0);
        for pair in self.knots.windows(2) {
            if let [a, b] = pair
                && b.track > a.track
            {
                track += b.track.0 - a.track.0;
                call += b.call.0 - a.call.0;
            }
        }
        Ppm(if call > 0.0 { (track / call - 1.0) * 1e6 } else { 0.0 })
    }

    /// Converts a track time to the call's time. At lost audio, returns the time after it.
    pub fn to_call(&self, time: Millis) -> Millis {
        let i = self.knots.partition_point(|k| k.track <= time).saturating_sub(1);
        interpolate(&self.knots, i, time, |k| k.track, |k| k.call)
    }

    /// Converts a call time to the track's time. Within lost audio, returns the moment of the loss.
    pub fn to_track(&self, time: Millis) -> Millis {
        let i = self.knots.partition_point(|k| k.call <= time).saturating_sub(1);
        interpolate(&self.knots, i, time, |k| k.call, |k| k.track)
    }

    /// Converts a span of the track to the call's timeline.
    pub fn span_to_call(&self, span: Span) -> Span {
        Span { start: self.to_call(span.start), end: self.to_call_before(span.end) }
    }

    /// Converts the end of something on the track to the call's time. At lost audio, returns the
    /// time before it.
    fn to_call_before(&self, time: Millis) -> Millis {
        let i = self.knots.partition_point(|k| k.track < time).saturating_sub(1);
        interpolate(&self.knots, i, time, |k| k.track, |k| k.call)
    }
}

/// Returns the value at `time` on the line through knot `i` and the next different one, or the
/// previous one at the end.
fn interpolate(
    knots: &[Knot],
    i: usize,
    time: Millis,
    from: impl Fn(&Knot) -> Millis,
    to: impl Fn(&Knot) -> Millis,
) -> Millis {
    let Some(here) = knots.get(i) else { return time };
    let slope_of = |a: &Knot, b: &Knot| {
        let run = from(b).0 - from(a).0;
        (run > 0.0).then(|| (to(b).0 - to(a).0) / run)
    };
    let ahead = knots.get(i + 1).and_then(|next| slope_of(here, next));
    let behind = || knots[..=i].windows(2).rev().find_map(|p| slope_of(&p[0], &p[1]).filter(|&s| s > 0.0));
    let slope = ahead.or_else(behind).unwrap_or(1.0);
    Millis(to(here).0 + (time.0 - from(here).0) * slope)
}

/// An echo of one track on another that cannot be chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeardEcho {
    /// Indices of the tracks on which it is heard, and from which it comes.
    pub hearer: usize,
    pub talker: usize,
    /// When it is heard, in the hearer's time.
    pub at: Millis,
    /// How much later it is heard than the placements say.
    pub delay: Millis,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A key of the telephone keypad.
    Dtmf,
    /// The tone that a caller hears while the line rings.
    Ringback,
    /// The tone for a busy party.
    Busy,
    /// The tone for a busy network.
    Congestion,
    /// A special information tone before an announcement.
    Sit,
    /// A fax machine calling (`cng`) or answering (`ced`).
    Fax,
    /// The beep of an answering machine.
    Beep,
    /// Music, usually on hold.
    Music,
    /// No party makes a sound.
    Silence,
    /// Samples of exactly zero for at least a second.
    DigitalZero,
    /// A short gap in the sound.
    Dropout,
    /// Samples at full scale.
    Clipping,
}

impl EventKind {
    /// Returns the kind's name, as in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dtmf => "dtmf",
            Self::Ringback => "ringback",
            Self::Busy => "busy",
            Self::Congestion => "congestion",
            Self::Sit => "sit",
            Self::Fax => "fax",
            Self::Beep => "beep",
            Self::Music => "music",
            Self::Silence => "silence",
            Self::DigitalZero => "digital_zero",
            Self::Dropout => "dropout",
            Self::Clipping => "clipping",
        }
    }

    /// Returns `true` if an event of this kind is one short burst, rather than a train or a longer
    /// span.
    pub const fn is_burst(self) -> bool {
        matches!(self, Self::Dtmf | Self::Fax | Self::Beep | Self::Sit)
    }

    /// Returns `true` if an event of this kind is made of tones. A speech detector sometimes takes
    /// them for speech.
    pub(crate) const fn is_tone(self) -> bool {
        self.is_burst() || matches!(self, Self::Ringback | Self::Busy | Self::Congestion)
    }
}

/// An event, on the timeline that its owner names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    #[serde(flatten)]
    pub span: Span,
    /// Details: a digit, `cng`, the country of a tone.
    pub detail: Option<String>,
    /// Confidence, from 0 to 1.
    pub confidence: f64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(knots: &[(f64, f64)]) -> Placement {
        let knots = knots.iter().map(|&(t, c)| Knot { track: Millis(t), call: Millis(c) }).collect();
        Placement::through(knots, Method::Bleed, 0.9, Millis(10.0))
    }

    #[test]
    fn a_method_is_named_as_in_json() {
        for method in [Method::Reference, Method::Bleed, Method::Timestamps, Method::Turns, Method::Prior, Method::None]
        {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
    }

    #[test]
    fn one_offset_moves_every_moment_alike() {
        let p = Placement::at(Millis(1234.5), Method::Timestamps, 0.44, Millis(680.0));
        assert_eq!(p.to_call(Millis(100.0)), Millis(1334.5));
        assert_eq!(p.to_track(Millis(1334.5)), Millis(100.0));
        assert_eq!(p.drift(), Ppm(0.0));
    }

    #[test]
    fn lost_audio_is_a_step_of_the_calls_time() {
        // 100 ms are lost at 1000 ms of the track.
        let p = placed(&[(0.0, 0.0), (1000.0, 1000.0), (1000.0, 1100.0), (2000.0, 2100.0)]);
        assert_eq!(p.to_call(Millis(999.0)), Millis(999.0));
        assert_eq!(p.to_call(Millis(1000.0)), Millis(1100.0));
        assert_eq!(p.to_track(Millis(1050.0)), Millis(1000.0));
        assert_eq!(p.to_call(Millis(3000.0)), Millis(3100.0), "the last slope goes on");
        assert_eq!(p.span_to_call(Span::new(500.0, 1000.0)), Span::new(500.0, 1000.0), "a span ends before the loss");
        assert_eq!(p.drift(), Ppm(0.0));
    }

    #[test]
    fn a_fast_clock_has_a_positive_drift() {
        let p = placed(&[(0.0, 500.0), (100_010.0, 100_500.0)]);
        assert!((p.drift().0 - 100.0).abs() < 1e-6);
        assert_eq!(p.offset(), Millis(500.0));
    }

    #[test]
    fn knots_that_fall_are_left_out() {
        let p = placed(&[(0.0, 0.0), (10.0, -5.0), (20.0, f64::NAN), (30.0, 30.0)]);
        assert_eq!(p.knots().len(), 2);
        assert_eq!(placed(&[]).to_call(Millis(7.0)), Millis(7.0));
    }

    proptest! {
        #[test]
        fn the_map_inverts_wherever_audio_is(
            steps in prop::collection::vec((1.0..50_000.0f64, 0.9998..1.0002f64, 0.0..2_000.0f64), 1..8),
            offset in 0.0..10_000.0f64,
            at in 0.0..1.0f64,
        ) {
            let mut knots = vec![(0.0, offset)];
            let (mut track, mut call) = (0.0, offset);
            for (run, slope, lost) in steps {
                track += run;
                call += run * slope;
                knots.push((track, call));
                if lost > 1.0 {
                    call += lost;
                    knots.push((track, call));
                }
            }
            let p = placed(&knots);
            let time = Millis(at * track);
            prop_assert!((p.to_track(p.to_call(time)).0 - time.0).abs() < 1e-6);
        }
    }
}
