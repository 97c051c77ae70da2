//! Products of 16-bit integers, by the instructions of AVX-512 VNNI.
//!
//! One instruction adds the products of sixteen pairs of numbers to sums of 32 bits: twice the
//! products of an f32 instruction, from half the memory. Integers are exact, so their order does not
//! matter. Methods are `#[inline(always)]`, as those of [`Cpu`].

use std::arch::x86_64::{__m512i, _mm512_dpwssd_epi32};

use fearless_simd::{Avx512, Bytes, SimdBase, SimdCvtFloat, SimdFloat, SimdInto, f32x16, i32x16, u32x16};

use crate::simd::{Cpu, ROUNDER};

/// Integer that the largest input becomes.
pub(crate) const LARGEST: f32 = 16_384.0;
/// Largest sum of magnitudes of an output's weights: with inputs of [`LARGEST`], the sums of
/// products stay below 2^31.
const LARGEST_ROW: f32 = 131_071.0;
const _: () = assert!(LARGEST as i64 * LARGEST_ROW as i64 <= i32::MAX as i64);
/// Magnitudes below this count as this when a scale is chosen, so that it is finite.
pub(crate) const LEAST: f32 = 1e-30;
/// Sixteen pairs of 16-bit integers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct PairRow(pub [i32; 16]);

/// Integers of 16 and 32 bits, with f32 of the same registers.
#[derive(Clone, Copy)]
pub(crate) struct Vnni(pub Avx512);

pub(crate) type Reals = f32x16<Avx512>;
pub(crate) type Integers = i32x16<Avx512>;

fearless_simd::kernel!(
    /// Adds both products of each pair of `a` and `b` to the sums.
    #[inline(always)]
    fn add_pairs(avx512: Avx512, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        _mm512_dpwssd_epi32(sums, a, b)
    }
);

impl Vnni {
    /// f32 with the same registers.
    #[inline(always)]
    pub(crate) fn cpu(self) -> Cpu<Avx512, true> {
        Cpu(self.0)
    }

    #[inline(always)]
    pub(crate) fn splat(self, value: i32) -> Integers {
        i32x16::splat(self.0, value)
    }

    #[inline(always)]
    pub(crate) fn load(self, row: &PairRow) -> Integers {
        i32x16::load_array_ref(self.0, &row.0)
    }

    /// Adds both products of each pair to the sums.
    #[inline(always)]
    pub(crate) fn add(self, sums: Integers, a: Integers, b: Integers) -> Integers {
        add_pairs(self.0, sums.into(), a.into(), b.into()).simd_into(self.0)
    }

    #[inline(always)]
    pub(crate) fn reals(self, sums: Integers) -> Reals {
        f32x16::float_from(sums)
    }

    /// Rounds numbers to integers, and pairs the first sixteen with the second.
    #[inline(always)]
    pub(crate) fn pair(self, first: Reals, second: Reals, scale: Reals) -> Integers {
        let rounder = self.cpu().splat(ROUNDER);
        let first: u32x16<Avx512> = self.cpu().mul_add(first, scale, rounder).to_bits();
        let second: u32x16<Avx512> = self.cpu().mul_add(second, scale, rounder).to_bits();
        ((first & 0xffff) | (second << 16)).bitcast()
    }
}

/// Returns the largest scale of an output's weights by which they fit, and no sum of products with
/// inputs of [`LARGEST`] overflows.
pub(crate) fn weight_scale(weights: impl ExactSizeIterator<Item = f32>) -> f32 {
    // Rounding adds at most half for each weight.
    let room = LARGEST_ROW - weights.len() as f32 / 2.0;
    let (sum, most) = weights.fold((0.0, 0.0), |(sum, most): (f32, f32), w| (sum + w.abs(), most.max(w.abs())));
    (room / sum.max(LEAST)).min(f32::from(i16::MAX) / most.max(LEAST))
}

/// Pairs two weights, rounded by their output's scale.
pub(crate) fn weight_pair(first: f32, second: f32, scale: f32) -> i32 {
    let rounded = |weight: f32| (weight * scale).round() as i16;
    i32::from(rounded(second)) << 16 | i32::from(rounded(first) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest inputs, each with the sign of its weight.
    #[test]
    fn no_sum_can_overflow() {
        for weights in
            [vec![1.0; 512], vec![1e-12; 128], vec![0.0; 4], vec![-3.0], (0..512).map(|n| n as f32).collect()]
        {
            let scale = weight_scale(weights.iter().copied());
            assert!(scale.is_finite());
            let rounded = weights.iter().map(|&weight| i64::from(weight_pair(weight, 0.0, scale) as i16));
            let sum: i64 = rounded.map(|weight| weight.abs() * LARGEST as i64).sum();
            assert!(sum <= i64::from(i32::MAX), "{sum}");
        }
    }

    #[test]
    fn pairs_are_multiplied_and_added() {
        let Some(avx512) = fearless_simd::Level::new().as_avx512() else {
            return eprintln!("skipped: no AVX-512 here");
        };
        let vnni = Vnni(avx512);
        let first: [f32; 16] = std::array::from_fn(|lane| lane as f32 - 8.0);
        let second: [f32; 16] = std::array::from_fn(|lane| 100.0 * lane as f32 - 777.4);
        let [first, second] = [first, second].map(|values| f32x16::load_array(avx512, values));
        let pairs = vnni.pair(first, second, vnni.cpu().splat(1.0));
        let weights = vnni.splat(weight_pair(3.0, -2.0, 10.0));
        let found = vnni.add(vnni.splat(5), pairs, weights).to_array();
        for (lane, found) in found.into_iter().enumerate() {
            let (first, second) = (lane as i32 - 8, (100.0 * lane as f32 - 777.4).round() as i32);
            assert_eq!(found, 5 + 30 * first - 20 * second, "lane {lane}");
        }
    }
}
