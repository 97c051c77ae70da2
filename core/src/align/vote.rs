//! A vote: what one stretch of talk, searched for on the other track, says about the lag.

use super::belief::{BIN_S, Belief};
use super::sound::Sound;

/// Frames of a stretch of talk (8.19 s; clocks 150 ppm apart drift 1.2 ms in that time).
pub(super) const STRETCH: usize = 819;

/// Heights of a stretch's highest peak, and the probability that it is at the true lag from that
/// height on: alone, and with another peak nearly as high. On 540 made calls chance stayed below 8;
/// higher peaks are wrong where a phrase is said twice.
const TRUST: [(f32, f64, f64); 7] = [
    (0.0, 0.02, 0.02),
    (5.5, 0.04, 0.02),
    (6.5, 0.1, 0.02),
    (7.0, 0.4, 0.02),
    (7.5, 0.75, 0.5),
    (10.0, 0.85, 0.7),
    (15.0, 0.95, 0.7),
];
/// Ratio of heights from which another peak is nearly as high.
const RIVAL: f32 = 0.6;
/// Nats in favor of the highest peak over one of no height. In between, they follow the square of
/// the height.
const TOP_NATS: f64 = 12.0;
/// Smallest share of a trusted vote at which a peak counts.
const SAYS: f64 = 0.05;
const SPEAKS: f64 = 0.5;
/// Echo delay assumed if nothing is known, in seconds: that of a near path.
pub(super) const NEAR_ECHO_S: f64 = 0.03;
/// Stretches name the same delay within this, in seconds, allowing for losses, drift and jumps of a
/// jitter buffer.
pub(super) const SAME_DELAY_S: f64 = 0.08;
/// Delays of the two directions closer than this, in seconds, are one path heard twice.
pub(super) const SAME_PATH_S: f64 = 0.004;

/// Which track's sound is heard on which track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Track a's sound on track b.
    AOnB,
    /// Track b's sound on track a.
    BOnA,
}

impl Direction {
    pub const BOTH: [Self; 2] = [Self::AOnB, Self::BOnA];

    /// Returns the two tracks as talker and hearer.
    pub const fn order<'s, 't>(self, a: &'s Sound<'t>, b: &'s Sound<'t>) -> (&'s Sound<'t>, &'s Sound<'t>) {
        match self {
            Self::AOnB => (a, b),
            Self::BOnA => (b, a),
        }
    }

    /// Returns how much later than the talker's the hearer's time is, counted from the tracks'
    /// starts, for a lag without echo. The reverse direction uses the same formula.
    pub fn delay(self, lag_s: f64) -> f64 {
        match self {
            Self::AOnB => -lag_s,
            Self::BOnA => lag_s,
        }
    }

    /// Returns the lag between tracks for a delay that includes an echo of `echo_s`.
    pub fn lag(self, delay_s: f64, echo_s: f64) -> f64 {
        self.delay(delay_s - echo_s)
    }
}

/// The vote of one stretch of talk.
#[derive(Debug, Clone)]
pub(super) struct Vote {
    pub direction: Direction,
    /// The stretch's first frame on the talker's track.
    pub start: usize,
    /// Delays in seconds with their heights, best first.
    pub peaks: Vec<(f64, f32)>,
    /// Seconds of lag that were searched.
    pub searched_s: f64,
}

impl Vote {
    /// Returns the greatest height.
    pub fn top(&self) -> f32 {
        self.peaks.first().map_or(0.0, |p| p.1)
    }

    /// Returns `true` if another peak is nearly as high as the first.
    pub fn rivalled(&self) -> bool {
        self.peaks.get(1).is_some_and(|p| p.1 >= RIVAL * self.top())
    }

    /// Returns the probability that the true lag is among the peaks.
    fn trust(&self) -> f64 {
        let row = TRUST.iter().rev().find(|t| self.top() >= t.0);
        row.map_or(0.0, |&(_, alone, rivalled)| if self.rivalled() { rivalled } else { alone })
    }

    /// Returns each peak's share of that probability.
    fn shares(&self) -> Vec<f64> {
        let weight = |z: f32| (TOP_NATS * (f64::from(z / self.top()).powi(2) - 1.0)).exp();
        let sum: f64 = self.peaks.iter().map(|p| weight(p.1)).sum();
        self.peaks.iter().map(|p| weight(p.1) / sum).collect()
    }

    /// Returns `true` if the vote supports any lag.
    pub fn speaks(&self) -> bool {
        self.trust() >= SPEAKS
    }

    /// Returns the delays that it supports, with their heights.
    pub fn named(&self) -> Vec<(f64, f32)> {
        if !self.speaks() {
            return Vec::new();
        }
        self.peaks.iter().zip(self.shares()).filter(|p| p.1 >= SAYS).map(|(p, _)| *p).collect()
    }

    /// Returns `true` if it supports a delay.
    pub fn says(&self, direction: Direction, delay_s: f64) -> bool {
        self.direction == direction && self.named().iter().any(|n| (n.0 - delay_s).abs() < SAME_DELAY_S)
    }

    /// Adds the vote to a belief about its direction's delay: its peaks, or else anything that was
    /// searched.
    pub fn add_to(&self, delays: &mut Belief) {
        let (first, last) = delays.range();
        let mut said = vec![0.0f64; ((last - first) / BIN_S).round() as usize + 1];
        let reach = JUMPS.len() as i64 - 1;
        for (&(delay, _), share) in self.peaks.iter().zip(self.shares()) {
            let at = ((delay - first) / BIN_S).round() as i64;
            for k in -reach..=reach {
                if let Some(s) = usize::try_from(at + k).ok().and_then(|i| said.get_mut(i)) {
                    *s += share * JUMPS[k.unsigned_abs() as usize];
                }
            }
        }
        let (trust, searched) = (self.trust(), self.searched_s / BIN_S);
        delays.add_each(|i| (trust * said.get(i).copied().unwrap_or(0.0) * searched + 1.0 - trust).ln());
    }
}

/// Probability that a stretch's delay is this many bins from the call's. Most are equal; some have
/// jumped.
const JUMPS: [f64; 8] = [0.37, 0.195, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02];

/// Returns `true` if separate stretches name the same delay.
///
/// Recordings contain repetitions: a phrase said twice supports a delay with which nothing else
/// agrees.
pub(super) fn agree(votes: &[Vote], direction: Direction, delay_s: f64) -> bool {
    let told: Vec<usize> = votes.iter().filter(|v| v.says(direction, delay_s)).map(|v| v.start).collect();
    told.iter().enumerate().any(|(i, x)| told[i + 1..].iter().any(|y| x.abs_diff(*y) >= STRETCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(direction: Direction, start: usize, peaks: &[(f64, f32)]) -> Vote {
        Vote { direction, start, peaks: peaks.to_vec(), searched_s: 8.0 }
    }

    #[test]
    fn an_echo_is_taken_off_in_both_directions() {
        // b begins 2 s after a: a's voice comes early on b's track by 2 s less its echo, b's late
        // on a's by 2 s and its echo.
        assert!((Direction::AOnB.lag(-2.0 + 0.03, 0.03) - 2.0).abs() < 1e-12);
        assert!((Direction::BOnA.lag(2.0 + 0.03, 0.03) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn stretches_agree_at_one_delay_that_may_jump() {
        let one = vote(Direction::AOnB, 0, &[(-1.97, 30.0)]);
        let with = |other: Vote| agree(&[one.clone(), other], Direction::AOnB, -1.97);
        assert!(!agree(std::slice::from_ref(&one), Direction::AOnB, -1.97));
        assert!(with(vote(Direction::AOnB, 5_000, &[(-1.975, 20.0)])));
        assert!(with(vote(Direction::AOnB, 5_000, &[(-1.93, 20.0)])), "a jitter buffer");
        assert!(!with(vote(Direction::AOnB, 300, &[(-1.97, 20.0)])), "one sound heard twice");
        assert!(!with(vote(Direction::AOnB, 5_000, &[(-1.85, 20.0)])), "not the same delay");
        assert!(!with(vote(Direction::BOnA, 5_000, &[(-1.97, 20.0)])), "the other way");
    }

    #[test]
    fn a_single_vote_is_believed_as_far_as_it_is_trusted() {
        let mut b = Belief::flat(-4.0, 4.0);
        vote(Direction::BOnA, 0, &[(1.03, 20.0)]).add_to(&mut b);
        let guess = b.guess();
        assert!((guess.lag_s - 1.03).abs() < 0.02 && (0.93..0.97).contains(&guess.mass), "{guess:?}");
        let mut b = Belief::flat(-4.0, 4.0);
        vote(Direction::BOnA, 0, &[(1.03, 5.2)]).add_to(&mut b);
        assert!(b.guess().mass < 0.15);
    }
}
