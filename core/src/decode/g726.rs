//! ITU-T G.726 at 16 to 40 kbit/s by `oxideav-adpcm`, and the packing of codes in bytes.

use oxideav_adpcm::g726::{Rate as G726Rate, State};

use super::blocks::BlockCodec;
use super::guard::guarded;

/// Position of the first code in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeOrder {
    /// Least significant bits first (RFC 3551, Sun's files, Asterisk).
    LowFirst,
    /// Most significant bits first (ITU-T I.366.2, wav).
    HighFirst,
}

/// The decoder of one channel.
pub(crate) struct G726 {
    state: State,
    rate: G726Rate,
    order: CodeOrder,
}

impl G726 {
    /// Creates a decoder for codes of 2 to 5 bits. `None` for another width.
    pub(crate) fn new(bits: u8, order: CodeOrder) -> Option<Self> {
        let rate = G726Rate::from_bits(bits)?;
        Some(Self { state: State::new(rate), rate, order })
    }
}

impl BlockCodec for G726 {
    /// Eight codes fill as many bytes as a code has bits.
    fn block_bytes(&self) -> usize {
        usize::from(self.rate.bits())
    }

    fn block_samples(&self) -> usize {
        8
    }

    fn takes_partial(&self) -> bool {
        true
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let [plane, ..] = planes else { return };
        let width = u32::from(self.rate.bits());
        let word = match self.order {
            CodeOrder::LowFirst => bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte)),
            CodeOrder::HighFirst => bytes.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte)),
        };
        let bits = 8 * bytes.len() as u32;
        for i in 0..bits / width {
            let shift = match self.order {
                CodeOrder::LowFirst => i * width,
                CodeOrder::HighFirst => bits - (i + 1) * width,
            };
            let (code, state) = ((word >> shift) as u8, &mut self.state);
            let sample = guarded(|| state.decode_i16(code)).unwrap_or_else(|_| {
                self.state = State::new(self.rate);
                0
            });
            plane.push(f32::from(sample) / 32_768.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_the_same_codes_are_the_same_samples() {
        let codes: Vec<u64> = (0..8).map(|i| i * 5 % 8).collect();
        let low = codes.iter().rev().fold(0u64, |word, code| word << 3 | code).to_le_bytes();
        let high = codes.iter().fold(0u64, |word, code| word << 3 | code).to_be_bytes();
        let decode = |bytes: &[u8], order| {
            let mut planes = vec![Vec::new()];
            G726::new(3, order).unwrap().decode(bytes, &mut planes);
            planes.remove(0)
        };
        let samples = decode(&low[..3], CodeOrder::LowFirst);
        assert_eq!((samples.len(), &samples), (8, &decode(&high[5..], CodeOrder::HighFirst)));
        assert!(G726::new(6, CodeOrder::LowFirst).is_none());
    }
}
