//! What one stretch of talk, looked for on the other track, says of the lag: a vote.

use super::belief::{BIN_S, Belief, GOOD_S};
use super::bleed::STRETCH;
use super::sound::Sound;

/// Heights, and how often the highest peak of a stretch is at the true lag from there on: alone, and with another nearly as
/// high. On 540 made calls chance stayed below 8; higher ones are wrong where a phrase is said twice.
const TRUST: [(f32, f64, f64); 7] = [
    (0.0, 0.02, 0.02),
    (5.5, 0.04, 0.02),
    (6.5, 0.1, 0.02),
    (7.0, 0.4, 0.02),
    (7.5, 0.75, 0.5),
    (10.0, 0.85, 0.7),
    (15.0, 0.95, 0.7),
];
/// Nearly as high.
const RIVAL: f32 = 0.6;
/// How much likelier the highest peak is than one of no height, in nats; in between with the square of the height.
const TOP_NATS: f64 = 12.0;
/// A peak says something when its vote is trusted and it has this share of it.
const SAYS: f64 = 0.05;
const SPEAKS: f64 = 0.5;
/// An echo comes this late at most, in seconds.
pub(super) const LATEST_ECHO_S: f64 = 0.25;
/// The median of an echo's delay, in seconds: network hybrids 5-60 ms, loudspeakers and radio more.
pub(super) const TYPICAL_ECHO_S: f64 = 0.03;
/// Less than this between the two directions, in seconds, is one path heard twice.
pub(super) const SAME_PATH_S: f64 = 0.004;

/// Whose sound is heard on which track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Track a's sound on track b.
    AOnB,
    /// Track b's sound on track a.
    BOnA,
}

impl Direction {
    pub const BOTH: [Self; 2] = [Self::AOnB, Self::BOnA];

    /// The two tracks as talker and hearer.
    pub const fn order<'s, 't>(self, a: &'s Sound<'t>, b: &'s Sound<'t>) -> (&'s Sound<'t>, &'s Sound<'t>) {
        match self {
            Self::AOnB => (a, b),
            Self::BOnA => (b, a),
        }
    }

    /// How much later than its start the hearer's time is than the talker's for a lag between tracks, without echo.
    ///
    /// The way back is the same.
    pub fn delay(self, lag_s: f64) -> f64 {
        match self {
            Self::AOnB => -lag_s,
            Self::BOnA => lag_s,
        }
    }

    /// The lag between tracks of a delay that holds an echo of `echo_s`.
    pub fn lag(self, delay_s: f64, echo_s: f64) -> f64 {
        self.delay(delay_s - echo_s)
    }
}

/// What one stretch of talk says.
#[derive(Debug, Clone)]
pub(super) struct Vote {
    pub direction: Direction,
    /// The stretch's first frame on the talker's track.
    pub start: usize,
    /// Delays in seconds and heights, best first.
    pub peaks: Vec<(f64, f32)>,
    /// Seconds of lag that were searched.
    pub searched_s: f64,
}

impl Vote {
    /// The greatest height.
    pub fn top(&self) -> f32 {
        self.peaks.first().map_or(0.0, |p| p.1)
    }

    /// Whether another peak is nearly as high as the first.
    pub fn rivalled(&self) -> bool {
        self.peaks.get(1).is_some_and(|p| p.1 >= RIVAL * self.top())
    }

    /// The probability that the true lag is among the peaks.
    fn trust(&self) -> f64 {
        let row = TRUST.iter().rev().find(|t| self.top() >= t.0);
        row.map_or(0.0, |&(_, alone, rivalled)| if self.rivalled() { rivalled } else { alone })
    }

    /// Each peak's share of that.
    fn shares(&self) -> Vec<f64> {
        let weight = |z: f32| (TOP_NATS * (f64::from(z / self.top()).powi(2) - 1.0)).exp();
        let sum: f64 = self.peaks.iter().map(|p| weight(p.1)).sum();
        self.peaks.iter().map(|p| weight(p.1) / sum).collect()
    }

    /// Whether it says something for any lag.
    pub fn speaks(&self) -> bool {
        self.trust() >= SPEAKS
    }

    /// The lags that it says something for, and how high.
    pub fn named(&self) -> Vec<(f64, f32)> {
        if !self.speaks() {
            return Vec::new();
        }
        let said = self.peaks.iter().zip(self.shares()).filter(|p| p.1 >= SAYS);
        said.map(|(p, _)| (self.direction.lag(p.0, TYPICAL_ECHO_S), p.1)).collect()
    }

    /// The lag without echo that speaks for a lag, if one does.
    pub fn says(&self, lag_s: f64) -> Option<f64> {
        let near = self.named().into_iter().find(|n| (n.0 - lag_s).abs() < GOOD_S)?;
        Some(self.direction.lag(self.direction.delay(near.0) + TYPICAL_ECHO_S, 0.0))
    }

    /// Adds what it says to a belief: its peaks, each earlier by any likely echo, or else anything that was searched.
    pub fn add_to(&self, belief: &mut Belief) {
        let (first, last) = belief.range();
        let mut said = vec![0.0f64; ((last - first) / BIN_S).round() as usize + 1];
        let bins = (LATEST_ECHO_S / BIN_S) as usize;
        let echoes: Vec<f64> = (0..bins).map(|k| echo_likelihood(k as f64 * BIN_S)).collect();
        let all: f64 = echoes.iter().sum();
        for (&(delay, _), share) in self.peaks.iter().zip(self.shares()) {
            for (k, echo) in echoes.iter().enumerate() {
                let at = ((self.direction.lag(delay, k as f64 * BIN_S) - first) / BIN_S).round();
                if at >= 0.0
                    && let Some(s) = said.get_mut(at as usize)
                {
                    *s += share * echo / all;
                }
            }
        }
        let (trust, searched) = (self.trust(), self.searched_s / BIN_S);
        let elsewhere = (1.0 - trust).ln();
        belief.add_each(|i| match said.get(i) {
            Some(&s) if s > 0.0 => (trust * s * searched + 1.0 - trust).ln(),
            _ => elsewhere,
        });
    }
}

/// Whether two stretches say the same of a lag: the same delay, or one each way and an echo's time apart.
///
/// Recordings repeat themselves: one phrase said twice is a witness for a lag at which nothing else agrees. One sound on both
/// tracks is found in both directions at one delay: that is one witness, not two.
pub(super) fn agree(votes: &[Vote], lag_s: f64) -> bool {
    /// What losses and drift between two stretches may change, in seconds.
    const SAME_S: f64 = 0.02;
    let told = |v: &Vote| Some((v.says(lag_s)?, v.direction, v.start));
    let told: Vec<(f64, Direction, usize)> = votes.iter().filter_map(told).collect();
    let pairs = told.iter().enumerate().flat_map(|(i, x)| told[i + 1..].iter().map(move |y| (x, y)));
    pairs.into_iter().any(|(x, y)| match (x.1, y.1) {
        (Direction::AOnB, Direction::BOnA) => (SAME_PATH_S..LATEST_ECHO_S).contains(&(y.0 - x.0)),
        (Direction::BOnA, Direction::AOnB) => (SAME_PATH_S..LATEST_ECHO_S).contains(&(x.0 - y.0)),
        _ => (x.0 - y.0).abs() < SAME_S && x.2.abs_diff(y.2) >= STRETCH,
    })
}

/// How likely an echo delay is, 1 at the most likely: log-normal about [`TYPICAL_ECHO_S`].
fn echo_likelihood(echo_s: f64) -> f64 {
    let x = (echo_s.max(0.002) / TYPICAL_ECHO_S).ln() / 0.9;
    (-0.5 * x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(direction: Direction, start: usize, peaks: &[(f64, f32)]) -> Vote {
        Vote { direction, start, peaks: peaks.to_vec(), searched_s: 8.0 }
    }

    #[test]
    fn an_echo_is_taken_off_in_both_directions() {
        // b begins 2 s after a: a's voice comes early on b's track by 2 s less its echo, b's late on a's by 2 s and its echo.
        assert!((Direction::AOnB.lag(-2.0 + 0.03, 0.03) - 2.0).abs() < 1e-12);
        assert!((Direction::BOnA.lag(2.0 + 0.03, 0.03) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn stretches_agree_at_one_delay_or_an_echo_apart() {
        let one = vote(Direction::AOnB, 0, &[(-1.97, 30.0)]);
        assert!(!agree(std::slice::from_ref(&one), 2.0));
        assert!(agree(&[one.clone(), vote(Direction::AOnB, 5_000, &[(-1.975, 20.0)])], 2.0));
        assert!(!agree(&[one.clone(), vote(Direction::AOnB, 300, &[(-1.97, 20.0)])], 2.0), "one sound heard twice");
        assert!(!agree(&[one.clone(), vote(Direction::AOnB, 5_000, &[(-1.85, 20.0)])], 2.0), "not the same delay");
        assert!(agree(&[one.clone(), vote(Direction::BOnA, 0, &[(2.02, 20.0)])], 2.0));
        assert!(!agree(&[one, vote(Direction::BOnA, 0, &[(1.97, 20.0)])], 2.0), "one sound on both tracks");
    }

    #[test]
    fn a_single_vote_is_believed_as_far_as_it_is_trusted() {
        let mut b = Belief::flat(-4.0, 4.0);
        vote(Direction::BOnA, 0, &[(1.03, 20.0)]).add_to(&mut b);
        let guess = b.guess();
        assert!((guess.lag_s - 1.0).abs() < 0.05 && (0.93..0.97).contains(&guess.mass), "{guess:?}");
        let mut b = Belief::flat(-4.0, 4.0);
        vote(Direction::BOnA, 0, &[(1.03, 5.2)]).add_to(&mut b);
        assert!(b.guess().mass < 0.15);
    }
}
