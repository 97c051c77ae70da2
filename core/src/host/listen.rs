//! Speech detection on a single recording, for users who only need a detector.

use serde::Deserialize;

use super::{Plane, planes, refused};
use crate::config::{Config, Edges, SpeechConfig};
use crate::decode::{Container, Input, NOT_FINITE, OUT_OF_RANGE, SourceInfo};
use crate::error::{Result, Warning};
use crate::run::RunOptions;
use crate::speech;
use crate::units::{Millis, Rate, Span};
use crate::vad::{self, Probabilities};

/// Default decimals of seconds (Silero's `time_resolution`).
const SILERO_DECIMALS: u8 = 1;

/// The speech of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSpeech {
    /// Spans of speech.
    pub spans: Vec<Span>,
    /// The probabilities from which the spans were derived.
    pub probabilities: Probabilities,
    /// The recording's sample rate.
    pub rate: Rate,
    /// The recording's duration.
    pub duration: Millis,
    /// Warnings about the recording.
    pub warnings: Vec<Warning>,
}

/// The unit of a span's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanUnit {
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Samples at the recording's own rate.
    Samples,
}

impl SpanUnit {
    /// Returns the unit with this name: `ms`, `s` or `samples`.
    ///
    /// # Errors
    /// `invalid_argument` for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "ms" => Ok(Self::Millis),
            "s" => Ok(Self::Seconds),
            "samples" => Ok(Self::Samples),
            _ => Err(refused("unknown unit").with_mismatch(name, "ms, s or samples")),
        }
    }

    fn of(self, time: Millis, rate: Rate) -> f64 {
        match self {
            Self::Millis => time.0,
            Self::Seconds => time.seconds(),
            Self::Samples => rate.sample_at(time) as f64,
        }
    }
}

impl ChannelSpeech {
    /// Returns the beginnings and ends of the spans in a unit.
    pub fn pairs(&self, unit: SpanUnit) -> Vec<[f64; 2]> {
        self.spans.iter().map(|span| [unit.of(span.start, self.rate), unit.of(span.end, self.rate)]).collect()
    }
}

/// Detects speech on the selected channel.
///
/// # Errors
/// Those of [`decode`](crate::decode()) and [`speech::detect`]; `invalid_argument` if the recording
/// has several channels and none is selected, or if samples in memory are not audio.
pub fn listen(input: Input, config: &Config, run: &RunOptions) -> Result<ChannelSpeech> {
    config.validate()?;
    let name = input.name().to_owned();
    let (planes, source) = planes::decode::<f32>(input, &config.decode, run)?;
    let (rate, duration, count) = (planes.rate, source.duration_ms, planes.channels.len());
    let mut channels = planes.channels.into_iter();
    let (Some(samples), None) = (channels.next(), channels.next()) else {
        let found = format!("{count} channels");
        return Err(refused("speech is detected on one channel")
            .with_mismatch(found, "one: set channel=… or mono")
            .in_input(name));
    };
    refuse_no_audio(&source).map_err(|e| e.in_input(name))?;
    let mut detector = vad::detector(config, 1)?;
    let found = speech::detect_with(samples, rate, &config.speech, detector.as_mut())?;
    let warnings = source.warnings;
    Ok(ChannelSpeech { spans: found.spans, probabilities: found.probabilities, rate, duration, warnings })
}

/// Rejects samples in memory that are not audio. For a file, they are only a warning.
fn refuse_no_audio(source: &SourceInfo) -> Result<()> {
    let wrong = |warning: &&Warning| [NOT_FINITE, OUT_OF_RANGE].contains(&&*warning.code);
    match source.warnings.iter().find(wrong) {
        Some(warning) if source.container == Container::Samples => {
            Err(refused("invalid samples").with_mismatch(&warning.message, "floats where 1.0 is full scale"))
        }
        _ => Ok(()),
    }
}

/// Returns the speech preset with this name: `metrics`, `asr` or `silero`.
///
/// # Errors
/// `invalid_argument` for any other name.
pub fn speech_preset(name: &str) -> Result<SpeechConfig> {
    match name {
        "metrics" => Ok(SpeechConfig::metrics()),
        "asr" => Ok(SpeechConfig::asr()),
        "silero" => Ok(SpeechConfig::silero()),
        _ => Err(refused("unknown preset").with_mismatch(name, "metrics, asr or silero")),
    }
}

/// The arguments of Silero's `get_speech_timestamps`, with its names and defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SileroOptions {
    threshold: f32,
    neg_threshold: Option<f32>,
    min_speech_duration_ms: f64,
    max_speech_duration_s: Option<f64>,
    min_silence_duration_ms: f64,
    speech_pad_ms: f64,
    return_seconds: bool,
    time_resolution: u8,
}

impl Default for SileroOptions {
    fn default() -> Self {
        let plain = SpeechConfig::silero();
        Self {
            threshold: plain.threshold,
            neg_threshold: None,
            min_speech_duration_ms: plain.min_speech_ms.0,
            max_speech_duration_s: None,
            min_silence_duration_ms: plain.min_silence_ms.0,
            speech_pad_ms: plain.speech_pad_ms.0,
            return_seconds: false,
            time_resolution: SILERO_DECIMALS,
        }
    }
}

impl SileroOptions {
    /// Returns the equivalent configuration.
    fn config(&self) -> Config {
        let plain = SpeechConfig::silero();
        // Silero's rule: 0.15 below the threshold, and never below 0.01.
        let below = (self.threshold - (plain.threshold - plain.neg_threshold)).max(0.01);
        let speech = SpeechConfig {
            threshold: self.threshold,
            neg_threshold: self.neg_threshold.unwrap_or(below),
            min_speech_ms: Millis(self.min_speech_duration_ms),
            max_speech_ms: self.max_speech_duration_s.map(|seconds| Millis(1000.0 * seconds)),
            min_silence_ms: Millis(self.min_silence_duration_ms),
            speech_pad_ms: Millis(self.speech_pad_ms),
            edges: Edges::Detector,
            ..plain
        };
        Config { speech, ..Config::default() }
    }
}

/// Silero's `get_speech_timestamps`: returns the beginnings and ends of speech, in samples, or in
/// seconds with this many decimals.
///
/// # Errors
/// Those of [`listen`].
pub fn speech_timestamps(input: Input, options: &SileroOptions, run: &RunOptions) -> Result<Vec<[f64; 2]>> {
    let heard = listen(input, &options.config(), run)?;
    if !options.return_seconds {
        return Ok(heard.pairs(SpanUnit::Samples));
    }
    let scale = 10f64.powi(i32::from(options.time_resolution));
    let rounded = |seconds: f64| ((seconds * scale).round() / scale).clamp(0.0, heard.duration.seconds());
    Ok(heard.pairs(SpanUnit::Seconds).into_iter().map(|pair| pair.map(rounded)).collect())
}

/// Returns the first and the last sample (excluded) of a time range, within `count` samples.
///
/// # Errors
/// `invalid_argument` for times that are not finite, negative, or in the wrong order.
pub fn frames(start_ms: Option<f64>, end_ms: Option<f64>, rate_hz: u32, count: usize) -> Result<(usize, usize)> {
    let rate = Rate::new(rate_hz)?;
    let start = start_ms.unwrap_or(0.0);
    let end = end_ms.unwrap_or(f64::MAX);
    if !(start >= 0.0 && start.is_finite() && end >= start) {
        let found = format!("{start} to {} ms", end_ms.map_or("the end".to_owned(), |end| end.to_string()));
        return Err(refused("invalid time range").with_mismatch(found, "0 <= start <= end"));
    }
    let at = |time: f64| usize::try_from(rate.sample_at(Millis(time))).unwrap_or(usize::MAX).min(count);
    Ok((at(start), at(end)))
}

/// What to load of a recording, and how.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadOptions {
    /// Start of the range. `None` means the beginning of the recording.
    pub start_ms: Option<f64>,
    /// Duration of the range. `None` means to the end.
    pub duration_ms: Option<f64>,
    /// Sample rate. `None` means the recording's own.
    pub rate_hz: Option<u32>,
}

/// Loads a part of a recording at a rate. A recording that is not read to its end has no
/// [`SourceInfo`](crate::decode::SourceInfo).
///
/// # Errors
/// Those of [`Decoder`](crate::decode::Decoder); `invalid_argument` for an invalid range, or one
/// beyond the end.
pub fn load<T: Plane>(
    input: Input,
    config: &Config,
    what: &LoadOptions,
    run: &RunOptions,
) -> Result<planes::Loaded<T>> {
    let rate = what.rate_hz.map(Rate::new).transpose()?;
    let end = what.duration_ms.map(|duration| what.start_ms.unwrap_or(0.0) + duration);
    planes::load(input, &config.decode, |hz| frames(what.start_ms, end, hz, usize::MAX), rate, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Input {
        Input::path(format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR")))
    }

    #[test]
    fn one_channel_is_heard_and_two_are_refused() {
        let (config, run) = (Config::default(), RunOptions::default());
        let heard = listen(fixture("stereo/call.wav").channel(0), &config, &run).unwrap();
        assert!(!heard.spans.is_empty());
        let (ms, samples) = (heard.pairs(SpanUnit::Millis), heard.pairs(SpanUnit::Samples));
        assert_eq!(ms[0].map(|time| (8.0 * time).round()), samples[0]);
        let refusal = listen(fixture("stereo/call.wav"), &config, &run).unwrap_err();
        assert!(refusal.to_string().contains("2 channels"), "{refusal}");
        assert!(SpanUnit::from_name("min").is_err() && speech_preset("fast").is_err());
    }

    #[test]
    fn floats_in_the_scale_of_16_bits_and_no_numbers_are_refused() {
        for wrong in [f32::NAN, 20_000.0] {
            let input = Input::samples("mic", vec![wrong; 800], Rate::NARROWBAND);
            let refusal = listen(input, &Config::default(), &RunOptions::default()).unwrap_err();
            assert!(refusal.to_string().contains("mic: invalid samples: found 800 samples"), "{refusal}");
        }
    }

    #[test]
    fn silero_s_names_are_its_rule_and_its_units() {
        let run = RunOptions::default();
        let input = || fixture("short/agent.wav");
        let plain = speech_timestamps(input(), &SileroOptions::default(), &run).unwrap();
        let config = Config { speech: speech_preset("silero").unwrap(), ..Config::default() };
        assert_eq!(plain, listen(input(), &config, &run).unwrap().pairs(SpanUnit::Samples));
        let seconds = SileroOptions { return_seconds: true, time_resolution: 2, ..SileroOptions::default() };
        let seconds = speech_timestamps(input(), &seconds, &run).unwrap();
        let rate = listen(input(), &config, &run).unwrap().rate;
        for (pair, second) in plain.iter().zip(&seconds) {
            assert!((pair[0] / f64::from(rate.hz()) - second[0]).abs() <= 0.005);
        }
        let low = SileroOptions { threshold: 0.1, ..SileroOptions::default() }.config().speech;
        assert_eq!(low.neg_threshold, 0.01);
    }

    #[test]
    fn a_stretch_is_what_the_whole_has_there() {
        let (config, run) = (Config::default(), RunOptions::default());
        let samples: Vec<i16> = (0..16_000).map(|n| n as i16).collect();
        let input = || Input::samples("ramp", &samples, Rate::NARROWBAND);
        let what = LoadOptions { start_ms: Some(500.0), duration_ms: Some(250.0), rate_hz: None };
        let part = load::<i16>(input(), &config, &what, &run).unwrap();
        assert_eq!(part.planes.channels[0], samples[4000..6000]);
        assert!(part.source.is_none());
        let twice = LoadOptions { rate_hz: Some(16_000), ..what };
        assert_eq!(load::<f32>(input(), &config, &twice, &run).unwrap().planes.channels[0].len(), 4000);
        let all = load::<i16>(input(), &config, &LoadOptions::default(), &run).unwrap();
        assert_eq!((all.planes.channels[0].len(), all.source.is_some()), (16_000, true));
        for (start, duration) in [(-1.0, 5.0), (f64::NAN, 5.0), (5.0, -1.0), (3000.0, 5.0)] {
            let what = LoadOptions { start_ms: Some(start), duration_ms: Some(duration), rate_hz: None };
            assert!(load::<i16>(input(), &config, &what, &run).is_err(), "{start} for {duration}");
        }
    }
}
