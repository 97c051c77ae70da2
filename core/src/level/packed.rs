//! A track's hops in 20 bits each, as stored while it is measured: 0.9 MB per hour.
//!
//! A power has a 6-bit exponent and 10 fraction bits. It is within 0.05 % (0.002 dB) of the
//! measured value, from -126 dBov to 66 dB above full scale. A live call keeps nothing else of its
//! samples. Recordings use the same powers, so that both give the same report.

use crate::room::make_room;

/// Fraction bits.
const FRACTION: u32 = 10;
/// Fraction bits of a float that are dropped.
const LEFT_OUT: u32 = f32::MANTISSA_DIGITS - 1 - FRACTION;
/// Bits of the smallest power that differs from zero: 2^-42. One step of 16 bits in 10 ms of
/// samples at 192 kHz is 2^-41.
const SMALLEST: u32 = (127 - 42) << FRACTION;

/// The hops of a track so far.
#[derive(Debug, Clone, Default)]
pub(super) struct PackedHops {
    power: Vec<u16>,
    /// Two hops per byte, the first in the lower half.
    reached: Vec<u8>,
}

impl PackedHops {
    /// Adds a hop: its mean square, and how many of 15 thresholds it reached.
    pub fn push(&mut self, power: f32, reached: u8) {
        match self.reached.last_mut().filter(|_| self.power.len() % 2 == 1) {
            Some(last) => *last |= reached << 4,
            None => self.reached.push(reached),
        }
        self.power.push(code(power));
    }

    /// Reserves memory for this many hops, so that half of them need no allocation.
    pub fn make_room(&mut self, hops: usize) {
        make_room(&mut self.power, hops);
        make_room(&mut self.reached, hops / 2);
    }

    /// Returns the hops in order, with rounded powers.
    pub fn iter(&self) -> impl Iterator<Item = (f32, u8)> {
        let halves = self.reached.iter().flat_map(|both| [both & 15, both >> 4]);
        self.power.iter().map(|&code| power(code)).zip(halves)
    }
}

/// Returns the nearest power that a hop can have.
pub(super) fn rounded(value: f32) -> f32 {
    power(code(value))
}

/// Encodes a power in 16 bits. Only 0 is encoded as 0.
fn code(power: f32) -> u16 {
    if power.is_nan() || power <= 0.0 {
        return 0;
    }
    let bits = power.to_bits().saturating_add(1 << (LEFT_OUT - 1)) >> LEFT_OUT;
    bits.saturating_sub(SMALLEST).clamp(1, u32::from(u16::MAX)) as u16
}

fn power(code: u16) -> f32 {
    if code == 0 { 0.0 } else { f32::from_bits((u32::from(code) + SMALLEST) << LEFT_OUT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_kept_to_a_two_thousandth_and_in_their_order() {
        for exponent in -125..64 {
            let value = 1.37f32 * 2f32.powf(exponent as f32 / 3.0);
            assert!((rounded(value) / value - 1.0).abs() <= 1.0 / 2048.0, "{value}");
            assert!(rounded(value) < rounded(value * 1.002));
            assert_eq!(rounded(rounded(value)), rounded(value));
        }
        for (value, kept) in [(0.0, 0.0), (-0.0, 0.0), (1.0, 1.0), (0.25, 0.25), (f32::NAN, 0.0)] {
            assert_eq!(rounded(value), kept, "{value}");
        }
        assert!(rounded(1e-40) > 0.0 && rounded(1e-40) < 1e-12 && rounded(f32::INFINITY) > 1e6);
    }

    #[test]
    fn hops_come_back_in_order() {
        let hop = |n: u8| (f32::from(n % 3), n);
        for count in 0..16 {
            let mut packed = PackedHops::default();
            (0..count).map(hop).for_each(|(power, reached)| packed.push(power, reached));
            assert!(packed.iter().eq((0..count).map(hop)), "{count}");
        }
    }
}
