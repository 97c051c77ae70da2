//! Dialogic ADPCM, also called OKI or VOX: 4 bits per sample, the first in the high half of a byte,
//! without a header.
//!
//! The difference of a code is (2 × code + 1) eighths of the step, rounded down once, as in ffmpeg
//! and sox.

use super::blocks::BlockCodec;

/// Step sizes in 12-bit units (Dialogic application note 00-1366-001, table 2).
const STEPS: [i32; 49] = [
    16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190,
    209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552,
];
/// Changes of the step index by code (table 1).
const MOVES: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

/// The decoder and its state, for one channel.
#[derive(Default)]
pub(crate) struct Oki {
    /// Last sample, in 12 bits.
    sample: i32,
    index: i32,
}

impl Oki {
    fn next(&mut self, code: u8) -> f32 {
        let step = STEPS.get(self.index as usize).copied().unwrap_or(16);
        let size = i32::from(code & 7);
        let difference = ((2 * size + 1) * step) >> 3;
        let sample = if code & 8 != 0 { self.sample - difference } else { self.sample + difference };
        self.sample = sample.clamp(-2048, 2047);
        self.index = (self.index + MOVES.get(size as usize).copied().unwrap_or(0)).clamp(0, 48);
        self.sample as f32 / 2048.0
    }
}

impl BlockCodec for Oki {
    fn block_bytes(&self) -> usize {
        1
    }

    fn block_samples(&self) -> usize {
        2
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let [plane, ..] = planes else { return };
        for &byte in bytes {
            plane.push(self.next(byte >> 4));
            plane.push(self.next(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_in_12_bits_whatever_the_codes() {
        for byte in [0x77, 0xFF, 0x7F, 0x08] {
            let mut planes = vec![Vec::new()];
            Oki::default().decode(&[byte; 500], &mut planes);
            assert_eq!(planes[0].len(), 1000);
            assert!(planes[0].iter().all(|x| (-1.0..1.0).contains(x)));
        }
        let mut planes = vec![Vec::new()];
        Oki::default().decode(&[0x70], &mut planes);
        assert_eq!(planes[0], [30.0 / 2048.0, 34.0 / 2048.0], "15 × 16 / 8, then a step of 34 / 8");
    }
}
