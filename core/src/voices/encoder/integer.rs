//! The LSTM in 16-bit integers. All inputs but the mel bands are hidden states, whose magnitude is at
//! most 1, so one scale serves them all.

use std::sync::LazyLock;

use fearless_simd::SimdBase;

use super::lstm::{GROUP, GroupState, LayerState, Side};
use super::model::{BANDS, BLOCKS, LAYERS, Layer, Projection, UNITS, UnitGates, VoiceModel};
use crate::simd::SimdRow;
use crate::vnni::{LARGEST, PairRow, Reals, Vnni, weight_pair, weight_scale};

/// Pairs of units: of each 32, the first half with the second.
const PAIRS: usize = UNITS / 2;

/// The contribution of a pair of units to the four gates of sixteen units.
type PairGates = [PairRow; 4];

/// The whole network.
pub(super) struct IntegerVoices {
    layers: [IntegerLayer; LAYERS],
    pub projection: Projection,
}

/// One LSTM layer, by block of sixteen units.
struct IntegerLayer {
    /// Of the mel bands, for the first layer alone.
    bands: Vec<Vec<UnitGates>>,
    /// Of the units of the layer below, and of the layer's own.
    below: Vec<Vec<PairGates>>,
    own: Vec<Vec<PairGates>>,
    /// What a product of integers stands for, by gate.
    scales: Vec<UnitGates>,
    bias: [UnitGates; BLOCKS],
}

impl IntegerVoices {
    /// Returns the network, which is arranged at the first call.
    pub fn shared() -> &'static Self {
        static VOICES: LazyLock<IntegerVoices> = LazyLock::new(|| {
            let VoiceModel { layers, projection } = VoiceModel::read();
            IntegerVoices { layers: layers.map(IntegerLayer::of), projection }
        });
        &VOICES
    }
}

impl IntegerLayer {
    fn of(layer: Layer) -> Self {
        let bands = if layer.inputs == BANDS { BANDS } else { 0 };
        let scale = |block: &[UnitGates], gate: usize, lane: usize| {
            weight_scale(block[bands..].iter().map(|gates| gates[gate].0[lane]))
        };
        let scales: Vec<[[f32; 16]; 4]> =
            layer.weights.iter().map(|block| gates(|gate, lane| scale(block, gate, lane))).collect();
        let paired = |from: usize, until: usize| {
            let blocks = layer.weights.iter().zip(&scales);
            blocks.map(|(block, scales)| pairs_of(&block[from..until], scales)).collect()
        };
        let (below, own) = (paired(bands, layer.inputs), paired(layer.inputs, layer.inputs + UNITS));
        Self {
            bands: layer.weights.iter().map(|block| block[..bands].to_vec()).collect(),
            below,
            own,
            scales: scales.iter().map(|scales| scales.map(|row| SimdRow(row.map(|s| 1.0 / (s * LARGEST))))).collect(),
            bias: layer.bias,
        }
    }
}

fn gates<T>(value: impl Fn(usize, usize) -> T) -> [[T; 16]; 4] {
    std::array::from_fn(|gate| std::array::from_fn(|lane| value(gate, lane)))
}

/// Pairs the rows of units, rounded by the scales of their outputs.
fn pairs_of(rows: &[UnitGates], scales: &[[f32; 16]; 4]) -> Vec<PairGates> {
    let pair = |first: &UnitGates, second: &UnitGates| {
        let pair = |gate: usize, lane: usize| (first[gate].0[lane], second[gate].0[lane], scales[gate][lane]);
        gates(|gate, lane| {
            let (first, second, scale) = pair(gate, lane);
            weight_pair(first, second, scale)
        })
        .map(PairRow)
    };
    let halves = rows.as_chunks::<32>().0.iter().map(|rows| rows.split_at(16));
    halves.flat_map(|(first, second)| first.iter().zip(second).map(|(a, b)| pair(a, b))).collect()
}

impl Vnni {
    /// Runs one frame of every group through all layers.
    #[inline(always)]
    pub(super) fn advance(self, model: &IntegerVoices, groups: &mut [GroupState]) {
        for (number, layer) in model.layers.iter().enumerate() {
            for blocks in 0..BLOCKS / 2 {
                for group in &mut *groups {
                    let (below, own) = group.layers.split_at_mut(number);
                    let below = below.last().map_or(&[][..], |below| &below.pairs);
                    if let Some(own) = own.first_mut() {
                        self.two_blocks(layer, blocks, &group.frame, below, own);
                    }
                }
            }
            groups.iter_mut().for_each(|group| group.layers[number].swap());
        }
    }

    /// Computes 32 units of a layer for one group.
    #[inline(always)]
    fn two_blocks(
        self,
        layer: &IntegerLayer,
        blocks: usize,
        frame: &[Side],
        below: &[[i32; GROUP]],
        state: &mut LayerState,
    ) {
        let mut hidden = [[self.cpu().splat(0.0); GROUP]; 2];
        for (half, hidden) in hidden.iter_mut().enumerate() {
            let block = 2 * blocks + half;
            let sums = self.block(layer, block, frame, below, &state.pairs);
            for (n, hidden) in hidden.iter_mut().enumerate() {
                *hidden = self.cpu().put_units(sums[n], block, n, state);
            }
        }
        let scale = self.cpu().splat(LARGEST);
        for n in 0..GROUP {
            let pairs = self.pair(hidden[0][n], hidden[1][n], scale).to_array();
            for (side, pair) in state.next_pairs[16 * blocks..].iter_mut().zip(pairs) {
                side[n] = pair;
            }
        }
    }

    /// Computes the sums of the gates of sixteen units.
    #[inline(always)]
    fn block(
        self,
        layer: &IntegerLayer,
        block: usize,
        frame: &[Side],
        below: &[[i32; GROUP]],
        own: &[[i32; GROUP]],
    ) -> [[Reals; 4]; GROUP] {
        let mut bias = [self.cpu().splat(0.0); 4];
        for (bias, row) in bias.iter_mut().zip(&layer.bias[block]) {
            *bias = self.cpu().load(row);
        }
        let mut reals = self.cpu().add_gates(&layer.bands[block], frame, [bias; GROUP]);
        let mut sums = [[self.splat(0); 4]; GROUP];
        for (weights, inputs) in [(&layer.below[block], below), (&layer.own[block], own)] {
            for (gates, side) in weights.iter().zip(inputs) {
                let mut rows = [self.splat(0); 4];
                for (row, gate) in rows.iter_mut().zip(gates) {
                    *row = self.load(gate);
                }
                for n in 0..GROUP {
                    let input = self.splat(side[n]);
                    for g in 0..4 {
                        sums[n][g] = self.add(sums[n][g], rows[g], input);
                    }
                }
            }
        }
        for n in 0..GROUP {
            for g in 0..4 {
                let scale = self.cpu().load(&layer.scales[block][g]);
                reals[n][g] = self.cpu().mul_add(self.reals(sums[n][g]), scale, reals[n][g]);
            }
        }
        reals
    }
}

/// The pairs of a layer's units.
const _: () = assert!(PAIRS == 16 * BLOCKS / 2);
