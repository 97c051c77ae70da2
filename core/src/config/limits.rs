//! Limits for metrics, integrity and outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::{Outcome, Tag};
use crate::units::{Decibels, Millis};

use super::choices::TagProfile;

/// Parameters of the conversation metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Shortest silence of all parties that counts as non-talk. Default: 3000 ms.
    pub non_talk_ms: Millis,
    /// An interrupting turn begins at least this long after the interrupted one. Default: 200 ms.
    pub interruption_after_ms: Millis,
    /// Shortest overlap of an interruption. Default: 500 ms.
    pub interruption_overlap_ms: Millis,
    /// Longest time until the interrupted party stops. Default: 2000 ms.
    pub interruption_yield_ms: Millis,
    /// Longest backchannel. Default: 1000 ms.
    pub backchannel_ms: Millis,
    /// Largest placement uncertainty with which parties are compared in time. Beyond it, such
    /// metrics are null. Default: 250 ms.
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

/// Thresholds for problems with recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IntegrityConfig {
    /// Share of samples at full scale from which a track is clipped. Default: 0.0001.
    pub clipped_share: f64,
    /// Share of loud frames with power above the telephone band from which speech is wideband.
    /// Default: 0.005.
    pub wide_share: f64,
    /// Shortest digital silence, or time missing from the recording, that counts as a pause.
    /// Default: 3000 ms.
    pub pause_ms: Millis,
    /// Share of a track taken up by dropouts from which they are reported. Default: 0.01.
    pub dropout_share: f64,
}

impl Default for IntegrityConfig {
    fn default() -> Self {
        Self { clipped_share: 1e-4, wide_share: 0.005, pause_ms: Millis(3000.0), dropout_share: 0.01 }
    }
}

/// Limits of the rules that decide the outcome, and the mapping from outcome to tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OutcomeConfig {
    /// A conversation with less speech than this is short. Default: 3000 ms.
    pub short_speech_ms: Millis,
    /// A conversation whose first and last speech are at most this far apart is short, if it has
    /// few exchanges. Default: 20 s.
    pub short_span_ms: Millis,
    /// Fewer exchanges than this count as few. Default: 2.
    pub short_exchanges: u32,
    /// A party must be silent on an open line for at least this long to be a silent party. Default:
    /// 10 s.
    pub silent_party_ms: Millis,
    /// Number of times the other party must speak to a silent one. Default: 2.
    pub silent_party_turns: u32,
    /// Shortest speech without room for an answer that is a monologue. Default: 15 s.
    pub monologue_ms: Millis,
    /// Shortest gap that leaves room for an answer. Default: 1500 ms.
    pub monologue_gap_ms: Millis,
    /// Speech of its own that a party needs to count as speaking: two short words. Default: 300 ms.
    #[serde(alias = "leastVoiceMs")]
    pub min_voice_ms: Millis,
    /// A party with fax tones and less speech of its own than this is a machine. Default: 1000 ms.
    pub fax_voice_ms: Millis,
    /// In a monologue, the other party's greeting ends within this time of its beginning. Default:
    /// 3000 ms.
    pub greeting_ms: Millis,
    /// Most speech of the caller before a voicemail's beep. Default: 1000 ms.
    pub before_beep_ms: Millis,
    /// A greeting without a pause longer than this is a machine's; a person says a word or two.
    /// Default: 3000 ms.
    pub machine_greeting_ms: Millis,
    /// A machine's greeting is shorter than this. Default: 15 s.
    pub max_greeting_ms: Millis,
    /// Shortest pause that ends a greeting. Default: 1000 ms.
    pub greeting_pause_ms: Millis,
    /// A track is dead below this level. Default: −85 dBov.
    pub dead_dbov: Decibels,
    /// The mapping from outcome to tag, before `tags`.
    pub profile: TagProfile,
    /// Exceptions to the mapping of `profile`.
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
