//! Redacts spans of placed tracks permanently: the audio is replaced by silence or a beep, and
//! everything else keeps its place.
//!
//! Spans are widened by [`PAD`] on either side, because a boundary that was detected, typed or
//! transcribed is rarely exact. On each track, the samples of the widened span are replaced, so
//! that a mix, its peaks and any later copy of the tracks contain nothing of it. Recordings on disk
//! are not changed.

pub use crate::config::Cover;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::timeline::Placement;
use crate::track::{Track, to_i16};
use crate::units::{Millis, Span, joined};

/// Time added before and after every span.
pub const PAD: Millis = Millis(250.0);
/// The beep: a tone of 1 kHz at -20 dBov, as used by broadcasters.
const BEEP_HZ: f64 = 1_000.0;
const BEEP_AMPLITUDE: f64 = 0.141;
/// Length of the fades next to redacted audio, so that cuts do not click.
const FADE_MS: f64 = 5.0;

/// Widens spans of the call's time by [`PAD`], and merges those that then touch.
///
/// # Errors
/// `invalid_argument` for a span that is not finite, ends before it begins, or lies outside the
/// call. Nothing is redacted then, because the span may not mean what should be redacted.
pub(crate) fn widened(spans: &[Span], duration: Millis) -> Result<Vec<Span>> {
    for span in spans {
        let (start, end) = (span.start.0, span.end.0);
        if !(start >= 0.0 && end > start && end <= duration.0) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "a span to redact").with_mismatch(
                format!("{start} to {end} ms"),
                format!("0 <= start < end <= {duration} (the call's end)"),
            ));
        }
    }
    Ok(joined(spans.iter().map(|s| Span { start: s.start - PAD, end: s.end + PAD }).collect()))
}

/// Converts a span of the call to the track's time: from the first sample that can be audible in it
/// to the last. Both ends of lost audio belong to it.
pub(crate) fn on_track(span: Span, placement: &Placement) -> Span {
    Span { start: placement.to_track(span.start), end: placement.to_track(span.end) }
}

/// Replaces spans of a track's own time. Parts beyond the track are ignored.
///
/// ```
/// use callweave::config::Cover;
/// use callweave::track::Track;
/// use callweave::units::{Rate, Span};
/// use callweave::{Role, redact};
///
/// let mut track = Track { samples: vec![1000; 8_000], rate: Rate::NARROWBAND, role: Role::Agent };
/// redact::cover(&mut track, &[Span::new(500.0, 1000.0)], Cover::Silence);
/// assert_eq!((track.samples[0], track.samples[6_000]), (1000, 0));
/// ```
pub fn cover(track: &mut Track, spans: &[Span], cover: Cover) {
    let per_ms = f64::from(track.rate.hz()) / 1000.0;
    let fade = ((FADE_MS * per_ms) as usize).max(1);
    for span in spans {
        let from = ((span.start.0 * per_ms).floor().max(0.0) as usize).min(track.samples.len());
        let to = ((span.end.0 * per_ms).ceil().max(0.0) as usize).min(track.samples.len());
        let Some(hole) = track.samples.get_mut(from..to) else { continue };
        let length = hole.len();
        for (i, sample) in hole.iter_mut().enumerate() {
            let edge = ((i + 1).min(length - i) as f64 / fade as f64).min(1.0);
            *sample = match cover {
                Cover::Silence => 0,
                Cover::Beep => {
                    let turn = std::f64::consts::TAU * BEEP_HZ * i as f64 / f64::from(track.rate.hz());
                    to_i16((edge * BEEP_AMPLITUDE * turn.sin()) as f32)
                }
            };
        }
        fade_beside(&mut track.samples, from, to, fade);
    }
}

/// Fades the audio next to a redacted part, out before it and in after it.
fn fade_beside(samples: &mut [i16], from: usize, to: usize, fade: usize) {
    let scale = |sample: &mut i16, by: f64| *sample = (f64::from(*sample) * by) as i16;
    for i in 0..fade {
        let by = i as f64 / fade as f64;
        if let Some(sample) = from.checked_sub(i + 1).and_then(|at| samples.get_mut(at)) {
            scale(sample, by);
        }
        if let Some(sample) = samples.get_mut(to + i) {
            scale(sample, by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Role;
    use crate::timeline::{Knot, Method};
    use crate::units::Rate;
    use proptest::prelude::*;

    fn track(samples: usize) -> Track {
        Track { samples: vec![1_000; samples], rate: Rate::NARROWBAND, role: Role::Agent }
    }

    #[test]
    fn bad_spans_redact_nothing() {
        let call = Millis(60_000.0);
        for (start, end) in [
            (-1.0, 5.0),
            (5.0, 5.0),
            (6.0, 5.0),
            (f64::NAN, 5.0),
            (5.0, f64::NAN),
            (0.0, 60_001.0),
            (0.0, f64::INFINITY),
        ] {
            let spans = [Span::new(1_000.0, 2_000.0), Span::new(start, end)];
            assert_eq!(widened(&spans, call).unwrap_err().kind(), ErrorKind::InvalidArgument, "{start} to {end}");
        }
        let good = [Span::new(2_400.0, 3_000.0), Span::new(1_000.0, 2_000.0)];
        assert_eq!(widened(&good, call).unwrap(), [Span::new(750.0, 3_250.0)], "those that touch are one");
    }

    #[test]
    fn nothing_is_left_within_and_nothing_moves() {
        for kind in [Cover::Silence, Cover::Beep] {
            let mut track = track(8_000);
            cover(&mut track, &[Span::new(250.0, 500.0)], kind);
            assert_eq!(track.samples.len(), 8_000);
            assert!(track.samples[..1_960].iter().chain(&track.samples[4_040..]).all(|&x| x == 1_000));
            let hole = &track.samples[2_000..4_000];
            let sum: i64 = hole.iter().map(|&x| i64::from(x)).sum();
            assert!(sum.abs() < 2_000, "what was there is gone: {sum}");
            assert_eq!(hole.iter().any(|&x| x != 0), kind == Cover::Beep);
            assert!(track.samples[1_959..1_999].windows(2).all(|w| w[1] <= w[0]), "no click before");
        }
    }

    #[test]
    fn lost_audio_in_a_span_is_no_hiding_place() {
        let knot = |track, call| Knot { track: Millis(track), call: Millis(call) };
        let knots = vec![knot(0.0, 1_000.0), knot(500.0, 1_500.0), knot(500.0, 2_500.0), knot(1_000.0, 3_000.0)];
        let placement = Placement::through(knots, Method::Bleed, 1.0, Millis(10.0));
        assert_eq!(on_track(Span::new(1_400.0, 2_600.0), &placement), Span::new(400.0, 600.0));
        assert_eq!(on_track(Span::new(0.0, 500.0), &placement).end, Millis(-500.0), "before the track began");
    }

    proptest! {
        #[test]
        fn any_spans_leave_a_track_its_length(spans in prop::collection::vec((-1e6..1e6f64, -1e6..1e6f64), 0..8)) {
            let spans: Vec<Span> = spans.into_iter().map(|(a, b)| Span::new(a, b)).collect();
            let mut track = track(3_000);
            cover(&mut track, &spans, Cover::Beep);
            prop_assert_eq!(track.samples.len(), 3_000);
        }
    }
}
