//! Detects background noise without speech (TS 26.073, `Bgn_scd`), during which lost frames are
//! concealed more carefully.

use super::FRAME;
use super::excitation::energy;
use crate::decode::amr::ops::{median, shl};

/// Frames in the energy history.
const HISTORY: usize = 60;
/// Energy thresholds for noise (5), loud signals (50) and speech (150), in squared 16-bit samples
/// over 2^14.
const LEAST: i16 = 20;
const LOUD: i16 = 1953;
const SPEECH: i16 = 17_578;

/// Energies of the last frames.
#[derive(Debug, Clone)]
pub(super) struct NarrowBackground {
    energies: [i16; HISTORY],
    /// Consecutive background frames.
    frames: i16,
}

impl Default for NarrowBackground {
    fn default() -> Self {
        Self { energies: [0; HISTORY], frames: 0 }
    }
}

impl NarrowBackground {
    /// Adds a frame. Returns whether it is background, and the number of subframes without voice.
    pub(super) fn judge(&mut self, speech: &[i16; FRAME], gains: &[i16; 9], unvoiced: i16) -> (bool, i16) {
        let sum = energy(speech);
        let current = if sum > 0x1FFF_FFFF { i16::MAX } else { (sum >> 14) as i16 };
        let most = |energies: &[i16]| energies.iter().copied().max().unwrap_or(0);
        let floor = shl(self.energies.iter().copied().min().unwrap_or(0), 4);
        let (early, late) = (most(&self.energies[..HISTORY - 4]), most(&self.energies[2 * HISTORY / 3..]));
        let quiet = early > LEAST && current < SPEECH && current > LEAST && (current < floor || late < LOUD);
        self.frames = if quiet { (self.frames + 1).min(30) } else { 0 };
        self.energies.copy_within(1.., 0);
        self.energies[HISTORY - 1] = current;
        let voiced = self.is_voiced(gains);
        (self.frames > 1, if voiced { 0 } else { (unvoiced + 1).min(10) })
    }

    /// Returns whether the pitch gains were high: over nine subframes in long background, else over
    /// five.
    fn is_voiced(&self, gains: &[i16; 9]) -> bool {
        let least = match self.frames {
            16.. => 16_383,
            9.. => 15_565,
            _ => 13_926,
        };
        if self.frames > 20 {
            return median(*gains) > least;
        }
        median([gains[4], gains[5], gains[6], gains[7], gains[8]]) > least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_murmur_is_background_and_speech_is_not() {
        let mut background = NarrowBackground::default();
        let frame = |size: i16| std::array::from_fn(|i| if i % 2 == 0 { size } else { -size });
        let mut last = (false, 0);
        for _ in 0..100 {
            last = background.judge(&frame(100), &[0; 9], last.1);
        }
        assert_eq!(last, (true, 10));
        assert!(!background.judge(&frame(5000), &[16_384; 9], 10).0);
    }
}
