//! Line spectral frequencies and pairs, and their filters (TS 26.090, 5.2.3 to 5.2.6 and 6.1).

use super::lsf_pair_tables as pair;
use super::lsf_tables as table;
use super::tables::{COSINE, SLOPE};
use super::{NarrowMode, ORDER};
use crate::decode::amr::ops::{div_s, halves, l_mac, l_msu, l_mult, l_shl, l_shr_round, mult, norm_l, round, shl};

/// Line spectral frequencies or pairs of a filter.
pub(super) type NarrowSpectrum = [i16; ORDER];
/// Filter coefficients, Q12. The first is 1.
pub(super) type NarrowFilter = [i16; ORDER + 1];

/// Minimum distance between two frequencies, 50 Hz.
const GAP: i16 = 205;
/// Prediction factor between frames at 12.2 kbit/s: 0.65, Q15.
const PREDICTION_PAIR: i16 = 21_299;
/// Weight of new frequencies in the long-term mean: 0.16, Q15.
const MEAN_SHARE: i16 = 5243;

/// Pairs of a flat spectrum, the initial state.
pub(super) const FLAT: NarrowSpectrum = [30_000, 26_000, 21_000, 15_000, 8000, 0, -8000, -15_000, -21_000, -26_000];

/// Applies a function to each pair of elements of two arrays.
pub(super) fn zip(a: &NarrowSpectrum, b: &NarrowSpectrum, mut f: impl FnMut(i16, i16) -> i16) -> NarrowSpectrum {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Raises frequencies that are too close to the one before.
pub(super) fn spread(frequencies: &mut NarrowSpectrum) {
    let mut least = GAP;
    for frequency in frequencies {
        *frequency = (*frequency).max(least);
        least = frequency.saturating_add(GAP);
    }
}

/// Converts frequencies to pairs, their cosines.
pub(super) fn pairs_of(frequencies: &NarrowSpectrum) -> NarrowSpectrum {
    frequencies.map(|frequency| {
        let index = usize::from(frequency.max(0) as u16 >> 8).min(COSINE.len() - 2);
        let slope = i32::from(COSINE[index + 1]) - i32::from(COSINE[index]);
        COSINE[index].wrapping_add(((slope * i32::from(frequency & 0xFF)) >> 8) as i16)
    })
}

/// Converts pairs to frequencies.
pub(super) fn frequencies_of(pairs: &NarrowSpectrum) -> NarrowSpectrum {
    let mut frequencies = [0; ORDER];
    let mut index = SLOPE.len() - 1;
    for (frequency, &pair) in frequencies.iter_mut().zip(pairs).rev() {
        while index > 0 && COSINE[index] < pair {
            index -= 1;
        }
        let beyond = i32::from(pair) - i32::from(COSINE[index]);
        let fraction = (beyond * i32::from(SLOPE[index]) + 0x800) >> 12;
        *frequency = (fraction as i16).wrapping_add((index as i16) << 8);
    }
    frequencies
}

/// Computes one of a filter's two polynomials from every other pair, Q24.
fn polynomial(pairs: &[i16]) -> [i32; 6] {
    let mut f = [0i32; 6];
    f[0] = 1 << 24;
    f[1] = -i32::from(pairs[0]) << 10;
    for i in 2..=5 {
        let pair = pairs[2 * i - 2];
        f[i] = f[i - 2];
        for j in (2..=i).rev() {
            let (high, low) = halves(f[j - 1]);
            let product = i32::from(high) * i32::from(pair) + ((i32::from(low) * i32::from(pair)) >> 15);
            f[j] = f[j].wrapping_add(f[j - 2]).wrapping_sub(product << 2);
        }
        f[1] = f[1].wrapping_sub(i32::from(pair) << 10);
    }
    f
}

/// Converts pairs to a filter.
pub(super) fn filter_of(pairs: &NarrowSpectrum) -> NarrowFilter {
    let (mut sum, mut difference) = (polynomial(&pairs[..]), polynomial(&pairs[1..]));
    for i in (1..=5).rev() {
        sum[i] = sum[i].wrapping_add(sum[i - 1]);
        difference[i] = difference[i].wrapping_sub(difference[i - 1]);
    }
    let mut filter = [4096; ORDER + 1];
    for i in 1..=5 {
        let half = |x: i32| (x.wrapping_add(1 << 12) >> 13) as i16;
        filter[i] = half(sum[i].wrapping_add(difference[i]));
        filter[11 - i] = half(sum[i].wrapping_sub(difference[i]));
    }
    filter
}

/// Returns the filters of four subframes, interpolated between the pairs of the previous and this
/// frame.
pub(super) fn filters_between(old: &NarrowSpectrum, new: &NarrowSpectrum) -> [NarrowFilter; 4] {
    let most = |a: i16, b: i16| a - (a >> 2) + (b >> 2);
    let middle = zip(old, new, |old, new| (new >> 1) + (old >> 1));
    [zip(old, new, most), middle, zip(new, old, most), *new].map(|pairs| filter_of(&pairs))
}

/// Returns the filters of four subframes at 12.2 kbit/s, where the second subframe's pairs are sent
/// too.
pub(super) fn filters_through(
    old: &NarrowSpectrum,
    middle: &NarrowSpectrum,
    new: &NarrowSpectrum,
) -> [NarrowFilter; 4] {
    let mean = |a: i16, b: i16| (a >> 1) + (b >> 1);
    [zip(old, middle, mean), *middle, zip(middle, new, mean), *new].map(|pairs| filter_of(&pairs))
}

/// Interpolates the frequencies of a subframe between the previous and this frame.
pub(super) fn between(old: &NarrowSpectrum, new: &NarrowSpectrum, sub_frame: usize) -> NarrowSpectrum {
    match sub_frame {
        0 => zip(old, new, |old, new| (old - (old >> 2)).saturating_add(new >> 2)),
        1 => zip(old, new, |old, new| (old >> 1) + (new >> 1)),
        2 => zip(old, new, |old, new| (old >> 2).saturating_add(new - (new >> 2))),
        _ => *new,
    }
}

/// Prediction state of the frequencies.
#[derive(Debug, Clone)]
pub(super) struct PastSpectrum {
    /// Prediction residuals of the previous frame.
    pub(super) residual: NarrowSpectrum,
    /// Frequencies of the previous frame.
    pub(super) last: NarrowSpectrum,
}

impl Default for PastSpectrum {
    fn default() -> Self {
        Self { residual: [0; ORDER], last: pair::MEAN }
    }
}

impl PastSpectrum {
    /// Decodes a frame's frequencies to pairs from three indices. `None`: lost indices.
    pub(super) fn decode(&mut self, mode: NarrowMode, indices: Option<&[u16]>) -> NarrowSpectrum {
        let residual = self.residual;
        let predicted = zip(&table::MEAN, &zip(&residual, &table::PREDICTION, mult), i16::saturating_add);
        let frequencies = match indices {
            Some(indices) => {
                self.residual = residual_of(mode, indices);
                zip(&self.residual, &predicted, i16::saturating_add)
            }
            // 0.9 of the last, and 0.1 of the mean.
            None => {
                let fading =
                    zip(&self.last, &table::MEAN, |last, mean| mult(mean, 3277).saturating_add(mult(last, 29_491)));
                self.residual = zip(&fading, &predicted, i16::saturating_sub);
                fading
            }
        };
        self.keep(frequencies)
    }

    /// Decodes a silence descriptor to pairs: the index of a residual for prediction, then three
    /// indices.
    pub(super) fn decode_silence(&mut self, indices: &[u16]) -> NarrowSpectrum {
        let [start, rest @ ..] = indices else { return pairs_of(&self.last) };
        let past = table::PAST[usize::from(*start) % table::PAST.len()];
        let predicted = zip(&table::MEAN, &past, i16::saturating_add);
        let frequencies = zip(&residual_of(NarrowMode::Rate670, rest), &predicted, i16::saturating_add);
        self.residual = [0; ORDER];
        self.keep(frequencies)
    }

    /// Decodes two sets at 12.2 kbit/s to pairs from five indices.
    pub(super) fn decode_pair(&mut self, indices: Option<&[u16]>) -> (NarrowSpectrum, NarrowSpectrum) {
        let predicted = zip(&pair::MEAN, &self.residual, |mean, past| mean.saturating_add(mult(past, PREDICTION_PAIR)));
        let (mut middle, frequencies) = match indices {
            Some(indices) => {
                let (first, second) = residuals_of(indices);
                self.residual = second;
                (zip(&first, &predicted, i16::saturating_add), zip(&second, &predicted, i16::saturating_add))
            }
            // 0.95 of the last, and 0.05 of the mean.
            None => {
                let fading =
                    zip(&self.last, &pair::MEAN, |last, mean| mult(mean, 1639).saturating_add(mult(last, 31_128)));
                self.residual = zip(&fading, &predicted, i16::saturating_sub);
                (fading, fading)
            }
        };
        spread(&mut middle);
        (pairs_of(&middle), self.keep(frequencies))
    }

    fn keep(&mut self, mut frequencies: NarrowSpectrum) -> NarrowSpectrum {
        spread(&mut frequencies);
        self.last = frequencies;
        pairs_of(&frequencies)
    }
}

/// Returns an entry of a codebook, at most the last.
fn entry<const N: usize>(book: &[[i16; N]], index: usize) -> [i16; N] {
    book.get(index).or(book.last()).copied().unwrap_or([0; N])
}

fn residual_of(mode: NarrowMode, indices: &[u16]) -> NarrowSpectrum {
    let index = |i: usize| indices.get(i).copied().map_or(0, usize::from);
    let small = matches!(mode, NarrowMode::Rate475 | NarrowMode::Rate515);
    let [a, b, c] = match mode {
        NarrowMode::Rate795 => entry(&table::FIRST_LARGE, index(0)),
        _ => entry(&table::FIRST, index(0)),
    };
    let [d, e, f] = entry(&table::SECOND, if small { 2 * index(1) } else { index(1) });
    let [g, h, i, j] = if small { entry(&table::THIRD_SMALL, index(2)) } else { entry(&table::THIRD, index(2)) };
    [a, b, c, d, e, f, g, h, i, j]
}

/// Returns two sets of residuals. The third index has a sign in its lowest bit.
fn residuals_of(indices: &[u16]) -> (NarrowSpectrum, NarrowSpectrum) {
    let index = |i: usize| indices.get(i).copied().map_or(0, usize::from);
    let mut third = entry(&pair::PART_3, index(2) >> 1);
    if index(2) & 1 == 1 {
        third = third.map(i16::saturating_neg);
    }
    let parts = [
        entry(&pair::PART_1, index(0)),
        entry(&pair::PART_2, index(1)),
        third,
        entry(&pair::PART_4, index(3)),
        entry(&pair::PART_5, index(4)),
    ];
    let set = |from: usize| std::array::from_fn(|i| parts[i / 2][from + i % 2]);
    (set(0), set(2))
}

/// Long-term mean of the frequencies.
#[derive(Debug, Clone)]
pub(super) struct SpectrumMean(pub(super) NarrowSpectrum);

impl Default for SpectrumMean {
    fn default() -> Self {
        Self(pair::MEAN)
    }
}

impl SpectrumMean {
    pub(super) fn update(&mut self, frequencies: &NarrowSpectrum) {
        self.0 = zip(&self.0, frequencies, |mean, frequency| {
            let rest = l_msu(i32::from(mean) << 16, MEAN_SHARE, mean);
            round(l_mac(rest, MEAN_SHARE, frequency))
        });
    }
}

/// Computes a filter's reflection coefficients (TS 26.073, `A_Refl`). Zeros if it is unstable.
pub(super) fn reflections(filter: &NarrowFilter) -> NarrowSpectrum {
    let mut state: NarrowSpectrum = std::array::from_fn(|i| filter[i + 1]);
    let mut reflections = [0; ORDER];
    for i in (0..ORDER).rev() {
        if state[i].unsigned_abs() >= 4096 {
            return [0; ORDER];
        }
        let reflection = shl(state[i], 3);
        reflections[i] = reflection;
        let left = i32::MAX - l_mult(reflection, reflection);
        let shift = norm_l(left);
        let inverse = div_s(16_384, round(l_shl(left, shift)));
        let old = state;
        for j in 0..i {
            let numerator = round(l_msu(i32::from(old[j]) << 16, reflection, old[i - j - 1]));
            let quotient = l_shr_round(l_mult(inverse, numerator), 15 - shift);
            let Ok(quotient) = i16::try_from(quotient) else { return [0; ORDER] };
            state[j] = quotient;
        }
    }
    reflections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_and_pairs_are_inverse_to_each_other() {
        let frequencies = pair::MEAN;
        let back = frequencies_of(&pairs_of(&frequencies));
        assert!(frequencies.iter().zip(back).all(|(a, b)| a.abs_diff(b) <= 2), "{back:?}");
        let mut close = [0; ORDER];
        spread(&mut close);
        assert_eq!(close, std::array::from_fn(|i| GAP * (i as i16 + 1)));
    }

    #[test]
    fn the_filter_of_spread_pairs_is_stable() {
        let filter = filter_of(&FLAT);
        assert_eq!(filter[0], 4096);
        assert!(reflections(&filter).iter().any(|&r| r != 0), "{filter:?}");
    }
}
