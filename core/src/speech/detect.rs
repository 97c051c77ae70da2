//! Hearing speech in one track by itself.

use crate::config::Config;
use crate::error::Result;
use crate::level::PowerMeter;
use crate::resample::Resampler;
use crate::track::{Track, to_f32};
use crate::units::{Rate, Span};
use crate::vad::{self, Probabilities};

use super::edges::located;

/// Samples that go through the stages at once.
const BLOCK: usize = 4096;

/// Where somebody speaks in a track, and how likely it was frame by frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Detected {
    /// Spans of speech, in the track's time.
    pub spans: Vec<Span>,
    /// What they were made of.
    pub probabilities: Probabilities,
}

/// Hears speech in a track of any rate, by the configured detector and span parameters.
///
/// ```
/// use callweave::{Config, Role, speech, track::Track, units::Rate};
///
/// let track = Track { samples: vec![0; 16_000], rate: Rate::WIDEBAND, role: Role::Unknown };
/// assert!(speech::detect(&track, &Config::default())?.spans.is_empty());
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` for a configuration that makes no sense, `unsupported` where the rate cannot
/// be brought to 8 kHz.
pub fn detect(track: &Track, config: &Config) -> Result<Detected> {
    config.validate()?;
    let mut detector = vad::detector(config, 1)?;
    let mut narrow = Vec::new();
    let mut out = [Vec::new()];
    let mut resampler = Resampler::new(track.rate, Rate::NARROWBAND)?;
    let mut power = PowerMeter::new(track.rate);
    let mut block = Vec::with_capacity(BLOCK);
    for samples in track.samples.chunks(BLOCK) {
        block.clear();
        block.extend(samples.iter().map(|&x| to_f32(x)));
        power.push(&block);
        narrow.clear();
        resampler.push(&block, &mut narrow)?;
        detector.push(&[&narrow], &mut out)?;
    }
    narrow.clear();
    resampler.finish(&mut narrow)?;
    detector.push(&[&narrow], &mut out)?;
    detector.finish(&mut out)?;
    let [values] = out;
    let probabilities = Probabilities { hop: detector.hop(), values };
    let spans = located(&probabilities, &power.finish(), track.duration(), &config.speech);
    Ok(Detected { spans, probabilities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Role;
    use crate::config::DetectorKind;

    const KINDS: &[DetectorKind] = &[
        DetectorKind::Silero,
        #[cfg(feature = "webrtc")]
        DetectorKind::Webrtc,
    ];

    fn heard(samples: Vec<i16>, hz: u32, kind: DetectorKind) -> Detected {
        let track = Track { samples, rate: Rate::new(hz).unwrap(), role: Role::Unknown };
        let duration = track.duration();
        let detected = detect(&track, &Config { detector: kind, ..Config::default() }).unwrap();
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
        let track = Track { samples: vec![0; 800], rate: Rate::NARROWBAND, role: Role::Unknown };
        let mut config = Config::default();
        config.speech.threshold = f32::NAN;
        assert!(detect(&track, &config).is_err());
    }
}
