//! How likely an outcome is the true one.

use crate::call::Outcome;

use super::{Facts, Reason};

/// How near to its limit a reason is doubtful: where it is a fifth above or below, a third of the
/// doubt is left.
const NEAR: f64 = 0.18;
/// The doubt at a limit itself. The rules that follow would mostly say something else and be wrong:
/// of 47 made calls near a limit all but one were right.
const AT_LIMIT: f64 = 0.3;
/// What is left of the confidence where parties cannot be compared in time and the rule would have:
/// of 149 such conversations on made calls 146 were right.
const APART: f64 = 0.985;
/// Bounds of what is said: no rule is surer than its tests, and none is worse than a guess among
/// ten.
const MAX: f64 = 0.99;
const MIN: f64 = 0.1;

/// The probability that an outcome is right, from what made calls show of its rule and how far its
/// reasons are from their limits.
pub(super) fn of(outcome: Outcome, reasons: &[Reason], facts: &Facts) -> f64 {
    let known = match outcome {
        Outcome::Conversation => conversation(facts),
        _ => usual(outcome) * reasons.iter().map(certainty).product::<f64>(),
    };
    let timely = !matches!(outcome, Outcome::OneWayAudio | Outcome::NoAnswer | Outcome::Busy | Outcome::Fax);
    let apart = if facts.comparable || !timely { 1.0 } else { APART };
    (1000.0 * (known * apart).clamp(MIN, MAX)).round() / 1000.0
}

/// How often a rule is right where its reasons are far from their limits, on 450 made calls
/// (benches/outcome_table.py); none is believed more often than its number of calls allows.
const fn usual(outcome: Outcome) -> f64 {
    match outcome {
        Outcome::OneWayAudio | Outcome::Fax => 0.99,
        Outcome::NoAnswer | Outcome::Busy | Outcome::IvrOnly => 0.97,
        Outcome::Voicemail | Outcome::SilentParty => 0.97,
        Outcome::Monologue | Outcome::Conversation => 0.95,
        Outcome::Unknown => 0.5,
    }
}

/// Every turn that passes to the other party makes a conversation surer. On one track turns do not
/// tell.
fn conversation(facts: &Facts) -> f64 {
    match (facts.tracks.len(), facts.exchanges) {
        (0 | 1, _) | (_, None) => 0.9,
        (_, Some(0)) => 0.4,
        (_, Some(1 | 2)) => 0.88,
        _ => 0.99,
    }
}

/// How far a measured time is from its limit; counts are exact.
fn certainty(reason: &Reason) -> f64 {
    if reason.unit != "ms" || reason.limit <= 0.0 || reason.measured <= 0.0 {
        return 1.0;
    }
    beyond(reason.measured, reason.limit)
}

/// How sure it is on which side of a limit a measured value lies.
pub(crate) fn beyond(measured: f64, limit: f64) -> f64 {
    let apart = (measured / limit).ln().abs();
    1.0 - AT_LIMIT * (-apart / NEAR).exp()
}
