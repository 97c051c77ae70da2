//! The probability that an outcome is right.

use crate::call::Outcome;

use super::{Facts, Reason};

/// Scale of the doubt near a limit. For a value a fifth above or below it, a third of the doubt
/// remains.
const NEAR: f64 = 0.18;
/// Doubt at a limit itself. Beyond it, a later rule would decide, mostly wrongly: of 47 made calls
/// near a limit, all but one were right.
const AT_LIMIT: f64 = 0.3;
/// Factor on the confidence if parties cannot be compared in time and the rule would do so: of 149
/// such conversations on made calls, 146 were right.
const APART: f64 = 0.985;
/// Bounds of the confidence: no rule is more certain than its tests, and none is worse than a guess
/// among ten.
const MAX: f64 = 0.99;
const MIN: f64 = 0.1;

/// Returns the probability that an outcome is right, from its rule's accuracy on made calls and the
/// distance of its reasons from their limits.
pub(super) fn of(outcome: Outcome, reasons: &[Reason], facts: &Facts) -> f64 {
    let known = match outcome {
        Outcome::Conversation => conversation(facts),
        _ => usual(outcome) * reasons.iter().map(certainty).product::<f64>(),
    };
    let timely = !matches!(outcome, Outcome::OneWayAudio | Outcome::NoAnswer | Outcome::Busy | Outcome::Fax);
    let apart = if facts.comparable || !timely { 1.0 } else { APART };
    (1000.0 * (known * apart).clamp(MIN, MAX)).round() / 1000.0
}

/// Returns the accuracy of a rule whose reasons are far from their limits, on 450 made calls
/// (benches/outcome_table.py). It is capped by what the number of calls can show.
const fn usual(outcome: Outcome) -> f64 {
    match outcome {
        Outcome::OneWayAudio | Outcome::Fax => 0.99,
        Outcome::NoAnswer | Outcome::Busy | Outcome::IvrOnly => 0.97,
        Outcome::Voicemail | Outcome::SilentParty => 0.97,
        Outcome::Monologue | Outcome::Conversation => 0.95,
        Outcome::Unknown => 0.5,
    }
}

/// Returns the accuracy for a conversation, which grows with every exchange. Of 108 made calls of
/// one or two exchanges, 105 were conversations (seeds 711 to 715).
///
/// Where parties share a track, exchanges do not count unless its voices are told apart: of 254 made
/// calls without voices, 193 were conversations (seeds 711 and 712), and of 15 with one voice in which
/// another party may be hidden, 6 were (seeds 711 to 716). One track of one party is an assumption.
fn conversation(facts: &Facts) -> f64 {
    match (facts.tracks.len(), facts.exchanges) {
        _ if facts.may_hide_another => 0.4,
        (_, None) => 0.76,
        (0 | 1, _) => 0.9,
        (_, Some(0)) => 0.4,
        (_, Some(1 | 2)) => 0.95,
        _ => 0.99,
    }
}

/// Returns the certainty from a time's distance to its limit. Counts are exact.
fn certainty(reason: &Reason) -> f64 {
    if reason.unit != "ms" || reason.limit <= 0.0 || reason.measured <= 0.0 {
        return 1.0;
    }
    beyond(reason.measured, reason.limit)
}

/// Returns how certain it is on which side of a limit a measured value lies.
pub(crate) fn beyond(measured: f64, limit: f64) -> f64 {
    let apart = (measured / limit).ln().abs();
    1.0 - AT_LIMIT * (-apart / NEAR).exp()
}
