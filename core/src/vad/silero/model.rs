//! Silero's weights, arranged once for the loops that read them and shared by all detectors.

use std::sync::LazyLock;

use super::frontend::{BINS, Tables};
use super::winograd::taps_at_point;
use crate::simd::SimdRow;

/// Outputs that a convolution computes at once. Six times sixteen frames fill the registers of
/// AVX2.
pub(super) const TILE: usize = 6;
/// LSTM units, and features per frame.
pub(super) const UNITS: usize = 128;
/// Rows of gates per frame: i, f, g, o of units 0-15, then of units 16-31, and so on.
pub(super) const GATE_ROWS: usize = 4 * UNITS / 16;

/// Little-endian f32, written by `fixtures/silero_weights.py`: for each convolution the weights
/// [outputs, inputs, taps] and the bias; for the LSTM the input and recurrent weights [gates i f g
/// o of 128 units, inputs] and their two biases; the weights and bias of the output layer.
static WEIGHTS: &[u8; 4 * COUNT] = include_bytes!("silero-8k.f32");

/// A file of any other length does not compile.
const COUNT: usize =
    128 * (BINS * 3 + 1) + 64 * (128 * 3 + 1) + 64 * (64 * 2 + 1) + 128 * (64 + 1) + 2 * 512 * (UNITS + 1) + UNITS + 1;

/// A matrix cut into tiles of [`TILE`] outputs, with its columns in sequence in each tile.
type Tiles = Vec<[f32; TILE]>;

/// The LSTM's 512 × 128 matrices by block of sixteen units, gate and input.
pub(super) type Gates = Vec<[[SimdRow; UNITS]; 4]>;

/// A convolution over the positions of one frame.
pub(super) struct Convolution {
    pub inputs: usize,
    pub outputs: usize,
    pub taps: usize,
    pub stride: usize,
    /// Zeros before the first position.
    pub pad: usize,
    /// Columns by tap, then input.
    pub weights: Tiles,
    pub bias: Tiles,
}

/// What the network has beside its matrices.
pub(super) struct NetworkEnds {
    pub tables: Tables,
    pub gate_bias: [SimdRow; GATE_ROWS],
    pub output: [SimdRow; UNITS / 16],
    pub output_bias: f32,
}

/// The whole network in f32.
pub(super) struct Model {
    pub ends: NetworkEnds,
    /// The first convolution, 65 → 128, three taps. Columns by point of Winograd's F(4, 3), then
    /// bin.
    pub first: Tiles,
    pub first_bias: Tiles,
    /// The other three: 128 → 64, 64 → 64, 64 → 128.
    pub others: [Convolution; 3],
    /// Arranged at the first use, because integers have their own.
    pub lstm: LazyLock<LstmGates>,
}

/// The LSTM's matrices.
pub(super) struct LstmGates {
    pub input: Gates,
    pub recurrent: Gates,
}

/// Inputs, outputs, taps, stride, and zeros before the first position of the second to fourth
/// convolution.
pub(super) const OTHERS: [[usize; 5]; 3] = [[128, 64, 3, 2, 1], [64, 64, 2, 2, 0], [64, 128, 1, 1, 0]];

/// The weights in the order of the file.
pub(super) struct RawWeights {
    /// Of each convolution: weights [outputs, inputs, taps].
    convolutions: [Vec<f32>; 4],
    /// Of each convolution.
    pub biases: [Vec<f32>; 4],
    /// [gates, inputs].
    input: Vec<f32>,
    recurrent: Vec<f32>,
    gate_biases: [Vec<f32>; 2],
    output: Vec<f32>,
    output_bias: f32,
}

impl RawWeights {
    pub(super) fn read() -> Self {
        let mut rest = WEIGHTS.as_chunks().0;
        let mut take = |count: usize| {
            let (taken, left) = rest.split_at(count);
            rest = left;
            taken.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect::<Vec<_>>()
        };
        let mut convolutions = [const { Vec::new() }; 4];
        let mut biases = [const { Vec::new() }; 4];
        let sizes =
            [[BINS, 128, 3]].into_iter().chain(OTHERS.map(|[inputs, outputs, taps, ..]| [inputs, outputs, taps]));
        for ((weights, bias), [inputs, outputs, taps]) in convolutions.iter_mut().zip(&mut biases).zip(sizes) {
            (*weights, *bias) = (take(outputs * inputs * taps), take(outputs));
        }
        let (input, recurrent) = (take(4 * UNITS * UNITS), take(4 * UNITS * UNITS));
        let gate_biases = [take(4 * UNITS), take(4 * UNITS)];
        let (output, output_bias) = (take(UNITS), take(1)[0]);
        Self { convolutions, biases, input, recurrent, gate_biases, output, output_bias }
    }

    /// Returns the weight of the first convolution for an output and a column: by point of
    /// Winograd's F(4, 3), then bin.
    pub(super) fn first(&self, output: usize, column: usize) -> f32 {
        let taps = (output * BINS + column % BINS) * 3;
        let weights = &self.convolutions[0];
        taps_at_point(column / BINS, [weights[taps], weights[taps + 1], weights[taps + 2]])
    }

    /// Returns the weight of one of [`OTHERS`] for an output and a column: by tap, then input.
    pub(super) fn other(&self, which: usize, output: usize, column: usize) -> f32 {
        let [inputs, _, taps, ..] = OTHERS[which];
        self.convolutions[1 + which][(output * inputs + column % inputs) * taps + column / inputs]
    }

    /// Returns the LSTM's weight of an input for a gate of a row of gates ([`GATE_ROWS`]).
    pub(super) fn input(&self, row: usize, lane: usize, input: usize) -> f32 {
        self.input[gate(row, lane) * UNITS + input]
    }

    /// Returns the LSTM's weight of a unit's last value, likewise.
    pub(super) fn recurrent(&self, row: usize, lane: usize, unit: usize) -> f32 {
        self.recurrent[gate(row, lane) * UNITS + unit]
    }

    pub(super) fn ends(&self) -> NetworkEnds {
        let [input, recurrent] = &self.gate_biases;
        NetworkEnds {
            tables: Tables::new(),
            gate_bias: rows(|row, lane| input[gate(row, lane)] + recurrent[gate(row, lane)]),
            output: rows(|row, lane| self.output[row * 16 + lane]),
            output_bias: self.output_bias,
        }
    }
}

/// Returns the index in the file of a gate of a row of gates.
fn gate(row: usize, lane: usize) -> usize {
    row % 4 * UNITS + row / 4 * 16 + lane
}

impl Model {
    /// Returns the model, which is arranged at the first call.
    pub fn shared() -> &'static Self {
        static MODEL: LazyLock<Model> = LazyLock::new(Model::read);
        &MODEL
    }

    fn read() -> Self {
        let raw = RawWeights::read();
        let others = std::array::from_fn(|which| {
            let [inputs, outputs, taps, stride, pad] = OTHERS[which];
            let weights = tiles(outputs, taps * inputs, |output, column| raw.other(which, output, column));
            let bias = bias(&raw.biases[1 + which]);
            Convolution { inputs, outputs, taps, stride, pad, weights, bias }
        });
        Self {
            ends: raw.ends(),
            first: tiles(128, 6 * BINS, |output, column| raw.first(output, column)),
            first_bias: bias(&raw.biases[0]),
            others,
            lstm: LazyLock::new(LstmGates::read),
        }
    }
}

impl LstmGates {
    fn read() -> Self {
        let raw = RawWeights::read();
        Self {
            input: gates(|row, lane, input| raw.input(row, lane, input)),
            recurrent: gates(|row, lane, unit| raw.recurrent(row, lane, unit)),
        }
    }
}

fn rows<const N: usize>(value: impl Fn(usize, usize) -> f32) -> [SimdRow; N] {
    std::array::from_fn(|row| SimdRow(std::array::from_fn(|lane| value(row, lane))))
}

/// Cuts a matrix into tiles. The last tile is padded with zeros.
fn tiles(outputs: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Tiles {
    let tile = |first| {
        let value = &value;
        let element = move |output, column| if output < outputs { value(output, column) } else { 0.0 };
        (0..columns).map(move |column| std::array::from_fn(|i| element(first + i, column)))
    };
    (0..outputs).step_by(TILE).flat_map(tile).collect()
}

fn bias(values: &[f32]) -> Tiles {
    tiles(values.len(), 1, |output, _| values[output])
}

fn gates(weight: impl Fn(usize, usize, usize) -> f32) -> Gates {
    let weight = &weight;
    let block = |block| std::array::from_fn(|gate| rows(move |input, lane| weight(4 * block + gate, lane, input)));
    (0..UNITS / 16).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_numbers() {
        let sum: f32 = WEIGHTS.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).abs()).sum();
        assert!(sum.is_finite() && sum > 0.0);
    }

    #[test]
    fn last_tile_is_filled_with_zeros() {
        let packed = tiles(8, 2, |output, column| (10 * output + column) as f32 + 1.0);
        assert_eq!(packed.len(), 4);
        assert_eq!(packed[1], [2.0, 12.0, 22.0, 32.0, 42.0, 52.0]);
        assert_eq!(packed[2], [61.0, 71.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
