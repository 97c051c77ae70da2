//! Sixteen-wide arithmetic whose results do not depend on the width of the registers.
//!
//! Every operation works lane by lane with IEEE 754 rounding (+, −, ×, ÷, √), so SSE2, AVX2,
//! AVX-512 and NEON agree bit for bit, except for fused multiply-adds, which round once instead of
//! twice. [`Cpu`] carries that choice in its type. Without fusing, all machines agree; with it, all
//! machines that have the instruction do.
//!
//! Methods that compute are `#[inline(always)]`. They must be inlined into the one function
//! compiled for the instruction set, or each operation becomes a call.

use std::f32::consts::{LN_2, LOG2_E};

use fearless_simd::{Simd, SimdBase, SimdFloat, f32x16};

/// Returns the name of the instruction set in use.
#[cfg(feature = "cli")]
pub(crate) fn level() -> String {
    let level = format!("{:?}", fearless_simd::Level::new());
    level.split('(').next().unwrap_or_default().to_lowercase()
}

/// Sixteen values: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct SimdRow(pub [f32; 16]);

/// The instruction set to compute with, and whether multiply-adds are fused.
#[derive(Clone, Copy)]
pub(crate) struct Cpu<S: Simd, const FUSED: bool>(pub S);

/// Limit of [`Cpu::exp`]'s argument: far enough for a sigmoid (1 − σ = 7e-13), small enough for the
/// product of three (1 + e^x) to stay finite.
const EXP_LIMIT: f32 = 28.0;

/// 1.5 · 2^23. Adding it rounds a number to an integer in the lowest bits.
pub(crate) const ROUNDER: f32 = 12_582_912.0;

/// 2^r on [−½, ½], highest power first: minimax relative error (1.1e-7) with the last two fixed.
const EXP2: [f32; 6] = [0.001_330_060_7, 0.009_669_692, 0.055_505_585, 0.240_222_83, LN_2, 1.0];

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// `true` if a row is a single register and there are 32 of them.
    pub const WIDE: bool = S::f32s::LEN >= 16;

    #[inline(always)]
    pub fn splat(self, value: f32) -> f32x16<S> {
        f32x16::splat(self.0, value)
    }

    #[inline(always)]
    pub fn load(self, row: &SimdRow) -> f32x16<S> {
        f32x16::load_array_ref(self.0, &row.0)
    }

    /// a · b + c.
    #[inline(always)]
    pub fn mul_add(self, a: f32x16<S>, b: f32x16<S>, c: f32x16<S>) -> f32x16<S> {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    /// max(x, 0).
    #[inline(always)]
    pub fn relu(self, x: f32x16<S>) -> f32x16<S> {
        x.max(self.splat(0.0))
    }

    /// Returns e^x, with x limited to ±28. Largest relative error, measured by the test below:
    /// fused 6e-7; not fused 4e-7 within ±4 and 2e-6 at ±28.
    ///
    /// x · log2 e = n + r with n an integer and |r| ≤ ½. A polynomial gives 2^r, and n goes into
    /// the exponent.
    #[inline(always)]
    pub fn exp(self, x: f32x16<S>) -> f32x16<S> {
        let x = x.min(self.splat(EXP_LIMIT)).max(self.splat(-EXP_LIMIT));
        let (log2_e, rounder) = (self.splat(LOG2_E), self.splat(ROUNDER));
        let rounded = self.mul_add(x, log2_e, rounder);
        let r = self.mul_add(x, log2_e, rounder - rounded);
        let [first, rest @ ..] = EXP2;
        let mut power = self.splat(first);
        for coefficient in rest {
            power = self.mul_add(power, r, self.splat(coefficient));
        }
        f32x16::from_bits(power.to_bits() + (rounded.to_bits() << 23))
    }

    /// Computes the next cell and hidden state of sixteen LSTM units from the sums of their gates,
    /// i, f, g and o: c' = σ(f)·c + σ(i)·tanh(g) and h = σ(o)·tanh(c'), each as one fraction of
    /// exponentials.
    #[inline(always)]
    pub fn lstm_unit(self, [i, f, g, o]: [f32x16<S>; 4], cell: f32x16<S>) -> (f32x16<S>, f32x16<S>) {
        let one = self.splat(1.0);
        let (i, f, o) = (one + self.exp(-i), one + self.exp(-f), one + self.exp(-o));
        let g = self.exp(g * -2.0);
        let ig = i * (one + g);
        let cell = self.mul_add(cell, ig, (one - g) * f) / (f * ig);
        let c = self.exp(cell * -2.0);
        (cell, (one - c) / (o * (one + c)))
    }

    /// 1 / (1 + e^−x), with an absolute error of at most 1.5e-7.
    #[inline(always)]
    pub fn sigmoid(self, x: f32x16<S>) -> f32x16<S> {
        let one = self.splat(1.0);
        one / (one + self.exp(-x))
    }
}

/// Adds the values of a row pairwise.
pub(crate) fn sum(row: [f32; 16]) -> f32 {
    let mut x = row;
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            x[i] += x[i + half];
        }
    }
    x[0]
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// Largest error of `exp` (relative) and `sigmoid` (absolute) over [−limit, limit].
    fn errors(limit: f64, fused: bool) -> (f64, f64) {
        let (mut exp_error, mut sigmoid_error) = (0.0f64, 0.0f64);
        for step in 0..20_000 {
            let row = SimdRow(std::array::from_fn(|i| (limit * ((step * 16 + i) as f64 / 160_000.0 - 1.0)) as f32));
            let (exp, sigmoid) = if fused {
                dispatch!(Level::new(), simd => both(Cpu::<_, true>(simd), &row))
            } else {
                dispatch!(Level::baseline(), simd => both(Cpu::<_, false>(simd), &row))
            };
            for ((x, e), s) in row.0.into_iter().zip(exp).zip(sigmoid) {
                let x = f64::from(x);
                exp_error = exp_error.max((f64::from(e) / x.exp() - 1.0).abs());
                sigmoid_error = sigmoid_error.max((f64::from(s) - 1.0 / (1.0 + (-x).exp())).abs());
            }
        }
        (exp_error, sigmoid_error)
    }

    #[inline(always)]
    fn both<S: Simd, const FUSED: bool>(cpu: Cpu<S, FUSED>, row: &SimdRow) -> ([f32; 16], [f32; 16]) {
        let x = cpu.load(row);
        (cpu.exp(x).to_array(), cpu.sigmoid(x).to_array())
    }

    #[test]
    fn errors_are_as_documented() {
        for fused in [false, true] {
            let (near, far) = (errors(4.0, fused), errors(28.0, fused));
            assert!(near.0 < 4e-7 && far.0 < 2e-6, "exp, fused {fused}: {near:?} {far:?}");
            assert!(near.1 < 1.5e-7 && far.1 < 1.5e-7, "sigmoid, fused {fused}: {near:?} {far:?}");
        }
    }

    #[test]
    fn far_arguments_saturate() {
        let row = SimdRow([
            f32::MAX,
            1e30,
            100.0,
            28.0,
            -28.0,
            -100.0,
            -1e30,
            f32::MIN,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ]);
        let (exp, sigmoid) = dispatch!(Level::baseline(), simd => both(Cpu::<_, false>(simd), &row));
        assert!(exp[..4].iter().all(|&e| e == exp[3]) && exp[4..8].iter().all(|&e| e == exp[4]), "{exp:?}");
        assert!(exp[3].powi(3).is_finite());
        assert_eq!((sigmoid[0], sigmoid[8]), (1.0, 0.5));
        assert!(sigmoid[7] > 0.0 && sigmoid[7] < 1e-12);
    }
}
