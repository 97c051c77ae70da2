//! Silero's weights, arranged once for the loops that read them and shared by all detectors.

use std::sync::LazyLock;

use super::frontend::{BINS, Tables};
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

/// The whole network.
pub(super) struct Model {
    pub tables: Tables,
    /// The first convolution, 65 → 128, three taps. Columns by point of Winograd's F(4, 3), then
    /// bin.
    pub first: Tiles,
    pub first_bias: Tiles,
    /// The other three: 128 → 64, 64 → 64, 64 → 128.
    pub others: [Convolution; 3],
    pub input: Gates,
    pub recurrent: Gates,
    pub gate_bias: [SimdRow; GATE_ROWS],
    pub output: [SimdRow; UNITS / 16],
    pub output_bias: f32,
}

impl Model {
    /// Returns the model, which is arranged at the first call.
    pub fn shared() -> &'static Self {
        static MODEL: LazyLock<Model> = LazyLock::new(Model::read);
        &MODEL
    }

    fn read() -> Self {
        let values: Vec<f32> = WEIGHTS.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let mut rest = &values[..];
        let mut take = |count| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head
        };
        let (first, first_bias) = (take(128 * BINS * 3), take(128));
        let others =
            [[64, 128, 3, 2, 1], [64, 64, 2, 2, 0], [128, 64, 1, 1, 0]].map(|[outputs, inputs, taps, stride, pad]| {
                let (weights, bias) = (take(outputs * inputs * taps), take(outputs));
                let weight = |output, column| weights[(output * inputs + column % inputs) * taps + column / inputs];
                Convolution {
                    inputs,
                    outputs,
                    taps,
                    stride,
                    pad,
                    weights: tiles(outputs, taps * inputs, weight),
                    bias: tiles(outputs, 1, |output, _| bias[output]),
                }
            });
        let (input, recurrent) = (gates(take(4 * UNITS * UNITS)), gates(take(4 * UNITS * UNITS)));
        let (input_bias, recurrent_bias) = (take(4 * UNITS), take(4 * UNITS));
        let (output, output_bias) = (take(UNITS), take(1)[0]);
        Self {
            tables: Tables::new(),
            first: tiles(128, 6 * BINS, |output, column| {
                let taps = (output * BINS + column % BINS) * 3;
                at_point(column / BINS, [first[taps], first[taps + 1], first[taps + 2]])
            }),
            first_bias: tiles(128, 1, |output, _| first_bias[output]),
            others,
            input,
            recurrent,
            gate_bias: rows(|row, lane| {
                let gate = row % 4 * UNITS + row / 4 * 16 + lane;
                input_bias[gate] + recurrent_bias[gate]
            }),
            output: rows(|row, lane| output[row * 16 + lane]),
            output_bias,
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

fn gates(weights: &[f32]) -> Gates {
    let block = |block| {
        std::array::from_fn(|gate| rows(|input, lane| weights[(gate * UNITS + block * 16 + lane) * UNITS + input]))
    };
    (0..UNITS / 16).map(block).collect()
}

/// Evaluates three taps a + b·x + c·x² at the points 0, 1, −1, 2, −2 and infinity, with the factors
/// of Winograd's F(4, 3).
fn at_point(point: usize, taps: [f32; 3]) -> f32 {
    let [a, b, c] = taps.map(f64::from);
    let value = match point {
        0 => a / 4.0,
        1 => -(a + b + c) / 6.0,
        2 => -(a - b + c) / 6.0,
        3 => (a + 2.0 * b + 4.0 * c) / 24.0,
        4 => (a - 2.0 * b + 4.0 * c) / 24.0,
        _ => c,
    };
    value as f32
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
