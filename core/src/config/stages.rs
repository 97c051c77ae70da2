//! Options for decoding, speech detection, alignment and mixing.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::units::{Millis, Rate};

use super::choices::{Edges, Format, Layout, LevelTarget, OutputRate, Stereo};
use super::echo_prior::EchoPrior;
use super::offset_prior::OffsetPrior;

/// How recordings are read, and the limits on them.
///
/// Exceeding a limit is [`LimitExceeded`](crate::ErrorKind::LimitExceeded), with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DecodeOptions {
    /// How a recording with two channels is read.
    pub stereo: Stereo,
    /// Codec delay assumed for an MP3 without a delay tag, in samples at the file's own rate.
    ///
    /// The default 1105 is LAME's encoder delay of 576 plus the decoder delay of 529.
    pub assumed_mp3_delay: u32,
    /// Recordings of a higher rate are decoded at this rate, 8000 to 48,000 Hz; the others keep
    /// theirs. Everything is then measured at it, and a kept track takes less memory. Default:
    /// none, which is each recording's own rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downsample_hz: Option<Rate>,
    /// Most bytes read from one input. Default: 4 GiB.
    pub max_bytes: u64,
    /// Most bytes held in memory per call for formats that cannot be read front to back (MP4, ZIP).
    /// Default: 512 MiB.
    pub max_buffered_bytes: u64,
    /// Longest recording that is decoded. Default: 24 h.
    pub max_duration_ms: Millis,
    /// Most audio per call, all tracks together. Default: 48 h.
    pub max_total_duration_ms: Millis,
    /// Most samples per call, all tracks together. Default: 4 billion.
    pub max_samples: u64,
    /// Most audio per byte of a recording, all its tracks together.
    ///
    /// The default of 100 ms per byte corresponds to 80 bit/s.
    pub max_ms_per_byte: Millis,
    /// Lowest accepted sample rate in Hz. Default: 4000.
    pub min_rate_hz: u32,
    /// Most bytes of memory that a recording's header may make a decoder allocate. Default: 64 MiB.
    pub max_decoder_bytes: u64,
    /// Most channels per recording. Default: 16.
    pub max_channels: u16,
    /// Most tracks per call. Default: 16.
    pub max_tracks: usize,
    /// Most members of a ZIP archive. Default: 1000.
    pub max_members: usize,
    /// Most uncompressed bytes of all members of a ZIP archive together. Default: 4 GiB.
    pub max_members_bytes: u64,
    /// Highest compression ratio of a ZIP member, in uncompressed bytes per compressed byte.
    /// Default: 200.
    pub max_member_ratio: u32,
    /// Whether to compute the SHA-256 of each input. Default: `true`.
    pub sha256: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            stereo: Stereo::Split,
            assumed_mp3_delay: 1105,
            downsample_hz: None,
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

impl DecodeOptions {
    /// The lowest and the highest rate in hertz at which recordings can be decoded on request.
    pub(crate) const DOWNSAMPLE_HZ: RangeInclusive<u32> = Rate::NARROWBAND.hz()..=48_000;

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the field, its value and the allowed range.
    pub fn validate(&self) -> Result<()> {
        let (least, most) = (Self::DOWNSAMPLE_HZ.start(), Self::DOWNSAMPLE_HZ.end());
        match self.downsample_hz.filter(|rate| !Self::DOWNSAMPLE_HZ.contains(&rate.hz())) {
            Some(rate) => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "decode.downsampleHz")
                .with_mismatch(rate, format!("{least} to {most} Hz, or null"))),
            None => Ok(()),
        }
    }
}

/// How speech probabilities become spans of speech.
///
/// The parameters mean what they mean in Silero VAD. The default is [`SpeechConfig::metrics`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// Speech begins when the probability reaches this. Default: 0.5.
    #[serde(serialize_with = "json::shortest")]
    pub threshold: f32,
    /// Speech ends when the probability falls below this. Default: 0.35.
    #[serde(serialize_with = "json::shortest")]
    pub neg_threshold: f32,
    /// Shorter spans of speech are dropped. Default: 120 ms.
    pub min_speech_ms: Millis,
    /// Shorter pauses do not end a span. Default: 200 ms.
    pub min_silence_ms: Millis,
    /// Padding added to both ends of a span, without touching the next span. Default: 0 ms.
    pub speech_pad_ms: Millis,
    /// Longest span; a longer one is split at its longest pause. `None`, the default, means no
    /// limit.
    pub max_speech_ms: Option<Millis>,
    /// Pauses up to this long do not end a party's turn, unless the other party takes the turn.
    /// Default: 1500 ms.
    pub turn_pause_ms: Millis,
    /// Resets Silero's state after this long without a probability of at least `neg_threshold`.
    /// Default: 4000 ms. `None` never resets, as in Silero VAD itself.
    #[serde(alias = "forgetMs")]
    pub reset_after_ms: Option<Millis>,
    /// What decides where a span begins and ends.
    pub edges: Edges,
    /// Whether speech that only repeats another track is reported as bleed. Default: `true`.
    pub bleed_gate: bool,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self::metrics()
    }
}

impl SpeechConfig {
    /// Returns the preset for metrics: short replies count, and no padding adds false overlap.
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

    /// Returns the preset for transcription: padded spans of at most 30 s.
    pub fn asr() -> Self {
        Self {
            min_speech_ms: Millis(250.0),
            speech_pad_ms: Millis(200.0),
            max_speech_ms: Some(Millis(30_000.0)),
            ..Self::metrics()
        }
    }

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the field, its value and the allowed range.
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

    /// Returns the preset that behaves like Silero VAD's `get_speech_timestamps`: its parameters,
    /// its rule for span edges, and no reset of the model's state.
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

/// How tracks are placed on the call's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AlignOptions {
    /// Search range, from 1 s to 1 h: how far apart two recorders may have started or stopped, and
    /// how far off their start times may be. Default: 60 s.
    #[serde(rename = "searchMs")]
    pub search: Millis,
    /// Whether to use bleed: one party audible on the other's track. Default: `true`.
    pub bleed: bool,
    /// Whether to use the recordings' start times. Default: `true`.
    pub timestamps: bool,
    /// Whether to use turn taking. Default: `true`.
    pub turns: bool,
    /// Whether one recorder made all tracks, so that they start together unless an offset is given.
    /// Default: `false`.
    pub aligned: bool,
    /// How far apart the recorders of two parties start, if that was measured. It decides where no
    /// bleed, offset or start time does. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_prior: Option<OffsetPrior>,
    /// Which echo the calls have, if that is known. It weighs the delays that bleed leaves open.
    /// Default: none, which is both kinds alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo_prior: Option<EchoPrior>,
    /// Whether the result is bit-identical on every kind of CPU. `process` takes this from
    /// [`Config::portable`](super::Config::portable).
    #[serde(skip)]
    pub portable: bool,
}

impl AlignOptions {
    /// The shortest and the longest search range.
    const SEARCH: (Millis, Millis) = (Millis(1_000.0), Millis(3_600_000.0));

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the field, its value and the allowed range.
    pub fn validate(&self) -> Result<()> {
        let (least, most) = Self::SEARCH;
        if !(least.0..=most.0).contains(&self.search.0) {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "align.searchMs");
            return Err(error.with_mismatch(self.search.to_string(), "1 s to 1 h"));
        }
        self.offset_prior.as_ref().map_or(Ok(()), OffsetPrior::validate)?;
        self.echo_prior.as_ref().map_or(Ok(()), EchoPrior::validate)
    }
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self {
            search: Millis(60_000.0),
            bleed: true,
            timestamps: true,
            turns: true,
            aligned: false,
            offset_prior: None,
            echo_prior: None,
            portable: false,
        }
    }
}

/// How a mix is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MixConfig {
    /// Sample rate.
    pub rate: OutputRate,
    /// Channel layout.
    pub layout: Layout,
    /// File format.
    pub format: Format,
    /// The level to which each party is normalized.
    pub level: LevelTarget,
}
