//! The K-weighting of ITU-R BS.1770-5, annex 1, a shelf and a high pass, computed in sixteen lanes.
//!
//! A recursive filter runs sample by sample, but its state after a stretch is a weighted sum of the
//! stretch and of its state before. A piece is therefore cut into sixteen parts, which lie side by
//! side. The state before each part is computed by such sums, and all parts are filtered in
//! parallel. The result is the exact filter, not an approximation.

use std::f64::consts::PI;

use fearless_simd::{Simd, SimdBase, f32x16};

use crate::units::Rate;

/// Parts of a piece that are filtered in parallel.
const LANES: usize = 16;
/// Size of the state of both sections.
const ORDER: usize = 4;
/// State below this (−300 dB) is flushed to zero to avoid denormals.
const NOTHING: f64 = 1e-15;

type FilterState = [f64; ORDER];

/// The shelf, `y = b·x − a·y` over the last two samples.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    b: [f64; 3],
    a: [f64; 2],
}

/// The high pass `δ² / (δ² + p δ + q)` with `δ = z − 1`. Its poles lie so close to 1 that a direct
/// form would need more digits than f32 has; p and q are the small numbers by which it differs from
/// 1.
#[derive(Debug, Clone, Copy)]
struct HighPass {
    p: f64,
    q: f64,
}

/// Both filters at one rate.
#[derive(Debug, Clone, Copy)]
struct KWeightSections(Shelf, HighPass);

impl KWeightSections {
    /// Creates the filters for any rate from the analog filters behind the standard's coefficients
    /// for 48 kHz (by inverting the bilinear transform).
    fn new(rate: Rate) -> Self {
        let warped = |hz: f64| (PI * hz / f64::from(rate.hz())).tan();
        let (k, damping) = (warped(1_681.974_450_955_533), 1.0 / 0.707_175_236_955_419_6);
        let high = 10f64.powf(3.999_843_853_973_347 / 20.0);
        let middle = high.powf(0.499_666_774_154_541_6) * k * damping;
        let scale = 1.0 / (1.0 + k * damping + k * k);
        let shelf = Shelf {
            b: [high + middle + k * k, 2.0 * (k * k - high), high - middle + k * k].map(|x| x * scale),
            a: [2.0 * (k * k - 1.0), 1.0 - k * damping + k * k].map(|x| x * scale),
        };
        let (k, damping) = (warped(38.135_470_876_024_44), 1.0 / 0.500_327_037_323_877_3);
        let scale = 1.0 / (1.0 + k * damping + k * k);
        Self(shelf, HighPass { p: (4.0 * k * k + 2.0 * k * damping) * scale, q: 4.0 * k * k * scale })
    }
}

/// Computes the weighted energy of consecutive pieces.
#[derive(Debug, Clone)]
pub(super) struct KWeighting {
    sections: KWeightSections,
    /// Contribution of each sample of a part to each component of the state at its end.
    left: Vec<[f32; ORDER]>,
    /// The parts of a piece side by side.
    parts: Vec<[f32; LANES]>,
    /// Contribution of each component of the state before a part to the state at its end.
    carried: [FilterState; ORDER],
    state: FilterState,
}

impl KWeighting {
    /// Creates a filter for pieces of at least `least` samples.
    pub(super) fn new(rate: Rate, least: usize) -> Self {
        let (sections, part) = (KWeightSections::new(rate), least / LANES);
        let carried = std::array::from_fn(|k| {
            let mut state: FilterState = std::array::from_fn(|i| if i == k { 1.0 } else { 0.0 });
            for _ in 0..part {
                step(&sections, &mut state, 0.0);
            }
            state
        });
        let mut state = FilterState::default();
        let mut left: Vec<_> = (0..part)
            .map(|i| {
                step(&sections, &mut state, if i == 0 { 1.0 } else { 0.0 });
                state.map(|x| x as f32)
            })
            .collect();
        left.reverse();
        Self { sections, left, parts: vec![[0.0; LANES]; part], carried, state: FilterState::default() }
    }

    /// Returns the energy of the next piece after weighting.
    #[inline(always)]
    pub(super) fn energy<S: Simd>(&mut self, cpu: S, piece: &[f32]) -> f64 {
        let part = self.parts.len();
        let (samples, rest) = piece.split_at(LANES * part);
        for (lane, samples) in samples.chunks_exact(part.max(1)).enumerate() {
            self.parts.iter_mut().zip(samples).for_each(|(row, &x)| row[lane] = x);
        }
        let states = self.states(cpu);
        let mut energy = filtered_energy(cpu, &self.sections, states, &self.parts);
        for &x in rest {
            energy += step(&self.sections, &mut self.state, f64::from(x)).powi(2);
        }
        energy
    }

    /// Returns the states before the parts, and advances the state to their end.
    #[inline(always)]
    fn states<S: Simd>(&mut self, cpu: S) -> [[f32; LANES]; ORDER] {
        let mut sums = [f32x16::splat(cpu, 0.0); ORDER];
        for (samples, weights) in self.parts.iter().zip(&self.left) {
            let samples = f32x16::load_array_ref(cpu, samples);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += samples * weight;
            }
        }
        let sums = sums.map(|sum| sum.to_array());
        let mut states = [[0.0; LANES]; ORDER];
        for lane in 0..LANES {
            states.iter_mut().zip(self.state).for_each(|(row, x)| row[lane] = x as f32);
            let mut next = sums.map(|sum| f64::from(sum[lane]));
            for (x, column) in self.state.iter().zip(&self.carried) {
                next.iter_mut().zip(column).for_each(|(sum, c)| *sum += x * c);
            }
            self.state = next.map(|x| if x.abs() < NOTHING { 0.0 } else { x });
        }
        states
    }
}

/// Runs one sample through both filters: the shelf in transposed direct form II, the high pass in
/// delta form.
fn step(sections: &KWeightSections, state: &mut FilterState, x: f64) -> f64 {
    let KWeightSections(shelf, high_pass) = sections;
    let y = shelf.b[0] * x + state[0];
    state[0] = (shelf.b[1] * x + state[1]) - shelf.a[0] * y;
    state[1] = shelf.b[2] * x - shelf.a[1] * y;
    let z = (y - high_pass.q * state[3]) - high_pass.p * state[2];
    state[3] += state[2];
    state[2] += z;
    z
}

/// Runs [`step`] in every lane for its part, and returns the energy of all.
#[inline(always)]
fn filtered_energy<S: Simd>(
    cpu: S,
    sections: &KWeightSections,
    states: [[f32; LANES]; ORDER],
    parts: &[[f32; LANES]],
) -> f64 {
    let KWeightSections(shelf, high_pass) = sections;
    let all = |x: f64| f32x16::splat(cpu, x as f32);
    let ([b0, b1, b2], [a1, a2]) = (shelf.b.map(all), shelf.a.map(all));
    let (p, q) = (all(high_pass.p), all(high_pass.q));
    let [mut s0, mut s1, mut s2, mut s3] = states.map(|lanes| f32x16::load_array(cpu, lanes));
    let mut energy = all(0.0);
    for samples in parts {
        let x = f32x16::load_array_ref(cpu, samples);
        let y = b0 * x + s0;
        s0 = (b1 * x + s1) - a1 * y;
        s1 = b2 * x - a2 * y;
        let z = (y - q * s3) - p * s2;
        s3 += s2;
        s2 += z;
        energy += z * z;
    }
    energy.to_array().into_iter().map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn at_48_khz_the_coefficients_are_the_standards() {
        let KWeightSections(shelf, high_pass) = KWeightSections::new(Rate::new(48_000).unwrap());
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10);
        assert!(near(&shelf.b, &[1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85]), "{shelf:?}");
        assert!(near(&shelf.a, &[-1.690_659_293_182_41, 0.732_480_774_215_85]), "{shelf:?}");
        let direct = [high_pass.p - 2.0, 1.0 - high_pass.p + high_pass.q];
        assert!(near(&direct, &[-1.990_047_454_833_98, 0.990_072_250_366_21]), "{high_pass:?}");
    }

    #[test]
    fn lanes_give_what_sample_by_sample_gives() {
        for (hz, length) in [(8_000, 800), (11_025, 1103), (48_000, 4800), (192_000, 19_200)] {
            let rate = Rate::new(hz).unwrap();
            let mut weighting = KWeighting::new(rate, hz as usize / 10);
            let mut state = FilterState::default();
            for piece in 0..20 {
                let wave = |n: usize| {
                    let t = (piece * length + n) as f64 / f64::from(hz);
                    (0.2 + 0.3 * (900.0 * t).sin() + 0.1 * (9000.0 * t).sin()) as f32
                };
                let samples: Vec<f32> = (0..length).map(wave).collect();
                let plain: f64 =
                    samples.iter().map(|&x| step(&weighting.sections, &mut state, f64::from(x)).powi(2)).sum();
                let lanes = dispatch!(Level::new(), cpu => weighting.energy(cpu, &samples));
                assert!((lanes / plain - 1.0).abs() < 1e-4, "piece {piece} at {hz} Hz: {lanes}, {plain}");
            }
        }
    }
}
