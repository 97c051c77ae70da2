//! The ways to compute the network.

use fearless_simd::{Level, Simd, SimdBase};

use super::PANEL;
use super::PlannedFrame;
use super::encoder::Panel;
#[cfg(target_arch = "x86_64")]
use super::integer::Integer;
use super::lstm::{GROUP, LstmState};
use super::model::{GATE_ROWS, Model, UNITS};
use super::single::{FrameScratch, RowWeights};
use crate::simd::{Cpu, SimdRow};

/// The arithmetic of a detector.
#[derive(Clone, Copy)]
pub(super) enum Arithmetic {
    /// f32 without fused multiply-adds, by instructions that every machine of the target has.
    Portable,
    /// f32 with fused multiply-adds.
    Fused(Level),
    /// f32, and 16-bit integers for the LSTM.
    #[cfg(target_arch = "x86_64")]
    Integer(Integer),
}

impl Arithmetic {
    /// Returns the fastest arithmetic of this machine.
    pub(super) fn new(portable: bool) -> Self {
        if portable {
            return Self::Portable;
        }
        let level = Level::new();
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = level.as_avx512() {
            return Self::Integer(Integer(avx512));
        }
        Self::Fused(level)
    }

    /// Returns the name that reports give.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Fused(_) => "f32",
            #[cfg(target_arch = "x86_64")]
            Self::Integer(_) => "int16",
        }
    }
}

/// Runs an expression on the [`Network`] of an [`Arithmetic`], compiled for its instructions.
macro_rules! compute {
    ($arithmetic:expr, $network:ident => $body:expr) => {
        match $arithmetic {
            Arithmetic::Portable => fearless_simd::dispatch!(fearless_simd::Level::baseline(), simd => {
                let $network = $crate::simd::Cpu::<_, false>(simd);
                $body
            }),
            Arithmetic::Fused(level) => fearless_simd::dispatch!(level, simd => {
                let $network = $crate::simd::Cpu::<_, true>(simd);
                $body
            }),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Integer($network) => fearless_simd::Simd::vectorize(
                $network.0,
                #[inline(always)]
                || $body,
            ),
        }
    };
}
pub(super) use compute;

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
