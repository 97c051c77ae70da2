//! The four convolutions: sixteen frames in parallel; positions and channels in sequence.

use fearless_simd::{Simd, SimdBase, f32x16};

use super::frontend::{BINS, SPAN, Spectra, WINDOWS, gather};
use super::model::{Convolution, Model, TILE, UNITS};
use super::winograd::{POINTS, inputs_at_points, outputs_of_points};
use super::{PANEL, PlannedFrame};
use crate::simd::{Cpu, SimdRow};

/// Output channels of the first convolution.
const CHANNELS: usize = 128;

/// Intermediate results of the stages for a panel of sixteen frames.
pub(super) struct Panel {
    samples: [SimdRow; SPAN],
    spectra: Spectra,
    points: [[SimdRow; BINS]; POINTS],
    first: [SimdRow; WINDOWS * CHANNELS],
    others: [Vec<SimdRow>; 3],
}

impl Panel {
    pub fn new() -> Self {
        Self {
            samples: [SimdRow::default(); SPAN],
            spectra: [[SimdRow::default(); BINS]; WINDOWS],
            points: [[SimdRow::default(); BINS]; POINTS],
            first: [SimdRow::default(); WINDOWS * CHANNELS],
            others: [2 * 64, 64, UNITS].map(|rows| vec![SimdRow::default(); rows]),
        }
    }
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// Computes the features of up to sixteen planned frames from the samples of a track.
    #[inline(always)]
    pub(super) fn encode(
        self,
        model: &Model,
        samples: &[f32],
        plan: &[PlannedFrame],
        panel: &mut Panel,
        features: &mut [[f32; UNITS]; PANEL],
    ) {
        gather(samples, plan, &mut panel.samples);
        self.spectra(&model.ends.tables, &panel.samples, &mut panel.spectra);
        self.convolve_first(model, &panel.spectra, &mut panel.points, &mut panel.first);
        let mut input = &panel.first[..];
        for (convolution, output) in model.others.iter().zip(&mut panel.others) {
            self.convolve(convolution, input, output);
            input = output;
        }
        for (lane, features) in features.iter_mut().enumerate() {
            for (feature, row) in features.iter_mut().zip(input) {
                *feature = row.0[lane];
            }
        }
    }

    /// Computes the first convolution, over four positions between zeros, by Winograd's F(4, 3). It
    /// is the largest of the network.
    #[inline(always)]
    fn convolve_first(
        self,
        model: &Model,
        spectra: &Spectra,
        points: &mut [[SimdRow; BINS]; POINTS],
        output: &mut [SimdRow; WINDOWS * CHANNELS],
    ) {
        for bin in 0..BINS {
            let [a, b, c, d] = spectra;
            let windows = [self.load(&a[bin]), self.load(&b[bin]), self.load(&c[bin]), self.load(&d[bin])];
            let values = inputs_at_points(windows);
            for (rows, value) in points.iter_mut().zip(values) {
                value.store_array(&mut rows[bin].0);
            }
        }
        let tiles = model.first.chunks_exact(POINTS * BINS).zip(&model.first_bias).enumerate();
        for (tile, (weights, bias)) in tiles {
            let mut products = [[self.splat(0.0); TILE]; POINTS];
            for ((product, weights), rows) in products.iter_mut().zip(weights.chunks_exact(BINS)).zip(&*points) {
                *product = self.dot(weights, rows, &[0.0; TILE]);
            }
            for m in 0..TILE.min(CHANNELS - tile * TILE) {
                let mut at_points = [self.splat(0.0); POINTS];
                for point in 0..POINTS {
                    at_points[point] = products[point][m];
                }
                let values = outputs_of_points(at_points);
                for (position, value) in values.into_iter().enumerate() {
                    let row = &mut output[position * CHANNELS + tile * TILE + m];
                    self.relu(value + self.splat(bias[m])).store_array(&mut row.0);
                }
            }
        }
    }

    /// Computes one convolution and its ReLU.
    #[inline(always)]
    fn convolve(self, convolution: &Convolution, input: &[SimdRow], output: &mut [SimdRow]) {
        let &Convolution { inputs, outputs, taps, stride, pad, ref weights, ref bias } = convolution;
        for (tile, (weights, bias)) in weights.chunks_exact(taps * inputs).zip(bias).enumerate() {
            for (position, channels) in output.chunks_exact_mut(outputs).enumerate() {
                // Taps before the first position or behind the last meet zeros and are left out.
                let skipped = pad.saturating_sub(position * stride);
                let from = (position * stride).saturating_sub(pad);
                let sums = self.dot(&weights[skipped * inputs..], &input[from * inputs..], bias);
                for (row, sum) in channels[tile * TILE..].iter_mut().zip(sums) {
                    self.relu(sum).store_array(&mut row.0);
                }
            }
        }
    }

    /// Computes six outputs of sixteen frames: `start` plus the products of the columns with the
    /// input rows.
    #[inline(always)]
    fn dot(self, weights: &[[f32; TILE]], input: &[SimdRow], start: &[f32; TILE]) -> [f32x16<S>; TILE] {
        let mut sums = [self.splat(0.0); TILE];
        for (sum, &start) in sums.iter_mut().zip(start) {
            *sum = self.splat(start);
        }
        for (weights, row) in weights.iter().zip(input) {
            let row = self.load(row);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = self.mul_add(self.splat(weight), row, *sum);
            }
        }
        sums
    }
}
