//! Every choice and every limit in one place, with its default and its unit.
//!
//! A configuration is a JSON object of the same shape in all languages; fields left out keep their defaults, fields that
//! do not exist are refused by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::{Outcome, Tag};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::{Decibels, Millis, Rate};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// The names that can be chosen.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The choice of a name, if it is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

choice! {
    /// Which speech detector listens.
    DetectorKind {
        /// Silero VAD's 8 kHz model: the one to trust on telephone bandwidth.
        #[default]
        Silero = "silero",
        /// WebRTC's detector: the cheap choice; takes ringing and music for speech.
        Webrtc = "webrtc",
    }
}

choice! {
    /// How a mix is laid out.
    Layout {
        /// One channel per party.
        #[default]
        Split = "split",
        /// All parties in one channel.
        Mono = "mono",
    }
}

choice! {
    /// How an output file is written.
    Format {
        /// 16-bit PCM in wav.
        #[default]
        Wav = "wav",
        /// 8-bit mu-law (ITU-T G.711) in wav: half the size, with its noise some 38 dB below the sound.
        WavUlaw = "wav-ulaw",
        /// FLAC of 16 bits: nothing lost, half the size or less. At most 8 channels.
        Flac = "flac",
    }
}

impl Format {
    /// How the name of a file of this format ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::WavUlaw => "wav",
            Self::Flac => "flac",
        }
    }
}

choice! {
    /// What becomes of personal data in a report: parties, paths, names taken from file names.
    Pii {
        /// They stay.
        #[default]
        Keep = "keep",
        /// They are left out.
        Drop = "drop",
    }
}

choice! {
    /// What becomes of a recording with two channels.
    Stereo {
        /// Each channel is a track: one party each.
        #[default]
        Split = "split",
        /// The channels are averaged into one track.
        Downmix = "downmix",
    }
}

/// The sample rate of a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputRate {
    /// The highest rate among the inputs, at most 16 kHz.
    #[default]
    Auto,
    /// The highest rate among the inputs.
    Source,
    /// A rate of the caller's.
    Fixed(Rate),
}

impl Serialize for OutputRate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Source => serializer.serialize_str("source"),
            Self::Fixed(rate) => serializer.serialize_u32(rate.hz()),
        }
    }
}

impl<'de> Deserialize<'de> for OutputRate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl OutputRate {
    /// `auto`, `source`, or 8000 to 48000 Hz.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "source" => Ok(Self::Source),
            _ => match text.parse().ok().filter(|hz| (8_000..=48_000).contains(hz)) {
                Some(hz) => Ok(Self::Fixed(Rate::new(hz)?)),
                None => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such output rate")
                    .found(text, "auto, source or 8000 to 48000 Hz")),
            },
        }
    }
}

/// The level to which each party is brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LevelTarget {
    /// Active speech level by ITU-T P.56, in dBov.
    ActiveDbov(Decibels),
    /// Integrated loudness by EBU R 128, in LUFS.
    Lufs(Decibels),
    /// As recorded.
    Off,
}

impl Default for LevelTarget {
    fn default() -> Self {
        Self::ActiveDbov(Decibels(-26.0))
    }
}

impl LevelTarget {
    /// `-26dbov`, `-23lufs` (any number from −60 to −1 in either), or `off`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let number = |unit: &str| {
            let level: f64 = lower.strip_suffix(unit)?.trim().parse().ok()?;
            (-60.0..=-1.0).contains(&level).then_some(Decibels(level))
        };
        match (lower.as_str(), number("dbov"), number("lufs")) {
            ("off", _, _) => Ok(Self::Off),
            (_, Some(level), _) => Ok(Self::ActiveDbov(level)),
            (_, _, Some(level)) => Ok(Self::Lufs(level)),
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such level")
                .found(text, "-60dbov to -1dbov, -60lufs to -1lufs, or off")),
        }
    }
}

impl Serialize for LevelTarget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ActiveDbov(level) => serializer.serialize_str(&format!("{}dbov", level.0)),
            Self::Lufs(level) => serializer.serialize_str(&format!("{}lufs", level.0)),
            Self::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for LevelTarget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// How recordings are read, and how much of one is accepted. Exceeding a limit is `limit_exceeded` with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DecodeOptions {
    /// What becomes of a recording with two channels.
    pub stereo: Stereo,
    /// Codec delay of an mp3 without a tag, in samples of the file's own rate. 1105 = 576 of LAME's encoder + 529 of any
    /// decoder.
    pub assumed_mp3_delay: u32,
    /// The most bytes that are read of one input.
    pub max_bytes: u64,
    /// The most bytes that are kept in memory of one input whose format cannot be read front to back: mp4, zip.
    pub max_buffered_bytes: u64,
    /// The longest recording that is decoded.
    pub max_duration_ms: Millis,
    /// The most channels of one recording.
    pub max_channels: u16,
    /// The most tracks of one call.
    pub max_tracks: usize,
    /// The most members of a zip archive.
    pub max_members: usize,
    /// The most bytes that the members of a zip archive hold together.
    pub max_members_bytes: u64,
    /// The most bytes of a zip member per byte in the archive.
    pub max_member_ratio: u32,
    /// Whether the SHA-256 of each input is computed while it is read.
    pub sha256: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            stereo: Stereo::Split,
            assumed_mp3_delay: 1105,
            max_bytes: 4 << 30,
            max_buffered_bytes: 512 << 20,
            max_duration_ms: Millis(24.0 * 3_600_000.0),
            max_channels: 16,
            max_tracks: 16,
            max_members: 1000,
            max_members_bytes: 4 << 30,
            max_member_ratio: 200,
            sha256: true,
        }
    }
}

/// From probabilities to spans, with the meanings that users of Silero VAD know. Defaults are the preset `metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// Speech begins at this probability.
    pub threshold: f32,
    /// Speech goes on until the probability is below this.
    pub neg_threshold: f32,
    /// Shorter speech is dropped.
    pub min_speech_ms: Millis,
    /// Shorter pauses do not end speech.
    pub min_silence_ms: Millis,
    /// Added on either side of a span, without meeting its neighbour.
    pub speech_pad_ms: Millis,
    /// The longest span; a longer one is cut in its longest pause. `None`: no limit.
    pub max_speech_ms: Option<Millis>,
    /// Pauses up to this long do not end a party's turn, unless the other party takes the floor.
    pub turn_pause_ms: Millis,
    /// Whether speech that only repeats another track is told apart as bleed.
    pub bleed_gate: bool,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self::metrics()
    }
}

impl SpeechConfig {
    /// For figures: a short "yes" counts, and padding would invent overlap.
    pub fn metrics() -> Self {
        Self {
            threshold: 0.5,
            neg_threshold: 0.35,
            min_speech_ms: Millis(120.0),
            min_silence_ms: Millis(200.0),
            speech_pad_ms: Millis(0.0),
            max_speech_ms: None,
            turn_pause_ms: Millis(1500.0),
            bleed_gate: true,
        }
    }

    /// For transcribers: nothing clipped at either end, at most 30 s.
    pub fn asr() -> Self {
        Self {
            min_speech_ms: Millis(250.0),
            speech_pad_ms: Millis(200.0),
            max_speech_ms: Some(Millis(30_000.0)),
            ..Self::metrics()
        }
    }
}

/// How tracks are placed: what may be used, and where to look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AlignOptions {
    /// How far apart two recorders may have started, or stopped, or have been from their start times; 1 s to 1 h.
    #[serde(rename = "searchMs")]
    pub search: Millis,
    /// Whether one party heard on the other's track may be used.
    pub bleed: bool,
    /// Whether start times may be used.
    pub timestamps: bool,
    /// Whether turn taking may be used.
    pub turns: bool,
    /// Whether the answer has the same bits on every kind of CPU. Follows [`Config::portable`] where a call is processed.
    #[serde(skip)]
    pub portable: bool,
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self { search: Millis(60_000.0), bleed: true, timestamps: true, turns: true, portable: false }
    }
}

/// How a mix is made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MixConfig {
    /// Samples per second.
    pub rate: OutputRate,
    /// One channel per party, or one for all.
    pub layout: Layout,
    /// How the file is written.
    pub format: Format,
    /// The level to which each party is brought.
    pub level: LevelTarget,
}

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
    /// Speech is wideband where at least this share of its loud frames holds power above the telephone band.
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

/// Which tag an outcome becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagProfile {
    /// `fax` is wrong_or_spam, `conversation` normal or short, everything else other.
    #[default]
    Default,
    /// A silent party and a monologue are wrong_or_spam too.
    Spam,
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
    pub least_voice_ms: Millis,
    /// Fax tones from a party with less voice of its own than this are a machine's.
    pub fax_voice_ms: Millis,
    /// A greeting ends at most this long after a monologue has begun.
    pub greeting_ms: Millis,
    /// A caller says no more than this before a machine's beep.
    pub before_beep_ms: Millis,
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
            monologue_gap_ms: Millis(1000.0),
            least_voice_ms: Millis(300.0),
            fax_voice_ms: Millis(1000.0),
            greeting_ms: Millis(3000.0),
            before_beep_ms: Millis(1000.0),
            dead_dbov: Decibels(-85.0),
            profile: TagProfile::Default,
            tags: BTreeMap::new(),
        }
    }
}

/// Everything that a caller can choose. The result depends on this and the input alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// How recordings are read.
    pub decode: DecodeOptions,
    /// Which speech detector listens.
    pub detector: DetectorKind,
    /// From probabilities to spans.
    pub speech: SpeechConfig,
    /// How tracks are placed.
    pub align: AlignOptions,
    /// How a mix is made.
    pub mix: MixConfig,
    /// The conversation's figures.
    pub metrics: MetricsConfig,
    /// What is wrong with a recording.
    pub integrity: IntegrityConfig,
    /// Outcome and tag.
    pub outcome: OutcomeConfig,
    /// Whether key presses are reported with their digits (card numbers often enough).
    pub dtmf_digits: bool,
    /// What becomes of personal data.
    pub pii: Pii,
    /// Takes the slower path whose bits are the same on every kind of CPU.
    pub portable: bool,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// `invalid_argument` that names the field and what it may be.
    pub fn from_json(text: &str) -> Result<Self> {
        let refused = |e: String| Error::new(ErrorKind::InvalidArgument, Stage::Config, e);
        let fields: serde_json::Map<String, Value> =
            serde_json::from_str(text).map_err(|e| refused(format!("not a configuration: {e}")))?;
        let config: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|e| refused(format!("not a configuration: {e}")))?;
        config.check()?;
        Ok(config)
    }

    /// Whether the numbers make sense together.
    ///
    /// # Errors
    /// `invalid_argument` that names the field, what it is and what it may be.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str, found: String, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).found(found, expected))
        };
        let speech = &self.speech;
        if !(speech.threshold > 0.0 && speech.threshold <= 1.0) {
            return refuse("speech.threshold", speech.threshold.to_string(), "above 0, at most 1");
        }
        if !(speech.neg_threshold >= 0.0 && speech.neg_threshold <= speech.threshold) {
            return refuse("speech.negThreshold", speech.neg_threshold.to_string(), "0 to speech.threshold");
        }
        if speech.max_speech_ms.is_some_and(|max| max.0.is_nan() || max.0 < 1000.0) {
            return refuse("speech.maxSpeechMs", format!("{:?}", speech.max_speech_ms), "at least 1000 ms, or null");
        }
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
        Ok(())
    }

    fn durations(&self) -> [(&'static str, Millis); 23] {
        let (s, m, o) = (&self.speech, &self.metrics, &self.outcome);
        [
            ("decode.maxDurationMs", self.decode.max_duration_ms),
            ("speech.minSpeechMs", s.min_speech_ms),
            ("speech.minSilenceMs", s.min_silence_ms),
            ("speech.speechPadMs", s.speech_pad_ms),
            ("speech.turnPauseMs", s.turn_pause_ms),
            ("align.searchMs", self.align.search),
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
            ("outcome.leastVoiceMs", o.least_voice_ms),
            ("outcome.faxVoiceMs", o.fax_voice_ms),
            ("outcome.greetingMs", o.greeting_ms),
            ("outcome.beforeBeepMs", o.before_beep_ms),
            ("speech.maxSpeechMs", s.max_speech_ms.unwrap_or_default()),
        ]
    }

    /// What differs from the defaults, as JSON.
    pub fn changes(&self) -> Value {
        let json = |config: &Self| serde_json::to_value(config).unwrap_or_default();
        difference(&json(self), &json(&Self::default())).unwrap_or_else(|| Value::Object(Default::default()))
    }

    /// SHA-256 of the whole configuration, in hexadecimal: equal hashes mean equal configurations.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(serde_json::to_string(self).unwrap_or_default()))
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The parts of a value that are not in another.
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
        assert_eq!(config.changes(), serde_json::json!({}));
        assert!(config.check().is_ok());
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(Config::from_json(&text).unwrap(), config);
        assert_eq!(Config::from_json("{}").unwrap(), config);
    }

    #[test]
    fn only_what_differs_is_reported() {
        let config = Config::from_json(r#"{"speech": {"threshold": 0.75}, "mix": {"rate": 8000, "level": "-23lufs"}}"#);
        let changes = config.unwrap().changes();
        assert_eq!(
            changes,
            serde_json::json!({"speech": {"threshold": 0.75}, "mix": {"rate": 8000, "level": "-23lufs"}})
        );
    }

    #[test]
    fn equal_configurations_have_equal_hashes() {
        assert_eq!(Config::default().hash(), Config::from_json("{}").unwrap().hash());
        assert_ne!(Config::default().hash(), Config { dtmf_digits: true, ..Config::default() }.hash());
        assert_eq!(Config::default().hash().len(), 64);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, name) in [
            (r#"{"speach": {}}"#, "speach"),
            (r#"{"speech": {"threshold": 2}}"#, "speech.threshold"),
            (r#"{"speech": {"negThreshold": 0.6}}"#, "speech.negThreshold"),
            (r#"{"speech": {"maxSpeechMs": 1}}"#, "speech.maxSpeechMs"),
            (r#"{"metrics": {"nonTalkMs": -1}}"#, "metrics.nonTalkMs"),
            (r#"{"mix": {"rate": 7999}}"#, "7999"),
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
