//! The prior of an echo's delay: two families of paths.
//!
//! Near echo comes from a hybrid, a side tone or a loudspeaker, within 5 to 60 ms (ITU-T G.168 has
//! hybrids up to 64 ms). Far echo comes from the other party's phone after the round trip of a
//! mobile or packet network, 100 to 750 ms (ITU-T G.114 plans for up to 400 ms one way). Of real
//! two-party calls with audible echo, about half have each kind.

use super::belief::{BIN_S, Belief, GOOD_S};
use super::jumps::EchoMotion;
use super::vote::Direction;
use crate::config::EchoPrior;

/// Longest delay of an echo in seconds.
pub(super) const LATEST_S: f64 = 1.0;
/// Share of echoes that are near.
const NEAR_SHARE: f64 = 0.45;
/// Median delay of near echoes in seconds, and spread of its logarithm: nine in ten lie between 7
/// and 93 ms.
const NEAR_S: f64 = 0.025;
const NEAR_SPREAD: f64 = 0.8;
/// Range of far echoes in seconds, and width of its edges.
const FAR_S: (f64, f64) = (0.1, 0.75);
const FAR_EDGE_S: f64 = 0.02;
/// Probability that a call's echo is as the configuration says: like that of recorders that began
/// together (`prior`). Otherwise it is as usual.
const AS_TOLD: f64 = 0.97;

/// What is known of a direction's echo before its delay.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paths {
    /// What the configuration says.
    pub told: Option<EchoPrior>,
    /// What its delay did during the call.
    pub motion: EchoMotion,
}

/// Returns the probability density of an echo's delay, per second.
fn density(near_share: f64, echo_s: f64) -> f64 {
    near_share * near(echo_s) + (1.0 - near_share) * far(echo_s)
}

/// Returns the share of near echoes among those whose delay moved in this way.
fn moving(near_share: f64, motion: EchoMotion) -> f64 {
    let near = motion.near_to_far() * near_share;
    near / (near + 1.0 - near_share).max(f64::MIN_POSITIVE)
}

/// Returns the density of a near echo's delay.
fn near(echo_s: f64) -> f64 {
    let x = (echo_s / NEAR_S).ln() / NEAR_SPREAD;
    (-0.5 * x * x).exp() / (echo_s * NEAR_SPREAD * std::f64::consts::TAU.sqrt())
}

/// Returns the density of a far echo's delay.
fn far(echo_s: f64) -> f64 {
    let rises = |x: f64| 1.0 / (1.0 + (-x / FAR_EDGE_S).exp());
    rises(echo_s - FAR_S.0) * rises(FAR_S.1 - echo_s) / (FAR_S.1 - FAR_S.0)
}

/// Returns the shares of echoes by delay, in steps of [`BIN_S`] from half a step on: as usual, or
/// as the configuration says.
fn shares(paths: &Paths) -> Vec<f64> {
    let share = |near_share: f64| moving(near_share, paths.motion);
    let usual = shares_of(|echo_s| density(share(NEAR_SHARE), echo_s));
    let Some(prior) = paths.told else { return usual };
    let far = match (prior.far, prior.far_spread) {
        (Some(delay), Some(spread)) => {
            let (delay_s, scale_s) = (delay.seconds(), spread.seconds().max(BIN_S));
            shares_of(|echo_s| (-0.5 * ((echo_s - delay_s) / scale_s).powi(2)).exp())
        }
        _ => shares_of(far),
    };
    let near_share = share(prior.near_share);
    let told = shares_of(near).into_iter().zip(far);
    let told = told.map(|(near, far)| near_share * near + (1.0 - near_share) * far);
    told.zip(usual).map(|(told, usual)| AS_TOLD * told + (1.0 - AS_TOLD) * usual).collect()
}

/// Returns the shares of a density, which sum to 1.
fn shares_of(density: impl Fn(f64) -> f64) -> Vec<f64> {
    let steps = (LATEST_S / BIN_S) as usize;
    let all: Vec<f64> = (0..steps).map(|k| density((k as f64 + 0.5) * BIN_S)).collect();
    let sum: f64 = all.iter().sum();
    all.into_iter().map(|share| share / sum).collect()
}

/// Returns `true` if an echo can have this delay, within the accuracy of a lag.
pub(super) fn possible(echo_s: f64) -> bool {
    (-GOOD_S..LATEST_S + GOOD_S).contains(&echo_s)
}

/// Returns the range of delays that a range of lags can cause in a direction, in seconds.
pub(super) fn delays(direction: Direction, (low, high): (f64, f64)) -> (f64, f64) {
    let (x, y) = (direction.delay(low), direction.delay(high));
    (x.min(y), x.max(y) + LATEST_S)
}

/// Returns the belief about the lag that follows from one about a direction's delay, weighted over
/// all echo delays.
pub(super) fn lags(direction: Direction, delays: &Belief, range: (f64, f64), paths: Paths) -> Belief {
    let (paths, weights) = (shares(&paths), delays.weights());
    let least = weights.iter().copied().fold(f64::INFINITY, f64::min).max(f64::MIN_POSITIVE);
    let sums = sums(&paths, &weights, least);
    let (first_s, _) = delays.range();
    let mut belief = Belief::flat(range.0, range.1);
    belief.add(|lag| {
        let first = ((direction.delay(lag) - first_s) / BIN_S).round() as i64 + paths.len() as i64;
        let at = usize::try_from(first).unwrap_or(0).min(sums.len() - 1);
        sums[at].max(f64::MIN_POSITIVE).ln()
    });
    belief
}

/// Returns Σ_k paths[k] weights[i + k], from the place at which the paths end before the first
/// weight to that at which they begin after the last. Weights beyond either end are `least`.
fn sums(paths: &[f64], weights: &[f64], least: f64) -> Vec<f64> {
    let around = || std::iter::repeat_n(least, paths.len());
    let padded: Vec<f64> = around().chain(weights.iter().copied()).chain(around()).collect();
    let mut sums = vec![0.0; weights.len() + paths.len() + 1];
    for (k, share) in paths.iter().enumerate() {
        sums.iter_mut().zip(&padded[k..]).for_each(|(sum, weight)| *sum += share * weight);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Millis;

    fn heard(direction: Direction, delay_s: f64) -> Belief {
        heard_with(direction, delay_s, None)
    }

    fn heard_with(direction: Direction, delay_s: f64, prior: Option<EchoPrior>) -> Belief {
        let range = (-4.0, 4.0);
        let (low, high) = delays(direction, range);
        let mut belief = Belief::flat(low, high);
        belief.add(|d| if (d - delay_s).abs() < 0.015 { 12.0 } else { 0.0 });
        lags(direction, &belief, range, Paths { told: prior, motion: EchoMotion::Unknown })
    }

    fn mass(belief: &Belief, from_s: f64, to_s: f64) -> f64 {
        let (first, weights) = (belief.range().0, belief.weights());
        let all: f64 = weights.iter().sum();
        let inside = |i: usize| (from_s..to_s).contains(&(first + i as f64 * BIN_S));
        weights.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, w)| w).sum::<f64>() / all
    }

    #[test]
    fn the_families_hold_what_they_say() {
        let sum = |from: f64, to: f64| -> f64 {
            let at = |k: usize| (k as f64 + 0.5) * BIN_S;
            shares(&Paths::default())
                .iter()
                .enumerate()
                .filter(|(k, _)| at(*k) >= from && at(*k) < to)
                .map(|(_, s)| s)
                .sum()
        };
        assert!((sum(0.0, 1.0) - 1.0).abs() < 1e-9);
        assert!(sum(0.0, 0.06) > 0.35 && sum(0.1, 0.75) > 0.5, "{} {}", sum(0.0, 0.06), sum(0.1, 0.75));
    }

    #[test]
    fn one_way_leaves_both_families() {
        // b's voice comes on a 1.03 s after its own time: an offset of 1 s with a near echo, or of
        // 0.3 to 0.9 with a far one.
        let belief = heard(Direction::BOnA, 1.03);
        assert!(mass(&belief, 0.95, 1.03) > 0.35);
        assert!(mass(&belief, 0.28, 0.93) > 0.45);
        assert!(mass(&belief, 1.05, 4.0) < 0.01, "an echo is never early");
    }

    #[test]
    fn what_is_known_of_the_echo_weighs_the_families() {
        let near = |prior| mass(&heard_with(Direction::BOnA, 1.03, prior), 0.93, 1.04);
        let late = |prior| mass(&heard_with(Direction::BOnA, 1.03, prior), 0.5, 0.7);
        let known = Some(EchoPrior::new(0.1).with_far(Millis(420.0), Millis(30.0)));
        assert!(late(known) > 0.8 && near(known) < 0.15, "{} {}", late(known), near(known));
        assert!(near(Some(EchoPrior::new(1.0))) > 0.85 && near(Some(EchoPrior::new(0.0))) < 0.1);
        assert!(late(Some(EchoPrior::new(1.0))) > 0.003, "a call may have another echo");
        let sum: f64 = shares(&Paths { told: known, motion: EchoMotion::Unknown }).iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn an_echo_that_jumped_is_far() {
        let (range, direction) = ((-4.0, 4.0), Direction::BOnA);
        let (low, high) = delays(direction, range);
        let mut belief = Belief::flat(low, high);
        belief.add(|d| if (d - 1.03).abs() < 0.015 { 12.0 } else { 0.0 });
        let told = |near_share| Some(EchoPrior::new(near_share));
        let near = |told, motion| mass(&lags(direction, &belief, range, Paths { told, motion }), 0.95, 1.03);
        let (unknown, jumped) = (near(None, EchoMotion::Unknown), near(None, EchoMotion::Jumped));
        assert!(unknown > 0.35 && jumped < 0.05, "{unknown} {jumped}");
        let steady = near(None, EchoMotion::Steady);
        assert!(steady > unknown + 0.03 && steady < unknown + 0.1, "{steady}");
        let one_step = near(None, EchoMotion::OneStep);
        assert!(one_step > jumped && one_step < 0.2, "{one_step}");
        let told_jumped = |near_share| near(told(near_share), EchoMotion::Jumped);
        assert!(told_jumped(0.5) < 0.1 && told_jumped(1.0) > 0.7, "all echoes are near here");
    }

    #[test]
    fn both_ways_narrow_to_what_the_paths_share() {
        // b begins 1 s after a: near on a, 400 ms late on b.
        let mut belief = heard(Direction::BOnA, 1.03);
        belief.add_moved(&heard(Direction::AOnB, -1.0 + 0.4), 0.0);
        assert!(mass(&belief, 0.57, 1.04) > 0.97);
        assert!(mass(&belief, 0.9, 1.04) > 0.3, "near on a");
        assert!(mass(&belief, 0.57, 0.7) > 0.3, "near on b");
    }

    #[test]
    fn both_ways_near_leave_no_doubt() {
        let mut belief = heard(Direction::BOnA, 1.03);
        belief.add_moved(&heard(Direction::AOnB, -1.0 + 0.02), 0.0);
        assert!((belief.guess().lag_s - 1.0).abs() < 0.02);
        assert!(mass(&belief, 0.96, 1.04) > 0.95);
    }
}
