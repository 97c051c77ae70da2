//! The LSTM, with many windows in lockstep, so that the weights are read once for all of them.

use fearless_simd::{Simd, SimdBase, f32x16};

use super::model::{BANDS, BLOCKS, LAYERS, Layer, UNITS, UnitGates, VoiceModel};
use crate::simd::{Cpu, SimdRow};

/// Windows summed in parallel. With four gates each, they fill the registers of AVX-512.
pub(super) const GROUP: usize = 6;

/// One value per window of a group.
pub(super) type Side = [f32; GROUP];

/// A layer's state for the windows of a group.
#[derive(Clone)]
pub(super) struct LayerState {
    hidden: Vec<Side>,
    /// The hidden state being computed.
    next: Vec<Side>,
    /// Both as pairs of integers, if the network is computed in these.
    pub pairs: Vec<[i32; GROUP]>,
    pub next_pairs: Vec<[i32; GROUP]>,
    cell: [[SimdRow; BLOCKS]; GROUP],
}

/// The network's state for the windows of a group.
pub(super) struct GroupState {
    pub frame: Vec<Side>,
    pub layers: [LayerState; LAYERS],
}

impl LayerState {
    /// Ends a frame.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.hidden, &mut self.next);
        std::mem::swap(&mut self.pairs, &mut self.next_pairs);
    }
}

impl GroupState {
    pub fn start() -> Self {
        let layer = LayerState {
            hidden: vec![[0.0; GROUP]; UNITS],
            next: vec![[0.0; GROUP]; UNITS],
            pairs: vec![[0; GROUP]; UNITS / 2],
            next_pairs: vec![[0; GROUP]; UNITS / 2],
            cell: [[SimdRow::default(); BLOCKS]; GROUP],
        };
        Self { frame: vec![[0.0; GROUP]; BANDS], layers: std::array::from_fn(|_| layer.clone()) }
    }

    /// Sets the next frame of one window.
    pub fn put(&mut self, window: usize, frame: &[f32; BANDS]) {
        for (side, &band) in self.frame.iter_mut().zip(frame) {
            side[window] = band;
        }
    }

    /// Returns the last layer's state for one window.
    pub fn hidden(&self, window: usize) -> impl Iterator<Item = f32> {
        self.layers[LAYERS - 1].hidden.iter().map(move |side| side[window])
    }
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Runs one frame of every group through all layers.
    #[inline(always)]
    pub(super) fn advance(self, model: &VoiceModel, groups: &mut [GroupState]) {
        for (number, layer) in model.layers.iter().enumerate() {
            for block in 0..BLOCKS {
                for group in &mut *groups {
                    let (below, own) = group.layers.split_at_mut(number);
                    let input = below.last().map_or(&group.frame, |below| &below.hidden);
                    if let Some(own) = own.first_mut() {
                        self.block(layer, block, input, own);
                    }
                }
            }
            groups.iter_mut().for_each(|group| group.layers[number].swap());
        }
    }

    /// Computes sixteen units of a layer for one group.
    #[inline(always)]
    fn block(self, layer: &Layer, block: usize, input: &[Side], state: &mut LayerState) {
        let (below, own) = layer.weights[block].split_at(layer.inputs);
        let mut bias = [self.splat(0.0); 4];
        for (bias, row) in bias.iter_mut().zip(&layer.bias[block]) {
            *bias = self.load(row);
        }
        let sums = self.add_gates(below, input, [bias; GROUP]);
        let sums = self.add_gates(own, &state.hidden, sums);
        for (n, sums) in sums.into_iter().enumerate() {
            self.put_units(sums, block, n, state);
        }
    }

    /// Computes the next state of sixteen units of a window from the sums of their gates, and
    /// returns its hidden part.
    #[inline(always)]
    pub(super) fn put_units(
        self,
        sums: [f32x16<S>; 4],
        block: usize,
        window: usize,
        state: &mut LayerState,
    ) -> f32x16<S> {
        let cell = &mut state.cell[window][block];
        let (next, hidden) = self.lstm_unit(sums, self.load(cell));
        next.store_array(&mut cell.0);
        for (side, hidden) in state.next[16 * block..].iter_mut().zip(hidden.to_array()) {
            side[window] = hidden;
        }
        hidden
    }

    /// Adds the products of a layer's inputs, as many gates at a time as fit into registers.
    #[inline(always)]
    pub(super) fn add_gates(
        self,
        weights: &[UnitGates],
        input: &[Side],
        mut sums: [[f32x16<S>; 4]; GROUP],
    ) -> [[f32x16<S>; 4]; GROUP] {
        if Self::WIDE {
            return self.add_some(weights, [0, 1, 2, 3], input, sums);
        }
        for gate in 0..4 {
            let some = self.add_some(weights, [gate], input, sums.map(|sums| [sums[gate]]));
            for (sums, [some]) in sums.iter_mut().zip(some) {
                sums[gate] = some;
            }
        }
        sums
    }

    #[inline(always)]
    fn add_some<const G: usize>(
        self,
        weights: &[UnitGates],
        gates: [usize; G],
        input: &[Side],
        mut sums: [[f32x16<S>; G]; GROUP],
    ) -> [[f32x16<S>; G]; GROUP] {
        for (row, side) in weights.iter().zip(input) {
            let mut loaded = [self.splat(0.0); G];
            for g in 0..G {
                loaded[g] = self.load(&row[gates[g]]);
            }
            for n in 0..GROUP {
                let value = self.splat(side[n]);
                for g in 0..G {
                    sums[n][g] = self.mul_add(value, loaded[g], sums[n][g]);
                }
            }
        }
        sums
    }
}
