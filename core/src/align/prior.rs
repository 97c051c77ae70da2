//! What is known before listening: start times, and the habits of recorders.

use super::AlignOptions;
use super::belief::{BIN_S, Belief};
use super::sound::Sound;
use crate::call::{KnownOffset, Role};
use crate::timeline::Method;

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

/// The lag that the caller gives for two tracks, and its uncertainty, in seconds.
pub(super) fn given(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<(f64, f64)> {
    let known = |s: &Sound| s.input.offset.or(options.aligned.then(KnownOffset::default));
    let (a, b) = (known(a)?, known(b)?);
    let uncertainty = a.uncertainty.seconds().hypot(b.uncertainty.seconds());
    Some((b.offset.seconds() - a.offset.seconds(), uncertainty))
}

/// The belief that what the caller gives leaves: nothing outside, and nine tenths within the
/// uncertainty as it was said.
pub(super) fn as_given(belief: &mut Belief, (lag_s, uncertainty_s): (f64, f64)) {
    /// Nats that no evidence makes up for.
    const NEVER: f64 = -1e6;
    /// Nine in ten lie within so many standard deviations.
    const NINE_IN_TEN: f64 = 1.645;
    let reach = uncertainty_s.max(BIN_S / 2.0);
    belief.add(|lag| {
        let off = (lag - lag_s).abs();
        if off <= reach { -0.5 * (NINE_IN_TEN * off / reach).powi(2) } else { NEVER * off }
    });
}

/// The lag at which two recorders stop together, or the second takes over where the first ends.
fn by_habit(a: &Sound, b: &Sound) -> f64 {
    match (a.input.role, b.input.role) {
        (Role::Agent, Role::Transfer) => a.seconds(),
        (Role::Transfer, Role::Agent) => -b.seconds(),
        _ => a.seconds() - b.seconds(),
    }
}

/// The lags to search: recorders start within `search` of each other or stop within it, and start
/// times widen it.
pub(super) fn range(a: &Sound, b: &Sound, options: &AlignOptions) -> (f64, f64) {
    let search = options.search.seconds().clamp(1.0, 3_600.0);
    let usual = by_habit(a, b);
    let stamp = stamped(a, b, options).map_or(0.0, |s| s.0.clamp(-7_200.0, 7_200.0));
    let known = given(a, b, options).map_or(0.0, |g| g.0);
    let low = usual.min(stamp).min(known).min(0.0) - search;
    let high = usual.max(stamp).max(known).max(0.0) + search;
    (low, high)
}

/// Lengths this close, in seconds, are one recorder's: a packet of 20 ms.
const EQUAL_S: f64 = 0.02;
/// How often recordings of equal length, or with equal exact times, began together. Two recorders
/// that start and stop by themselves agree to a packet about once in a hundred calls; one machine
/// for both parties is as usual as two.
const ONE_RECORDER: f64 = 0.97;
/// Start times that mean no more than this, in seconds, are exact.
const EXACT_S: f64 = 0.02;
/// Recorders of one call start within seconds of each other, in short calls within less, ...
const STARTS_S: f64 = 3.5;
const STARTS_SHARE: f64 = 0.2;
/// ... and stop within a second or so: parties hang up one after the other, or the call is torn
/// down at one moment.
const STOPS_S: f64 = 1.2;
/// How often recorders that are not one start, and stop, at the same moment all the same.
const TOGETHER: (f64, f64) = (0.02, 0.1);
/// How exactly what happens together does, in seconds: codecs pad a packet or two at an end.
const MOMENT_S: f64 = 0.04;
/// How often they start or stop anywhere.
const ANYWHERE: f64 = 0.03;
/// Start times are right mostly; a few in a hundred are off by seconds or wrong altogether.
const STAMPED: (f64, f64, f64) = (0.97, 0.02, 0.01);
/// A transferred call's next agent begins within about this of the other's end, in seconds.
const HANDS_OVER_S: f64 = 2.0;

/// Whether two recordings began together by their lengths or their exact times: `Some` of what says
/// so.
pub(super) fn together(a: &Sound, b: &Sound, options: &AlignOptions) -> Option<Method> {
    let exact = stamped(a, b, options).is_some_and(|(lag, resolution)| lag.abs() <= EXACT_S && resolution <= EXACT_S);
    let equal = (a.seconds() - b.seconds()).abs() <= EQUAL_S && !hands_over(a.input.role, b.input.role);
    match (exact, equal) {
        (true, _) => Some(Method::Timestamps),
        (false, true) => Some(Method::Lengths),
        (false, false) => None,
    }
}

/// Whether one of two parties takes the other's place.
const fn hands_over(a: Role, b: Role) -> bool {
    matches!((a, b), (Role::Agent, Role::Transfer) | (Role::Transfer, Role::Agent))
}

/// The belief before listening: the habits of recorders, and start times.
///
/// Times cut to `resolution` differ from the true lag by a triangular error (two uniform ones).
pub(super) fn prior(a: &Sound, b: &Sound, options: &AlignOptions) -> Belief {
    let (low, high) = range(a, b, options);
    let width = high - low;
    let mut habit = Belief::flat(low, high);
    habit.add(|lag| habit_density(a, b, lag, width).max(f64::MIN_POSITIVE).ln());
    if together(a, b, options).is_some() {
        let mut one = Belief::flat(low, high);
        one.add(|lag| moment(lag, BIN_S).max(f64::MIN_POSITIVE).ln());
        habit = one.or(&habit, ONE_RECORDER);
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

/// How likely recorders that start and stop by themselves have a lag.
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

/// What happens at one moment so often, else within about `scale` seconds, or anywhere.
fn habit(off: f64, scale: f64, together: f64, width: f64) -> f64 {
    together * moment(off, MOMENT_S) + (1.0 - together - ANYWHERE) * spread(off, scale) + ANYWHERE / width
}

/// A normal density.
fn moment(off: f64, scale: f64) -> f64 {
    (-0.5 * (off / scale).powi(2)).exp() / (scale * std::f64::consts::TAU.sqrt())
}

/// A double exponential density.
fn spread(off: f64, scale: f64) -> f64 {
    (-off.abs() / scale).exp() / (2.0 * scale)
}

/// Lags to try first: that of the start times, or else a common start, and a common end where that
/// is another.
pub(super) fn likely(a: &Sound, b: &Sound, options: &AlignOptions) -> Vec<f64> {
    let first = stamped(a, b, options).map_or(0.0, |s| s.0);
    let usual = by_habit(a, b);
    if (usual - first).abs() < 3.0 { vec![first] } else { vec![first, usual] }
}
