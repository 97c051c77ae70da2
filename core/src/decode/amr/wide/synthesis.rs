//! Converts the excitation to samples at 16 kHz: the filter at 12.8 kHz, oversampling, and a high
//! band generated from noise (TS 26.190, 6.2 and 6.3).

use super::isf::{WideSpectrum, filter_of, pairs_of};
use super::maths::{energy, inverse_root, mac, noise, norm};
use super::tables::{BAND, BELOW, HIGH_GAINS, OVERSAMPLING};
use super::{ORDER, SUB_FRAME, WideMode};
use crate::decode::amr::ops::{div_s, halves, high, l_mac, l_shl, mult, norm_s, round, shl};

/// Samples per subframe at 16 kHz.
pub(super) const OUT: usize = SUB_FRAME * 5 / 4;
/// Filter order at 16 kHz.
const HIGH_ORDER: usize = 20;
/// De-emphasis factor: 0.68, Q15.
const EMPHASIS: i16 = 22_282;
/// Minimum level of the high band: 0.1, Q15.
const LEAST_LEVEL: i16 = 3277;

/// Filter coefficients at 12.8 kHz, Q12.
pub(super) type WideFilter = [i16; ORDER + 1];

/// Input of the synthesis of a subframe.
pub(super) struct WideSubFrame<'a> {
    pub(super) filter: &'a WideFilter,
    pub(super) excitation: [i16; SUB_FRAME],
    /// Bits by which the excitation is scaled up.
    pub(super) scale: i32,
    pub(super) mode: WideMode,
    /// Frequencies for the high band, at 6.6 kbit/s.
    pub(super) frequencies: Option<WideSpectrum>,
    /// Index of the high band's gain, if it was sent and is usable.
    pub(super) gain: Option<usize>,
    /// Whether unvoiced frames precede.
    pub(super) unvoiced: bool,
}

/// A second-order filter: its last inputs, and outputs split into halves.
#[derive(Debug, Clone, Default)]
struct SecondOrderFilter {
    inputs: [i16; 2],
    outputs: [(i16, i16); 2],
}

impl SecondOrderFilter {
    /// Returns the sums over the outputs' lower halves, and over their upper halves and the inputs.
    fn sums(&self, input: i16, low: [i16; 2], upper: [i16; 2], zeros: [i16; 3]) -> (i32, i32) {
        let [(high1, low1), (high2, low2)] = self.outputs;
        let below = mac(mac(8192, low1, low[0]), low2, low[1]);
        let above = mac(mac(0, high1, upper[0]), high2, upper[1]);
        let past = [input, self.inputs[0], self.inputs[1]];
        (below, past.into_iter().zip(zeros).fold(above, |sum, (x, zero)| mac(sum, x, zero)))
    }

    fn keep(&mut self, input: i16, output: i32) {
        self.inputs = [input, self.inputs[0]];
        self.outputs = [halves(output), self.outputs[0]];
    }

    /// Applies the high-pass at 50 Hz.
    fn above_50(&mut self, samples: &mut [i16]) {
        for x in samples {
            let (below, above) = self.sums(*x, [16_211, -8021], [32_422, -16_042], [8106, -16_212, 8106]);
            let sum = (below >> 14).wrapping_add(above) << 2;
            self.keep(*x, sum);
            *x = round(l_shl(sum, 1));
        }
    }

    /// Applies the high-pass at 400 Hz.
    fn above_400(&mut self, samples: &mut [i16]) {
        for x in samples {
            let (below, above) = self.sums(*x, [29_280, -14_160], [29_280, -14_160], [915, -1830, 915]);
            let sum = (below >> 13).wrapping_add(above << 2);
            self.keep(*x, sum);
            *x = (sum.wrapping_add(0x8000) >> 16) as i16;
        }
    }
}

/// Synthesis state.
#[derive(Debug, Clone)]
pub(super) struct Synthesis {
    /// Last outputs of the filter: 16 bits, and 12 below them.
    outputs: [(i16, i16); ORDER],
    emphasis: i16,
    above_50: SecondOrderFilter,
    above_400: SecondOrderFilter,
    oversampling: [i16; 24],
    seed: i16,
    high_outputs: [i16; HIGH_ORDER],
    band: [i16; 30],
    below: [i16; 30],
}

impl Default for Synthesis {
    fn default() -> Self {
        Self {
            outputs: [(0, 0); ORDER],
            emphasis: 0,
            above_50: SecondOrderFilter::default(),
            above_400: SecondOrderFilter::default(),
            oversampling: [0; 24],
            seed: 21_845,
            high_outputs: [0; HIGH_ORDER],
            band: [0; 30],
            below: [0; 30],
        }
    }
}

/// Applies an FIR filter over past and present samples, and drops 15 bits.
fn convolve<const N: usize>(samples: &mut [i16; OUT], memory: &mut [i16; 30], taps: &[i16; N], shift: u32) {
    let mut line = [0; 30 + OUT];
    line[..30].copy_from_slice(memory);
    line[30..].iter_mut().zip(&*samples).for_each(|(to, &x)| *to = x >> shift);
    for (i, out) in samples.iter_mut().enumerate() {
        *out = (line[i..].iter().zip(taps).fold(0x4000, |sum, (&x, &tap)| mac(sum, x, tap)) >> 15) as i16;
    }
    memory.copy_from_slice(&line[OUT..]);
}

/// Filters by 1/A(z) of any order.
fn synthesise(filter: &[i16], samples: &mut [i16; OUT], memory: &mut [i16]) {
    for x in samples {
        let past = memory.iter().rev().zip(&filter[1..]);
        let sum = past.fold(-(i32::from(*x) << 11), |sum, (&y, &a)| mac(sum, y, a));
        *x = round(l_shl(sum, 4).wrapping_neg());
        memory.copy_within(1.., 0);
        if let Some(last) = memory.last_mut() {
            *last = *x;
        }
    }
}

/// Expands a filter's bandwidth by the powers of a factor.
fn widened<const N: usize>(filter: &[i16; N], factor: i16) -> [i16; N] {
    let mut power = factor;
    let mut wide = *filter;
    for coefficient in &mut wide[1..] {
        *coefficient = (mac(0x4000, *coefficient, power) >> 15) as i16;
        power = (mac(0x4000, power, factor) >> 15) as i16;
    }
    wide
}

impl Synthesis {
    /// Resets the high band's filter state, except for the part that both orders share.
    pub(super) fn forget_high(&mut self) {
        self.high_outputs[..HIGH_ORDER - ORDER].fill(0);
    }

    /// Synthesizes the samples of a subframe.
    pub(super) fn make(&mut self, sub_frame: WideSubFrame<'_>, out: &mut [i16; OUT]) {
        let mut samples = self.filter(&sub_frame);
        self.above_50.above_50(&mut samples);
        self.oversample(&samples, out);
        let mut high = self.noise(&sub_frame);
        self.above_400.above_400(&mut samples);
        let level = level(&samples, sub_frame.unvoiced);
        for x in &mut high {
            *x = match sub_frame.gain {
                Some(index) => mult(*x, HIGH_GAINS[index % HIGH_GAINS.len()]) << 1,
                None => mult(*x, level),
            };
        }
        match sub_frame.frequencies {
            Some(frequencies) => {
                let filter: [i16; HIGH_ORDER + 1] = filter_of(&pairs_of(&extrapolated(&frequencies)), false);
                synthesise(&widened(&filter, 29_491), &mut high, &mut self.high_outputs);
            }
            None => {
                let memory = &mut self.high_outputs[HIGH_ORDER - ORDER..];
                synthesise(&widened(sub_frame.filter, 19_661), &mut high, memory);
            }
        }
        convolve(&mut high, &mut self.band, &BAND, 2);
        if sub_frame.mode == WideMode::Rate2385 {
            convolve(&mut high, &mut self.below, &BELOW, 0);
        }
        out.iter_mut().zip(high).for_each(|(x, high)| *x = x.saturating_add(high));
    }

    /// Applies the synthesis filter and de-emphasis.
    fn filter(&mut self, sub_frame: &WideSubFrame<'_>) -> [i16; SUB_FRAME] {
        let shift = 9 - sub_frame.scale;
        sub_frame.excitation.map(|x| {
            let past = self.outputs.iter().rev().zip(&sub_frame.filter[1..]);
            let (upper, lower) =
                past.fold((0, 0), |(upper, lower), (&(high, low), &a)| (mac(upper, high, a), mac(lower, low, a)));
            let sum = (lower.wrapping_neg() >> 11).wrapping_add(i32::from(x) << shift.clamp(0, 31));
            let sum = l_shl(sum.wrapping_sub(upper << 1), 3);
            let output = (high(sum), ((sum >> 4) - (sum >> 16 << 12)) as i16);
            self.outputs.copy_within(1.., 0);
            self.outputs[ORDER - 1] = output;
            let whole = (i32::from(output.0) << 16).wrapping_add(i32::from(output.1) << 4);
            self.emphasis = round(l_shl(mac(l_shl(whole, 3), self.emphasis, EMPHASIS), 1));
            self.emphasis
        })
    }

    /// Resamples from 12.8 to 16 kHz.
    fn oversample(&mut self, samples: &[i16; SUB_FRAME], out: &mut [i16; OUT]) {
        let mut line = [0; 24 + SUB_FRAME];
        line[..24].copy_from_slice(&self.oversampling);
        line[24..].copy_from_slice(samples);
        for (i, out) in out.iter_mut().enumerate() {
            let at = 12 + i * 4 / 5;
            *out = match i % 5 {
                0 => line[at],
                phase => {
                    let taps = line[at - 11..].iter().zip(&OVERSAMPLING[phase - 1]);
                    high(l_shl(taps.fold(0x2000, |sum, (&x, &tap)| mac(sum, x, tap)), 2))
                }
            };
        }
        self.oversampling.copy_from_slice(&line[SUB_FRAME..]);
    }

    /// Generates noise with the energy of the excitation.
    fn noise(&mut self, sub_frame: &WideSubFrame<'_>) -> [i16; OUT] {
        let mut samples = [0; OUT];
        samples.iter_mut().for_each(|x| *x = noise(&mut self.seed) >> 3);
        let excitation = sub_frame.excitation.map(|x| x.saturating_add(4) >> 3);
        let (mantissa, exponent) = energy(&excitation);
        let (wanted, wanted_exponent) = (high(mantissa), exponent - 2 * (sub_frame.scale - 3));
        let (mantissa, mut exponent) = energy(&samples);
        let mut found = high(mantissa);
        if found > wanted {
            (found, exponent) = (found >> 1, exponent + 1);
        }
        let quotient = i32::from(div_s(found, wanted)) << 16;
        let (mantissa, exponent) = inverse_root(quotient, exponent - wanted_exponent);
        let factor = high(l_shl(mantissa, exponent + 1));
        samples.map(|x| ((i32::from(x) * i32::from(factor)) >> 15) as i16)
    }
}

/// Returns the level of the high band, which is low if the low band is tilted as in voiced speech.
fn level(samples: &[i16; SUB_FRAME], unvoiced: bool) -> i16 {
    let energy = samples.iter().fold(1, |sum, &x| l_mac(sum, x, x));
    let neighbours = samples.iter().zip(&samples[1..]).fold(1, |sum, (&a, &b)| l_mac(sum, b, a));
    let shift = norm(energy);
    let (energy, neighbours) = (high(energy << shift), high(neighbours << shift));
    let tilt = if neighbours > 0 { div_s(neighbours, energy) } else { 0 };
    let flat = i16::MAX - tilt;
    let level = if unvoiced { shl(mult(flat, 20_480), 1) } else { flat };
    level.max(LEAST_LEVEL)
}

/// Extrapolates the frequencies of the high band from those of the low band, by the step that
/// correlates best.
fn extrapolated(frequencies: &WideSpectrum) -> [i16; HIGH_ORDER] {
    let mut all = [0; HIGH_ORDER];
    all[..ORDER].copy_from_slice(frequencies);
    all[HIGH_ORDER - 1] = frequencies[ORDER - 1];
    let step = best_step(frequencies);
    for i in ORDER - 1..HIGH_ORDER - 1 {
        all[i] = all[i - 1].saturating_add(all[i - 1 - step].saturating_sub(all[i - 2 - step]));
    }
    // The last frequency, estimated from the first ones.
    let end = mult(all[2].saturating_sub(all[4].saturating_add(all[3])), 5461).saturating_add(20_390).min(19_456);
    let wanted = end.saturating_sub(all[ORDER - 2]);
    let found = all[HIGH_ORDER - 2].saturating_sub(all[ORDER - 2]);
    let (wanted_shift, found_shift) = (norm_s(wanted) - 1, norm_s(found));
    let factor = div_s(shl(wanted, wanted_shift), shl(found, found_shift));
    let mut steps: [i16; HIGH_ORDER - ORDER] = std::array::from_fn(|i| {
        let step = all[ORDER - 1 + i].saturating_sub(all[ORDER - 2 + i]);
        shl(mult(step, factor), found_shift - wanted_shift)
    });
    // Two consecutive steps are at least 500 Hz together.
    for i in 1..steps.len() {
        if i32::from(steps[i]) + i32::from(steps[i - 1]) < 1280 {
            if steps[i] > steps[i - 1] {
                steps[i - 1] = 1280i16.wrapping_sub(steps[i]);
            } else {
                steps[i] = 1280i16.wrapping_sub(steps[i - 1]);
            }
        }
    }
    for (i, step) in steps.into_iter().enumerate().take(HIGH_ORDER - ORDER) {
        if ORDER - 1 + i < HIGH_ORDER - 1 {
            all[ORDER - 1 + i] = all[ORDER - 2 + i].saturating_add(step);
        }
    }
    all[..HIGH_ORDER - 1].iter_mut().for_each(|x| *x = mult(*x, 26_214));
    all
}

/// Returns the distance at which frequency steps correlate best, minus one: 1, 2 or 3.
fn best_step(frequencies: &WideSpectrum) -> usize {
    let mut steps: [i16; ORDER - 2] = std::array::from_fn(|i| frequencies[i + 1].saturating_sub(frequencies[i]));
    let mean = round(steps[2..].iter().fold(0, |sum, &step| l_mac(sum, step, 2731)));
    let shift = norm_s(steps.iter().copied().max().unwrap_or(0).max(0));
    let mean = shl(mean, shift);
    steps.iter_mut().for_each(|step| *step = shl(*step, shift).saturating_sub(mean));
    let correlation = |back: usize| {
        (7..ORDER - 2).fold(0i32, |sum, i| {
            let (high, low) = halves(l_mac(0, steps[i], steps[i - back]));
            let square = l_mac(l_mac(l_mac(0, high, high), mult(high, low), 1), mult(low, high), 1);
            sum.saturating_add(square)
        })
    };
    let found = [correlation(2), correlation(3), correlation(4)];
    let best = usize::from(found[0] <= found[1]);
    1 + if found[2] > found[best] { 2 } else { best }
}
