//! Sums over samples in eight parallel lanes: an order of additions that is fast and identical on
//! every machine. No product is fused with its sum.

use fearless_simd::{Simd, SimdBase, f32x8};

/// Number of parallel sums.
const LANES: usize = 8;
/// Number of parallel comparisons, whose order does not matter.
const COMPARED: usize = 32;

/// Adds the lanes pairwise.
#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    for half in [4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// Returns the sums of products of `samples` with each row of weights. Rows are at least as long.
#[inline(always)]
pub(super) fn weighted<S: Simd, const ROWS: usize>(cpu: S, samples: &[f32], weights: [&[f32]; ROWS]) -> [f64; ROWS] {
    let mut sums = [f32x8::splat(cpu, 0.0); ROWS];
    let (chunks, rest) = samples.as_chunks::<LANES>();
    let rows = weights.map(|row| row[..samples.len()].as_chunks::<LANES>());
    for (i, chunk) in chunks.iter().enumerate() {
        let x = f32x8::load_array_ref(cpu, chunk);
        for (sum, (row, _)) in sums.iter_mut().zip(&rows) {
            *sum += x * f32x8::load_array_ref(cpu, &row[i]);
        }
    }
    std::array::from_fn(|k| {
        let last = rest.iter().zip(rows[k].1).map(|(x, w)| x * w).sum::<f32>();
        f64::from(total(sums[k].to_array()) + last)
    })
}

/// Returns the sum of the samples.
#[inline(always)]
pub(super) fn sum(samples: &[f32]) -> f64 {
    sum_of(samples, |x| x)
}

/// Returns the sum of squares.
#[inline(always)]
pub(super) fn energy(samples: &[f32]) -> f64 {
    sum_of(samples, |x| x * x)
}

/// Returns the sum of what `term` makes of each sample.
#[inline(always)]
fn sum_of(samples: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    let mut sums = [0.0; LANES];
    let (chunks, rest) = samples.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += term(chunk[lane]);
        }
    }
    f64::from(total(sums) + rest.iter().map(|&x| term(x)).sum::<f32>())
}

/// Returns the largest magnitude, ignoring NaN.
#[inline(always)]
pub(super) fn largest(samples: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut most = [0.0; COMPARED];
    let (chunks, rest) = samples.as_chunks::<COMPARED>();
    for chunk in chunks {
        for lane in 0..COMPARED {
            most[lane] = larger(most[lane], chunk[lane].abs());
        }
    }
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            most[lane] = larger(most[lane], most[lane + half]);
        }
    }
    rest.iter().map(|x| x.abs()).fold(most[0], larger)
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn sums_are_those_of_plain_loops() {
        for length in [0, 1, 7, 8, 9, 31, 32, 33, 100] {
            let samples: Vec<f32> = (0..length).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
            let weights: Vec<f32> = (0..length + 3).map(|i| (i * 5 % 11) as f32).collect();
            // Whole numbers: every order of additions is exact.
            let plain = |f: &dyn Fn(f32, f32) -> f32| samples.iter().zip(&weights).map(|(&x, &w)| f(x, w)).sum::<f32>();
            let sums = dispatch!(Level::new(), cpu => weighted(cpu, &samples, [&weights, &samples]));
            assert_eq!(sums, [plain(&|x, w| x * w), plain(&|x, _| x * x)].map(f64::from));
            assert_eq!(energy(&samples), f64::from(plain(&|x, _| x * x)));
            assert_eq!(sum(&samples), f64::from(plain(&|x, _| x)));
            assert_eq!(largest(&samples), samples.iter().fold(0.0, |m, x| f32::max(m, x.abs())));
        }
    }

    #[test]
    fn what_is_no_number_is_not_the_largest() {
        let mut samples = [0.25; 20];
        samples[3] = f32::NAN;
        samples[17] = f32::NAN;
        assert_eq!(largest(&samples), 0.25);
    }
}
