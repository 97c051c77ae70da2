//! Winograd's F(4, 3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
//! four outputs of three taps, over four inputs between zeros, by six products instead of ten.

use std::ops::{Add, Mul, Sub};

/// Number of products.
pub(super) const POINTS: usize = 6;

/// Evaluates three taps a + b·x + c·x² at the points 0, 1, −1, 2, −2 and infinity, with the factors
/// of F(4, 3).
pub(super) fn taps_at_point(point: usize, taps: [f32; 3]) -> f32 {
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

/// Transforms four inputs to the points.
#[inline(always)]
pub(super) fn inputs_at_points<T>([a, b, c, d]: [T; 4]) -> [T; POINTS]
where
    T: Copy + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let (near_c, near_d) = (c - a * 4.0, d - b * 4.0);
    let (far_c, far_d) = ((c - a) * 2.0, d - b);
    [d - b * 5.0, near_d + near_c, near_d - near_c, far_d + far_c, far_d - far_c, a * 4.0 - c * 5.0]
}

/// Transforms the products at the points to the four outputs.
#[inline(always)]
pub(super) fn outputs_of_points<T>([p0, p1, p2, p3, p4, p5]: [T; POINTS]) -> [T; 4]
where
    T: Copy + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let (near_sum, near_difference) = (p1 + p2, p1 - p2);
    let (far_sum, far_difference) = (p3 + p4, p3 - p4);
    [
        p0 + near_sum + far_sum,
        near_difference + far_difference * 2.0,
        near_sum + far_sum * 4.0,
        near_difference + far_difference * 8.0 + p5,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_at_the_points_are_the_convolution() {
        let (inputs, taps) = ([1.0f32, -2.0, 3.0, 0.5], [0.25f32, -0.5, 2.0]);
        let at = |i: usize| i.checked_sub(1).and_then(|i| inputs.get(i)).copied().unwrap_or(0.0);
        let plain: [f32; 4] = std::array::from_fn(|n| (0..3).map(|tap| taps[tap] * at(n + tap)).sum());
        let points = inputs_at_points(inputs);
        let products = std::array::from_fn(|point| points[point] * taps_at_point(point, taps));
        for (found, expected) in outputs_of_points(products).into_iter().zip(plain) {
            assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
        }
    }
}
