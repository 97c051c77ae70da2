//! The limits by which a call is measured and judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Tag};
use crate::units::{Decibels, Millis};

use super::choices::TagProfile;

/// The parameters of the conversation's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Silence of all parties from this long on is non-talk.
    pub non_talk_ms: Millis,
    /// An interruption begins at least this long after the interrupted turn.
    pub interruption_after_ms: Millis,
    /// An interruption overlaps the interrupted turn at least this long.
    pub interruption_overlap_ms: Millis,
    /// The interrupted party stops within this time.
    pub interruption_yield_ms: Millis,
    /// A backchannel lasts at most this long.
    pub backchannel_ms: Millis,
    /// Placements less certain than this make no figures that compare parties in time.
    pub max_uncertainty_ms: Millis,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            non_talk_ms: Millis(3000.0),
            interruption_after_ms: Millis(200.0),
            interruption_overlap_ms: Millis(500.0),
            interruption_yield_ms: Millis(2000.0),
            backchannel_ms: Millis(1000.0),
            max_uncertainty_ms: Millis(250.0),
        }
    }
}

/// From when on something is wrong with a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IntegrityConfig {
    /// A track with at least this share of its samples at full scale is clipped.
    pub clipped_share: f64,
    /// Speech is wideband where at least this share of its loud frames holds power above the
    /// telephone band.
    pub wide_share: f64,
    /// Digital zero, or time that the recording leaves out, of at least this length is a pause.
    pub pause_ms: Millis,
    /// Short holes that take at least this share of a track are reported.
    pub dropout_share: f64,
}

impl Default for IntegrityConfig {
    fn default() -> Self {
        Self { clipped_share: 1e-4, wide_share: 0.005, pause_ms: Millis(3000.0), dropout_share: 0.01 }
    }
}

/// The limits of the rules that decide outcome and tag, and the map from one to the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OutcomeConfig {
    /// Less speech than this in a conversation is a short call.
    pub short_speech_ms: Millis,
    /// First to last speech no longer than this is a short call, if it holds few exchanges.
    pub short_span_ms: Millis,
    /// Fewer exchanges of turns than this are few.
    pub short_exchanges: u32,
    /// A party silent for at least this long may be a silent party.
    pub silent_party_ms: Millis,
    /// The other party speaks at least this many times to a silent one.
    pub silent_party_turns: u32,
    /// Speech of at least this length without room for an answer is a monologue.
    pub monologue_ms: Millis,
    /// A gap of at least this length is room for an answer.
    pub monologue_gap_ms: Millis,
    /// Voice of its own that a party needs to count as one who speaks: two short words.
    #[serde(alias = "leastVoiceMs")]
    pub min_voice_ms: Millis,
    /// Fax tones from a party with less voice of its own than this are a machine's.
    pub fax_voice_ms: Millis,
    /// A greeting ends at most this long after a monologue has begun.
    pub greeting_ms: Millis,
    /// A caller says no more than this before a machine's beep.
    pub before_beep_ms: Millis,
    /// A machine greets for longer than this in one go; a person who answers says a word or two.
    pub machine_greeting_ms: Millis,
    /// A machine greets for less than this.
    pub max_greeting_ms: Millis,
    /// A pause of at least this length ends a greeting.
    pub greeting_pause_ms: Millis,
    /// A dead line's level lies below this.
    pub dead_dbov: Decibels,
    /// The map from outcome to tag that `tags` changes.
    pub profile: TagProfile,
    /// The map from outcome to tag, where it differs from the profile's.
    pub tags: BTreeMap<Outcome, Tag>,
}

impl Default for OutcomeConfig {
    fn default() -> Self {
        Self {
            short_speech_ms: Millis(3000.0),
            short_span_ms: Millis(20_000.0),
            short_exchanges: 2,
            silent_party_ms: Millis(10_000.0),
            silent_party_turns: 2,
            monologue_ms: Millis(15_000.0),
            monologue_gap_ms: Millis(1500.0),
            min_voice_ms: Millis(300.0),
            fax_voice_ms: Millis(1000.0),
            greeting_ms: Millis(3000.0),
            before_beep_ms: Millis(1000.0),
            machine_greeting_ms: Millis(3000.0),
            max_greeting_ms: Millis(15_000.0),
            greeting_pause_ms: Millis(1000.0),
            dead_dbov: Decibels(-85.0),
            profile: TagProfile::Default,
            tags: BTreeMap::new(),
        }
    }
}
