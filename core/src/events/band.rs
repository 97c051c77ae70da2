//! Measures the bandwidth of speech: whether a recording has sound above the telephone's 4 kHz, if
//! its sample rate allows it.
//!
//! Uses rustfft's scalar transforms, which are the same on every CPU. realfft would not be: its
//! planner chooses by the CPU.

use num_complex::Complex;
use rustfft::{Fft, FftPlannerScalar};
use std::sync::Arc;

/// Frames examined per second. Fricatives, which carry the power above 4 kHz, last 50 ms or more.
const FRAMES_PER_SECOND: u32 = 8;
/// Samples per frame.
const FRAME: usize = 256;
/// Upper limit of any telephone band, including resampler slopes.
const TELEPHONE_HZ: f32 = 4_600.0;
/// Lowest mean square of a loud frame: -50 dBov.
const LOUD: f32 = 1e-5;
/// Share of power above the telephone band from which a frame is wide: 20 dB below the total.
const WIDE: f32 = 0.01;
/// Lowest rate with room above the telephone band.
const ROOM_HZ: u32 = 12_000;

/// Number of loud frames, and of those with power above the telephone band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Band {
    /// Loud frames.
    pub loud: u32,
    /// Loud frames with power above the telephone band.
    pub wide: u32,
}

/// Measures the bandwidth of a track at its own rate.
#[derive(Clone)]
pub struct BandMeter {
    /// Samples between the beginnings of two frames; 0 if the rate has no room above the telephone
    /// band.
    step: usize,
    /// The first bin above the telephone band.
    above: usize,
    /// Samples to skip before the next frame.
    skip: usize,
    frame: Vec<f32>,
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    buffer: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    band: Band,
}

impl BandMeter {
    /// Creates a meter for samples at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        // Eight transforms a second need no speed, and the scalar ones are the same on every CPU.
        let fft = FftPlannerScalar::new().plan_fft_forward(FRAME);
        let has_room = rate >= ROOM_HZ;
        let turn = std::f32::consts::TAU / FRAME as f32;
        Self {
            step: if has_room { (rate / FRAMES_PER_SECOND) as usize } else { 0 },
            above: (TELEPHONE_HZ * FRAME as f32 / rate.max(1) as f32).ceil() as usize,
            skip: 0,
            frame: Vec::with_capacity(FRAME),
            window: (0..FRAME).map(|i| 0.5 - 0.5 * (turn * i as f32).cos()).collect(),
            buffer: vec![Complex::default(); FRAME],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            fft,
            band: Band::default(),
        }
    }

    /// Takes the next samples.
    pub fn push(&mut self, mut block: &[f32]) {
        while self.step > 0 && !block.is_empty() {
            let passed = self.skip.min(block.len());
            self.skip -= passed;
            block = &block[passed..];
            let (taken, rest) = block.split_at((FRAME - self.frame.len()).min(block.len()));
            self.frame.extend_from_slice(taken);
            block = rest;
            if self.frame.len() == FRAME {
                self.judge();
                self.frame.clear();
                self.skip = self.step.saturating_sub(FRAME);
            }
        }
    }

    /// Returns the counts. An incomplete frame does not count.
    pub fn finish(self) -> Band {
        self.band
    }

    fn judge(&mut self) {
        let power = self.frame.iter().map(|x| x * x).sum::<f32>() / FRAME as f32;
        if !(power.is_finite() && power > LOUD) {
            return;
        }
        for (to, (x, w)) in self.buffer.iter_mut().zip(self.frame.iter().zip(&self.window)) {
            *to = Complex::new(x * w, 0.0);
        }
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);
        let sum = |bins: &[Complex<f32>]| bins.iter().map(Complex::norm_sqr).sum::<f32>();
        let half = &self.buffer[1..FRAME / 2];
        let wide = sum(half.get(self.above.saturating_sub(1)..).unwrap_or_default()) > WIDE * sum(half);
        self.band.loud += 1;
        self.band.wide += u32::from(wide);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(rate: u32, hz: f32, chunk: usize) -> Band {
        let samples: Vec<f32> =
            (0..2 * rate).map(|i| 0.1 * (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()).collect();
        let mut meter = BandMeter::new(rate);
        samples.chunks(chunk).for_each(|block| meter.push(block));
        meter.finish()
    }

    #[test]
    fn what_lies_above_the_telephone_band_is_heard_in_any_chunking() {
        for chunk in [1, 37, 512, 4_001, 100_000] {
            assert_eq!(heard(16_000, 5_000.0, chunk), Band { loud: 16, wide: 16 });
            assert_eq!(heard(16_000, 3_900.0, chunk), Band { loud: 16, wide: 0 });
            assert_eq!(heard(48_000, 9_000.0, chunk), Band { loud: 16, wide: 16 });
        }
    }

    #[test]
    fn a_rate_without_room_and_silence_say_nothing() {
        assert_eq!(heard(8_000, 1_000.0, 100), Band::default());
        let mut meter = BandMeter::new(16_000);
        meter.push(&[0.0; 32_000]);
        meter.push(&[f32::NAN; 32_000]);
        assert_eq!(meter.finish(), Band::default());
    }
}
