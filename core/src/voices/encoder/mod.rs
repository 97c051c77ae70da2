//! The GE2E voice encoder (Wan et al. 2018, weights of Resemblyzer 0.1.4) as plain loops, without a
//! model runtime.
//!
//! Three LSTM layers of 256 units run over the mel frames of a window. The last state, through a
//! linear layer and normalized to unit length, is the window's embedding. Windows of one voice have
//! similar embeddings. Windows are computed in lockstep but do not affect each other, so the bits
//! do not depend on which are computed together. On machines with instructions for it, the LSTM is
//! computed in 16-bit integers (`integer`).

#[cfg(target_arch = "x86_64")]
mod integer;
mod lstm;
mod mel;
mod model;
#[cfg(test)]
mod tests;

use fearless_simd::{Level, Simd, dispatch};

#[cfg(target_arch = "x86_64")]
use self::integer::IntegerVoices;
use self::lstm::{GROUP, GroupState};
use self::model::{Projection, UNITS, VoiceModel};
use crate::run::Cancel;
use crate::simd::Cpu;
use crate::threads;
#[cfg(target_arch = "x86_64")]
use crate::vnni::Vnni;

pub use mel::{HOP, MelFrame, MelFrames};

/// Groups of windows computed together. More would read the weights less often; fewer leave work
/// for other threads.
const TOGETHER: usize = 4;

/// The embedding of a window: unit length, without negative components.
pub type Embedding = [f32; UNITS];

/// Computes embeddings of windows of mel frames.
pub struct VoiceEncoder {
    /// `None` means portable.
    level: Option<Level>,
    cancel: Cancel,
}

impl VoiceEncoder {
    /// Creates an encoder. `portable` avoids fused multiply-adds and uses only instructions that
    /// every machine of the target has, so the bits are the same everywhere.
    pub fn new(portable: bool) -> Self {
        Self { level: (!portable).then(Level::new), cancel: Cancel::default() }
    }

    /// Stops the encoder when the caller cancels.
    #[must_use]
    pub fn until(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Returns the embedding of each window. Windows of equal length are best passed together.
    /// After cancellation, the remaining embeddings are zero.
    pub fn embed(&self, windows: &[Vec<MelFrame>]) -> Vec<Embedding> {
        let parts: Vec<&[Vec<MelFrame>]> = windows.chunks(TOGETHER * GROUP).collect();
        let work = |windows: &[Vec<MelFrame>]| {
            if self.cancel.is_cancelled() { vec![[0.0; UNITS]; windows.len()] } else { self.embed_part(windows) }
        };
        threads::map(parts, work).concat()
    }

    fn embed_part(&self, windows: &[Vec<MelFrame>]) -> Vec<Embedding> {
        match self.level {
            None => dispatch!(Level::baseline(), simd => Cpu::<_, false>(simd).embed(windows)),
            #[cfg(target_arch = "x86_64")]
            Some(Level::Avx512(avx512)) => {
                let model = IntegerVoices::shared();
                avx512.vectorize(
                    #[inline(always)]
                    || {
                        let advance = |groups: &mut [GroupState]| Vnni(avx512).advance(model, groups);
                        embed_by(&model.projection, windows, advance)
                    },
                )
            }
            Some(level) => dispatch!(level, simd => Cpu::<_, true>(simd).embed(windows)),
        }
    }
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Computes the embeddings of windows in lockstep.
    #[inline(always)]
    fn embed(self, windows: &[Vec<MelFrame>]) -> Vec<Embedding> {
        let model = VoiceModel::shared();
        embed_by(
            &model.projection,
            windows,
            #[inline(always)]
            |groups| self.advance(model, groups),
        )
    }
}

/// Computes the embeddings of windows in lockstep. `advance` runs one frame of every group.
#[inline(always)]
fn embed_by(projection: &Projection, windows: &[Vec<MelFrame>], advance: impl Fn(&mut [GroupState])) -> Vec<Embedding> {
    let mut groups: Vec<GroupState> = windows.chunks(GROUP).map(|_| GroupState::start()).collect();
    let mut found = vec![[0.0; UNITS]; windows.len()];
    let longest = windows.iter().map(Vec::len).max().unwrap_or(0);
    for now in 0..longest {
        for (number, window) in windows.iter().enumerate() {
            if let Some(frame) = window.get(now) {
                groups[number / GROUP].put(number % GROUP, frame);
            }
        }
        advance(&mut groups);
        for (number, _) in windows.iter().enumerate().filter(|(_, window)| window.len() == now + 1) {
            found[number] = projected(projection, groups[number / GROUP].hidden(number % GROUP));
        }
    }
    found
}

/// Applies the linear layer to the last state and normalizes to unit length. Returns zeros if
/// nothing remains.
fn projected(projection: &Projection, hidden: impl Iterator<Item = f32>) -> Embedding {
    let hidden: Vec<f32> = hidden.collect();
    let mut found = [0.0; UNITS];
    for ((out, weights), bias) in found.iter_mut().zip(&projection.weights).zip(&projection.bias) {
        let sum: f32 = weights.iter().zip(&hidden).map(|(w, h)| w * h).sum();
        *out = (sum + bias).max(0.0);
    }
    let length = found.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 { found.map(|x| x / length) } else { found }
}
