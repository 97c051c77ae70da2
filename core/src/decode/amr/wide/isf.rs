//! Immittance spectral frequencies and pairs, and their filters (TS 26.190, 5.2 and 6.1).

use super::frame::WideBits;
use super::isf_stage_tables as stage;
use super::isf_tables as table;
use super::maths::mul_32_16;
use super::tables::COSINE;
use super::{ORDER, WideMode};
use crate::decode::amr::ops::{l_mac, l_mult, l_shl, mult, norm_l, round, shl};

/// Immittance spectral frequencies or pairs of a filter.
pub(super) type WideSpectrum = [i16; ORDER];

/// Minimum distance between two frequencies, 50 Hz.
pub(super) const GAP: i16 = 128;
/// Prediction factor between frames: a third, Q15.
const PREDICTION: i16 = 10_923;
/// Initial frequencies of the decoder, and their pairs.
pub(super) const FLAT: WideSpectrum =
    [1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 9216, 10_240, 11_264, 12_288, 13_312, 14_336, 15_360, 3840];
pub(super) const FLAT_PAIRS: WideSpectrum = [
    32_138, 30_274, 27_246, 23_170, 18_205, 12_540, 6393, 0, -6393, -12_540, -18_205, -23_170, -27_246, -30_274,
    -32_138, 1475,
];
/// Weight of the new frame in each subframe, Q15.
pub(super) const PROGRESS: [i16; 4] = [14_746, 26_214, 31_457, 32_767];

/// Raises frequencies that are too close to the one before. The last element is not ordered with
/// the others.
fn spread(frequencies: &mut WideSpectrum) {
    let mut least = GAP;
    for frequency in &mut frequencies[..ORDER - 1] {
        *frequency = (*frequency).max(least);
        least = frequency.saturating_add(GAP);
    }
}

/// Converts frequencies to pairs, their cosines. The last frequency is doubled.
pub(super) fn pairs_of<const N: usize>(frequencies: &[i16; N]) -> [i16; N] {
    std::array::from_fn(|i| {
        let frequency = if i == N - 1 { shl(frequencies[i], 1) } else { frequencies[i] };
        let index = ((frequency >> 7).max(0) as usize).min(COSINE.len() - 2);
        let slope = COSINE[index + 1].wrapping_sub(COSINE[index]);
        COSINE[index].saturating_add((l_mult(slope, frequency & 0x7F) >> 8) as i16)
    })
}

/// Computes one of a filter's two polynomials from every other pair.
fn polynomial(pairs: &[i16], degree: usize, one: i32) -> [i32; 11] {
    let mut f = [0i32; 11];
    let scaled = |pair: i16| i32::from(pair) * (one >> 14);
    f[0] = one;
    f[1] = -scaled(pairs[0]);
    for i in 2..=degree {
        let pair = pairs[2 * (i - 1)];
        f[i] = f[i - 2];
        for k in (2..=i).rev() {
            let product = l_shl(mul_32_16(f[k - 1], pair), 2);
            f[k] = f[k].wrapping_sub(product).wrapping_add(f[k - 2]);
        }
        f[1] = f[1].wrapping_sub(scaled(pair));
    }
    f
}

/// Converts pairs to a filter in Q12, whose first coefficient is 1. `fitting` reduces the scale if
/// coefficients are too large.
pub(super) fn filter_of<const N: usize, const M: usize>(pairs: &[i16; N], fitting: bool) -> [i16; M] {
    let half = N / 2;
    let last = pairs[N - 1];
    let (mut f1, mut f2) = if half > 8 {
        let wide = |pairs: &[i16], degree| polynomial(pairs, degree, 1 << 21).map(|x| l_shl(x, 2));
        (wide(&pairs[..], half), wide(&pairs[1..], half - 1))
    } else {
        (polynomial(&pairs[..], half, 1 << 23), polynomial(&pairs[1..], half - 1, 1 << 23))
    };
    (2..half).rev().for_each(|i| f2[i] = f2[i].wrapping_sub(f2[i - 2]));
    for i in 0..half {
        f1[i] = f1[i].wrapping_add(mul_32_16(f1[i], last) << 1);
        f2[i] = f2[i].wrapping_sub(mul_32_16(f2[i], last) << 1);
    }
    let sums: [(i32, i32); 11] = std::array::from_fn(|i| (f1[i].saturating_add(f2[i]), f1[i].saturating_sub(f2[i])));
    let largest = sums[1..half].iter().fold(1, |max, (a, b)| max | a.wrapping_abs() | b.wrapping_abs());
    let shift = if fitting { (4 - norm_l(largest)).max(0) } else { 0 };
    let rounded = |x: i32| ((x >> (12 + shift)) + (x >> (11 + shift) & 1)) as i16;
    let mut filter = [0; M];
    filter[0] = 4096 >> shift;
    for i in 1..half {
        (filter[i], filter[N - i]) = (rounded(sums[i].0), rounded(sums[i].1));
    }
    filter[half] = rounded(f1[half].saturating_add(mul_32_16(f1[half], last) << 1));
    filter[N] = (last >> (3 + shift)) + (last >> (2 + shift) & 1);
    filter
}

/// Interpolates two spectra. `share` is the second's weight in Q15, and the first's is `whole`
/// minus that.
pub(super) fn blend(old: &WideSpectrum, new: &WideSpectrum, share: i16, whole: i32) -> WideSpectrum {
    let rest = (whole - i32::from(share)) as i16;
    std::array::from_fn(|i| round(l_mac(l_mult(old[i], rest), new[i], share)))
}

/// Returns the filters of four subframes.
pub(super) fn filters_between(old: &WideSpectrum, new: &WideSpectrum) -> [[i16; ORDER + 1]; 4] {
    std::array::from_fn(|i| match PROGRESS.get(i).filter(|_| i < 3) {
        Some(&share) => filter_of(&blend(old, new, share, 32_768), false),
        None => filter_of(new, false),
    })
}

/// Frequency decoder state: residuals, which silence resets, and the last frames.
#[derive(Debug, Clone)]
pub(super) struct PastFrequencies {
    pub(super) residual: WideSpectrum,
    pub(super) last: WideSpectrum,
    history: [WideSpectrum; 3],
}

impl Default for PastFrequencies {
    fn default() -> Self {
        Self { residual: [0; ORDER], last: FLAT, history: [FLAT; 3] }
    }
}

impl PastFrequencies {
    /// Decodes the frequencies of a frame. Without `received`, the last ones approach their mean.
    pub(super) fn decode(&mut self, mode: WideMode, bits: &mut WideBits<'_>, received: bool) -> WideSpectrum {
        let sent = if mode == WideMode::Rate660 { low_residual(bits) } else { residual(bits) };
        let mut frequencies = if received { self.predicted(&sent) } else { self.continued() };
        if received {
            self.history.copy_within(..2, 1);
            self.history[0] = frequencies;
        }
        spread(&mut frequencies);
        frequencies
    }

    fn predicted(&mut self, sent: &WideSpectrum) -> WideSpectrum {
        let past = std::mem::replace(&mut self.residual, *sent);
        std::array::from_fn(|i| sent[i].wrapping_add(table::MEAN[i]).wrapping_add(mult(PREDICTION, past[i])))
    }

    fn continued(&mut self) -> WideSpectrum {
        let mean: WideSpectrum = std::array::from_fn(|i| {
            let start = l_mult(table::MEAN[i], 8192);
            round(self.history.iter().fold(start, |sum, frame| l_mac(sum, frame[i], 8192)))
        });
        // 0.9 of the last, and 0.1 of the mean.
        let frequencies: WideSpectrum =
            std::array::from_fn(|i| mult(29_491, self.last[i]).saturating_add(mult(3277, mean[i])));
        for (i, residual) in self.residual.iter_mut().enumerate() {
            let expected = mean[i].saturating_add(mult(*residual, PREDICTION));
            *residual = frequencies[i].saturating_sub(expected) >> 1;
        }
        frequencies
    }
}

/// Reads a residual in two stages and seven parts.
fn residual(bits: &mut WideBits<'_>) -> WideSpectrum {
    let (first, second) = (table::FIRST[bits.take(8)], table::SECOND[bits.take(8)]);
    let (a, b, c) = (stage::PART_1[bits.take(6)], stage::PART_2[bits.take(7)], stage::PART_3[bits.take(7)]);
    let (d, e) = (stage::PART_4[bits.take(5)], stage::PART_5[bits.take(5)]);
    std::array::from_fn(|i| {
        let coarse = if i < 9 { first[i] } else { second[i - 9] };
        let fine = match i {
            0..3 => a[i],
            3..6 => b[i - 3],
            6..9 => c[i - 6],
            9..12 => d[i - 9],
            _ => e[i - 12],
        };
        coarse.wrapping_add(fine)
    })
}

/// Reads a residual in five parts, at 6.6 kbit/s.
fn low_residual(bits: &mut WideBits<'_>) -> WideSpectrum {
    let (first, second) = (table::FIRST[bits.take(8)], table::SECOND[bits.take(8)]);
    let (a, b, c) = (stage::LOW_1[bits.take(7)], stage::LOW_2[bits.take(7)], stage::LOW_3[bits.take(6)]);
    std::array::from_fn(|i| {
        let coarse = if i < 9 { first[i] } else { second[i - 9] };
        let fine = match i {
            0..5 => a[i],
            5..9 => b[i - 5],
            _ => c[i - 9],
        };
        coarse.saturating_add(fine)
    })
}

/// Reads the frequencies of noise.
pub(super) fn noise(bits: &mut WideBits<'_>) -> WideSpectrum {
    let (a, b, c) = (stage::NOISE_1[bits.take(6)], stage::NOISE_2[bits.take(6)], stage::NOISE_3[bits.take(6)]);
    let (d, e) = (stage::NOISE_4[bits.take(5)], stage::NOISE_5[bits.take(5)]);
    let mut frequencies: WideSpectrum = std::array::from_fn(|i| {
        let fine = match i {
            0..2 => a[i],
            2..5 => b[i - 2],
            5..8 => c[i - 5],
            8..12 => d[i - 8],
            _ => e[i - 12],
        };
        fine.saturating_add(stage::NOISE_MEAN[i])
    });
    spread(&mut frequencies);
    frequencies
}
