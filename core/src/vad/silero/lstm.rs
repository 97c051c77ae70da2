//! The LSTM and the output layer.
//!
//! The input product is computed over many frames at once. The recurrence then runs frame by frame,
//! for one track or for two in lockstep, which read the weights once.

use fearless_simd::{Simd, SimdBase, f32x16};

use super::model::{GATE_ROWS, Model, NetworkEnds, UNITS};
use crate::simd::{Cpu, SimdRow, sum};

/// Frames per batch of the input product.
pub(super) const GROUP: usize = 6;

/// The network's state for one track.
pub(super) struct LstmState {
    pub hidden: [f32; UNITS],
    cell: [SimdRow; UNITS / 16],
}

impl LstmState {
    pub const START: Self = Self { hidden: [0.0; UNITS], cell: [SimdRow([0.0; 16]); UNITS / 16] };
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Computes W·x + b of every frame.
    #[inline(always)]
    pub(super) fn input_gates(
        self,
        model: &Model,
        features: &[[[f32; UNITS]; GROUP]],
        gates: &mut [[[SimdRow; GATE_ROWS]; GROUP]],
    ) {
        if Self::WIDE {
            self.input_gates_by::<2>(model, features, gates);
        } else {
            self.input_gates_by::<1>(model, features, gates);
        }
    }

    /// Computes G rows of gates at a time.
    #[inline(always)]
    fn input_gates_by<const G: usize>(
        self,
        model: &Model,
        features: &[[[f32; UNITS]; GROUP]],
        gates: &mut [[[SimdRow; GATE_ROWS]; GROUP]],
    ) {
        for (part, weights) in model.lstm.input.as_flattened().as_chunks::<G>().0.iter().enumerate() {
            for (features, gates) in features.iter().zip(&mut *gates) {
                let mut bias = [self.splat(0.0); G];
                for (bias, row) in bias.iter_mut().zip(&model.ends.gate_bias[part * G..]) {
                    *bias = self.load(row);
                }
                let sums = self.add_products(weights.each_ref(), features.each_ref(), [bias; GROUP]);
                for n in 0..GROUP {
                    for g in 0..G {
                        sums[n][g].store_array(&mut gates[n][part * G + g].0);
                    }
                }
            }
        }
    }

    /// Computes W·x + b of one frame, with the same bits as [`Cpu::input_gates`].
    #[inline(always)]
    pub(super) fn input_gates_of_one(self, model: &Model, features: &[f32; UNITS], gates: &mut [SimdRow; GATE_ROWS]) {
        let (blocks, rows) = (gates.as_chunks_mut::<4>().0, model.ends.gate_bias.as_chunks::<4>().0);
        for ((weights, bias), gates) in model.lstm.input.iter().zip(rows).zip(blocks) {
            let mut start = [self.splat(0.0); 4];
            for (start, row) in start.iter_mut().zip(bias) {
                *start = self.load(row);
            }
            let [sums] = self.add_products(weights.each_ref(), [features], [start]);
            for (sum, gate) in sums.into_iter().zip(gates) {
                sum.store_array(&mut gate.0);
            }
        }
    }

    /// Adds G rows of gates for each of N inputs.
    #[inline(always)]
    fn add_products<const N: usize, const G: usize>(
        self,
        weights: [&[SimdRow; UNITS]; G],
        inputs: [&[f32; UNITS]; N],
        mut sums: [[f32x16<S>; G]; N],
    ) -> [[f32x16<S>; G]; N] {
        for k in 0..UNITS {
            let mut rows = [self.splat(0.0); G];
            for g in 0..G {
                rows[g] = self.load(&weights[g][k]);
            }
            for n in 0..N {
                let input = self.splat(inputs[n][k]);
                for g in 0..G {
                    sums[n][g] = self.mul_add(input, rows[g], sums[n][g]);
                }
            }
        }
        sums
    }

    /// Runs one frame of N tracks from its input gates, and returns the logit of each.
    #[inline(always)]
    pub(super) fn step<const N: usize>(
        self,
        model: &Model,
        gates: [&[SimdRow; GATE_ROWS]; N],
        states: &mut [&mut LstmState; N],
    ) -> [f32; N] {
        self.step_by(
            &model.ends,
            gates,
            states,
            #[inline(always)]
            |block, inputs, sums| self.recur(&model.lstm.recurrent[block], inputs, sums),
        )
    }

    /// [`Cpu::step`], with any way to add the recurrent products of sixteen units.
    #[inline(always)]
    pub(super) fn step_by<const N: usize>(
        self,
        ends: &NetworkEnds,
        gates: [&[SimdRow; GATE_ROWS]; N],
        states: &mut [&mut LstmState; N],
        recur: impl Fn(usize, [&[f32; UNITS]; N], [[f32x16<S>; 4]; N]) -> [[f32x16<S>; 4]; N],
    ) -> [f32; N] {
        let mut logits = [self.splat(0.0); N];
        let mut next = [[SimdRow::default(); UNITS / 16]; N];
        for block in 0..UNITS / 16 {
            let mut sums = [[self.splat(0.0); 4]; N];
            for n in 0..N {
                for g in 0..4 {
                    sums[n][g] = self.load(&gates[n][4 * block + g]);
                }
            }
            let mut inputs = [&[0.0; UNITS]; N];
            for (input, state) in inputs.iter_mut().zip(states.iter()) {
                *input = &state.hidden;
            }
            let sums = recur(block, inputs, sums);
            for n in 0..N {
                let (cell, hidden) = self.lstm_unit(sums[n], self.load(&states[n].cell[block]));
                cell.store_array(&mut states[n].cell[block].0);
                hidden.store_array(&mut next[n][block].0);
                logits[n] = self.mul_add(self.relu(hidden), self.load(&ends.output[block]), logits[n]);
            }
        }
        let mut sums = [ends.output_bias; N];
        for n in 0..N {
            for (hidden, row) in states[n].hidden.as_chunks_mut().0.iter_mut().zip(&next[n]) {
                *hidden = row.0;
            }
            sums[n] += sum(logits[n].to_array());
        }
        sums
    }

    /// Adds the recurrent products of sixteen units, as many gates at a time as fit into registers.
    #[inline(always)]
    fn recur<const N: usize>(
        self,
        weights: &[[SimdRow; UNITS]; 4],
        inputs: [&[f32; UNITS]; N],
        mut sums: [[f32x16<S>; 4]; N],
    ) -> [[f32x16<S>; 4]; N] {
        if N == 1 || Self::WIDE {
            return self.add_products(weights.each_ref(), inputs, sums);
        }
        let [i, f, g, o] = weights.each_ref();
        let (first, last) = (sums.map(|[i, f, _, _]| [i, f]), sums.map(|[_, _, g, o]| [g, o]));
        let first = self.add_products([i, f], inputs, first);
        let last = self.add_products([g, o], inputs, last);
        for n in 0..N {
            sums[n] = [first[n][0], first[n][1], last[n][0], last[n][1]];
        }
        sums
    }
}
