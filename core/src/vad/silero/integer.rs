//! The LSTM in 16-bit integers, by the instructions of AVX-512 VNNI.
//!
//! The LSTM reads all its weights for every frame, so half of the memory counts. All else is f32, as
//! in the other files. In 16 bits, the convolutions would be off by up to 0.009 of probability; the
//! LSTM is by less than 0.002 (tests).
//!
//! The inputs of a frame share one scale, by which the largest becomes [`LARGEST`]. Every output's
//! weights have their own, by which no sum can overflow.

use std::sync::LazyLock;

use fearless_simd::{Avx512, SimdBase, f32x16};

use super::encoder::Panel;
use super::lstm::{GROUP, LstmState};
use super::model::{GATE_ROWS, NetworkEnds, RawWeights, UNITS};
use super::network::Network;
use super::single::FrameScratch;
use super::{BLOCK, PANEL, PlannedFrame};
use crate::simd::{Cpu, SimdRow};
use crate::vnni::{LARGEST, LEAST, PairRow, Reals, Vnni, weight_pair, weight_scale};

/// Pairs of inputs: of each 32, the first half with the second.
const PAIRS: usize = UNITS / 2;

/// Computes the network, its LSTM in integers.
#[derive(Clone, Copy)]
pub(super) struct Integer(pub Avx512);

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
        let scale = |row, lane| weight_scale((0..UNITS).map(|input| weight(row, lane, input)));
        let scales: [[f32; 16]; GATE_ROWS] = std::array::from_fn(|row| std::array::from_fn(|lane| scale(row, lane)));
        let pair = |row: usize, pair: usize, lane: usize| {
            let first = pair / 16 * 32 + pair % 16;
            weight_pair(weight(row, lane, first), weight(row, lane, first + 16), scales[row][lane])
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

impl Integer {
    /// Arranges the LSTM's weights.
    pub(super) fn prepare() {
        IntegerLstm::shared();
    }
}

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
    #[inline(always)]
    fn vnni(self) -> Vnni {
        Vnni(self.0)
    }

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
        for (inputs, pairs) in inputs.as_chunks::<32>().0.iter().zip(pairs.as_chunks_mut::<16>().0) {
            let [mut first, mut second] = [self.cpu().splat(0.0); 2];
            for (reals, inputs) in [&mut first, &mut second].into_iter().zip(inputs.as_chunks::<16>().0) {
                *reals = f32x16::load_array_ref(self.0, inputs);
            }
            self.vnni().pair(first, second, scale).store_array(pairs);
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
        let mut sums = [[[self.vnni().splat(0); 2]; G]; N];
        for k in (0..PAIRS).step_by(2) {
            for odd in 0..2 {
                let mut columns = [self.vnni().splat(0); G];
                for g in 0..G {
                    columns[g] = self.vnni().load(&rows[g][k + odd]);
                }
                for n in 0..N {
                    let input = self.vnni().splat(inputs[n][k + odd]);
                    for g in 0..G {
                        let sum = &mut sums[n][g][odd];
                        *sum = self.vnni().add(*sum, columns[g], input);
                    }
                }
            }
        }
        for n in 0..N {
            for g in 0..G {
                let [even, odd] = sums[n][g];
                let scaled = self.vnni().reals(even + odd) * self.cpu().load(&weights.scales[first + g]);
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
