//! The LSTM in 16-bit integers, by the instructions of AVX-512 VNNI.
//!
//! One instruction adds the products of sixteen pairs of numbers to sums of 32 bits: twice the
//! products of an f32 instruction, from half the memory. That counts here, because the LSTM reads
//! all its weights for every frame. Sums are exact, so their order does not matter. All else is f32,
//! as in the other files. In 16 bits, the convolutions would be off by up to 0.009 of probability;
//! the LSTM is by less than 0.002 (tests).
//!
//! The inputs of a frame share one scale, by which the largest becomes [`LARGEST`]. Every output's
//! weights have their own, by which no sum can overflow.

use std::arch::x86_64::{__m512i, _mm512_dpwssd_epi32};
use std::sync::LazyLock;

use fearless_simd::{Avx512, Bytes, SimdBase, SimdCvtFloat, SimdFloat, SimdInto, f32x16, i32x16, u32x16};

use super::encoder::Panel;
use super::lstm::{GROUP, LstmState};
use super::model::{GATE_ROWS, NetworkEnds, RawWeights, UNITS};
use super::network::Network;
use super::single::FrameScratch;
use super::{BLOCK, PANEL, PlannedFrame};
use crate::simd::{Cpu, SimdRow};

/// Integer that the largest input of a frame becomes.
const LARGEST: f32 = 16_384.0;
/// Largest sum of magnitudes of an output's weights: with inputs of [`LARGEST`], the sums of
/// products stay below 2^31.
const LARGEST_ROW: f32 = 131_071.0;
const _: () = assert!(LARGEST as i64 * LARGEST_ROW as i64 <= i32::MAX as i64);
/// Inputs below this count as this when a scale is chosen, so that it is finite.
const LEAST: f32 = 1e-30;
/// 1.5 · 2^23. Adding it rounds a number to an integer in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;
/// Pairs of inputs: of each 32, the first half with the second.
const PAIRS: usize = UNITS / 2;

/// Computes the network, its LSTM in integers.
#[derive(Clone, Copy)]
pub(super) struct Integer(pub Avx512);

/// Sixteen pairs of 16-bit integers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct PairRow([i32; 16]);

type Reals = f32x16<Avx512>;

/// The LSTM's weights.
struct IntegerLstm {
    ends: NetworkEnds,
    input: IntegerGates,
    recurrent: IntegerGates,
}

/// One of the LSTM's matrices, in rows of sixteen gates.
struct IntegerGates {
    /// By pair of inputs.
    weights: [Box<[PairRow; PAIRS]>; GATE_ROWS],
    /// What an integer weight of 1 stands for, by gate.
    scales: [SimdRow; GATE_ROWS],
}

impl IntegerLstm {
    /// Returns the weights, which are arranged at the first call.
    fn shared() -> &'static Self {
        static LSTM: LazyLock<IntegerLstm> = LazyLock::new(|| {
            let raw = RawWeights::read();
            IntegerLstm {
                ends: raw.ends(),
                input: IntegerGates::new(|row, lane, input| raw.input(row, lane, input)),
                recurrent: IntegerGates::new(|row, lane, unit| raw.recurrent(row, lane, unit)),
            }
        });
        &LSTM
    }
}

impl IntegerGates {
    fn new(weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        let scale = |row, lane| {
            let magnitudes = (0..UNITS).map(|input| weight(row, lane, input).abs());
            let (sum, most) = magnitudes.fold((0.0, 0.0), |(sum, most): (f32, f32), w| (sum + w, most.max(w)));
            // Rounding adds at most half for each weight.
            let by_sum = (LARGEST_ROW - UNITS as f32 / 2.0) / sum.max(LEAST);
            by_sum.min(f32::from(i16::MAX) / most.max(LEAST))
        };
        let scales: [[f32; 16]; GATE_ROWS] = std::array::from_fn(|row| std::array::from_fn(|lane| scale(row, lane)));
        let rounded = |row: usize, lane: usize, input| (weight(row, lane, input) * scales[row][lane]).round() as i16;
        let pair = |row, pair, lane| {
            let first = pair / 16 * 32 + pair % 16;
            i32::from(rounded(row, lane, first + 16)) << 16 | i32::from(rounded(row, lane, first) as u16)
        };
        Self {
            weights: std::array::from_fn(|row| {
                Box::new(std::array::from_fn(|n| PairRow(std::array::from_fn(|lane| pair(row, n, lane)))))
            }),
            scales: scales.map(|row| SimdRow(row.map(|scale| 1.0 / scale))),
        }
    }
}

/// Features of N frames as integers.
#[derive(Clone, Copy)]
struct IntegerInputs<const N: usize> {
    pairs: [[i32; PAIRS]; N],
    /// What an integer of 1 stands for, by frame.
    inverses: [Reals; N],
}

impl<const N: usize> IntegerInputs<N> {
    #[inline(always)]
    fn new(network: Integer) -> Self {
        Self { pairs: [[0; PAIRS]; N], inverses: [network.cpu().splat(0.0); N] }
    }

    #[inline(always)]
    fn fill(&mut self, network: Integer, features: &[[f32; UNITS]; N]) {
        for ((features, pairs), inverse) in features.iter().zip(&mut self.pairs).zip(&mut self.inverses) {
            let largest = network.cpu().splat(largest_of(features).max(LEAST));
            network.pair_up(features, network.cpu().splat(LARGEST) / largest, pairs);
            *inverse = largest * (1.0 / LARGEST);
        }
    }
}

fearless_simd::kernel!(
    /// Adds both products of each pair of `a` and `b` to the sums.
    #[inline(always)]
    fn add_pairs(avx512: Avx512, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        _mm512_dpwssd_epi32(sums, a, b)
    }
);

impl Network for Integer {
    #[inline(always)]
    fn encode(self, samples: &[f32], plan: &[PlannedFrame], panel: &mut Panel, features: &mut [[f32; UNITS]; PANEL]) {
        Network::encode(self.cpu(), samples, plan, panel, features);
    }

    #[inline(always)]
    fn encode_one(self, samples: &[f32], scratch: &mut FrameScratch) {
        Network::encode_one(self.cpu(), samples, scratch);
    }

    #[inline(always)]
    fn input_gates(self, features: &[[[f32; UNITS]; GROUP]], gates: &mut [[[SimdRow; GATE_ROWS]; GROUP]]) {
        // As many frames as a block has at most.
        let mut inputs = [IntegerInputs::<GROUP>::new(self); BLOCK / GROUP];
        for (inputs, features) in inputs.iter_mut().zip(features) {
            inputs.fill(self, features);
        }
        // A row of weights serves all frames while it is in the cache.
        for first in (0..GATE_ROWS).step_by(2) {
            for (inputs, gates) in inputs.iter().zip(&mut *gates) {
                self.input_gates_from::<GROUP, 2>(first, inputs, gates);
            }
        }
    }

    #[inline(always)]
    fn input_gates_of_one(self, features: &[f32; UNITS], gates: &mut [SimdRow; GATE_ROWS]) {
        let mut inputs = IntegerInputs::<1>::new(self);
        inputs.fill(self, &[*features]);
        for first in (0..GATE_ROWS).step_by(8) {
            self.input_gates_from::<1, 8>(first, &inputs, std::array::from_mut(gates));
        }
    }

    #[inline(always)]
    fn step<const N: usize>(self, gates: [&[SimdRow; GATE_ROWS]; N], states: &mut [&mut LstmState; N]) -> [f32; N] {
        let lstm = IntegerLstm::shared();
        // No value of a unit is above 1.
        let (scale, inverse) = (self.cpu().splat(LARGEST), self.cpu().splat(1.0 / LARGEST));
        let mut hidden = [[0; PAIRS]; N];
        for (pairs, state) in hidden.iter_mut().zip(states.iter()) {
            self.pair_up(&state.hidden, scale, pairs);
        }
        self.cpu().step_by(
            &lstm.ends,
            gates,
            states,
            #[inline(always)]
            |block, _, gates| self.add_products(&lstm.recurrent, 4 * block, &hidden, &[inverse; N], gates),
        )
    }

    #[inline(always)]
    fn probabilities(self, logits: &mut [f32]) {
        self.cpu().probabilities(logits);
    }
}

impl Integer {
    /// f32 with the same registers.
    #[inline(always)]
    fn cpu(self) -> Cpu<Avx512, true> {
        Cpu(self.0)
    }

    /// Computes G rows of the input gates of N frames.
    #[inline(always)]
    fn input_gates_from<const N: usize, const G: usize>(
        self,
        first: usize,
        inputs: &IntegerInputs<N>,
        gates: &mut [[SimdRow; GATE_ROWS]; N],
    ) {
        let lstm = IntegerLstm::shared();
        let mut bias = [self.cpu().splat(0.0); G];
        for (bias, row) in bias.iter_mut().zip(&lstm.ends.gate_bias[first..]) {
            *bias = self.cpu().load(row);
        }
        let sums = self.add_products(&lstm.input, first, &inputs.pairs, &inputs.inverses, [bias; N]);
        for n in 0..N {
            for g in 0..G {
                sums[n][g].store_array(&mut gates[n][first + g].0);
            }
        }
    }

    /// Rounds the inputs of a frame to integers, and pairs them.
    #[inline(always)]
    fn pair_up(self, inputs: &[f32; UNITS], scale: Reals, pairs: &mut [i32; PAIRS]) {
        let rounder = self.cpu().splat(ROUNDER);
        for (inputs, pairs) in inputs.as_chunks::<32>().0.iter().zip(pairs.as_chunks_mut::<16>().0) {
            let [mut first, mut second] = [self.cpu().splat(0.0); 2];
            for (reals, inputs) in [&mut first, &mut second].into_iter().zip(inputs.as_chunks::<16>().0) {
                *reals = self.cpu().mul_add(f32x16::load_array_ref(self.0, inputs), scale, rounder);
            }
            let (first, second): (u32x16<Avx512>, u32x16<Avx512>) = (first.to_bits(), second.to_bits());
            let both: i32x16<Avx512> = ((first & 0xffff) | (second << 16)).bitcast();
            both.store_array(pairs);
        }
    }

    /// Adds the products of G rows of weights, from a row on, for each of N frames. `inverses`: what
    /// an integer input of 1 stands for.
    #[inline(always)]
    fn add_products<const N: usize, const G: usize>(
        self,
        weights: &IntegerGates,
        first: usize,
        inputs: &[[i32; PAIRS]; N],
        inverses: &[Reals; N],
        mut reals: [[Reals; G]; N],
    ) -> [[Reals; G]; N] {
        let rows = &weights.weights[first..][..G];
        // Even and odd pairs apart: sums that do not wait for each other.
        let mut sums = [[[i32x16::splat(self.0, 0); 2]; G]; N];
        for k in (0..PAIRS).step_by(2) {
            for odd in 0..2 {
                let mut columns = [i32x16::splat(self.0, 0); G];
                for g in 0..G {
                    columns[g] = i32x16::load_array_ref(self.0, &rows[g][k + odd].0);
                }
                for n in 0..N {
                    let input = i32x16::splat(self.0, inputs[n][k + odd]);
                    for g in 0..G {
                        let sum = &mut sums[n][g][odd];
                        *sum = add_pairs(self.0, (*sum).into(), columns[g].into(), input.into()).simd_into(self.0);
                    }
                }
            }
        }
        for n in 0..N {
            for g in 0..G {
                let [even, odd] = sums[n][g];
                let scaled = f32x16::float_from(even + odd) * self.cpu().load(&weights.scales[first + g]);
                reals[n][g] = self.cpu().mul_add(scaled, inverses[n], reals[n][g]);
            }
        }
        reals
    }
}

/// Returns the largest magnitude.
#[inline(always)]
fn largest_of(values: &[f32; UNITS]) -> f32 {
    let mut most = [0.0f32; 16];
    for row in values.as_chunks::<16>().0 {
        for (most, value) in most.iter_mut().zip(row) {
            *most = most.max(value.abs());
        }
    }
    most.into_iter().fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sum of the largest inputs, each with the sign of its weight, does not overflow.
    #[test]
    fn no_sum_can_overflow() {
        let lstm = IntegerLstm::shared();
        for row in lstm.input.weights.iter().chain(&lstm.recurrent.weights) {
            for lane in 0..16 {
                let halves = row.iter().flat_map(|pair| [pair.0[lane] as i16, (pair.0[lane] >> 16) as i16]);
                let sum: i64 = halves.map(|weight| i64::from(weight).abs()).sum();
                assert!(sum * LARGEST as i64 <= i64::from(i32::MAX), "{sum}");
            }
        }
    }
}
