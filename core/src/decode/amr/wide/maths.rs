//! Products, roots and energies for synthesis and gains (TS 26.173).

use crate::decode::amr::ops::{l_mac, l_shl, norm_l};

use crate::decode::amr::narrow::maths::inverse_root_of_mantissa;
pub(super) use crate::decode::amr::narrow::maths::{log2, pow2};

/// Multiplies 32 by 16 bits and drops the lowest 16.
pub(super) fn mul_32_16(a: i32, b: i16) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 16) as i32
}

/// Adds a plain product to a sum.
pub(super) fn mac(sum: i32, a: i16, b: i16) -> i32 {
    sum.wrapping_add(i32::from(a) * i32::from(b))
}

/// Multiplies with rounding.
pub(super) fn mult_round(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b) + 0x4000) >> 15).min(32_767) as i16
}

/// Returns the number of bits by which a non-negative number can be shifted left. 27 for 0.
pub(super) fn norm(x: i32) -> i32 {
    if x == 0 { 27 } else { norm_l(x) }
}

/// Returns the energy of some samples as a Q31 mantissa and an exponent.
pub(super) fn energy(samples: &[i16]) -> (i32, i32) {
    let sum = samples.iter().fold(1, |sum, &x| l_mac(sum, x, x));
    let shift = norm(sum);
    (l_shl(sum, shift), 30 - shift)
}

/// Returns the inverse square root of a mantissa and an exponent in the same form.
pub(super) fn inverse_root(mantissa: i32, exponent: i32) -> (i32, i32) {
    if mantissa <= 0 {
        return (i32::MAX, 0);
    }
    let mantissa = if exponent & 1 == 1 { mantissa >> 1 } else { mantissa };
    (inverse_root_of_mantissa(mantissa), -((exponent - 1) >> 1))
}

/// Returns the inverse square root of a whole number.
pub(super) fn inverse_root_of(x: i32) -> i32 {
    let shift = norm(x);
    let (mantissa, exponent) = inverse_root(l_shl(x, shift), 31 - shift);
    l_shl(mantissa, exponent)
}

/// Shifts samples left, or right with rounding.
pub(super) fn scale(samples: &mut [i16], bits: i32) {
    use crate::decode::amr::ops::round;
    for x in samples {
        *x = match bits {
            1.. => round(l_shl(i32::from(*x) << 16, bits)),
            0 => *x,
            _ => x.saturating_add(1 << (-bits - 1).min(14)) >> (-bits).min(15),
        };
    }
}

/// Returns the next number of a noise sequence.
pub(super) fn noise(seed: &mut i16) -> i16 {
    *seed = (i32::from(*seed) * 31_821 + 13_849) as i16;
    *seed
}
