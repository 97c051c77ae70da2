//! Gains of both codebooks (TS 26.190, 5.9 and 6.1; TS 26.191).

use super::maths::{energy, inverse_root, log2, pow2};
use super::pulses::WideInnovation;
use super::tables::{GAINS, GAINS_SMALL};
use crate::decode::amr::ops::{halves, high, l_mac, l_mult, l_shl, median, mpy_32_16, mult, round};

/// Minimum quantized energy, and its initial value: −14 dB, Q10.
const LEAST: i16 = -14_336;
/// Prediction coefficients, Q13.
const PREDICTION: [i16; 4] = [4096, 3277, 2458, 1638];
/// Attenuation of gains per lost frame by the error state, Q15: for partly usable frames, and for
/// unusable ones.
const FADE_PITCH: [[i16; 7]; 2] =
    [[32_767, 32_113, 31_457, 24_576, 7537, 1638, 328], [32_767, 31_130, 29_491, 24_576, 7537, 1638, 328]];
const FADE_CODE: [[i16; 7]; 2] =
    [[32_767, 32_113, 32_113, 32_113, 32_113, 32_113, 22_938], [32_767, 16_384, 8192, 8192, 8192, 4915, 3277]];

/// How a frame arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameArrival {
    pub(super) lost: bool,
    /// Whether nothing of the frame can be used.
    pub(super) unusable: bool,
    pub(super) lost_before: bool,
    /// Error state of the last frames, at most 6.
    pub(super) errors: usize,
    /// Consecutive frames without voice.
    pub(super) unvoiced: i16,
}

/// Gains and energies of the last subframes.
#[derive(Debug, Clone)]
pub(super) struct WideGains {
    energies: [i16; 4],
    pitch: [i16; 5],
    code: [i16; 5],
    /// Received pitch gains.
    pub(super) received: [i16; 5],
    last_code: i16,
}

impl Default for WideGains {
    fn default() -> Self {
        Self { energies: [LEAST; 4], pitch: [0; 5], code: [0; 5], received: [0; 5], last_code: 0 }
    }
}

fn push(values: &mut [i16; 5], value: i16) {
    values.copy_within(1.., 0);
    values[4] = value;
}

impl WideGains {
    /// Decodes the gains of a subframe: pitch gain in Q14, and innovation gain in Q16.
    pub(super) fn decode(
        &mut self,
        index: usize,
        small: bool,
        code: &WideInnovation,
        arrival: FrameArrival,
    ) -> (i16, i32) {
        let (mantissa, exponent) = energy(code);
        let (mantissa, exponent) = inverse_root(mantissa, exponent - 24);
        let per_energy = high(l_shl(mantissa, exponent - 3));
        if arrival.lost {
            return self.guess(arrival, per_energy);
        }
        let expected = PREDICTION.iter().zip(self.energies).fold(l_shl(30 << 16, 8), |sum, (&f, e)| l_mac(sum, f, e));
        let (exponent, fraction) = halves((i32::from(high(expected)) * 5443) >> 7);
        let factor = pow2(14, fraction) as i16;
        let [pitch, correction] = if small { GAINS_SMALL[index % 64] } else { GAINS[index % 128] };
        let mut gain = l_shl(l_mult(correction, factor), i32::from(exponent) - 14 + 4);
        if arrival.lost_before {
            // After a loss it may rise by a quarter; 100 in Q16 is always allowed.
            let most = l_mult(self.last_code, 5120);
            gain = if gain > most && gain > 6_553_600 { most } else { gain };
        }
        self.last_code = round(l_shl(gain, 3));
        push(&mut self.code, self.last_code);
        push(&mut self.pitch, pitch);
        push(&mut self.received, pitch);
        let (upper, lower) = halves(gain);
        let gain = l_shl(mpy_32_16(upper, lower, per_energy), 3);
        let (exponent, fraction) = log2(i32::from(correction));
        self.energies.copy_within(..3, 1);
        self.energies[0] = (mpy_32_16(exponent - 11, fraction, 24_660) >> 3) as i16;
        (pitch, gain)
    }

    fn guess(&mut self, arrival: FrameArrival, per_energy: i16) -> (i16, i32) {
        let (unusable, state) = (usize::from(arrival.unusable), arrival.errors.min(6));
        let past = median(self.pitch).min(15_565);
        let pitch = mult(FADE_PITCH[unusable][state], past);
        let middle = median(self.code);
        let code = if arrival.unvoiced > 2 { middle } else { mult(FADE_CODE[unusable][state], middle) };
        let sum: i32 = self.energies.iter().map(|&x| i32::from(x)).sum();
        self.energies.copy_within(..3, 1);
        // Mean minus 3 dB.
        self.energies[0] = ((sum >> 2) as i16).wrapping_sub(3072).max(LEAST);
        push(&mut self.code, code);
        push(&mut self.pitch, past);
        (pitch, l_mult(code, per_energy))
    }
}
