//! Placement by the providers' start times.
//!
//! A time told in whole seconds lies up to a second before the truth, anywhere alike. The difference of two such times
//! is off by a triangle of ±1 s: within 250 ms with probability 1 − 0.75² = 0.4375, and within 684 ms nine times in ten.

use crate::timeline::{Method, Placement};
use crate::units::Millis;

use super::Recorder;

/// Both figures are this close.
const WITHIN_MS: f64 = 250.0;
/// No clock of two recorders agrees better than this.
const LEAST_UNCERTAINTY_MS: f64 = 50.0;

/// Every recorder by its start time against the first; `None` unless all have one.
pub(super) fn place(recorders: &[Recorder]) -> Option<Vec<Placement>> {
    let starts = recorders.iter().map(|r| r.started_at).collect::<Option<Vec<_>>>()?;
    let first = starts.first()?;
    let placed = starts.iter().map(|start| {
        let offset = Millis((start.unix_ms() - first.unix_ms()) as f64);
        let resolution = start.resolution().max(first.resolution());
        Placement::at(offset, Method::Timestamps, confidence(resolution), uncertainty(resolution))
    });
    Some(placed.collect())
}

/// The probability that a triangle of ±`resolution` is within 250 ms.
fn confidence(resolution: Millis) -> f64 {
    let outside = (1.0 - WITHIN_MS / resolution.0.max(LEAST_UNCERTAINTY_MS)).max(0.0);
    // Clocks of two recorders may differ by more than their resolution; no document promises otherwise.
    (1.0 - outside * outside).min(0.9)
}

/// Half the interval that holds nine in ten of a triangle of ±`resolution`.
fn uncertainty(resolution: Millis) -> Millis {
    Millis((resolution.0 * (1.0 - 0.1f64.sqrt())).max(LEAST_UNCERTAINTY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_honest_about_themselves() {
        assert!((confidence(Millis(1000.0)) - 0.4375).abs() < 1e-12);
        assert!((uncertainty(Millis(1000.0)).0 - 683.77).abs() < 0.01);
        assert!(confidence(Millis(1.0)) <= 0.9);
    }
}
