//! Saturating 16- and 32-bit integer arithmetic, in which 3GPP TS 26.073 and TS 26.173 define the
//! codecs.

/// Multiplies two Q15 fractions.
pub(super) fn mult(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 15).min(32_767) as i16
}

/// Multiplies two Q15 fractions to Q31.
pub(super) fn l_mult(a: i16, b: i16) -> i32 {
    (i32::from(a) * i32::from(b)).saturating_mul(2)
}

/// Adds a product to a sum.
pub(super) fn l_mac(sum: i32, a: i16, b: i16) -> i32 {
    sum.saturating_add(l_mult(a, b))
}

/// Subtracts a product from a sum.
pub(super) fn l_msu(sum: i32, a: i16, b: i16) -> i32 {
    sum.saturating_sub(l_mult(a, b))
}

/// Returns the upper 16 bits, rounded.
pub(super) fn round(x: i32) -> i16 {
    (x.saturating_add(0x8000) >> 16) as i16
}

/// Returns the upper 16 bits.
pub(super) fn high(x: i32) -> i16 {
    (x >> 16) as i16
}

/// Shifts left, or right by a negative number of bits.
pub(super) fn l_shl(x: i32, bits: i32) -> i32 {
    match bits {
        ..-31 => x >> 31,
        -31..=0 => x >> -bits,
        1..=31 => (i64::from(x) << bits).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        _ if x == 0 => 0,
        _ if x > 0 => i32::MAX,
        _ => i32::MIN,
    }
}

/// Shifts right, or left by a negative number of bits.
pub(super) fn l_shr(x: i32, bits: i32) -> i32 {
    l_shl(x, -bits)
}

/// Shifts right with rounding, or left by a negative number of bits.
pub(super) fn l_shr_round(x: i32, bits: i32) -> i32 {
    match bits {
        32.. => 0,
        1.. => l_shr(x, bits) + (x >> (bits - 1) & 1),
        _ => l_shr(x, bits),
    }
}

/// Shifts left, or right by a negative number of bits.
pub(super) fn shl(x: i16, bits: i32) -> i16 {
    let shifted = l_shl(i32::from(x), bits);
    shifted.clamp(-32_768, 32_767) as i16
}

/// Shifts right, or left by a negative number of bits.
pub(super) fn shr(x: i16, bits: i32) -> i16 {
    shl(x, -bits)
}

/// Returns the number of bits by which a number can be shifted left. 0 for 0.
pub(super) fn norm_l(x: i32) -> i32 {
    match x {
        0 => 0,
        x if x < 0 => (!x).leading_zeros() as i32 - 1,
        x => x.leading_zeros() as i32 - 1,
    }
}

/// Returns the number of bits by which a 16-bit number can be shifted left. 0 for 0.
pub(super) fn norm_s(x: i16) -> i32 {
    if x == 0 { 0 } else { norm_l(i32::from(x)) - 16 }
}

/// Divides two positive numbers, the first not larger, to Q15. Returns 0 for others.
pub(super) fn div_s(a: i16, b: i16) -> i16 {
    match (a, b) {
        (..=0, _) => 0,
        (a, b) if a > b => 0,
        (a, b) if a == b => i16::MAX,
        (a, b) => ((i32::from(a) << 15) / i32::from(b)) as i16,
    }
}

/// Multiplies a Q31 number, in two halves, by a Q15 fraction.
pub(super) fn mpy_32_16(high: i16, low: i16, factor: i16) -> i32 {
    l_mac(l_mult(high, factor), mult(low, factor), 1)
}

/// Splits a number into halves: the upper 16 bits, and the 15 below them.
pub(super) fn halves(x: i32) -> (i16, i16) {
    let upper = high(x);
    (upper, ((x >> 1) - (i32::from(upper) << 15)) as i16)
}

/// Returns the median of an odd number of values.
pub(super) fn median<const N: usize>(mut values: [i16; N]) -> i16 {
    values.sort_unstable();
    values.get(N / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_saturate() {
        assert_eq!((mult(i16::MIN, i16::MIN), l_mult(i16::MIN, i16::MIN)), (i16::MAX, i32::MAX));
        assert_eq!((l_shl(1, 31), l_shl(-1, 31), l_shl(-5, -40), l_shl(3, 40)), (i32::MAX, i32::MIN, -1, i32::MAX));
        assert_eq!((norm_l(1), norm_l(-1), norm_l(0), norm_s(1), norm_s(-32_768)), (30, 31, 0, 14, 0));
        assert_eq!((div_s(1, 2), div_s(3, 3), div_s(4, 3), div_s(0, 0)), (16_384, 32_767, 0, 0));
        assert_eq!((l_shr_round(6, 2), l_shr_round(5, 2), round(i32::MAX)), (2, 1, 32_767));
    }
}
