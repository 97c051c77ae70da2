//! How audio is read, heard, placed and mixed.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::units::Millis;

use super::choices::{Edges, Format, Layout, LevelTarget, OutputRate, Stereo};

/// How recordings are read, and how much of one is accepted. Exceeding a limit is `limit_exceeded`
/// with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DecodeOptions {
    /// What becomes of a recording with two channels.
    pub stereo: Stereo,
    /// Codec delay of an mp3 without a tag, in samples of the file's own rate. 1105 = 576 of LAME's
    /// encoder + 529 of any decoder.
    pub assumed_mp3_delay: u32,
    /// The most bytes that are read of one input.
    pub max_bytes: u64,
    /// The most bytes that are kept in memory of a call's recordings whose format cannot be read
    /// front to back: mp4, zip.
    pub max_buffered_bytes: u64,
    /// The longest recording that is decoded.
    pub max_duration_ms: Millis,
    /// The most audio of a call, all tracks together.
    pub max_total_duration_ms: Millis,
    /// The most samples of a call, all tracks together.
    pub max_samples: u64,
    /// The most audio per byte of a recording, all its tracks together. 100 ms are 80 bits a
    /// second.
    pub max_ms_per_byte: Millis,
    /// The lowest sample rate that is accepted, in hertz.
    pub min_rate_hz: u32,
    /// The most bytes of memory that a recording's header may make a decoder take.
    pub max_decoder_bytes: u64,
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
            max_total_duration_ms: Millis(48.0 * 3_600_000.0),
            max_samples: 4_000_000_000,
            max_ms_per_byte: Millis(100.0),
            min_rate_hz: 4_000,
            max_decoder_bytes: 64 << 20,
            max_channels: 16,
            max_tracks: 16,
            max_members: 1000,
            max_members_bytes: 4 << 30,
            max_member_ratio: 200,
            sha256: true,
        }
    }
}

/// From probabilities to spans, with the meanings that users of Silero VAD know. Defaults are the
/// preset `metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// Speech begins at this probability.
    #[serde(serialize_with = "json::shortest")]
    pub threshold: f32,
    /// Speech goes on until the probability is below this.
    #[serde(serialize_with = "json::shortest")]
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
    /// Silero begins anew after so long without a probability of `neg_threshold`. `None`: never, as
    /// its users know it.
    #[serde(alias = "forgetMs")]
    pub reset_after_ms: Option<Millis>,
    /// What says where a span begins and ends.
    pub edges: Edges,
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
            reset_after_ms: Some(Millis(4000.0)),
            edges: Edges::Energy,
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

    /// Whether the numbers make sense together.
    ///
    /// # Errors
    /// `invalid_argument` that names the field, what it is and what it may be.
    pub fn validate(&self) -> Result<()> {
        let refuse = |what: &str, found: String, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).with_mismatch(found, expected))
        };
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return refuse("speech.threshold", self.threshold.to_string(), "above 0, at most 1");
        }
        if !(0.0..1.0).contains(&self.neg_threshold) || self.neg_threshold > self.threshold {
            return refuse("speech.negThreshold", self.neg_threshold.to_string(), "0 to speech.threshold, below 1");
        }
        for (name, limit) in [("speech.maxSpeechMs", self.max_speech_ms), ("speech.resetAfterMs", self.reset_after_ms)]
        {
            if let Some(ms) = limit.filter(|ms| !(ms.0.is_finite() && ms.0 >= 1000.0)) {
                return refuse(name, ms.to_string(), "at least 1000 ms, or null");
            }
        }
        for (name, value) in [
            ("speech.minSpeechMs", self.min_speech_ms),
            ("speech.minSilenceMs", self.min_silence_ms),
            ("speech.speechPadMs", self.speech_pad_ms),
            ("speech.turnPauseMs", self.turn_pause_ms),
        ] {
            if !(value.0.is_finite() && value.0 >= 0.0) {
                return refuse(name, value.to_string(), "0 ms or more");
            }
        }
        Ok(())
    }

    /// What Silero's `get_speech_timestamps` does by itself: its parameters, its rule for the edges,
    /// and a network that never begins anew.
    pub fn silero() -> Self {
        Self {
            min_speech_ms: Millis(250.0),
            min_silence_ms: Millis(100.0),
            speech_pad_ms: Millis(30.0),
            reset_after_ms: None,
            edges: Edges::Detector,
            ..Self::metrics()
        }
    }
}

/// How tracks are placed: what may be used, and where to look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AlignOptions {
    /// How far apart two recorders may have started, or stopped, or have been from their start
    /// times; 1 s to 1 h.
    #[serde(rename = "searchMs")]
    pub search: Millis,
    /// Whether one party heard on the other's track may be used.
    pub bleed: bool,
    /// Whether start times may be used.
    pub timestamps: bool,
    /// Whether turn taking may be used.
    pub turns: bool,
    /// Whether one recorder made all tracks: they begin together, but for those whose offset is
    /// known.
    pub aligned: bool,
    /// Whether the answer has the same bits on every kind of CPU. Follows
    /// [`Config::portable`](super::Config::portable) where a call is processed.
    #[serde(skip)]
    pub portable: bool,
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self { search: Millis(60_000.0), bleed: true, timestamps: true, turns: true, aligned: false, portable: false }
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
