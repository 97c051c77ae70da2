//! The configuration: every option and limit, with default and unit.
//!
//! A configuration is a JSON object of the same shape in all languages. Missing fields keep their
//! defaults; unknown fields are errors.

mod builder;
mod choices;
mod echo_prior;
mod limits;
mod nearest;
mod offset_prior;
mod presets;
mod profile;
mod stages;

pub(crate) use builder::setters;
pub use choices::{Cover, DetectorKind, Edges, Format, Layout, LevelTarget, OutputRate, Pii, Stereo, TagProfile};
pub use echo_prior::EchoPrior;
pub use limits::{IntegrityConfig, MetricsConfig, OutcomeConfig};
pub use nearest::nearest;
pub use offset_prior::OffsetPrior;
pub use profile::Profile;
pub use stages::{AlignOptions, DecodeOptions, MixConfig, SpeechConfig};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::units::Millis;

/// All options. The result of an analysis depends only on these and the input.
///
/// ```
/// use callweave::Config;
///
/// let config = Config::from_json(r#"{"speech": {"threshold": 0.6}}"#)?;
/// assert_eq!(config.speech.threshold, 0.6);
/// assert!(Config::from_json(r#"{"speach": {}}"#).is_err());
/// # Ok::<(), callweave::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// How recordings are read.
    pub decode: DecodeOptions,
    /// The speech detector.
    pub detector: DetectorKind,
    /// How speech probabilities become spans.
    pub speech: SpeechConfig,
    /// How tracks are placed on the timeline.
    pub align: AlignOptions,
    /// How a mix is made.
    pub mix: MixConfig,
    /// Parameters of the conversation metrics.
    pub metrics: MetricsConfig,
    /// Thresholds for problems with recordings.
    pub integrity: IntegrityConfig,
    /// Limits for outcome and tag.
    pub outcome: OutcomeConfig,
    /// Whether to separate the voices of mixed tracks. Default: `true`.
    pub voices: bool,
    /// Whether DTMF events include their digits, which are often card numbers. Default: `false`.
    pub dtmf_digits: bool,
    /// What happens to personal data.
    pub pii: Pii,
    /// Whether to take a slower path that is bit-identical on every kind of CPU. Default: `false`.
    pub portable: bool,
    /// Calibration of placement confidence for calls like these: pairs of stated and true
    /// confidence, both increasing. If empty, confidence is reported as computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confidence_map: Vec<(f64, f64)>,
    /// The profile on which the configuration is based, as [`Profile::config`], [`Profile::under`]
    /// and [`Config::from_json`] set it. Its settings are in the other fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decode: DecodeOptions::default(),
            detector: DetectorKind::default(),
            speech: SpeechConfig::default(),
            align: AlignOptions::default(),
            mix: MixConfig::default(),
            metrics: MetricsConfig::default(),
            integrity: IntegrityConfig::default(),
            outcome: OutcomeConfig::default(),
            voices: true,
            dtmf_digits: false,
            pii: Pii::default(),
            portable: false,
            confidence_map: Vec::new(),
            profile: None,
        }
    }
}

impl Config {
    /// Parses a configuration from JSON. A field that is given goes before the profile's, even if
    /// its value is the default.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the field and its allowed values.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::from_json_over(text, None)
    }

    /// Parses a configuration from JSON, on top of a profile that is named beside it.
    ///
    /// # Errors
    /// Those of [`Config::from_json`], and `invalid_argument` for a configuration that names
    /// another profile.
    pub(crate) fn from_json_over(text: &str, beside: Option<Profile>) -> Result<Self> {
        let refused = |e: String| Error::new(ErrorKind::InvalidArgument, Stage::Config, e);
        let mut fields: serde_json::Map<String, Value> =
            serde_json::from_str(text).map_err(|e| refused(format!("invalid configuration: {e}")))?;
        let named = fields.remove("profile").filter(|profile| !profile.is_null());
        let named = named.map(Profile::of_value).transpose()?;
        if let (Some(named), Some(beside)) = (&named, &beside) {
            beside.refuse_another(named)?;
        }
        match beside.or(named) {
            None => of_fields(fields),
            Some(profile) => profile.merged(fields),
        }
    }

    /// Checks that all values are valid together.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] with the field, its value and the allowed range.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported) for a detector that is not in this build.
    pub fn validate(&self) -> Result<()> {
        self.detector.require()?;
        let refuse = |what: &str, found: String, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).with_mismatch(found, expected))
        };
        self.decode.validate()?;
        self.speech.validate()?;
        let i = &self.integrity;
        let shares = [
            ("integrity.clippedShare", i.clipped_share),
            ("integrity.wideShare", i.wide_share),
            ("integrity.dropoutShare", i.dropout_share),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return refuse(name, share.to_string(), "0 to 1");
            }
        }
        for (name, value) in self.durations() {
            if !(value.0.is_finite() && value.0 >= 0.0) {
                return refuse(name, value.to_string(), "0 ms or more");
            }
        }
        let rises = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        let within = |&(said, right): &(f64, f64)| (0.0..=1.0).contains(&said) && (0.0..=1.0).contains(&right);
        if !self.confidence_map.iter().all(within) || !self.confidence_map.windows(2).all(rises) {
            return refuse(
                "confidenceMap",
                format!("{:?}", self.confidence_map),
                "increasing pairs of numbers from 0 to 1",
            );
        }
        self.align.validate()?;
        // What is none is not written, so that it would read back as the profile's.
        let none = |field: &str, expected| refuse(field, "none over a profile's".into(), expected);
        let of_profile = |has: fn(&Profile) -> bool| self.profile.as_ref().is_some_and(has);
        if self.confidence_map.is_empty() && of_profile(Profile::has_confidence_map) {
            return none("confidenceMap", "a map, such as [[0, 0], [1, 1]] for confidence as computed");
        }
        if self.decode.downsample_hz.is_none() && of_profile(|profile| profile.has("decode", "downsampleHz")) {
            return none("decode.downsampleHz", "a rate, such as 48000, or a profile without one");
        }
        if self.align.offset_prior.is_none() && of_profile(|profile| profile.has("align", "offsetPrior")) {
            return none("align.offsetPrior", "a prior, or a profile without one");
        }
        if self.align.echo_prior.is_none() && of_profile(|profile| profile.has("align", "echoPrior")) {
            return none("align.echoPrior", "a prior, or a profile without one");
        }
        Ok(())
    }

    fn durations(&self) -> [(&'static str, Millis); 22] {
        let (m, o) = (&self.metrics, &self.outcome);
        [
            ("decode.maxDurationMs", self.decode.max_duration_ms),
            ("decode.maxTotalDurationMs", self.decode.max_total_duration_ms),
            ("decode.maxMsPerByte", self.decode.max_ms_per_byte),
            ("metrics.nonTalkMs", m.non_talk_ms),
            ("metrics.interruptionAfterMs", m.interruption_after_ms),
            ("metrics.interruptionOverlapMs", m.interruption_overlap_ms),
            ("metrics.interruptionYieldMs", m.interruption_yield_ms),
            ("metrics.backchannelMs", m.backchannel_ms),
            ("metrics.maxUncertaintyMs", m.max_uncertainty_ms),
            ("outcome.shortSpeechMs", o.short_speech_ms),
            ("outcome.shortSpanMs", o.short_span_ms),
            ("outcome.silentPartyMs", o.silent_party_ms),
            ("outcome.monologueMs", o.monologue_ms),
            ("outcome.monologueGapMs", o.monologue_gap_ms),
            ("integrity.pauseMs", self.integrity.pause_ms),
            ("outcome.minVoiceMs", o.min_voice_ms),
            ("outcome.faxVoiceMs", o.fax_voice_ms),
            ("outcome.greetingMs", o.greeting_ms),
            ("outcome.beforeBeepMs", o.before_beep_ms),
            ("outcome.machineGreetingMs", o.machine_greeting_ms),
            ("outcome.maxGreetingMs", o.max_greeting_ms),
            ("outcome.greetingPauseMs", o.greeting_pause_ms),
        ]
    }

    /// Returns the settings that differ from the defaults, as JSON.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
    pub fn changes(&self) -> Result<Value> {
        let changes = difference(&json::tree(self)?, &json::tree(&Self::default())?);
        Ok(changes.unwrap_or_else(|| Value::Object(Default::default())))
    }

    /// Returns the SHA-256 of the whole configuration in hexadecimal. Equal hashes mean equal
    /// configurations.
    ///
    /// # Errors
    /// Those of [`Config::changes`].
    pub fn hash(&self) -> Result<String> {
        Ok(hex(&Sha256::digest(json::text(self)?)))
    }
}

/// Builds a configuration from JSON fields.
fn of_fields(fields: serde_json::Map<String, Value>) -> Result<Config> {
    let refused = |e: String| Error::new(ErrorKind::InvalidArgument, Stage::Config, e);
    let config: Config = serde_json::from_value(Value::Object(fields)).map_err(|e| {
        let said = e.to_string();
        refused(format!("invalid configuration: {said}{}", nearest::hint(&said).unwrap_or_default()))
    })?;
    config.validate()?;
    Ok(config)
}

/// Formats bytes as lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns the parts of `value` that differ from `other`.
fn difference(value: &Value, other: &Value) -> Option<Value> {
    match (value, other) {
        (Value::Object(a), Value::Object(b)) => {
            let rest: serde_json::Map<String, Value> = a
                .iter()
                .filter_map(|(key, v)| Some((key.clone(), b.get(key).map_or(Some(v.clone()), |o| difference(v, o))?)))
                .collect();
            (!rest.is_empty()).then_some(Value::Object(rest))
        }
        _ => (value != other).then(|| value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_change_nothing_and_read_back() {
        let config = Config::default();
        assert_eq!(config.changes().unwrap(), serde_json::json!({}));
        assert!(config.validate().is_ok());
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(Config::from_json(&text).unwrap(), config);
        assert_eq!(Config::from_json("{}").unwrap(), config);
    }

    #[test]
    fn only_what_differs_is_reported() {
        let config = Config::from_json(r#"{"speech": {"threshold": 0.6}, "mix": {"rate": 8000, "level": "-23lufs"}}"#);
        let changes = config.unwrap().changes().unwrap();
        assert_eq!(
            changes,
            serde_json::json!({"speech": {"threshold": 0.6}, "mix": {"rate": 8000, "level": "-23lufs"}})
        );
    }

    #[test]
    fn equal_configurations_have_equal_hashes() {
        let hash = |config: &Config| config.hash().unwrap();
        assert_eq!(hash(&Config::default()), hash(&Config::from_json("{}").unwrap()));
        assert_ne!(hash(&Config::default()), hash(&Config { dtmf_digits: true, ..Config::default() }));
        assert_eq!(hash(&Config::default()).len(), 64);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, name) in [
            (r#"{"speach": {}}"#, "did you mean `speech`?"),
            (r#"{"detector": "slero"}"#, "did you mean `silero`?"),
            (r#"{"speech": {"threshold": 2}}"#, "speech.threshold"),
            (r#"{"speech": {"negThreshold": 0.6}}"#, "speech.negThreshold"),
            (r#"{"speech": {"maxSpeechMs": 1}}"#, "speech.maxSpeechMs"),
            (r#"{"speech": {"resetAfterMs": 999}}"#, "speech.resetAfterMs"),
            (r#"{"metrics": {"nonTalkMs": -1}}"#, "metrics.nonTalkMs"),
            (r#"{"mix": {"rate": 7999}}"#, "7999"),
            (r#"{"decode": {"downsampleHz": 4000}}"#, "decode.downsampleHz: found 4000 Hz, expected 8000 to 48000 Hz"),
            (r#"{"decode": {"downsampleHz": 0}}"#, "0 Hz"),
            (r#"{"mix": {"level": "-3 dB"}}"#, "-3 dB"),
            (r#"{"outcome": {"tags": {"bored": "other"}}}"#, "bored"),
            ("[]", "configuration"),
        ] {
            let error = Config::from_json(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
            assert!(error.to_string().contains(name), "{text}: {error}");
        }
    }
}
