//! What is known before listening: start times, and the habits of recorders.

use super::AlignOptions;
use super::belief::Belief;
use super::sound::Sound;
use crate::call::Role;

/// When a track's recording began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartTime {
    /// Seconds on any clock that the call's tracks share.
    pub seconds: f64,
    /// Width of the interval that the time stands for, which begins at it: 1 for whole seconds.
    pub resolution_s: f64,
}

/// The lag that two start times say, and the largest error that rounding explains.
pub(super) fn stamped(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<(f64, f64)> {
    if !options.timestamps {
        return None;
    }
    let (a, b) = (a.input.started_at?, b.input.started_at?);
    let lag = b.seconds - a.seconds;
    lag.is_finite().then_some((lag, a.resolution_s.max(b.resolution_s).clamp(1e-3, 60.0)))
}

/// The lag at which two recorders stop together, or the second takes over where the first ends.
fn by_habit(a: &Sound, b: &Sound) -> f64 {
    match (a.input.role, b.input.role) {
        (Role::Agent, Role::Transfer) => a.seconds(),
        (Role::Transfer, Role::Agent) => -b.seconds(),
        _ => a.seconds() - b.seconds(),
    }
}

/// The lags to search: recorders start within `search` of each other or stop within it, and start times widen it.
pub(super) fn range(a: &Sound, b: &Sound, options: &AlignOptions) -> (f64, f64) {
    let search = options.search.seconds().clamp(1.0, 3_600.0);
    let usual = by_habit(a, b);
    let stamp = stamped(a, b, options).map_or(0.0, |s| s.0.clamp(-7_200.0, 7_200.0));
    let low = usual.min(stamp).min(0.0) - search;
    let high = usual.max(stamp).max(0.0) + search;
    (low, high)
}

/// The belief before listening.
///
/// Times cut to `resolution` differ from the true lag by a triangular error (two uniform ones); a few in a hundred times
/// are wrong by more, a clock or a service that stamps something else. Recorders of one call mostly start, and mostly stop, within
/// seconds of each other: a mild push, five times as likely as elsewhere at most.
pub(super) fn prior(a: &Sound, b: &Sound, options: &AlignOptions) -> Belief {
    let (low, high) = range(a, b, options);
    let mut belief = Belief::flat(low, high);
    let usual = by_habit(a, b);
    belief
        .add(|lag| (1.0 + 4.0 * (-lag.abs() / 5.0).exp()).ln() + (1.0 + 4.0 * (-(lag - usual).abs() / 1.5).exp()).ln());
    if let Some((stamp, resolution)) = stamped(a, b, options) {
        let width = high - low;
        belief.add(|lag| {
            let off = (lag - stamp).abs();
            let exact = (1.0 - off / resolution).max(0.0) / resolution;
            let loose = (-off / 3.0).exp() / 6.0;
            (0.97 * exact + 0.02 * loose + 0.01 / width).ln()
        });
    }
    belief
}

/// Lags to try first: that of the start times, or else a common start, and a common end where that is another.
pub(super) fn likely(a: &Sound, b: &Sound, options: &AlignOptions) -> Vec<f64> {
    let first = stamped(a, b, options).map_or(0.0, |s| s.0);
    let usual = by_habit(a, b);
    if (usual - first).abs() < 3.0 { vec![first] } else { vec![first, usual] }
}
