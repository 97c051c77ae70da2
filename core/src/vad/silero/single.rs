//! The layers before the LSTM for a single frame.
//!
//! The other files compute many frames in parallel. Here outputs are computed in parallel instead,
//! and each is summed in the same order, so a frame's features have the same bits as in a block.

use std::sync::LazyLock;

use fearless_simd::{Simd, SimdBase, f32x16};

use super::frontend::{BINS, WINDOWS};
use super::model::{Model, TILE, UNITS};
use super::winograd::{POINTS, inputs_at_points, outputs_of_points};
use crate::simd::{Cpu, SimdRow};

/// Rows of sixteen outputs of the first and last convolution, and of the two between.
const WIDE_ROWS: usize = 128 / 16;
const NARROW_ROWS: usize = 64 / 16;

/// The convolutions' weights by column, with the outputs side by side.
pub(super) struct RowWeights {
    first: Vec<[SimdRow; WIDE_ROWS]>,
    first_bias: [SimdRow; WIDE_ROWS],
    second: Vec<[SimdRow; NARROW_ROWS]>,
    second_bias: [SimdRow; NARROW_ROWS],
    third: Vec<[SimdRow; NARROW_ROWS]>,
    third_bias: [SimdRow; NARROW_ROWS],
    last: Vec<[SimdRow; WIDE_ROWS]>,
    last_bias: [SimdRow; WIDE_ROWS],
}

impl RowWeights {
    /// Returns the weights, which are arranged at the first call.
    pub(super) fn shared() -> &'static Self {
        static WEIGHTS: LazyLock<RowWeights> = LazyLock::new(|| RowWeights::of(Model::shared()));
        &WEIGHTS
    }

    fn of(model: &Model) -> Self {
        let [second, third, last] = &model.others;
        Self {
            first: by_column(&model.first, POINTS * BINS),
            first_bias: bias(&model.first_bias),
            second: by_column(&second.weights, second.taps * second.inputs),
            second_bias: bias(&second.bias),
            third: by_column(&third.weights, third.taps * third.inputs),
            third_bias: bias(&third.bias),
            last: by_column(&last.weights, last.taps * last.inputs),
            last_bias: bias(&last.bias),
        }
    }
}

/// Converts tiles of outputs to rows of outputs, one list of rows per column.
fn by_column<const R: usize>(tiles: &[[f32; TILE]], columns: usize) -> Vec<[SimdRow; R]> {
    (0..columns).map(|column| rows(|output| tiles[output / TILE * columns + column][output % TILE])).collect()
}

fn bias<const R: usize>(tiles: &[[f32; TILE]]) -> [SimdRow; R] {
    rows(|output| tiles[output / TILE][output % TILE])
}

fn rows<const R: usize>(value: impl Fn(usize) -> f32) -> [SimdRow; R] {
    std::array::from_fn(|row| SimdRow(std::array::from_fn(|lane| value(row * 16 + lane))))
}

/// Buffers for the layers before the LSTM.
pub(super) struct FrameScratch {
    spectra: [SimdRow; BINS],
    points: [[f32; BINS]; POINTS],
    first: [f32; WINDOWS * 128],
    second: [f32; 2 * 64],
    third: [f32; 64],
    pub features: [f32; UNITS],
}

impl FrameScratch {
    pub(super) fn new() -> Self {
        Self {
            spectra: [SimdRow::default(); BINS],
            points: [[0.0; BINS]; POINTS],
            first: [0.0; WINDOWS * 128],
            second: [0.0; 2 * 64],
            third: [0.0; 64],
            features: [0.0; UNITS],
        }
    }
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Computes the features of a frame, given with its context.
    #[inline(always)]
    pub(super) fn encode_one(self, model: &Model, weights: &RowWeights, samples: &[f32], scratch: &mut FrameScratch) {
        let FrameScratch { spectra, points, first, second, third, features, .. } = scratch;
        self.spectra_of_one(&model.ends.tables, samples, spectra);
        at_points(spectra, points);
        self.first_of_one(weights, points, first);
        for (position, output) in second.chunks_exact_mut(64).enumerate() {
            // Three taps, two positions apart, with a zero before the first position.
            let (skipped, from) = if position == 0 { (128, 0) } else { (0, 128) };
            self.rows(&weights.second[skipped..], &first[from..], &weights.second_bias, output);
        }
        self.rows(&weights.third, second, &weights.third_bias, third);
        self.rows(&weights.last, third, &weights.last_bias, features);
    }

    /// Computes the first convolution at its four positions.
    #[inline(always)]
    fn first_of_one(self, weights: &RowWeights, points: &[[f32; BINS]; POINTS], output: &mut [f32; WINDOWS * 128]) {
        let output = output.as_chunks_mut::<16>().0;
        let mut products = [[self.splat(0.0); WIDE_ROWS]; POINTS];
        for ((product, weights), point) in products.iter_mut().zip(weights.first.chunks_exact(BINS)).zip(points) {
            *product = self.products(weights, point, *product);
        }
        for row in 0..WIDE_ROWS {
            let bias = self.load(&weights.first_bias[row]);
            let mut at_points = [self.splat(0.0); POINTS];
            for point in 0..POINTS {
                at_points[point] = products[point][row];
            }
            let values = outputs_of_points(at_points);
            for (position, value) in values.into_iter().enumerate() {
                self.relu(value + bias).store_array(&mut output[position * WIDE_ROWS + row]);
            }
        }
    }

    /// Computes the outputs of a convolution at one position, and their ReLU.
    #[inline(always)]
    fn rows<const R: usize>(self, weights: &[[SimdRow; R]], input: &[f32], bias: &[SimdRow; R], output: &mut [f32]) {
        let mut start = [self.splat(0.0); R];
        for (start, row) in start.iter_mut().zip(bias) {
            *start = self.load(row);
        }
        for (sum, row) in self.products(weights, input, start).into_iter().zip(output.as_chunks_mut::<16>().0) {
            self.relu(sum).store_array(row);
        }
    }

    /// Adds the products of the columns with the inputs.
    #[inline(always)]
    fn products<const R: usize>(
        self,
        weights: &[[SimdRow; R]],
        input: &[f32],
        mut sums: [f32x16<S>; R],
    ) -> [f32x16<S>; R] {
        for (rows, &value) in weights.iter().zip(input) {
            let value = self.splat(value);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = self.mul_add(self.load(row), value, *sum);
            }
        }
        sums
    }
}

/// Transforms spectra to the points of Winograd's F(4, 3), as the first convolution needs them.
#[inline(always)]
fn at_points(spectra: &[SimdRow; BINS], points: &mut [[f32; BINS]; POINTS]) {
    for (bin, row) in spectra.iter().enumerate() {
        let [a, b, c, d, ..] = row.0;
        for (point, value) in points.iter_mut().zip(inputs_at_points([a, b, c, d])) {
            point[bin] = value;
        }
    }
}
