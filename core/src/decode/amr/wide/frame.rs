//! A frame's bits (TS 26.201), sorted by sensitivity rather than meaning.

use super::WideMode;
use super::order_tables::{
    ORDER_660, ORDER_885, ORDER_1265, ORDER_1425, ORDER_1585, ORDER_1825, ORDER_1985, ORDER_2305, ORDER_2385,
};
use crate::decode::amr::FrameKind;

/// Payload bytes of a frame by its type. `None` for a type that does not exist.
pub(in crate::decode::amr) const SIZES: [Option<usize>; 16] = [
    Some(17),
    Some(23),
    Some(32),
    Some(36),
    Some(40),
    Some(46),
    Some(50),
    Some(58),
    Some(60),
    Some(5),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];
/// Frame types of a silence descriptor, and of a lost frame.
const DESCRIPTOR: u8 = 9;
const LOST: u8 = 14;
/// Bits of a silence descriptor before the bit that marks an update.
const DESCRIPTOR_BITS: usize = 35;

/// A frame: its kind, its mode if it has one, and its bits in the order of parameters.
#[derive(Debug, Clone)]
pub(in crate::decode::amr) struct WideFrame {
    pub(super) kind: FrameKind,
    pub(super) mode: Option<WideMode>,
    pub(super) bits: Vec<bool>,
}

impl WideMode {
    /// Returns the position of each bit among the parameters.
    fn order(self) -> &'static [u16] {
        match self {
            Self::Rate660 => &ORDER_660,
            Self::Rate885 => &ORDER_885,
            Self::Rate1265 => &ORDER_1265,
            Self::Rate1425 => &ORDER_1425,
            Self::Rate1585 => &ORDER_1585,
            Self::Rate1825 => &ORDER_1825,
            Self::Rate1985 => &ORDER_1985,
            Self::Rate2305 => &ORDER_2305,
            Self::Rate2385 => &ORDER_2385,
        }
    }
}

/// Returns a bit, counted from the most significant.
fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

impl WideFrame {
    /// Parses a frame. `good`: its quality bit is set, so that it is not damaged.
    pub(in crate::decode::amr) fn parse(kind: u8, good: bool, payload: &[u8]) -> Self {
        if kind == DESCRIPTOR {
            let update = bit(payload, DESCRIPTOR_BITS);
            let kind = match (good, update) {
                (false, _) => FrameKind::DescriptorBad,
                (true, false) => FrameKind::DescriptorFirst,
                (true, true) => FrameKind::DescriptorUpdate,
            };
            let bits = (0..DESCRIPTOR_BITS).map(|at| bit(payload, at)).collect();
            return Self { kind, mode: None, bits };
        }
        let Some(&mode) = WideMode::ALL.get(usize::from(kind)) else {
            let kind = if kind == LOST { FrameKind::Lost } else { FrameKind::NoData };
            return Self { kind, ..Self::no_data() };
        };
        let order = mode.order();
        let mut bits = vec![false; order.len()];
        for (from, &to) in order.iter().enumerate() {
            if let Some(place) = bits.get_mut(usize::from(to)) {
                *place = bit(payload, from);
            }
        }
        let kind = if good { FrameKind::SpeechGood } else { FrameKind::SpeechBad };
        Self { kind, mode: Some(mode), bits }
    }

    /// Returns a frame that was not sent.
    pub(in crate::decode::amr) fn no_data() -> Self {
        Self { kind: FrameKind::NoData, mode: None, bits: Vec::new() }
    }
}

/// Reads a frame's parameters in order.
#[derive(Debug)]
pub(super) struct WideBits<'a> {
    bits: &'a [bool],
    at: usize,
}

impl<'a> WideBits<'a> {
    pub(super) fn new(bits: &'a [bool]) -> Self {
        Self { bits, at: 0 }
    }

    /// Reads a number of `count` bits, most significant first. Missing bits are 0.
    pub(super) fn take(&mut self, count: usize) -> usize {
        let value = (self.at..self.at + count)
            .fold(0, |value, at| value << 1 | usize::from(self.bits.get(at).copied().unwrap_or(false)));
        self.at += count;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_frame_has_its_place() {
        for mode in WideMode::ALL {
            let mut places = mode.order().to_vec();
            places.sort_unstable();
            assert!(places.iter().enumerate().all(|(i, &place)| i == usize::from(place)), "{mode:?}");
            assert_eq!(SIZES[mode as usize], Some(places.len().div_ceil(8)), "{mode:?}");
        }
    }
}
