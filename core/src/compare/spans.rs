//! How two lists of spans differ, in time that grows with their lengths.

use crate::units::{Millis, Span, joined, sum};

/// Smaller changes are rounding errors.
pub(super) const ROUNDING_MS: f64 = 0.01;

/// Returns how much of some spans lies outside others.
pub(super) fn beyond(spans: &[Span], others: &[Span]) -> Millis {
    let (spans, others) = (joined(spans.to_vec()), joined(others.to_vec()));
    let mut others = others.as_slice();
    let mut beyond = 0.0;
    for span in spans {
        others = from(others, span.start);
        let mut at = span.start;
        for other in others.iter().inspect(step).take_while(|other| other.start < span.end) {
            beyond += counted(other.start.0 - at.0);
            at = at.max(other.end);
        }
        beyond += counted(span.end.0 - at.0);
    }
    Millis(beyond)
}

/// Returns how much of some spans lies within others.
pub(super) fn within(spans: &[Span], others: &[Span]) -> Millis {
    let (spans, others) = (joined(spans.to_vec()), joined(others.to_vec()));
    let mut others = others.as_slice();
    let mut within = 0.0;
    for span in spans {
        others = from(others, span.start);
        let near = others.iter().inspect(step).take_while(|other| other.start < span.end);
        within += sum(near.filter_map(|other| span.overlap(other)).map(|shared| counted(shared.duration().0)));
    }
    Millis(within)
}

/// A piece that is left over, unless it is a rounding error.
fn counted(piece_ms: f64) -> f64 {
    if piece_ms > ROUNDING_MS { piece_ms } else { 0.0 }
}

/// Counts a span that is looked at, in tests.
fn step(_: &&Span) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The spans without those that end by a time.
fn from(spans: &[Span], start: Millis) -> &[Span] {
    let first = spans.iter().inspect(step).position(|span| span.end > start).unwrap_or(spans.len());
    spans.get(first..).unwrap_or_default()
}

/// How far the ends of two spans are apart.
pub(super) fn apart(a: Span, b: Span) -> f64 {
    (b.start.0 - a.start.0).abs().max((b.end.0 - a.end.0).abs())
}

/// Returns the number of spans that begin or end elsewhere than the one that they overlap most, and
/// the largest distance.
pub(super) fn moved_spans(was: &[Span], is: &[Span]) -> (u64, Millis) {
    let (was, is) = (joined(was.to_vec()), joined(is.to_vec()));
    let mut others = is.as_slice();
    let (mut count, mut most) = (0, 0.0f64);
    for span in was {
        others = from(others, span.start);
        let near = others.iter().inspect(step).take_while(|other| other.start < span.end);
        let overlap = |other: &Span| span.overlap(other).map_or(0.0, |shared| shared.duration().0);
        let Some(other) = near.max_by(|a, b| overlap(a).total_cmp(&overlap(b))) else { continue };
        let off = apart(span, *other);
        if off > ROUNDING_MS {
            (count, most) = (count + 1, most.max(off));
        }
    }
    (count, Millis(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{total, without};
    use proptest::prelude::*;

    /// Spans in order and apart, of gaps and lengths in tens of milliseconds.
    fn spans(steps: &[(u32, u32)]) -> Vec<Span> {
        let mut at = 0.0;
        let span = |&(gap, length): &(u32, u32)| {
            let start = at + 10.0 * f64::from(gap);
            at = start + 10.0 * f64::from(length);
            Span::new(start, at)
        };
        steps.iter().map(span).collect()
    }

    #[test]
    fn each_of_many_spans_is_looked_at_a_few_times() {
        let was = spans(&vec![(1, 2); 200_000]);
        let is: Vec<Span> = was.iter().map(|span| Span { start: span.start, end: span.end - Millis(5.0) }).collect();
        assert_eq!((beyond(&was, &is), beyond(&is, &was)), (Millis(1_000_000.0), Millis(0.0)));
        assert_eq!(moved_spans(&was, &is), (200_000, Millis(5.0)));
        assert!(STEPS.get() <= 20 * was.len(), "{} steps", STEPS.get());
    }

    proptest! {
        #[test]
        fn what_is_beyond_is_what_is_left_of_each_without_each(
            a in prop::collection::vec((1u32..20, 1u32..20), 0..12),
            b in prop::collection::vec((1u32..20, 1u32..20), 0..12),
        ) {
            let (a, b) = (spans(&a), spans(&b));
            let left = b.iter().fold(a.clone(), |left, &other| without(&left, other));
            prop_assert!((beyond(&a, &b).0 - total(&left).0).abs() < 1e-6);
            prop_assert!((within(&a, &b).0 + beyond(&a, &b).0 - total(&a).0).abs() < 1e-6);
            let mut mixed = a.clone();
            mixed.reverse();
            prop_assert_eq!(beyond(&mixed, &b), beyond(&a, &b), "in any order");
        }
    }
}
