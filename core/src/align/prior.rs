//! The belief before listening: start times and the habits of recorders.

use super::AlignOptions;
use super::belief::{BIN_S, Belief, GOOD_S};
use super::sound::Sound;
use crate::call::{KnownOffset, Role};
use crate::timeline::Method;

/// When a track's recording began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartTime {
    /// Seconds on any clock shared by the call's tracks.
    pub seconds: f64,
    /// Width of the interval that begins at `seconds` and contains the true time: 1 for whole
    /// seconds.
    pub resolution_s: f64,
}

/// Returns the lag implied by two start times, and the largest error that rounding explains.
pub(super) fn stamped(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<(f64, f64)> {
    if !options.timestamps {
        return None;
    }
    let (a, b) = (a.input.started_at?, b.input.started_at?);
    /// No recorder's clock is read more precisely, in seconds.
    const FINEST_S: f64 = 1e-3;
    let lag = b.seconds - a.seconds;
    lag.is_finite().then_some((lag, a.resolution_s.max(b.resolution_s).max(FINEST_S)))
}

/// Returns the lag given by the caller for two tracks, and its uncertainty, in seconds.
pub(super) fn given(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<(f64, f64)> {
    let known = |s: &Sound| s.input.offset.or(options.aligned.then(KnownOffset::default));
    let (a, b) = (known(a)?, known(b)?);
    let uncertainty = a.uncertainty.seconds().hypot(b.uncertainty.seconds());
    Some((b.offset.seconds() - a.offset.seconds(), uncertainty))
}

/// Restricts a belief to the lag given by the caller: 90 % within its uncertainty, and nothing far
/// outside.
pub(super) fn as_given(belief: &mut Belief, (lag_s, uncertainty_s): (f64, f64)) {
    /// Nats that no evidence outweighs.
    const NEVER: f64 = -1e6;
    /// Standard deviations that contain 90 %.
    const NINE_IN_TEN: f64 = 1.645;
    let reach = uncertainty_s.max(BIN_S / 2.0);
    belief.add(|lag| {
        let off = (lag - lag_s).abs();
        if off <= reach { -0.5 * (NINE_IN_TEN * off / reach).powi(2) } else { NEVER * off }
    });
}

/// Returns the lag at which two recorders stop together, or at which the second continues the
/// first.
fn by_habit(a: &Sound, b: &Sound) -> f64 {
    match (a.input.role, b.input.role) {
        (Role::Agent, Role::Transfer) => a.seconds(),
        (Role::Transfer, Role::Agent) => -b.seconds(),
        _ => a.seconds() - b.seconds(),
    }
}

/// Returns the range of lags to search: recorders start or stop within `search` of each other, and
/// start times widen the range.
pub(super) fn range(a: &Sound, b: &Sound, options: &AlignOptions) -> (f64, f64) {
    let search = options.search.seconds();
    let usual = by_habit(a, b);
    let stamp = stamped(a, b, options).map_or(0.0, |s| s.0.clamp(-7_200.0, 7_200.0));
    let known = given(a, b, options).map_or(0.0, |g| g.0);
    let low = usual.min(stamp).min(known).min(0.0) - search;
    let high = usual.max(stamp).max(known).max(0.0) + search;
    let prior = expected(a, b, options).map(|expected| (expected.lag_s - GOOD_S, expected.lag_s + GOOD_S));
    prior.map_or((low, high), |(from, to)| (low.min(from), high.max(to)))
}

/// Largest difference in length of one recorder's recordings, in seconds: a packet of 20 ms.
const EQUAL_S: f64 = 0.02;
/// Probability that recordings of equal length, or with equal exact times, began together. Two
/// independent recorders agree to a packet about once in a hundred calls, and one machine for both
/// parties is as common as two.
pub(super) const ONE_RECORDER: f64 = 0.97;
/// Largest resolution of exact start times, in seconds.
const EXACT_S: f64 = 0.02;
/// Scale of the difference between two recorders' starts, in seconds (less in short calls), ...
const STARTS_S: f64 = 3.5;
const STARTS_SHARE: f64 = 0.2;
/// ... and between their stops: parties hang up one after the other, or the call is torn down at
/// once.
const STOPS_S: f64 = 1.2;
/// Probability that independent recorders start, and stop, at the same moment. Of 404 made pairs of
/// unequal length, 8 started and 102 stopped within 50 ms of each other. A fifth is assumed, because
/// services differ.
const TOGETHER: (f64, f64) = (0.02, 0.2);
/// Accuracy of events at the same moment, in seconds. Codecs pad a packet or two at an end.
const MOMENT_S: f64 = 0.04;
/// Probability that they start or stop anywhere.
const ANYWHERE: f64 = 0.03;
/// Probabilities that start times are right, off by seconds, or entirely wrong.
const STAMPED: (f64, f64, f64) = (0.97, 0.02, 0.01);
/// Scale of the gap between two agents of a transferred call, in seconds.
const HANDS_OVER_S: f64 = 2.0;

/// Returns what shows that two recordings began together, if anything does: their lengths or their
/// exact times.
pub(super) fn together(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<Method> {
    let exact = stamped(a, b, options).is_some_and(|(lag, resolution)| lag.abs() <= EXACT_S && resolution <= EXACT_S);
    let equal = (a.seconds() - b.seconds()).abs() <= EQUAL_S && !hands_over(a.input.role, b.input.role);
    match (exact, equal) {
        (true, _) => Some(Method::Timestamps),
        (false, true) => Some(Method::Lengths),
        (false, false) => None,
    }
}

/// Returns `true` if one of two parties replaces the other.
const fn hands_over(a: Role, b: Role) -> bool {
    matches!((a, b), (Role::Agent, Role::Transfer) | (Role::Transfer, Role::Agent))
}

/// A lag that was measured on other calls of the recorder.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExpectedLag {
    pub lag_s: f64,
    /// Its standard deviation, in seconds.
    scale_s: f64,
    /// The probability that this call is like the others.
    trust: f64,
}

impl ExpectedLag {
    /// The same between a track and one that lies later by so much.
    pub(super) fn later(self, by_s: f64) -> Self {
        Self { lag_s: self.lag_s + by_s, ..self }
    }
}

/// Returns the lag that the configuration expects of two parties, if any.
///
/// The mean of `calls` calls is off by itself, so the spread of another call is larger. Of calls
/// that were all alike, the next one is with a probability of (n + 1) / (n + 2) (Laplace's rule of
/// succession).
pub(super) fn expected(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<ExpectedLag> {
    let prior = options.offset_prior?;
    let roles = (a.input.role, b.input.role);
    let sign = [((prior.after, prior.of), 1.0), ((prior.of, prior.after), -1.0)];
    let (_, sign) = sign.into_iter().find(|&(of, _)| of == roles)?;
    let calls = f64::from(prior.calls.max(1));
    let spread = prior.spread.seconds() * (1.0 + 1.0 / calls).sqrt();
    Some(ExpectedLag {
        lag_s: sign * prior.mean.seconds(),
        scale_s: spread.hypot(MOMENT_S),
        trust: ((calls + 1.0) / (calls + 2.0)).min(ONE_RECORDER),
    })
}

/// Returns the belief before listening, from the habits of recorders and start times.
pub(super) fn prior(a: &Sound, b: &Sound, options: &AlignOptions) -> Belief {
    informed(a, b, options, None)
}

/// Returns the same, with the lag that was measured on other calls.
///
/// Times rounded to `resolution` differ from the true lag by a triangular error (two uniform ones).
pub(super) fn informed(a: &Sound, b: &Sound, options: &AlignOptions, expected: Option<ExpectedLag>) -> Belief {
    let (low, high) = range(a, b, options);
    let width = high - low;
    let mut habit = Belief::flat(low, high);
    habit.add(|lag| habit_density(a, b, lag, width).max(f64::MIN_POSITIVE).ln());
    if together(a, b, options).is_some() {
        let mut one = Belief::flat(low, high);
        one.add(|lag| density(lag, BIN_S));
        habit = one.or(&habit, ONE_RECORDER);
    }
    if let Some(expected) = expected.filter(|expected| (low..=high).contains(&expected.lag_s)) {
        let mut like_others = Belief::flat(low, high);
        like_others.add(|lag| density(lag - expected.lag_s, expected.scale_s));
        habit = like_others.or(&habit, expected.trust);
    }
    if let Some((stamp, resolution)) = stamped(a, b, options) {
        habit.add(|lag| {
            let off = (lag - stamp).abs();
            let exact = (1.0 - off / resolution).max(0.0) / resolution;
            (STAMPED.0 * exact + STAMPED.1 * spread(off, 3.0) + STAMPED.2 / width).ln()
        });
    }
    habit
}

/// Returns the density of a lag between independent recorders.
fn habit_density(a: &Sound, b: &Sound, lag: f64, width: f64) -> f64 {
    let transfers = [a, b].map(|s| s.input.role == Role::Transfer);
    let stop = lag - (a.seconds() - b.seconds());
    let stops = habit(stop, STOPS_S, TOGETHER.1, width);
    if hands_over(a.input.role, b.input.role) {
        let late = if transfers[1] { HANDS_OVER_S / 2.0 } else { -HANDS_OVER_S / 2.0 };
        let over = lag - by_habit(a, b);
        return 0.3 * moment(over, MOMENT_S) + 0.6 * spread(over - late, HANDS_OVER_S) + 0.1 / width;
    }
    if transfers[0] != transfers[1] {
        return stops;
    }
    let starts = STARTS_S.min(STARTS_SHARE * a.seconds().min(b.seconds()) + 0.05);
    habit(lag, starts, TOGETHER.0, width) * stops
}

/// Returns the density of a difference that is zero with probability `together`, else within about
/// `scale` seconds, or anywhere.
fn habit(off: f64, scale: f64, together: f64, width: f64) -> f64 {
    together * moment(off, MOMENT_S) + (1.0 - together - ANYWHERE) * spread(off, scale) + ANYWHERE / width
}

/// Returns the logarithm of a normal density, which is never none at all.
fn density(off: f64, scale: f64) -> f64 {
    moment(off, scale).max(f64::MIN_POSITIVE).ln()
}

/// Returns a normal density.
fn moment(off: f64, scale: f64) -> f64 {
    (-0.5 * (off / scale).powi(2)).exp() / (scale * std::f64::consts::TAU.sqrt())
}

/// Returns a double exponential density.
fn spread(off: f64, scale: f64) -> f64 {
    (-off.abs() / scale).exp() / (2.0 * scale)
}

/// Returns the lags to try first: that of the start times, or else a common start and, if
/// different, a common end.
pub(super) fn likely(a: &Sound, b: &Sound, options: &AlignOptions) -> Vec<f64> {
    let first = stamped(a, b, options).map_or(0.0, |s| s.0);
    let usual = by_habit(a, b);
    if (usual - first).abs() < 3.0 { vec![first] } else { vec![first, usual] }
}
