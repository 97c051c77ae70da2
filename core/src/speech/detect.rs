//! Speech detection on a single track.

use crate::config::SpeechConfig;
use crate::error::Result;
use crate::level::PowerMeter;
use crate::resample::narrowed;
use crate::samples::Samples;
use crate::units::{Rate, Span};
use crate::vad::{self, Detector, Probabilities};

use super::edges::located;

/// The speech of a track, and its probability frame by frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Detected {
    /// Spans of speech in the track's time.
    pub spans: Vec<Span>,
    /// The probabilities from which the spans were derived.
    pub probabilities: Probabilities,
}

/// Detects speech on one track with Silero's detector.
///
/// ```
/// use callweave::{config::SpeechConfig, speech, units::Rate};
///
/// let samples = vec![0.0f32; 16_000];
/// let detected = speech::detect(&samples, Rate::WIDEBAND, &SpeechConfig::default())?;
/// assert!(detected.spans.is_empty());
/// assert_eq!(detected.probabilities.values.len(), 32); // one for each 32 ms
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for options or samples out of range.
/// - [`Unsupported`](crate::ErrorKind::Unsupported) if the rate cannot be converted to 8 kHz.
pub fn detect<'a>(samples: impl Into<Samples<'a>>, rate: Rate, config: &SpeechConfig) -> Result<Detected> {
    detect_with(samples, rate, config, &mut vad::silero_of(config, 1, false))
}

/// Detects speech on one track with any detector of one track: WebRTC's ([`vad::detector`]), or
/// your own.
///
/// # Errors
/// Those of [`detect`] and of the detector.
pub fn detect_with<'a>(
    samples: impl Into<Samples<'a>>,
    rate: Rate,
    config: &SpeechConfig,
    detector: &mut dyn Detector,
) -> Result<Detected> {
    config.validate()?;
    let samples = samples.into();
    let mut power = PowerMeter::new(rate);
    let mut out = [Vec::new()];
    narrowed(&samples, rate, |block, narrowband| {
        power.push(block);
        detector.push(&[narrowband], &mut out)
    })?;
    detector.finish(&mut out)?;
    let [values] = out;
    let probabilities = Probabilities { hop: detector.hop(), values };
    let spans = located(&probabilities, &power.finish(), rate.millis(samples.len() as u64), config);
    Ok(Detected { spans, probabilities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DetectorKind};

    const KINDS: &[DetectorKind] = &[
        DetectorKind::Silero,
        #[cfg(feature = "webrtc")]
        DetectorKind::Webrtc,
    ];

    fn heard(samples: Vec<i16>, hz: u32, kind: DetectorKind) -> Detected {
        let rate = Rate::new(hz).unwrap();
        let duration = rate.millis(samples.len() as u64);
        let config = Config { detector: kind, ..Config::default() };
        let mut detector = vad::detector(&config, 1).unwrap();
        let detected = detect_with(samples, rate, &config.speech, detector.as_mut()).unwrap();
        assert!(detected.probabilities.values.iter().all(|p| (0.0..=1.0).contains(p)));
        let frames = (duration.0 / detected.probabilities.hop.0).ceil();
        assert!((detected.probabilities.values.len() as f64 - frames).abs() <= 1.0, "{hz} Hz");
        assert!(detected.spans.iter().all(|s| s.start.0 >= 0.0 && s.start < s.end && s.end <= duration));
        detected
    }

    fn noise(samples: usize, amplitude: f32) -> Vec<i16> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..samples).map(|_| (next() * amplitude) as i16).collect()
    }

    #[test]
    fn what_is_no_speech_has_none_and_no_sound_breaks_it() {
        for &kind in KINDS {
            for quiet in [vec![], vec![0; 1], vec![100; 255], vec![0; 24_000]] {
                assert!(heard(quiet, 8_000, kind).spans.is_empty());
            }
            for level in [i16::MIN, 3000, i16::MAX] {
                heard(vec![level; 24_000], 8_000, kind);
            }
            heard(noise(24_000, 32_767.0), 8_000, kind);
            heard([i16::MIN, i16::MAX].repeat(12_000), 8_000, kind);
        }
        for level in [i16::MIN, 3000, i16::MAX] {
            assert!(heard(vec![level; 24_000], 8_000, DetectorKind::Silero).spans.is_empty(), "a constant of {level}");
        }
        let full_scale = heard(noise(80_000, 32_767.0), 8_000, DetectorKind::Silero);
        assert!(full_scale.spans.is_empty(), "noise at full scale: {:?}", full_scale.spans);
    }

    #[test]
    fn any_rate_has_an_answer() {
        let rates =
            [1, 2, 7, 50, 100, 999, 1_000, 4_000, 6_000, 11_025, 22_050, 44_100, 48_000, 96_000, 191_999, 192_000];
        for hz in rates {
            let seconds = if hz < 1_000 { 20 } else { 1 };
            heard(noise((hz * seconds) as usize, 3_000.0), hz, DetectorKind::Silero);
        }
    }

    #[test]
    fn nonsense_in_the_configuration_is_refused() {
        let config = SpeechConfig { threshold: f32::NAN, ..SpeechConfig::default() };
        assert!(detect(&[0i16; 800], Rate::NARROWBAND, &config).is_err());
    }
}
