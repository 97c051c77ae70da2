//! Integrated loudness of one channel (EBU R 128, 2023; ITU-R BS.1770-5).
//!
//! The mean square of the K-weighted signal is computed per tenth of a second, and four consecutive
//! tenths form a gating block. Keeping one number per tenth makes both gates exact.

use fearless_simd::Simd;

use super::kweight::KWeighting;
use super::pieces::Pieces;
use crate::room::make_room;
use crate::units::{Decibels, Millis, Rate};

/// Tenths of a second per second. Gating blocks are 400 ms, overlapping by 75 %.
const TENTHS: u32 = 10;
const BLOCK: usize = 4;
/// Loudness of a mean square of 1, in LUFS (BS.1770).
const OFFSET: f64 = -0.691;
/// Blocks below this level are not counted (R 128).
const ABSOLUTE_GATE_LUFS: f64 = -70.0;
/// Blocks this far below the mean of the remaining ones are not counted either (R 128).
const RELATIVE_GATE_DB: f64 = -10.0;
/// Below this rate the weighting filter, whose corner lies at 1.7 kHz, is not defined.
const MIN_HZ: u32 = 4_000;

/// Measures one channel.
#[derive(Debug, Clone)]
pub(super) struct Loudness {
    filter: Option<(KWeighting, Pieces)>,
    /// Weighted mean square of each tenth of a second.
    tenths: Vec<f32>,
}

impl Loudness {
    pub(super) fn new(rate: Rate) -> Self {
        let filter = || (KWeighting::new(rate, (rate.hz() / TENTHS) as usize), Pieces::new(rate, TENTHS));
        Self { filter: (rate.hz() >= MIN_HZ).then(filter), tenths: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn push<S: Simd>(&mut self, cpu: S, samples: &[f32]) {
        if let Some((filter, pieces)) = &mut self.filter {
            pieces.push(
                samples,
                #[inline(always)]
                |tenth| self.tenths.push((filter.energy(cpu, tenth) / tenth.len() as f64) as f32),
            );
        }
    }

    /// Reserves memory for some time, so that half of it needs no allocation.
    pub(super) fn make_room(&mut self, time: Millis) {
        make_room(&mut self.tenths, (time.0 * f64::from(TENTHS) / 1000.0) as usize);
    }

    /// Returns the loudness in LUFS, or `None` for silence and for less than 400 ms.
    pub(super) fn finish(self) -> Option<Decibels> {
        let absolute = power(ABSOLUTE_GATE_LUFS);
        let loud = self.mean_above(absolute)?;
        self.mean_above(absolute.max(loud * 10f64.powf(RELATIVE_GATE_DB / 10.0))).map(lufs)
    }

    /// Returns the mean of the gating blocks above a mean square.
    fn mean_above(&self, gate: f64) -> Option<f64> {
        let blocks = self.tenths.windows(BLOCK).map(|b| b.iter().copied().map(f64::from).sum::<f64>() / BLOCK as f64);
        let (sum, count) = blocks.filter(|&p| p > gate).fold((0.0, 0u64), |(sum, count), p| (sum + p, count + 1));
        (count > 0).then(|| sum / count as f64)
    }
}

fn lufs(power: f64) -> Decibels {
    Decibels(OFFSET + 10.0 * power.log10())
}

fn power(lufs: f64) -> f64 {
    10f64.powf((lufs - OFFSET) / 10.0)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use ebur128::{EbuR128, Mode};
    use fearless_simd::{Level, dispatch};

    use super::*;

    fn loudness_of(rate: u32, samples: &[f32]) -> Option<f64> {
        let mut meter = Loudness::new(Rate::new(rate).unwrap());
        dispatch!(Level::new(), cpu => meter.push(cpu, samples));
        meter.finish().map(|d| d.0)
    }

    /// Another implementation's answer.
    fn reference(rate: u32, samples: &[f32]) -> Option<f64> {
        let mut meter = EbuR128::new(1, rate, Mode::I).unwrap();
        meter.add_frames_f32(samples).unwrap();
        meter.loudness_global().ok().filter(|l| l.is_finite())
    }

    fn sine(rate: u32, hz: f64, amplitude: f64, seconds: f64) -> Vec<f32> {
        let wave = |n: u32| (amplitude * (TAU * hz * f64::from(n) / f64::from(rate)).sin()) as f32;
        (0..(seconds * f64::from(rate)) as u32).map(wave).collect()
    }

    #[test]
    fn a_full_scale_997_hz_sine_has_minus_3_lufs() {
        // EBU Tech 3341: a 0 dBFS sine near 1 kHz in one channel reads −3.01 LUFS.
        let loudness = loudness_of(48_000, &sine(48_000, 997.0, 1.0, 2.0)).unwrap();
        assert!((loudness + 3.01).abs() < 0.01, "{loudness}");
    }

    #[test]
    fn gates_pass_over_what_is_soft() {
        // EBU Tech 3341, cases 3 and 4 in one channel: −36, −23, −36 dBFS read as the middle alone;
        // so with −72 around.
        let tone = |db: f64, seconds| sine(48_000, 1000.0, 10f64.powf(db / 20.0), seconds);
        let samples = [tone(-72.0, 5.0), tone(-36.0, 5.0), tone(-23.0, 30.0), tone(-36.0, 5.0), tone(-72.0, 5.0)];
        let loudness = loudness_of(48_000, &samples.concat()).unwrap();
        assert!((loudness + 26.0).abs() < 0.1, "{loudness}");
    }

    #[test]
    fn tones_and_noise_read_as_by_another_implementation() {
        let mut seed = 1u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 16_777_216.0 - 0.5
        };
        for rate in [4_000, 8_000, 11_025, 16_000, 44_100, 48_000, 96_000] {
            for hz in [20.0, 60.0, 300.0, 1000.0, 1900.0] {
                let samples: Vec<f32> = sine(rate, hz, 0.3, 3.0).iter().map(|x| x + 0.01 * noise()).collect();
                let (ours, other) = (loudness_of(rate, &samples).unwrap(), reference(rate, &samples).unwrap());
                assert!((ours - other).abs() < 0.002, "{hz} Hz at {rate} Hz: {ours}, {other} by the other");
            }
        }
    }

    #[test]
    fn real_calls_read_as_by_another_implementation() {
        for file in ["agent.wav", "caller.wav"] {
            let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/reference/{}"), file);
            let reader = hound::WavReader::open(&path).unwrap();
            let rate = reader.spec().sample_rate;
            let samples: Vec<f32> = reader.into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
            let (ours, other) = (loudness_of(rate, &samples).unwrap(), reference(rate, &samples).unwrap());
            assert!((ours - other).abs() < 0.002, "{file}: {ours}, {other} by the other");
        }
    }

    #[test]
    fn silence_a_moment_and_very_low_rates_have_none() {
        for (rate, samples) in
            [(8000, &[0.0; 16_000][..]), (8000, &[0.5; 100]), (8000, &[]), (3_999, &[0.5; 16_000]), (1, &[0.5; 100])]
        {
            assert_eq!(loudness_of(rate, samples), None);
        }
    }

    #[test]
    fn silence_after_sound_stays_cheap_numbers() {
        let mut meter = Loudness::new(Rate::NARROWBAND);
        let samples = [sine(8000, 300.0, 0.5, 1.0), vec![0.0; 16_000]].concat();
        dispatch!(Level::new(), cpu => meter.push(cpu, &samples));
        assert_eq!(meter.tenths.last(), Some(&0.0));
    }
}
