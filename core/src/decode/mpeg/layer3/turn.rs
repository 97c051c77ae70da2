//! Cosines and sines that are the same on every machine.

use std::f64::consts::TAU;

/// Returns the cosine of `k`/`of` of a turn. `of` is a multiple of 8.
pub(super) fn cosine(k: usize, of: usize) -> f64 {
    let k = k % of;
    match 8 * k {
        at if at > 4 * of => cosine(of - k, of),
        at if at > 2 * of => -cosine(of / 2 - k, of),
        at if at > of => sine_series(TAU * (of / 4 - k) as f64 / of as f64),
        _ => cosine_series(TAU * k as f64 / of as f64),
    }
}

/// Returns the sine of `k`/`of` of a turn.
pub(super) fn sine(k: usize, of: usize) -> f64 {
    cosine(k % of + 3 * of / 4, of)
}

/// Computes the cosine up to an eighth of a turn, where the last term is below 1e-18.
fn cosine_series(x: f64) -> f64 {
    (1..10).rev().fold(1.0, |sum, n| 1.0 - x * x / f64::from(2 * n * (2 * n - 1)) * sum)
}

fn sine_series(x: f64) -> f64 {
    x * (1..10).rev().fold(1.0, |sum, n| 1.0 - x * x / f64::from(2 * n * (2 * n + 1)) * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_and_sines_are_right() {
        for of in [48, 72, 128, 144] {
            for k in 0..3 * of {
                let x = TAU * k as f64 / of as f64;
                assert!((cosine(k, of) - x.cos()).abs() < 1e-14, "{k} of {of}");
                assert!((sine(k, of) - x.sin()).abs() < 1e-14, "{k} of {of}");
            }
        }
    }
}
