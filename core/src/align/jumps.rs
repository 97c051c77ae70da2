//! Tells a far echo by its jumps.
//!
//! A jitter buffer that adapts moves everything behind it, so the delay of an echo that came back
//! through a network jumps by tens of milliseconds. A hybrid or a loudspeaker does not. Where both
//! parties are heard, a jump cannot be mistaken for lost audio: a loss moves the delays of both
//! directions by as much, one later and the other earlier.

use super::drift::{self, Point, Step, median};

/// A direction's delay stayed if it changed by less than this share of the other's step.
const STAYED: f64 = 0.3;
/// Points of the other direction before and after a step that say what it did.
const WITNESSES: usize = 3;

/// Returns which directions' echoes jumped, from the delays at which both are heard, by time.
pub(super) fn jumped(delays: &[Vec<Point>; 2]) -> [bool; 2] {
    let [first, second] = delays;
    [jumps(first, second), jumps(second, first)]
}

/// Returns `true` if one direction's delay has a step where the other's has none.
fn jumps(own: &[Point], other: &[Point]) -> bool {
    let steps = drift::course(own).map(|course| course.steps).unwrap_or_default();
    steps.iter().any(|step| change(other, step).is_some_and(|by_s| by_s.abs() < STAYED * step.by_s().abs()))
}

/// Returns how much a direction's delay changed over a step of the other.
fn change(delays: &[Point], step: &Step) -> Option<f64> {
    let (from_s, to_s) = step.between_s;
    let level = |points: Vec<f64>| (points.len() >= 2).then(|| median(points)).flatten();
    let before = delays.iter().rev().filter(|point| point.at_s <= from_s).take(WITNESSES);
    let after = delays.iter().filter(|point| point.at_s >= to_s).take(WITNESSES);
    let [before, after] = [before.map(|point| point.lag_s).collect(), after.map(|point| point.lag_s).collect()];
    Some(level(after)? - level(before)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays every ten seconds, with a change at the middle.
    fn delays(from_s: f64, by_s: f64) -> Vec<Point> {
        let delay = |k: usize| from_s + if k < 10 { 0.0 } else { by_s };
        (0..20).map(|k| Point { at_s: 10.0 * k as f64, lag_s: delay(k), clear: true }).collect()
    }

    #[test]
    fn an_echo_jumps_alone_and_a_loss_moves_both() {
        assert_eq!(jumped(&[delays(0.03, 0.0), delays(0.4, 0.04)]), [false, true]);
        assert_eq!(jumped(&[delays(0.4, -0.03), delays(0.03, 0.0)]), [true, false]);
        assert_eq!(jumped(&[delays(0.03, 0.06), delays(0.4, -0.06)]), [false, false], "audio was lost");
        assert_eq!(jumped(&[delays(0.03, 0.0), delays(0.4, 0.0)]), [false, false]);
        assert_eq!(jumped(&[Vec::new(), delays(0.4, 0.04)]), [false, false], "nobody saw whether audio was lost");
    }
}
