//! A frame's bits (TS 26.101), sorted by sensitivity rather than meaning.

use super::NarrowMode;
use super::order_tables::{ORDER_59, ORDER_67, ORDER_74, ORDER_102, ORDER_122, ORDER_475, ORDER_515, ORDER_795};

/// Payload bytes of a frame by its type. `None` for a type that does not exist here.
pub(in crate::decode::amr) const SIZES: [Option<usize>; 16] = [
    Some(12),
    Some(13),
    Some(15),
    Some(17),
    Some(19),
    Some(20),
    Some(26),
    Some(31),
    Some(5),
    None,
    None,
    None,
    None,
    None,
    None,
    Some(0),
];
/// Frame types of a silence descriptor, and of a frame that was not sent.
const DESCRIPTOR: u8 = 8;
const NO_DATA: u8 = 15;

/// Bits of each parameter: frequencies, then four subframes.
const BITS_475: &[u8] = &[8, 8, 7, 8, 7, 2, 8, 4, 7, 2, 4, 7, 2, 8, 4, 7, 2];
const BITS_515: &[u8] = &[8, 8, 7, 8, 7, 2, 6, 4, 7, 2, 6, 4, 7, 2, 6, 4, 7, 2, 6];
const BITS_590: &[u8] = &[8, 9, 9, 8, 9, 2, 6, 4, 9, 2, 6, 8, 9, 2, 6, 4, 9, 2, 6];
const BITS_670: &[u8] = &[8, 9, 9, 8, 11, 3, 7, 4, 11, 3, 7, 8, 11, 3, 7, 4, 11, 3, 7];
const BITS_740: &[u8] = &[8, 9, 9, 8, 13, 4, 7, 5, 13, 4, 7, 8, 13, 4, 7, 5, 13, 4, 7];
const BITS_795: &[u8] = &[9, 9, 9, 8, 13, 4, 4, 5, 6, 13, 4, 4, 5, 8, 13, 4, 4, 5, 6, 13, 4, 4, 5];
const BITS_1020: &[u8] = &[
    8, 9, 9, 8, 1, 1, 1, 1, 10, 10, 7, 7, 5, 1, 1, 1, 1, 10, 10, 7, 7, 8, 1, 1, 1, 1, 10, 10, 7, 7, 5, 1, 1, 1, 1, 10,
    10, 7, 7,
];
const BITS_1220: &[u8] = &[
    7, 8, 9, 8, 6, 9, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 5, 6, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 5, 9, 4, 4, 4, 4, 4, 4,
    3, 3, 3, 3, 3, 5, 6, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 5,
];
/// Bits of a silence descriptor: prediction index, frequencies, energy, then one bit for an update
/// and three for the mode.
const BITS_DESCRIPTOR: &[u8] = &[3, 8, 9, 9, 6, 1, 3];

/// Frame classification by the receiver (TS 26.093).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode::amr) enum FrameKind {
    SpeechGood,
    SpeechBad,
    DescriptorFirst,
    DescriptorUpdate,
    DescriptorBad,
    NoData,
    /// Lost in transmission, which only wideband can signal.
    Lost,
}

/// A frame: its kind, its mode if it has one, and its parameters.
#[derive(Debug, Clone)]
pub(in crate::decode::amr) struct NarrowFrame {
    pub(super) kind: FrameKind,
    pub(super) mode: Option<NarrowMode>,
    pub(super) parameters: Vec<u16>,
}

impl NarrowMode {
    /// Returns the number of bits of each parameter.
    pub(super) fn bits(self) -> &'static [u8] {
        match self {
            Self::Rate475 => BITS_475,
            Self::Rate515 => BITS_515,
            Self::Rate590 => BITS_590,
            Self::Rate670 => BITS_670,
            Self::Rate740 => BITS_740,
            Self::Rate795 => BITS_795,
            Self::Rate1020 => BITS_1020,
            Self::Rate1220 => BITS_1220,
        }
    }

    /// Returns the position of each bit among the parameters.
    fn order(self) -> &'static [u8] {
        match self {
            Self::Rate475 => &ORDER_475,
            Self::Rate515 => &ORDER_515,
            Self::Rate590 => &ORDER_59,
            Self::Rate670 => &ORDER_67,
            Self::Rate740 => &ORDER_74,
            Self::Rate795 => &ORDER_795,
            Self::Rate1020 => &ORDER_102,
            Self::Rate1220 => &ORDER_122,
        }
    }
}

/// Returns a bit, counted from the most significant.
fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

/// Splits bits into parameters of the given widths.
fn split(bits: &[bool], widths: &[u8]) -> Vec<u16> {
    let mut bits = bits.iter();
    let mut field =
        |width: u8| bits.by_ref().take(usize::from(width)).fold(0, |value, &bit| value << 1 | u16::from(bit));
    widths.iter().map(|&width| field(width)).collect()
}

impl NarrowFrame {
    /// Parses a frame. `good`: its quality bit is set, so that it is not damaged. `None` for a type
    /// that does not exist.
    pub(in crate::decode::amr) fn parse(kind: u8, good: bool, payload: &[u8]) -> Option<Self> {
        match kind {
            DESCRIPTOR => Some(Self::descriptor(good, payload)),
            NO_DATA => Some(Self::no_data()),
            kind => {
                let mode = *NarrowMode::ALL.get(usize::from(kind))?;
                let order = mode.order();
                let mut bits = [false; 244];
                for (from, &to) in order.iter().enumerate() {
                    bits[usize::from(to)] = bit(payload, from);
                }
                let kind = if good { FrameKind::SpeechGood } else { FrameKind::SpeechBad };
                Some(Self { kind, mode: Some(mode), parameters: split(&bits[..order.len()], mode.bits()) })
            }
        }
    }

    fn descriptor(good: bool, payload: &[u8]) -> Self {
        let bits: [bool; 39] = std::array::from_fn(|at| bit(payload, at));
        let mut parameters = split(&bits, BITS_DESCRIPTOR);
        parameters.truncate(5);
        // The mode is sent least significant bit first.
        let mode = (0..3).fold(0, |mode, i| mode | usize::from(bits[36 + i]) << i);
        let kind = match (good, bits[35]) {
            (false, _) => FrameKind::DescriptorBad,
            (true, false) => FrameKind::DescriptorFirst,
            (true, true) => FrameKind::DescriptorUpdate,
        };
        Self { kind, mode: NarrowMode::ALL.get(mode).copied(), parameters }
    }

    /// Returns a frame that was not sent, or was lost.
    pub(in crate::decode::amr) fn no_data() -> Self {
        Self { kind: FrameKind::NoData, mode: None, parameters: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_frame_has_its_place() {
        for mode in NarrowMode::ALL {
            let mut places = mode.order().to_vec();
            places.sort_unstable();
            assert!(places.iter().enumerate().all(|(i, &place)| i == usize::from(place)), "{mode:?}");
            let bits: usize = mode.bits().iter().map(|&n| usize::from(n)).sum();
            assert_eq!((bits, SIZES[mode as usize]), (places.len(), Some(bits.div_ceil(8))), "{mode:?}");
        }
    }
}
