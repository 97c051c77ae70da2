//! What every arithmetic of the network offers, and that of f32.

use fearless_simd::{Simd, SimdBase};

use super::encoder::Panel;
use super::lstm::{GROUP, LstmState};
use super::model::{GATE_ROWS, Model, UNITS};
use super::single::{FrameScratch, RowWeights};
use super::{PANEL, PlannedFrame};
use crate::simd::{Cpu, SimdRow};

/// The stages of the network. Methods are `#[inline(always)]`, as those of [`Cpu`].
pub(super) trait Network: Copy {
    /// Computes the features of up to sixteen planned frames from the samples of a track.
    fn encode(self, samples: &[f32], plan: &[PlannedFrame], panel: &mut Panel, features: &mut [[f32; UNITS]; PANEL]);

    /// Computes the features of one frame, given with its context, with the same bits.
    fn encode_one(self, samples: &[f32], scratch: &mut FrameScratch);

    /// Computes the LSTM's input gates of every frame.
    fn input_gates(self, features: &[[[f32; UNITS]; GROUP]], gates: &mut [[[SimdRow; GATE_ROWS]; GROUP]]);

    /// Computes the input gates of one frame, with the same bits.
    fn input_gates_of_one(self, features: &[f32; UNITS], gates: &mut [SimdRow; GATE_ROWS]);

    /// Runs one frame of N tracks from its input gates, and returns the logit of each.
    fn step<const N: usize>(self, gates: [&[SimdRow; GATE_ROWS]; N], states: &mut [&mut LstmState; N]) -> [f32; N];

    /// Converts logits to probabilities; −∞ becomes 0.
    fn probabilities(self, logits: &mut [f32]);
}

impl<S: Simd, const FUSED: bool> Network for Cpu<S, FUSED> {
    #[inline(always)]
    fn encode(self, samples: &[f32], plan: &[PlannedFrame], panel: &mut Panel, features: &mut [[f32; UNITS]; PANEL]) {
        self.encode(Model::shared(), samples, plan, panel, features);
    }

    #[inline(always)]
    fn encode_one(self, samples: &[f32], scratch: &mut FrameScratch) {
        self.encode_one(Model::shared(), RowWeights::shared(), samples, scratch);
    }

    #[inline(always)]
    fn input_gates(self, features: &[[[f32; UNITS]; GROUP]], gates: &mut [[[SimdRow; GATE_ROWS]; GROUP]]) {
        self.input_gates(Model::shared(), features, gates);
    }

    #[inline(always)]
    fn input_gates_of_one(self, features: &[f32; UNITS], gates: &mut [SimdRow; GATE_ROWS]) {
        self.input_gates_of_one(Model::shared(), features, gates);
    }

    #[inline(always)]
    fn step<const N: usize>(self, gates: [&[SimdRow; GATE_ROWS]; N], states: &mut [&mut LstmState; N]) -> [f32; N] {
        self.step(Model::shared(), gates, states)
    }

    #[inline(always)]
    fn probabilities(self, logits: &mut [f32]) {
        for logits in logits.chunks_mut(16) {
            let mut row = SimdRow::default();
            row.0[..logits.len()].copy_from_slice(logits);
            let probabilities = self.sigmoid(self.load(&row)).to_array();
            for (logit, probability) in logits.iter_mut().zip(probabilities) {
                *logit = if *logit == f32::NEG_INFINITY { 0.0 } else { probability };
            }
        }
    }
}
