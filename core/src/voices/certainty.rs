//! How certain a division into voices is: the probability that nearly all speech (0.85 of it) is
//! with its right voice, by which rules decide, and the expected share that is, which is told.
//!
//! The weights of the probability are those of a logistic regression on 319 made calls
//! (docs/voices.md), except for [`ONE_AT_LIMIT`]. Those of the share are a least squares fit to the
//! shares of 954 other made calls, rounded.

/// Weight of the log odds by which a call of a few words was divided, or was not.
const FEW: f64 = 1.15;
/// Log odds of longer calls if nothing is near a limit or doubtful ...
const MANY: f64 = 5.3;
/// ... less this if the decisive likeness is at its limit. What is left of it falls to a third
/// within [`NEAR`].
const AT_LIMIT: f64 = 1.9;
const NEAR: f64 = 0.12;
/// The same if one voice was found. In made calls one voice near the limit was as right as others.
/// In a real call of two like voices through GSM it was not, so this is stricter than the fit.
const ONE_AT_LIMIT: f64 = 4.5;
/// Weight of the share of windows whose voice is uncertain.
const DOUBT: f64 = 5.6;

/// The share if nothing speaks against a division.
const MOST: f64 = 0.998;
/// The share where no window shows a voice: that of calls whose voices are wrong.
const NONE: f64 = 0.48;
/// Less by this in a call of a few words with even odds, and how fast that falls with the odds, if
/// one voice was found and if two were.
const ONE_OF_FEW: (f64, f64) = (0.15, 0.7);
const TWO_OF_FEW: (f64, f64) = (0.06, 0.3);
/// Less by this in a longer call if the decisive likeness is at its limit, and one voice was found
/// or several. The former is an assumption: the fit has 0.01, and the real call above was wrong.
const ONE_NEAR_LIMIT: f64 = 0.05;
const SEVERAL_NEAR_LIMIT: f64 = 0.14;
/// Less by this part of the share of windows whose voice is uncertain.
const DOUBTFUL: f64 = 0.4;
/// Less by this many times the mean probability that a frame is with another voice, in a call of a
/// few words and in a longer one.
const UNCLEAR: (f64, f64) = (0.18, 3.0);
/// Seconds of speech with another voice in a longer call, however long it is: at changes of voice,
/// and single words.
const ASTRAY: f64 = 0.06;
/// Least speech in seconds over which they are spread.
const LEAST_SPEECH: f64 = 2.0;

/// How certain a division into voices is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct VoiceCertainty {
    /// The probability that nearly all speech is with its right voice.
    pub probability: f64,
    /// The expected share of speech that is with its right voice.
    pub share: f64,
}

impl VoiceCertainty {
    /// Returns the certainty where no window shows a voice: nothing tells whose the speech is.
    pub const fn of_none() -> Self {
        Self { probability: 0.0, share: NONE }
    }

    /// Returns the certainty of a call of a few words, from the number of voices and the log odds
    /// of its division.
    pub fn of_few(count: usize, odds: f32) -> Self {
        let odds = f64::from(odds);
        let (wrong, falls) = if count == 1 { ONE_OF_FEW } else { TWO_OF_FEW };
        Self { probability: probability(FEW * odds), share: MOST - wrong * (-falls * odds.max(0.0)).exp() }
    }

    /// Returns the certainty of a longer call, from the number of voices, the distance of the
    /// decisive likeness from its limit, and the share of uncertain windows.
    pub fn of_many(count: usize, margin: f32, doubt: f32) -> Self {
        let (near, doubt) = ((-f64::from(margin) / NEAR).exp(), f64::from(doubt));
        let (at_limit, wrong) = match count {
            1 => (ONE_AT_LIMIT, ONE_NEAR_LIMIT * near.min(1.0)),
            _ => (AT_LIMIT, SEVERAL_NEAR_LIMIT * near.min(1.0) + DOUBTFUL * doubt),
        };
        Self { probability: probability(MANY - at_limit * near - DOUBT * doubt), share: MOST - wrong }
    }

    /// Returns the certainty after each frame was given to a voice, from the mean probability that
    /// a frame is with another one and, in a longer call, the seconds of speech.
    pub fn after_frames(self, unclear: f32, seconds: Option<f64>) -> Self {
        let wrong = match seconds {
            None => UNCLEAR.0 * f64::from(unclear),
            Some(seconds) => UNCLEAR.1 * f64::from(unclear) + ASTRAY / seconds.max(LEAST_SPEECH),
        };
        // That nothing tells is no worse.
        Self { share: (self.share - wrong).max(NONE), ..self }
    }
}

/// Returns the probability of log odds.
fn probability(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_a_limit_or_doubtful_is_less_certain() {
        let few = |count, odds| VoiceCertainty::of_few(count, odds).probability;
        let many = |count, margin, doubt| VoiceCertainty::of_many(count, margin, doubt).probability;
        assert!((few(1, 0.0) - 0.5).abs() < 1e-9 && few(2, 3.0) > 0.95);
        assert!(many(2, 0.5, 0.0) > 0.98 && many(2, 0.0, 0.0) < 0.98 && many(1, 0.0, 0.0) < 0.7);
        assert!(many(2, 0.5, 0.7) < 0.9 && many(3, 0.0, 1.0) < 0.2);
    }

    #[test]
    fn the_share_is_that_of_made_calls() {
        let few = |count, odds| VoiceCertainty::of_few(count, odds).share;
        assert!((few(1, 0.0) - 0.848).abs() < 1e-9 && few(1, 4.0) > 0.98);
        assert!((few(2, 0.0) - 0.938).abs() < 1e-9 && few(2, 4.0) > 0.97);
        let many = |count, margin, doubt| VoiceCertainty::of_many(count, margin, doubt).share;
        assert!(many(1, 0.0, 0.0) < 0.95 && many(1, 1.0, 0.0) > 0.99 && many(1, 1.0, 0.5) == many(1, 1.0, 0.0));
        assert!((many(2, 0.0, 0.2) - 0.778).abs() < 1e-6 && many(2, 1.0, 0.0) > 0.99);
        let certain = VoiceCertainty::of_many(2, 1.0, 0.0);
        let framed = certain.after_frames(0.01, Some(10.0));
        assert!((certain.share - framed.share - 0.036).abs() < 1e-6 && framed.probability == certain.probability);
        assert!((few(2, 1.0) - VoiceCertainty::of_few(2, 1.0).after_frames(0.1, None).share - 0.018).abs() < 1e-6);
        assert_eq!(VoiceCertainty::of_many(9, f32::MIN, 1.0).after_frames(1.0, Some(0.0)).share, NONE);
    }
}
