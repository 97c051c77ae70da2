//! Setters for all options, so that a configuration can be built in one expression.

use std::collections::BTreeMap;

use super::{
    AlignOptions, Config, DecodeOptions, DetectorKind, EchoPrior, Edges, Format, IntegrityConfig, Layout, LevelTarget,
    MetricsConfig, MixConfig, OffsetPrior, OutcomeConfig, OutputRate, Pii, SpeechConfig, Stereo, TagProfile,
};
use crate::call::{Outcome, Tag};
use crate::units::{Decibels, Millis, Rate};

/// Defines the setters of a type. `into` accepts anything that converts into the field's type.
macro_rules! setters {
    ($type:ident: $($rest:tt)+) => {
        impl $type {
            $crate::config::setters!(@each $($rest)+);
        }
    };
    (@each into $set:ident($field:ident: $kind:ty), $($rest:tt)*) => {
        #[doc = concat!("The same with another `", stringify!($field), "`.")]
        #[must_use]
        pub fn $set(mut self, $field: impl Into<$kind>) -> Self {
            self.$field = $field.into();
            self
        }
        $crate::config::setters!(@each $($rest)*);
    };
    (@each $set:ident($field:ident: $kind:ty), $($rest:tt)*) => {
        #[doc = concat!("The same with another `", stringify!($field), "`.")]
        #[must_use]
        pub fn $set(mut self, $field: $kind) -> Self {
            self.$field = $field;
            self
        }
        $crate::config::setters!(@each $($rest)*);
    };
    (@each) => {};
}

pub(crate) use setters;

setters! { Config:
    with_decode(decode: DecodeOptions),
    with_detector(detector: DetectorKind),
    with_speech(speech: SpeechConfig),
    with_align(align: AlignOptions),
    with_mix(mix: MixConfig),
    with_metrics(metrics: MetricsConfig),
    with_integrity(integrity: IntegrityConfig),
    with_outcome(outcome: OutcomeConfig),
    with_voices(voices: bool),
    with_dtmf_digits(dtmf_digits: bool),
    with_pii(pii: Pii),
    with_portable(portable: bool),
    with_confidence_map(confidence_map: Vec<(f64, f64)>),
}

setters! { DecodeOptions:
    with_stereo(stereo: Stereo),
    with_assumed_mp3_delay(assumed_mp3_delay: u32),
    into with_downsample_hz(downsample_hz: Option<Rate>),
    with_max_bytes(max_bytes: u64),
    with_max_buffered_bytes(max_buffered_bytes: u64),
    into with_max_duration_ms(max_duration_ms: Millis),
    into with_max_total_duration_ms(max_total_duration_ms: Millis),
    with_max_samples(max_samples: u64),
    into with_max_ms_per_byte(max_ms_per_byte: Millis),
    with_min_rate_hz(min_rate_hz: u32),
    with_max_decoder_bytes(max_decoder_bytes: u64),
    with_max_channels(max_channels: u16),
    with_max_tracks(max_tracks: usize),
    with_max_members(max_members: usize),
    with_max_members_bytes(max_members_bytes: u64),
    with_max_member_ratio(max_member_ratio: u32),
    with_sha256(sha256: bool),
}

setters! { SpeechConfig:
    with_threshold(threshold: f32),
    with_neg_threshold(neg_threshold: f32),
    into with_min_speech_ms(min_speech_ms: Millis),
    into with_min_silence_ms(min_silence_ms: Millis),
    into with_speech_pad_ms(speech_pad_ms: Millis),
    into with_max_speech_ms(max_speech_ms: Option<Millis>),
    into with_turn_pause_ms(turn_pause_ms: Millis),
    into with_reset_after_ms(reset_after_ms: Option<Millis>),
    with_edges(edges: Edges),
    with_bleed_gate(bleed_gate: bool),
}

setters! { AlignOptions:
    into with_search(search: Millis),
    with_bleed(bleed: bool),
    with_timestamps(timestamps: bool),
    with_turns(turns: bool),
    with_aligned(aligned: bool),
    with_offset_prior(offset_prior: Option<OffsetPrior>),
    with_echo_prior(echo_prior: Option<EchoPrior>),
    with_portable(portable: bool),
}

setters! { MixConfig:
    with_rate(rate: OutputRate),
    with_layout(layout: Layout),
    with_format(format: Format),
    with_level(level: LevelTarget),
}

setters! { MetricsConfig:
    into with_non_talk_ms(non_talk_ms: Millis),
    into with_interruption_after_ms(interruption_after_ms: Millis),
    into with_interruption_overlap_ms(interruption_overlap_ms: Millis),
    into with_interruption_yield_ms(interruption_yield_ms: Millis),
    into with_backchannel_ms(backchannel_ms: Millis),
    into with_max_uncertainty_ms(max_uncertainty_ms: Millis),
}

setters! { IntegrityConfig:
    with_clipped_share(clipped_share: f64),
    with_wide_share(wide_share: f64),
    into with_pause_ms(pause_ms: Millis),
    with_dropout_share(dropout_share: f64),
}

setters! { OutcomeConfig:
    into with_short_speech_ms(short_speech_ms: Millis),
    into with_short_span_ms(short_span_ms: Millis),
    with_short_exchanges(short_exchanges: u32),
    into with_silent_party_ms(silent_party_ms: Millis),
    with_silent_party_turns(silent_party_turns: u32),
    into with_monologue_ms(monologue_ms: Millis),
    into with_monologue_gap_ms(monologue_gap_ms: Millis),
    into with_min_voice_ms(min_voice_ms: Millis),
    into with_fax_voice_ms(fax_voice_ms: Millis),
    into with_greeting_ms(greeting_ms: Millis),
    into with_before_beep_ms(before_beep_ms: Millis),
    into with_machine_greeting_ms(machine_greeting_ms: Millis),
    into with_max_greeting_ms(max_greeting_ms: Millis),
    into with_greeting_pause_ms(greeting_pause_ms: Millis),
    into with_dead_dbov(dead_dbov: Decibels),
    with_profile(profile: TagProfile),
    into with_tags(tags: BTreeMap<Outcome, Tag>),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_configuration_is_made_in_one_expression() {
        let speech = SpeechConfig::asr().with_threshold(0.6).with_min_silence_ms(Duration::from_millis(300));
        let config = Config::default().with_speech(speech).with_portable(true);
        assert_eq!((config.speech.threshold, config.speech.min_silence_ms), (0.6, Millis(300.0)));
        assert_eq!((config.portable, config.speech.max_speech_ms), (true, Some(Millis(30_000.0))));
        assert!(config.validate().is_ok());
    }
}
