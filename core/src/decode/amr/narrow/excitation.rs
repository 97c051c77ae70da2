//! Excitation of a subframe: adaptive codebook and its enhancement (TS 26.090, 6.1; TS 26.091).

use super::lsf::NarrowSpectrum;
use super::maths::{inverse_root, root};
use super::pulses::Innovation;
use super::tables::{DISPERSION_LOW, DISPERSION_LOW_795, DISPERSION_MIDDLE, DISPERSION_MIDDLE_795, INTERPOLATION};
use super::{NarrowMode, SUB_FRAME};
use crate::decode::amr::ops::{
    div_s, high, l_mac, l_msu, l_mult, l_shl, l_shr, median, mult, norm_l, norm_s, round, shl, shr,
};

/// Longest pitch lag.
pub(super) const LONGEST: usize = 143;
/// Past samples needed to interpolate at the longest lag.
pub(super) const PAST: usize = LONGEST + 11;
/// Pitch gains (0.6 and 0.9, Q14) below which pulses are dispersed strongly and weakly.
const WEAK: i16 = 9830;
const STRONG: i16 = 14_746;

/// Pitch lag of a subframe: whole samples, and thirds or sixths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct NarrowLag {
    pub(super) whole: i16,
    pub(super) fraction: i16,
}

/// Decodes a lag in thirds (all rates but 12.2 kbit/s). `first`: coded absolutely, not relative to
/// the lag before.
pub(super) fn lag_in_thirds(mode: NarrowMode, index: u16, first: bool, before: i16) -> NarrowLag {
    let index = index as i16;
    let (below, range) = if mode == NarrowMode::Rate795 { (10, 19) } else { (5, 9) };
    let least = (before - below).clamp(20, LONGEST as i16 - range);
    let most = least + range;
    let thirds = |index: i16, from: i16| {
        let whole = (index + 2) / 3 - 1;
        NarrowLag { whole: whole + from, fraction: index - 2 - 3 * whole }
    };
    let coarse = matches!(mode, NarrowMode::Rate475 | NarrowMode::Rate515 | NarrowMode::Rate590 | NarrowMode::Rate670);
    match index {
        _ if first && index < 197 => {
            let whole = (index + 2) / 3 + 19;
            NarrowLag { whole, fraction: index - 3 * whole + 58 }
        }
        _ if first => NarrowLag { whole: index - 112, fraction: 0 },
        _ if !coarse => thirds(index, least),
        _ => {
            let middle = before.min(least + 5).max(most - 4);
            match index {
                ..4 => NarrowLag { whole: middle - 5 + index, fraction: 0 },
                4..12 => {
                    let whole = (index - 5).div_euclid(3) - 1;
                    NarrowLag { whole: whole + middle, fraction: index - 9 - 3 * whole }
                }
                _ => NarrowLag { whole: index - 12 + middle + 1, fraction: 0 },
            }
        }
    }
}

/// Decodes a lag in sixths (12.2 kbit/s).
pub(super) fn lag_in_sixths(index: u16, first: bool, before: i16) -> NarrowLag {
    let index = index as i16;
    if first && index >= 463 {
        return NarrowLag { whole: index - 368, fraction: 0 };
    }
    if first {
        let whole = (index + 5) / 6 + 17;
        return NarrowLag { whole, fraction: index - 6 * whole + 105 };
    }
    let least = (before - 5).clamp(18, LONGEST as i16 - 9);
    let whole = (index + 5) / 6 - 1;
    NarrowLag { whole: whole + least, fraction: index - 3 - 6 * whole }
}

/// Repeats the excitation at a lag, with `fraction` in sixths, into the subframe at [`PAST`].
pub(super) fn repeat(excitation: &mut [i16; PAST + SUB_FRAME], lag: i16, fraction: i16) {
    let (mut start, mut phase) = (PAST - (lag as usize).clamp(1, LONGEST + 1), -fraction);
    if phase < 0 {
        (start, phase) = (start - 1, phase + 6);
    }
    let phase = phase as usize;
    for i in 0..SUB_FRAME {
        let middle = start + i;
        let mut sum = 0x4000i32;
        for tap in 0..10 {
            let (left, right) = (INTERPOLATION[phase + 6 * tap], INTERPOLATION[6 - phase + 6 * tap]);
            let before = middle.checked_sub(tap).and_then(|at| excitation.get(at)).copied().unwrap_or(0);
            sum = sum.wrapping_add(i32::from(before) * i32::from(left));
            let after = excitation.get(middle + 1 + tap).copied().unwrap_or(0);
            sum = sum.wrapping_add(i32::from(after) * i32::from(right));
        }
        excitation[PAST + i] = (sum >> 15) as i16;
    }
}

/// Returns the energy of a subframe in 32 bits.
pub(super) fn energy(samples: &[i16]) -> i32 {
    samples.iter().fold(0, |sum, &x| l_mac(sum, x, x))
}

/// Returns the energy of a subframe divided by sixteen, without overflow.
pub(super) fn scaled_energy(samples: &[i16]) -> i32 {
    match energy(samples) {
        i32::MAX => samples.iter().fold(0, |sum, &x| l_mac(sum, x >> 2, x >> 2)),
        sum => sum >> 4,
    }
}

/// Returns the root mean square of an excitation, scaled for comparison.
pub(super) fn loudness(excitation: &Innovation) -> i16 {
    let (value, shift) = root(energy(excitation) >> 1);
    (l_shr(value, shift / 2 + 15) >> 2) as i16
}

/// Returns the square root of the ratio of two energies, in Q9 of the upper half. 0 if the first is
/// silent.
pub(super) fn gain_between(input: i32, output: i32) -> i16 {
    if input == 0 {
        return 0;
    }
    let exponent = norm_l(output) - 1;
    let numerator = round(l_shl(output, exponent));
    let shift = norm_l(input);
    let quotient = div_s(numerator, round(input << shift));
    let ratio = l_shr(i32::from(quotient) << 7, exponent - shift);
    round(l_shl(inverse_root(ratio), 9))
}

/// Scales a signal to the energy of another (TS 26.073, `agc2`).
pub(super) fn level(like: &Innovation, samples: &mut Innovation) {
    let output = scaled_energy(samples);
    if output == 0 {
        return;
    }
    let gain = gain_between(scaled_energy(like), output);
    samples.iter_mut().for_each(|x| *x = high(l_shl(l_mult(*x, gain), 3)));
}

/// Smooths the fixed codebook gain in stationary spectra (TS 26.090, 6.1, step 5).
#[derive(Debug, Clone, Default)]
pub(super) struct GainSmoother {
    history: [i16; 7],
    pub(super) restless: i16,
    pub(super) calm: i16,
}

/// Condition of the current frame and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameCondition {
    pub(super) lost: bool,
    pub(super) lost_before: bool,
    pub(super) in_noise: bool,
    /// Subframes since the last voiced one, at most ten.
    pub(super) unvoiced: i16,
}

impl FrameCondition {
    pub(super) fn is_damaged(self) -> bool {
        self.lost || self.lost_before
    }
}

impl GainSmoother {
    /// Smooths a subframe's gain with the mean of the last gains.
    pub(super) fn smooth(
        &mut self,
        mode: NarrowMode,
        gain: i16,
        frequencies: &NarrowSpectrum,
        mean: &NarrowSpectrum,
        condition: FrameCondition,
    ) -> i16 {
        self.history.copy_within(1.., 0);
        self.history[6] = gain;
        let difference =
            mean.iter().zip(frequencies).fold(0i16, |sum, (&mean, &x)| sum.saturating_add(distance(mean, x)));
        self.restless = if difference > 5325 { self.restless.saturating_add(1) } else { 0 };
        if self.restless > 10 {
            self.calm = 0;
        }
        let mixed = if matches!(mode, NarrowMode::Rate740 | NarrowMode::Rate795 | NarrowMode::Rate1220) {
            gain
        } else {
            self.mix(mode, gain, difference, condition)
        };
        self.calm = self.calm.saturating_add(1);
        mixed
    }

    fn mix(&self, mode: NarrowMode, gain: i16, difference: i16, condition: FrameCondition) -> i16 {
        let low_rate = mode.is_lowest();
        let noisy = condition.is_damaged() && condition.unvoiced > 1 && condition.in_noise && low_rate;
        let beyond = difference.saturating_sub(if noisy { 4506 } else { 3277 }).max(0);
        let share = if beyond > 2048 || self.calm < 40 || difference > 5325 { 8192 } else { beyond << 2 };
        let mean_of = |values: &[i16], factor: i16| round(values.iter().fold(0, |sum, &x| l_mac(sum, factor, x)));
        let mean = if condition.is_damaged() && condition.in_noise && low_rate {
            mean_of(&self.history, 4681)
        } else {
            mean_of(&self.history[2..], 6554)
        };
        let sum = l_mac(l_mult(share, gain), 8192, mean);
        round(l_shl(l_msu(sum, share, mean), 2))
    }
}

/// Returns a frequency's distance from its mean, relative to the mean.
fn distance(mean: i16, frequency: i16) -> i16 {
    let difference = mean.saturating_sub(frequency).saturating_abs();
    let (up, mean_up) = (norm_s(difference) - 1, norm_s(mean));
    let quotient = div_s(shl(difference, up), shl(mean, mean_up));
    shr(quotient, 2 + up - mean_up)
}

/// Disperses pulses over the subframe if voicing is weak (TS 26.090, 6.1, step 6).
#[derive(Debug, Clone, Default)]
pub(super) struct PulseDispersion {
    /// Pitch gains of the last subframes, latest first.
    gains: [i16; 5],
    state: i16,
    code_gain: i16,
    onset: i16,
}

impl PulseDispersion {
    /// Selects the dispersion: 0 strong, 1 weak, 2 none.
    fn judge(&mut self, code_gain: i16, pitch_gain: i16, locked: bool) -> i16 {
        self.gains.copy_within(..4, 1);
        self.gains[0] = pitch_gain;
        let mut state = match pitch_gain {
            gain if gain >= STRONG => 2,
            gain if gain > WEAK => 1,
            _ => 0,
        };
        // An onset: the gain rises to more than twice the last.
        let rises = code_gain > round(l_shl(l_mult(self.code_gain, 16_384), 2));
        self.onset = if rises { 2 } else { (self.onset - 1).max(0) };
        if self.onset == 0 {
            if self.gains.iter().filter(|&&gain| gain < WEAK).count() > 2 {
                state = 0;
            }
            if state > self.state + 1 {
                state -= 1;
            }
        } else if state < 2 {
            state += 1;
        }
        if code_gain < 10 {
            state = 2;
        }
        if locked {
            state = 0;
        }
        (self.state, self.code_gain) = (state, code_gain);
        state
    }

    /// Returns the dispersed innovation of a subframe.
    pub(super) fn spread(
        &mut self,
        mode: NarrowMode,
        code: &Innovation,
        code_gain: i16,
        pitch_gain: i16,
        locked: bool,
    ) -> Innovation {
        let state = self.judge(code_gain, pitch_gain, locked);
        if state >= 2 || matches!(mode, NarrowMode::Rate740 | NarrowMode::Rate1020 | NarrowMode::Rate1220) {
            return *code;
        }
        let response = match (mode, state) {
            (NarrowMode::Rate795, 0) => &DISPERSION_LOW_795,
            (NarrowMode::Rate795, _) => &DISPERSION_MIDDLE_795,
            (_, 0) => &DISPERSION_LOW,
            _ => &DISPERSION_MIDDLE,
        };
        let mut spread = [0i16; SUB_FRAME];
        for (place, &pulse) in code.iter().enumerate().filter(|(_, pulse)| **pulse != 0) {
            for (i, &tap) in response.iter().enumerate() {
                let at = &mut spread[(place + i) % SUB_FRAME];
                *at = at.saturating_add(mult(pulse, tap));
            }
        }
        spread
    }
}

/// Raises an excitation that falls below the background's energy (TS 26.073, `Ex_ctrl`).
pub(super) fn lift(excitation: &mut Innovation, own: i16, history: &[i16; 9], condition: FrameCondition) {
    let before = ((i32::from(history[7]) + i32::from(history[8])) >> 1) as i16;
    let before = before.min(history[8]);
    let mean = median(*history);
    if own >= mean || own <= 5 {
        return;
    }
    let most = shl(before, 2);
    let most = if condition.unvoiced < 7 || condition.lost_before { most.saturating_sub(before) } else { most };
    let mean = mean.min(most);
    let shift = norm_s(own);
    let inverse = div_s(16_383, shl(own, shift));
    let factor = l_shr(l_mult(mean, inverse), 20 - shift).min(32_767) as i16;
    excitation.iter_mut().for_each(|x| *x = (l_mult(factor, *x) >> 11) as i16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_stay_within_reach_whatever_their_index() {
        for before in 18..=LONGEST as i16 + 1 {
            for index in 0..512 {
                for first in [true, false] {
                    let sixths = lag_in_sixths(if first { index } else { index % 64 }, first, before);
                    assert!((17..=145).contains(&sixths.whole) && sixths.fraction.abs() <= 3, "{sixths:?}");
                    for (mode, most) in
                        [(NarrowMode::Rate475, 16), (NarrowMode::Rate740, 32), (NarrowMode::Rate795, 64)]
                    {
                        let index = if first { index % 256 } else { index % most };
                        let thirds = lag_in_thirds(mode, index, first, before);
                        assert!((19..=145).contains(&thirds.whole), "{thirds:?}");
                        assert!(thirds.fraction.abs() <= 1, "{thirds:?}, {index}");
                    }
                }
            }
        }
    }
}
