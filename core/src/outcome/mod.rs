//! What was heard to happen in a call, and the tag that follows: rules over plain facts, tried in
//! order.
//!
//! The first rule whose evidence holds decides. Each gives its reasons with measured value and
//! limit; all limits are in
//! [`OutcomeConfig`]. Where facts are missing — parties cannot be compared in time — a rule that needs them abstains.

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Role, Tag};
use crate::config::{OutcomeConfig, TagProfile};
use crate::timeline::EventKind;
use crate::units::Millis;

mod confidence;
mod facts;
mod machine;
mod rules;

/// A reason of a time and its limit.
fn time(code: &str, measured: Millis, limit: Millis, message: &str) -> Reason {
    let round = |ms: Millis| (ms.0 * 1000.0).round() / 1000.0;
    Reason {
        code: code.into(),
        measured: round(measured),
        limit: round(limit),
        unit: "ms".into(),
        message: message.into(),
    }
}

/// A reason of a number and its limit.
fn count(code: &str, measured: usize, limit: usize, message: &str) -> Reason {
    Reason {
        code: code.into(),
        measured: measured as f64,
        limit: limit as f64,
        unit: "count".into(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests;

pub(crate) use confidence::beyond;
pub(crate) use facts::{Facts, TrackFacts};
pub(crate) use machine::greeter;

use rules::RULES;

/// Why an outcome was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// Stable name of what was measured.
    pub code: String,
    /// What was measured.
    pub measured: f64,
    /// What it was held against.
    pub limit: f64,
    /// The unit of both.
    pub unit: String,
    /// The same in words.
    pub message: String,
}

/// An outcome with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// The outcome.
    pub value: Outcome,
    /// The probability that it is the true one among those it could be, 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A tag and what it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tagged {
    /// The tag.
    pub value: Tag,
    /// The outcome, or `conversation_short` for a conversation too short to be normal.
    pub from: String,
}

/// The outcome of a call.
pub(crate) fn outcome(facts: &Facts, config: &OutcomeConfig) -> Decision {
    for (value, rule) in RULES {
        if let Some(reasons) = rule(facts, config) {
            let confidence = confidence::of(value, &reasons, facts);
            return Decision { value, confidence, reasons };
        }
    }
    let nothing = time("speech_total", facts.talk(), Millis(0.0), "nothing was heard that can be named");
    let reasons = vec![nothing];
    Decision { value: Outcome::Unknown, confidence: confidence::of(Outcome::Unknown, &reasons, facts), reasons }
}

/// The tag of an outcome.
pub(crate) fn tag(decision: &Decision, facts: &Facts, config: &OutcomeConfig) -> Tagged {
    let outcome = decision.value;
    let short = outcome == Outcome::Conversation && is_short(facts, config);
    let from = if short { "conversation_short".to_owned() } else { outcome.name().to_owned() };
    let default = match outcome {
        Outcome::Conversation if short => Tag::Short,
        Outcome::Conversation => Tag::Normal,
        Outcome::Fax => Tag::WrongOrSpam,
        Outcome::SilentParty | Outcome::Monologue if config.profile == TagProfile::Spam => Tag::WrongOrSpam,
        _ => Tag::Other,
    };
    let chosen = if short { None } else { config.tags.get(&outcome).copied() };
    let mut value = chosen.unwrap_or(default);
    if value == Tag::WrongOrSpam && may_be_a_customer(facts) {
        value = Tag::Other;
    }
    Tagged { value, from }
}

/// Calling a customer spam is the one mistake that cannot be seen later: any evidence of a person
/// forbids it, and so do roles that are not known and recordings that cannot be trusted.
fn may_be_a_customer(facts: &Facts) -> bool {
    let keys = |t: &TrackFacts| matches!(t.role, Role::Customer | Role::Mixed) && t.of_kind(&[EventKind::Dtmf]) > 0;
    facts.damaged || facts.tracks.iter().any(|t| t.role == Role::Unknown || keys(t))
}

/// Short in speech, or short in time with hardly an exchange (or a pause that may be one); measured
/// between the first and the last speech. Where the tracks' places are uncertain, a call is short
/// in time if it is however they lie.
fn is_short(facts: &Facts, config: &OutcomeConfig) -> bool {
    let in_speech = facts.talk() < config.short_speech_ms;
    // Either end may be off by the uncertainty.
    let slack = if facts.comparable { 0.0 } else { 2.0 * facts.uncertainty.0 };
    let span = Millis(facts.first_to_last().0 + slack);
    in_speech || (span <= config.short_span_ms && facts.most_exchanges() < config.short_exchanges)
}
