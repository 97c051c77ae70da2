//! The expected share of speech that is with its right voice.
//!
//! It follows from the probability that nearly all speech (0.85 of it) is. The weights of that are
//! those of a logistic regression on 319 made calls (docs/voices.md), except for [`ONE_AT_LIMIT`].

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
/// Share of speech that is with its right voice where not nearly all is, by a least squares fit to
/// the same calls.
const OTHERWISE: f64 = 0.48;
/// The share where nothing speaks against a division. Some calls are divided wrongly all the same:
/// on 612 made calls whose probability is 0.8 and more, it is 0.985 in the mean.
const MOST: f64 = 0.99;

/// Returns the share where no window shows a voice: nothing tells whose the speech is.
pub(super) const fn of_none() -> f64 {
    OTHERWISE
}

/// Returns the share for a call of a few words, from the log odds of its division.
pub(super) fn of_few(odds: f32) -> f64 {
    share(FEW * f64::from(odds))
}

/// Returns the share for a longer call, from the number of voices, the distance of the
/// decisive likeness from its limit, and the share of uncertain windows.
pub(super) fn of_many(count: usize, margin: f32, doubt: f32) -> f64 {
    let at_limit = if count == 1 { ONE_AT_LIMIT } else { AT_LIMIT };
    share(MANY - at_limit * (-f64::from(margin) / NEAR).exp() - DOUBT * f64::from(doubt))
}

/// Returns the expected share for the log odds that nearly all speech is with its right voice.
fn share(odds: f64) -> f64 {
    let probability = 1.0 / (1.0 + (-odds).exp());
    OTHERWISE + (MOST - OTHERWISE) * probability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_a_limit_or_doubtful_is_less_certain() {
        assert!((of_few(0.0) - 0.735).abs() < 1e-9 && of_few(3.0) > 0.965);
        assert!(of_many(2, 0.5, 0.0) > 0.985 && of_many(2, 0.5, 0.0) < MOST);
        assert!(of_many(2, 0.0, 0.0) < 0.98 && of_many(1, 0.0, 0.0) < 0.85);
        assert!(of_many(2, 0.5, 0.7) < 0.94 && of_many(3, 0.0, 1.0) < 0.6);
    }
}
