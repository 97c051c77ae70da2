//! The hops of a track in 20 bits each, as they are kept while it is heard: an hour in 0.9 MB.
//!
//! A power has an exponent of 6 bits and 10 bits after the point: it is within 0.05 % (0.002 dB) of
//! what was measured, from -126 dBov to 66 dB above full scale. A live call keeps nothing else of its
//! samples, and a recording has the same powers, so that both come to the same report.

use crate::room::make_room;

/// Bits after the point.
const FRACTION: u32 = 10;
/// Bits of a float's fraction that are left out.
const LEFT_OUT: u32 = f32::MANTISSA_DIGITS - 1 - FRACTION;
/// The smallest power that is told from none, as its bits are: 2^-42. One step of 16 bits in 10 ms of
/// samples at 192 kHz is 2^-41.
const SMALLEST: u32 = (127 - 42) << FRACTION;

/// The hops of a track so far.
#[derive(Debug, Clone, Default)]
pub(super) struct PackedHops {
    power: Vec<u16>,
    /// Two hops a byte, the first in the lower half.
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

    /// Makes room for so many hops, so that half of them take no memory.
    pub fn make_room(&mut self, hops: usize) {
        make_room(&mut self.power, hops);
        make_room(&mut self.reached, hops / 2);
    }

    /// The hops as they were added, powers rounded.
    pub fn iter(&self) -> impl Iterator<Item = (f32, u8)> {
        let halves = self.reached.iter().flat_map(|both| [both & 15, both >> 4]);
        self.power.iter().map(|&code| power(code)).zip(halves)
    }
}

/// The nearest power that a hop can have.
pub(super) fn rounded(value: f32) -> f32 {
    power(code(value))
}

/// A power in 16 bits; 0 is 0 alone.
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
