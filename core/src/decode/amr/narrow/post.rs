//! Synthesis, postfilter and high-pass of the decoder (TS 26.090, 6.1 and 6.2).

use super::excitation::{gain_between, scaled_energy};
use super::lsf::{NarrowFilter, NarrowSpectrum};
use super::{FRAME, NarrowMode, ORDER, SUB_FRAME};
use crate::decode::amr::ops::{div_s, halves, l_mac, l_shl, mult, round};

/// Powers of 0.55 and 0.7 for the postfilter's bandwidth expansion, and at 10.2 and 12.2 kbit/s
/// those of 0.7 and 0.75, Q15.
const WIDER: [NarrowSpectrum; 2] = [
    [18_022, 9912, 5451, 2998, 1649, 907, 499, 274, 151, 83],
    [22_938, 16_057, 11_240, 7868, 5508, 3856, 2699, 1889, 1322, 925],
];
const WIDER_HIGH: [NarrowSpectrum; 2] = [
    [22_938, 16_057, 11_240, 7868, 5508, 3856, 2699, 1889, 1322, 925],
    [24_576, 18_432, 13_824, 10_368, 7776, 5832, 4374, 3281, 2461, 1846],
];
/// Samples of the impulse response from which the tilt is computed.
const RESPONSE: usize = 22;
/// Tilt compensation factor: 0.8, Q15.
const TILT: i16 = 26_214;
/// Smoothing factor of the level: 0.9, Q15.
const FOLLOW: i16 = 29_491;
/// High-pass at 60 Hz, Q13.
const ZEROS: [i32; 3] = [7699, -15_398, 7699];
const POLES: [i32; 2] = [15_836, -7667];

/// Filters an excitation by 1/A(z).
pub(super) fn synthesise(filter: &NarrowFilter, excitation: &[i16], out: &mut [i16], memory: &mut NarrowSpectrum) {
    for (out, &x) in out.iter_mut().zip(excitation) {
        let start = (i32::from(x) * i32::from(filter[0])).wrapping_add(0x800);
        let past = memory.iter().rev().zip(&filter[1..]);
        let sum = past.fold(start, |sum, (&y, &a)| sum.wrapping_sub(i32::from(y) * i32::from(a)));
        *out = (sum >> 12).clamp(-32_768, 32_767) as i16;
        memory.copy_within(1.., 0);
        memory[ORDER - 1] = *out;
    }
}

fn widened(filter: &NarrowFilter, powers: &NarrowSpectrum) -> NarrowFilter {
    let mut wide = *filter;
    for (coefficient, &power) in wide[1..].iter_mut().zip(powers) {
        *coefficient = ((i32::from(*coefficient) * i32::from(power) + 0x4000) >> 15) as i16;
    }
    wide
}

/// Returns the tilt of a filter from the first two autocorrelation values of its impulse response.
fn tilt(numerator: &NarrowFilter, denominator: &NarrowFilter) -> i16 {
    let mut response = [0; RESPONSE];
    let mut input = [0; RESPONSE];
    input[..=ORDER].copy_from_slice(numerator);
    synthesise(denominator, &input, &mut response, &mut [0; ORDER]);
    let correlation = |lag: usize| {
        let pairs = response[lag..].iter().zip(&response);
        (pairs.fold(0i32, |sum, (&a, &b)| l_mac(sum, a, b)) >> 16) as i16
    };
    let (energy, neighbours) = (correlation(0), correlation(1));
    if neighbours <= 0 { 0 } else { div_s(mult(neighbours, TILT), energy) }
}

/// Emphasizes formants, and compensates the resulting tilt and level.
#[derive(Debug, Clone)]
pub(super) struct NarrowPost {
    memory: NarrowSpectrum,
    past: NarrowSpectrum,
    last_residual: i16,
    gain: i16,
}

impl Default for NarrowPost {
    fn default() -> Self {
        Self { memory: [0; ORDER], past: [0; ORDER], last_residual: 0, gain: 4096 }
    }
}

impl NarrowPost {
    /// Filters a frame by subframes.
    pub(super) fn filter(&mut self, mode: NarrowMode, filters: &[NarrowFilter; 4], speech: &mut [i16; FRAME]) {
        let powers = if matches!(mode, NarrowMode::Rate1020 | NarrowMode::Rate1220) { &WIDER_HIGH } else { &WIDER };
        for (filter, samples) in filters.iter().zip(speech.as_chunks_mut::<SUB_FRAME>().0) {
            let (numerator, denominator) = (widened(filter, &powers[0]), widened(filter, &powers[1]));
            let input = *samples;
            let mut residual = self.residual(&numerator, &input);
            self.straighten(tilt(&numerator, &denominator), &mut residual);
            synthesise(&denominator, &residual, samples, &mut self.memory);
            self.level(&input, samples);
        }
    }

    /// Filters by A(z).
    fn residual(&mut self, filter: &NarrowFilter, input: &[i16; SUB_FRAME]) -> [i16; SUB_FRAME] {
        let mut line = [0; ORDER + SUB_FRAME];
        line[..ORDER].copy_from_slice(&self.past);
        line[ORDER..].copy_from_slice(input);
        self.past.copy_from_slice(&line[SUB_FRAME..]);
        std::array::from_fn(|i| {
            let terms = line[i..=i + ORDER].iter().rev().zip(filter);
            (terms.fold(0x800i32, |sum, (&x, &a)| sum.wrapping_add(i32::from(x) * i32::from(a))) >> 12) as i16
        })
    }

    fn straighten(&mut self, tilt: i16, residual: &mut [i16; SUB_FRAME]) {
        for x in residual {
            let before = std::mem::replace(&mut self.last_residual, *x);
            *x = x.saturating_sub(mult(tilt, before));
        }
    }

    fn level(&mut self, like: &[i16; SUB_FRAME], samples: &mut [i16; SUB_FRAME]) {
        let output = scaled_energy(samples);
        if output == 0 {
            self.gain = 0;
            return;
        }
        let target = mult(gain_between(scaled_energy(like), output), i16::MAX - FOLLOW);
        for x in samples {
            self.gain = mult(self.gain, FOLLOW).wrapping_add(target);
            *x = ((i32::from(*x) * i32::from(self.gain)) >> 12).clamp(-32_768, 32_767) as i16;
        }
    }
}

/// The high-pass, which also doubles the signal.
#[derive(Debug, Clone, Default)]
pub(super) struct NarrowHighPass {
    inputs: [i32; 2],
    /// Last two outputs in Q31, split into halves.
    outputs: [(i16, i16); 2],
}

impl NarrowHighPass {
    pub(super) fn filter(&mut self, samples: &mut [i16]) {
        for sample in samples {
            let input = i32::from(*sample);
            let mut sum = 0i32;
            for (&(high, low), pole) in self.outputs.iter().zip(POLES) {
                sum = sum.wrapping_add(i32::from(high) * pole).wrapping_add((i32::from(low) * pole) >> 15);
            }
            for (x, zero) in [input, self.inputs[0], self.inputs[1]].into_iter().zip(ZEROS) {
                sum = sum.wrapping_add(x * zero);
            }
            let sum = l_shl(sum, 3);
            *sample = round(l_shl(sum, 1));
            self.inputs = [input, self.inputs[0]];
            self.outputs = [halves(sum), self.outputs[0]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_does_not_pass() {
        let mut samples = [8000; 4000];
        NarrowHighPass::default().filter(&mut samples);
        assert!(samples[0] > 7000 && samples[3999].abs() < 8, "{} {}", samples[0], samples[3999]);
    }

    #[test]
    fn a_flat_filter_changes_nothing() {
        let mut flat = [0; ORDER + 1];
        flat[0] = 4096;
        let mut speech: [i16; FRAME] = std::array::from_fn(|i| (i as i16 * 37) % 1000);
        let input = speech;
        NarrowPost::default().filter(NarrowMode::Rate475, &[flat; 4], &mut speech);
        assert!(speech.iter().zip(input).all(|(a, b)| a.abs_diff(b) <= 3));
    }
}
