//! The encoder's weights, arranged once for the loops that read them and shared by all calls.

use std::sync::LazyLock;

use crate::simd::SimdRow;

/// Bands of a mel frame.
pub(super) const BANDS: usize = 40;
/// Units per layer, and components of an embedding.
pub(super) const UNITS: usize = 256;
/// Blocks of sixteen units per layer.
pub(super) const BLOCKS: usize = UNITS / 16;
/// Layers of the network.
pub(super) const LAYERS: usize = 3;

/// Little-endian half precision, written by `fixtures/ge2e_weights.py`: for each layer the input
/// and recurrent weights [gates i f g o of 256 units, inputs] and their two biases; for the last
/// step the weights [outputs, units] and the bias.
static WEIGHTS: &[u8; 2 * COUNT] = include_bytes!("ge2e.f16");

/// A file of any other length does not compile.
const COUNT: usize = 4 * UNITS * (BANDS + 5 * UNITS + 2 * LAYERS) + UNITS * (UNITS + 1);

/// The contribution of one input to the four gates of sixteen units.
pub(super) type UnitGates = [SimdRow; 4];

/// One LSTM layer.
pub(super) struct Layer {
    /// Number of inputs.
    pub inputs: usize,
    /// By block of sixteen units: a row of gates for each input, then for each unit of the layer
    /// itself.
    pub weights: Vec<Vec<UnitGates>>,
    pub bias: [UnitGates; BLOCKS],
}

/// The linear layer after the LSTM.
pub(super) struct Projection {
    /// [outputs, units].
    pub weights: Vec<[f32; UNITS]>,
    pub bias: Vec<f32>,
}

/// The whole network.
pub(super) struct VoiceModel {
    pub layers: [Layer; LAYERS],
    pub projection: Projection,
}

impl VoiceModel {
    /// Returns the model, which is arranged at the first call.
    pub fn shared() -> &'static Self {
        static MODEL: LazyLock<VoiceModel> = LazyLock::new(VoiceModel::read);
        &MODEL
    }

    pub(super) fn read() -> Self {
        let values: Vec<f32> = WEIGHTS.as_chunks().0.iter().map(|&bytes| half(u16::from_le_bytes(bytes))).collect();
        let mut rest = &values[..];
        let mut take = |count| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head
        };
        let layers = std::array::from_fn(|layer| {
            let inputs = if layer == 0 { BANDS } else { UNITS };
            let (below, own) = (take(4 * UNITS * inputs), take(4 * UNITS * UNITS));
            layer_of(inputs, below, own, [take(4 * UNITS), take(4 * UNITS)])
        });
        let (weights, bias) = (take(UNITS * UNITS).as_chunks().0.to_vec(), take(UNITS).to_vec());
        Self { layers, projection: Projection { weights, bias } }
    }
}

fn layer_of(inputs: usize, below: &[f32], own: &[f32], bias: [&[f32]; 2]) -> Layer {
    let gates = |block: usize, value: &dyn Fn(usize) -> f32| -> UnitGates {
        std::array::from_fn(|gate| SimdRow(std::array::from_fn(|lane| value(gate * UNITS + block * 16 + lane))))
    };
    let block = |block: usize| {
        let from_below = (0..inputs).map(|k| gates(block, &|unit| below[unit * inputs + k]));
        let from_own = (0..UNITS).map(|k| gates(block, &|unit| own[unit * UNITS + k]));
        from_below.chain(from_own).collect()
    };
    Layer {
        inputs,
        weights: (0..BLOCKS).map(block).collect(),
        bias: std::array::from_fn(|block| gates(block, &|unit| bias[0][unit] + bias[1][unit])),
    }
}

/// Converts a half-precision float. The weights contain neither infinities nor NaN.
fn half(bits: u16) -> f32 {
    /// Moves the exponent's bias from 15 to 127. Also correct for subnormal halves.
    const REBIAS: f32 = f32::from_bits((254 - 15) << 23);
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * REBIAS;
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_as_the_standard_says() {
        let smallest = 2f32.powi(-24);
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, smallest),
            (0x03ff, 1023.0 * smallest),
            (0x0400, 1024.0 * smallest),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
        ] {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
    }

    #[test]
    fn weights_are_numbers() {
        let model = VoiceModel::shared();
        let rows = || model.layers.iter().flat_map(|layer| layer.weights.iter().flatten());
        assert!(rows().flatten().flat_map(|row| row.0).all(|w| w.abs() < 100.0));
        assert!(rows().flatten().flat_map(|row| row.0).map(f32::abs).sum::<f32>() > 1000.0);
    }
}
