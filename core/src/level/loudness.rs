//! Integrated loudness by EBU R 128, with the ebur128 crate.

use ebur128::{EbuR128, Mode};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::{Decibels, Rate};

/// Hears one channel.
pub(super) struct Loudness(EbuR128);

impl std::fmt::Debug for Loudness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loudness").field("rate", &self.0.rate()).finish()
    }
}

impl Loudness {
    pub(super) fn new(rate: Rate) -> Result<Self> {
        // A histogram of block loudness keeps memory the same for any length.
        let meter = EbuR128::new(1, rate.hz(), Mode::I | Mode::HISTOGRAM).map_err(|e| {
            Error::new(ErrorKind::Unsupported, Stage::Level, format!("no loudness meter at {rate}: {e}"))
        })?;
        Ok(Self(meter))
    }

    pub(super) fn hear(&mut self, samples: &[f32]) {
        // It fails only on a wrong number of channels.
        let _ = self.0.add_frames_f32(samples);
    }

    /// The loudness in LUFS; `None` for silence and for less than 400 ms, which have none.
    pub(super) fn finish(self) -> Option<Decibels> {
        self.0.loudness_global().ok().filter(|lufs| lufs.is_finite()).map(Decibels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_997_hz_sine_has_minus_3_lufs() {
        // EBU Tech 3341: a 0 dBFS sine near 1 kHz in one channel reads −3.01 LUFS.
        let mut meter = Loudness::new(Rate::new(48_000).unwrap()).unwrap();
        let sine: Vec<f32> =
            (0..96_000).map(|n| (std::f64::consts::TAU * 997.0 * f64::from(n) / 48_000.0).sin() as f32).collect();
        meter.hear(&sine);
        let loudness = meter.finish().unwrap();
        assert!((loudness.0 + 3.01).abs() < 0.05, "{loudness}");
    }

    #[test]
    fn silence_and_a_moment_have_none() {
        for samples in [&[0.0; 16_000][..], &[0.5; 100], &[]] {
            let mut meter = Loudness::new(Rate::NARROWBAND).unwrap();
            meter.hear(samples);
            assert_eq!(meter.finish(), None);
        }
    }
}
