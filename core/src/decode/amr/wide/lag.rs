//! Pitch lags: decoded, and concealed if lost (TS 26.190, 5.6; TS 26.191).

use super::WideMode;
use super::frame::WideBits;
use super::gains::{FrameArrival, WideGains};
use super::maths::noise;
use crate::decode::amr::ops::mult;

/// Shortest and longest lag, and lags from which the resolution is half a sample and a whole
/// sample.
const SHORTEST: i16 = 34;
pub(super) const LONGEST: i16 = 231;
const HALVES: i16 = 128;
const WHOLE: i16 = 160;
/// Whole-sample resolution at 6.6 and 8.85 kbit/s.
const WHOLE_LOW: i16 = 92;

/// A lag: whole samples, and quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WideLag {
    pub(super) whole: i16,
    pub(super) quarters: i16,
}

/// Decodes an absolute lag.
pub(super) fn alone(mode: WideMode, bits: &mut WideBits<'_>) -> WideLag {
    let low = mode <= WideMode::Rate885;
    let index = bits.take(if low { 8 } else { 9 }) as i16;
    let halves = |index: i16, from: i16| WideLag { whole: from + (index >> 1), quarters: (index & 1) * 2 };
    let whole = |whole| WideLag { whole, quarters: 0 };
    if low {
        let limit = (WHOLE_LOW - SHORTEST) * 2;
        return if index < limit { halves(index, SHORTEST) } else { whole(index + WHOLE_LOW - limit) };
    }
    let (quarters, limit) = ((HALVES - SHORTEST) * 4, (HALVES - SHORTEST) * 4 + (WHOLE - HALVES) * 2);
    match index {
        index if index < quarters => WideLag { whole: SHORTEST + (index >> 2), quarters: index & 3 },
        index if index < limit => halves(index - quarters, HALVES),
        index => whole(index + WHOLE - limit),
    }
}

/// Returns the smallest lag that a relative lag of the next subframe can have.
pub(super) fn range(lag: i16) -> i16 {
    (lag - 8).clamp(SHORTEST, LONGEST - 15)
}

/// Decodes a lag relative to the one before.
pub(super) fn relative(mode: WideMode, bits: &mut WideBits<'_>, from: i16) -> WideLag {
    if mode <= WideMode::Rate885 {
        let index = bits.take(5) as i16;
        return WideLag { whole: from + (index >> 1), quarters: (index & 1) * 2 };
    }
    let index = bits.take(6) as i16;
    WideLag { whole: from + (index >> 2), quarters: index & 3 }
}

/// Received lags of the last subframes, latest first.
#[derive(Debug, Clone)]
pub(super) struct PastLags {
    history: [i16; 5],
    last: i16,
    seed: i16,
}

impl Default for PastLags {
    fn default() -> Self {
        Self { history: [64; 5], last: 64, seed: 21_845 }
    }
}

impl PastLags {
    pub(super) fn keep(&mut self, lag: i16) {
        self.history.copy_within(..4, 1);
        self.history[0] = lag;
        self.last = lag;
    }

    /// Resets the last lag, after silence.
    pub(super) fn forget(&mut self) {
        self.last = 64;
    }

    /// Returns a lag for a lost subframe: the received one if it is likely, else one derived from
    /// the last lags.
    pub(super) fn guess(&mut self, arrived: i16, gains: &WideGains, arrival: FrameArrival) -> i16 {
        let (least, most) =
            (self.history.iter().fold(i16::MAX, |a, &b| a.min(b)), self.history.iter().fold(0, |a, &b| a.max(b)));
        let lowest_gain = gains.received.iter().fold(i16::MAX, |a, &b| a.min(b));
        let steady = most - least < 10;
        let voiced = gains.received[4] > 8192 && gains.received[3] > 8192;
        if !arrival.unusable && self.is_likely(arrived, gains, (least, most)) {
            return arrived;
        }
        let lag = if lowest_gain > 8192 && steady {
            if arrival.unusable { self.last } else { self.history[0] }
        } else if voiced {
            self.history[0]
        } else {
            self.random()
        };
        lag.clamp(least, most)
    }

    fn is_likely(&self, lag: i16, gains: &WideGains, (least, most): (i16, i16)) -> bool {
        let sum: i16 = self.history.iter().fold(0, |sum, &lag| sum.saturating_add(lag));
        let mean = mult(sum, 6554);
        let lowest = gains.received.iter().fold(i16::MAX, |a, &b| a.min(b));
        let (last_gain, range) = (gains.received[4], most - least);
        let inside = lag > least && lag < most;
        let near = lag - self.history[0];
        range < 10 && lag > least - 5 && lag - most < 5
            || last_gain > 8192 && gains.received[3] > 8192 && near > -10 && near < 10
            || lowest < 6554 && last_gain == lowest && inside
            || range < 70 && inside
            || lag > mean && lag < most
    }

    /// Returns a random lag near the mean of the longest three.
    fn random(&mut self) -> i16 {
        let mut sorted = self.history;
        sorted.sort_unstable();
        let range = (sorted[4] - sorted[2]).min(40);
        let step = mult(range >> 1, noise(&mut self.seed));
        mult(sorted[2] + sorted[3] + sorted[4], 10_923).saturating_add(step)
    }
}
