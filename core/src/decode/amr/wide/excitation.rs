//! Excitation of a subframe, and its enhancement (TS 26.190, 6.1).

use super::SUB_FRAME;
use super::lag::{LONGEST, WideLag};
use super::maths::{energy, inverse_root_of, mac, mult_round, norm};
use super::pulses::WideInnovation;
use super::tables::{DISPERSION_LOW, DISPERSION_MIDDLE, INTERPOLATION};
use crate::decode::amr::ops::{div_s, high, l_mac, l_msu, l_mult, l_shl, l_shr, mult, norm_s, round, shl};

/// Past samples needed to interpolate at the longest lag.
pub(super) const PAST: usize = LONGEST as usize + 17;
/// Samples of a frame with its past, and one beyond it.
pub(super) const LENGTH: usize = PAST + 4 * SUB_FRAME + 1;
/// Pitch sharpening factor: 0.85, Q15.
const SHARPNESS: i16 = 27_853;
/// Pitch gains (0.6 and 0.9, Q14) below which pulses are dispersed strongly and weakly.
const WEAK: i16 = 9830;
const STRONG: i16 = 14_746;

/// Repeats the excitation at a lag into a subframe, and one sample more.
pub(super) fn repeat(excitation: &mut [i16; LENGTH], at: usize, lag: WideLag) {
    let (mut start, mut phase) = (at - lag.whole.max(1) as usize, -lag.quarters);
    if phase < 0 {
        (start, phase) = (start - 1, phase + 4);
    }
    let filter = &INTERPOLATION[3 - phase as usize];
    for i in 0..=SUB_FRAME {
        let from = (start + i).saturating_sub(15);
        let taps = excitation.get(from..from + 32).unwrap_or_default();
        let sum = taps.iter().zip(filter).fold(0x2000, |sum, (&x, &f)| mac(sum, x, f));
        excitation[at + i] = (sum >> 14) as i16;
    }
}

/// Low-passes a repeated excitation.
pub(super) fn soften(excitation: &mut [i16; LENGTH], at: usize) {
    let soft: [i16; SUB_FRAME] = std::array::from_fn(|i| {
        let around = i32::from(excitation[at + i - 1]) + i32::from(excitation[at + i + 1]);
        round((around * 5898 + i32::from(excitation[at + i]) * 20_972) << 1)
    });
    excitation[at..at + SUB_FRAME].copy_from_slice(&soft);
}

/// Applies the previous subframe's tilt to pulses, and repeats them at the lag.
pub(super) fn shape(code: &mut WideInnovation, tilt: i16, lag: WideLag) {
    for i in (1..SUB_FRAME).rev() {
        code[i] = round(l_msu(i32::from(code[i]) << 16, code[i - 1], tilt));
    }
    let lag = (lag.whole + i16::from(lag.quarters > 2)) as usize;
    for i in lag..SUB_FRAME {
        code[i] = round(l_mac(i32::from(code[i]) << 16, code[i - lag], SHARPNESS));
    }
}

/// Returns the voicing of a subframe, −1 to 1 in Q15, from the energies of its two parts.
pub(super) fn voicing(repeated: &[i16; SUB_FRAME], pitch: i16, code: &WideInnovation, gain: i16) -> i16 {
    let (mantissa, exponent) = energy(repeated);
    let square = l_mult(pitch, pitch);
    let shift = norm(square);
    let first = mult(high(mantissa), high(square << shift));
    let first_exponent = exponent + 6 - shift - 10;
    let (mantissa, exponent) = energy(code);
    let shift = norm_s(gain);
    let scaled = shl(gain, shift);
    let second = mult(high(mantissa), mult(scaled, scaled));
    let apart = first_exponent - (exponent - 2 * shift);
    let (first, second) = if apart >= 0 {
        (first >> 1, i32::from(second) >> (apart + 1).min(31))
    } else {
        ((i32::from(first) >> (1 - apart).min(31)) as i16, i32::from(second) >> 1)
    };
    let (difference, sum) = (first.wrapping_sub(second as i16), first.wrapping_add(second as i16).wrapping_add(1));
    if difference >= 0 { div_s(difference, sum) } else { -div_s(difference.saturating_neg(), sum) }
}

/// Disperses the energy of pulses if voicing is weak.
#[derive(Debug, Clone, Default)]
pub(super) struct WideDispersion {
    state: i16,
    code_gain: i16,
    /// Pitch gains of the last subframes, latest first.
    pitch: [i16; 6],
}

impl WideDispersion {
    /// Returns the dispersed innovation. `mode` is added to the state: 0 at 6.6 kbit/s, 1 at 8.85,
    /// 2 above.
    pub(super) fn spread(
        &mut self,
        code: &WideInnovation,
        code_gain: i16,
        pitch_gain: i16,
        mode: i16,
    ) -> WideInnovation {
        let mut state = match pitch_gain {
            gain if gain < WEAK => 0,
            gain if gain < STRONG => 1,
            _ => 2,
        };
        self.pitch.copy_within(..5, 1);
        self.pitch[0] = pitch_gain;
        if code_gain.saturating_sub(self.code_gain) > shl(self.code_gain, 1) {
            state = (state + 1).min(2);
        } else {
            if self.pitch.iter().filter(|&&gain| gain < WEAK).count() > 2 {
                state = 0;
            }
            state -= i16::from(state > self.state + 1);
        }
        (self.code_gain, self.state) = (code_gain, state);
        match state + mode {
            0 => convolved(code, &DISPERSION_LOW),
            1 => convolved(code, &DISPERSION_MIDDLE),
            _ => *code,
        }
    }
}

fn convolved(code: &WideInnovation, response: &[i16; SUB_FRAME]) -> WideInnovation {
    let mut line = [0i16; 2 * SUB_FRAME];
    for (i, &pulse) in code.iter().enumerate().filter(|(_, pulse)| **pulse != 0) {
        for (to, &tap) in line[i..].iter_mut().zip(response) {
            *to = to.saturating_add(mult_round(pulse, tap));
        }
    }
    std::array::from_fn(|i| line[i].saturating_add(line[i + SUB_FRAME]))
}

/// Scales a signal to the energy of another (TS 26.173, `agc2`).
pub(super) fn level(like: &[i16; SUB_FRAME], samples: &mut [i16; SUB_FRAME]) {
    let energy = |x: &[i16; SUB_FRAME]| x.iter().fold(0, |sum, &x| l_mac(sum, x >> 2, x >> 2));
    let (output, input) = (energy(samples), energy(like));
    if output == 0 {
        return;
    }
    let exponent = norm(output) - 1;
    let numerator = round(l_shl(output, exponent));
    let gain = if input == 0 {
        0
    } else {
        let shift = norm(input);
        let quotient = i32::from(div_s(numerator, round(input << shift)));
        round(l_shl(inverse_root_of(l_shr(l_shl(quotient, 7), exponent - shift)), 9))
    };
    samples.iter_mut().for_each(|x| *x = high(l_shl(i32::from(*x) * i32::from(gain), 3)));
}
