//! Options of a speech stream.

use serde::{Deserialize, Serialize};

use crate::config::{SpeechConfig, setters};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::units::Millis;

/// Default distance of `neg_threshold` below `threshold`, and its minimum, as in Silero VAD.
const NEG_THRESHOLD_BELOW: f32 = 0.15;
const MIN_NEG_THRESHOLD: f32 = 0.01;
/// Shortest time before the model's state is reset, as in the configuration.
const MIN_RESET_MS: f64 = 1000.0;

/// When speech begins and ends in a stream.
///
/// The names and defaults are those of Silero's `VADIterator`, except `reset_after_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StreamOptions {
    /// Speech begins when the probability reaches this.
    #[serde(serialize_with = "json::shortest")]
    pub threshold: f32,
    /// Speech ends when the probability falls below this. `None` means 0.15 below `threshold`, at
    /// least 0.01.
    pub neg_threshold: Option<f32>,
    /// Shorter speech is not reported. Beginnings are reported later by this time.
    pub min_speech_ms: Millis,
    /// Shorter pauses do not end speech. Ends are reported later by this time.
    pub min_silence_ms: Millis,
    /// Padding on either side of speech, unless it was already reported as part of other speech.
    pub speech_pad_ms: Millis,
    /// Resets the model's state after this long without a probability of at least `neg_threshold`.
    /// `None` never resets.
    pub reset_after_ms: Option<Millis>,
    /// Whether probabilities are bit-identical on every kind of CPU.
    pub portable: bool,
}

setters! { StreamOptions:
    with_threshold(threshold: f32),
    with_neg_threshold(neg_threshold: Option<f32>),
    into with_min_speech_ms(min_speech_ms: Millis),
    into with_min_silence_ms(min_silence_ms: Millis),
    into with_speech_pad_ms(speech_pad_ms: Millis),
    into with_reset_after_ms(reset_after_ms: Option<Millis>),
    with_portable(portable: bool),
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            neg_threshold: None,
            min_speech_ms: Millis(0.0),
            min_silence_ms: Millis(100.0),
            speech_pad_ms: Millis(30.0),
            reset_after_ms: SpeechConfig::default().reset_after_ms,
            portable: false,
        }
    }
}

impl StreamOptions {
    /// Returns the probability below which speech may end.
    pub fn neg_threshold(&self) -> f32 {
        self.neg_threshold.unwrap_or_else(|| (self.threshold - NEG_THRESHOLD_BELOW).max(MIN_NEG_THRESHOLD))
    }

    /// Checks that all values are in range.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) with the field, its value and the
    /// allowed range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |what: &str, found: String, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).with_mismatch(found, expected))
        };
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return refuse("threshold", self.threshold.to_string(), "above 0, at most 1");
        }
        let below = self.neg_threshold();
        if !(below > 0.0 && below < 1.0 && below <= self.threshold) {
            return refuse("negThreshold", below.to_string(), "above 0, below 1, at most threshold");
        }
        let lengths = [
            ("minSpeechMs", self.min_speech_ms),
            ("minSilenceMs", self.min_silence_ms),
            ("speechPadMs", self.speech_pad_ms),
        ];
        for (name, length) in lengths {
            if !(length.0.is_finite() && length.0 >= 0.0) {
                return refuse(name, length.to_string(), "0 ms or more");
            }
        }
        match self.reset_after_ms.filter(|after| !(after.0.is_finite() && after.0 >= MIN_RESET_MS)) {
            Some(after) => refuse("resetAfterMs", after.to_string(), "at least 1000 ms, or null"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_name() {
        let plain = StreamOptions::default;
        assert!(plain().validate().is_ok() && plain().neg_threshold() == 0.35);
        assert_eq!(StreamOptions { threshold: 0.1, ..plain() }.neg_threshold(), MIN_NEG_THRESHOLD);
        let wrong = [
            ("threshold", StreamOptions { threshold: f32::NAN, ..plain() }),
            ("negThreshold", StreamOptions { neg_threshold: Some(0.6), ..plain() }),
            ("negThreshold", StreamOptions { threshold: 0.005, ..plain() }),
            ("minSpeechMs", StreamOptions { min_speech_ms: Millis(-1.0), ..plain() }),
            ("minSilenceMs", StreamOptions { min_silence_ms: Millis(f64::NAN), ..plain() }),
            ("speechPadMs", StreamOptions { speech_pad_ms: Millis(f64::INFINITY), ..plain() }),
            ("resetAfterMs", StreamOptions { reset_after_ms: Some(Millis(10.0)), ..plain() }),
        ];
        for (name, options) in wrong {
            let error = options.validate().unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidArgument && error.message().contains(name), "{error}");
        }
    }
}
