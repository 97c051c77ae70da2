//! Decides what happened in a call, and its tag, by rules over facts.
//!
//! The rules are tried in order, and the first whose evidence holds decides. Each gives its reasons
//! with the measured value and the limit. All limits are in [`OutcomeConfig`]. A rule abstains if
//! its evidence is missing, for example because parties cannot be compared in time.

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Role, Tag};
use crate::config::{OutcomeConfig, TagProfile};
use crate::timeline::EventKind;
use crate::units::Millis;

mod confidence;
mod facts;
mod machine;
mod rules;

/// Creates a reason from a time and its limit.
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

/// Creates a reason from a count and its limit.
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

/// A reason for an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// Stable name of the measured value.
    pub code: String,
    /// The measured value.
    pub measured: f64,
    /// The limit it was compared with.
    pub limit: f64,
    /// The unit of both: `ms` or `count`.
    pub unit: String,
    /// Description for people.
    pub message: String,
}

/// An outcome with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// The outcome.
    pub value: Outcome,
    /// The probability that the outcome is right, from 0 to 1.
    pub confidence: f64,
    /// The reasons.
    pub reasons: Vec<Reason>,
}

/// A tag, and the outcome from which it follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tagged {
    /// The tag.
    pub value: Tag,
    /// The outcome, or `conversation_short` for a short conversation.
    pub from: String,
}

/// Decides the outcome of a call.
pub(crate) fn outcome(facts: &Facts, config: &OutcomeConfig) -> Decision {
    for (value, rule) in RULES {
        if let Some(reasons) = rule(facts, config) {
            let confidence = confidence::of(value, &reasons, facts);
            return Decision { value, confidence, reasons };
        }
    }
    let nothing = time("speech_total", facts.talk(), Millis(0.0), "no rule matched");
    let reasons = vec![nothing];
    Decision { value: Outcome::Unknown, confidence: confidence::of(Outcome::Unknown, &reasons, facts), reasons }
}

/// Returns the tag of an outcome.
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

/// Returns `true` if the call may be with a customer. Tagging a customer as spam is the one mistake
/// that stays hidden, so any sign of a person prevents it, and so do unknown roles and damaged
/// recordings.
fn may_be_a_customer(facts: &Facts) -> bool {
    let keys = |t: &TrackFacts| matches!(t.role, Role::Customer | Role::Mixed) && t.of_kind(&[EventKind::Dtmf]) > 0;
    facts.damaged || facts.tracks.iter().any(|t| t.role == Role::Unknown || keys(t))
}

/// Returns `true` if a conversation is short: in speech, or in time with few exchanges (or pauses
/// that may be exchanges), measured from the first to the last speech. If placements are uncertain,
/// it is short in time only if it is so for every possible placement.
fn is_short(facts: &Facts, config: &OutcomeConfig) -> bool {
    let in_speech = facts.talk() < config.short_speech_ms;
    // Either end may be off by the uncertainty.
    let slack = if facts.comparable { 0.0 } else { 2.0 * facts.uncertainty.0 };
    let span = Millis(facts.first_to_last().0 + slack);
    in_speech || (span <= config.short_span_ms && facts.most_exchanges() < config.short_exchanges)
}
