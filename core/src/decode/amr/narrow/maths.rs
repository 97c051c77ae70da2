//! Roots, logarithms and powers by tables (TS 26.073).

use super::tables::{INVERSE_ROOT, LOGARITHM, POWER, ROOT};
use crate::decode::amr::ops::{high, l_msu, l_mult, l_shl, l_shr_round, norm_l};

/// Interpolates between a table's entry and the next by a Q15 fraction, in Q31.
fn between(table: &[i16], index: i32, fraction: i32) -> i32 {
    let index = usize::try_from(index).unwrap_or(0).min(table.len() - 2);
    let (here, next) = (table.get(index).copied().unwrap_or(0), table.get(index + 1).copied().unwrap_or(0));
    l_msu(i32::from(here) << 16, here.wrapping_sub(next), fraction as i16)
}

/// Returns the inverse square root of a Q31 mantissa, interpolated from a table.
pub(in crate::decode::amr) fn inverse_root_of_mantissa(x: i32) -> i32 {
    between(&INVERSE_ROOT, (x >> 25) - 16, x >> 10 & 0x7FFF)
}

/// Returns log2 of a number: integer part, and fraction in Q15.
pub(in crate::decode::amr) fn log2(x: i32) -> (i16, i16) {
    let shift = norm_l(x);
    log2_of_normal(l_shl(x, shift), shift)
}

/// Returns log2 of a number that has been normalized by `shift` bits to the left.
pub(super) fn log2_of_normal(x: i32, shift: i32) -> (i16, i16) {
    if x <= 0 {
        return (0, 0);
    }
    let fraction = between(&LOGARITHM, (x >> 25) - 32, x >> 10 & 0x7FFF);
    ((30 - shift) as i16, high(fraction))
}

/// Returns 2 to the power of an integer part and a Q15 fraction.
pub(in crate::decode::amr) fn pow2(exponent: i16, fraction: i16) -> i32 {
    let x = l_mult(fraction, 32);
    let mantissa = between(&POWER, x >> 16 & 31, x >> 1 & 0x7FFF);
    l_shr_round(mantissa, 30 - i32::from(exponent))
}

/// Returns the inverse square root.
pub(super) fn inverse_root(x: i32) -> i32 {
    if x <= 0 {
        return 0x3FFF_FFFF;
    }
    let shift = norm_l(x);
    let exponent = 30 - shift;
    let x = x << shift >> if exponent & 1 == 0 { 1 } else { 0 };
    inverse_root_of_mantissa(x) >> (exponent / 2 + 1)
}

/// Returns the square root, to be shifted right by half of the second value.
pub(super) fn root(x: i32) -> (i32, i32) {
    if x <= 0 {
        return (0, 0);
    }
    let shift = norm_l(x) & !1;
    let x = x << shift;
    (between(&ROOT, (x >> 25) - 16, x >> 10 & 0x7FFF), shift)
}
