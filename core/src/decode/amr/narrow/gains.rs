//! Gains of both codebooks: predicted, decoded, and concealed if lost (TS 26.090, 6.1; TS 26.091,
//! 6).

use super::NarrowMode;
use super::gain_tables::{CODE, HIGH, LOW, LOWEST, PITCH};
use super::maths::{log2, log2_of_normal, pow2};
use super::pulses::Innovation;
use crate::decode::amr::ops::{high, l_mult, l_shl, l_shr, median, mpy_32_16, mult, norm_l, round, shl, shr};

/// Minimum quantized energy: −14 dB in Q10, and at 12.2 kbit/s as log2.
const LEAST: i16 = -14_336;
const LEAST_1220: i16 = -2381;
/// Prediction coefficients in Q13, and at 12.2 kbit/s in Q6.
const PREDICTION: [i16; 4] = [5571, 4751, 2785, 1556];
const PREDICTION_1220: [i32; 4] = [44, 37, 22, 12];
/// Mean energy at 12.2 kbit/s: 36 dB as log2, Q17.
const MEAN_1220: i32 = 783_741;
/// Attenuation of gains per lost frame, by the error state, Q15.
const FADE_CODE: [i16; 7] = [32_767, 32_112, 32_112, 32_112, 32_112, 32_112, 22_937];
const FADE_PITCH: [i16; 7] = [32_767, 32_112, 32_112, 26_214, 9830, 6553, 6553];

/// Quantized energies of the last four subframes, in decibels and as log2.
#[derive(Debug, Clone)]
pub(super) struct PastEnergies {
    decibels: [i16; 4],
    logarithms: [i16; 4],
}

impl Default for PastEnergies {
    fn default() -> Self {
        Self { decibels: [LEAST; 4], logarithms: [LEAST_1220; 4] }
    }
}

impl PastEnergies {
    fn push(&mut self, logarithm: i16, decibel: i16) {
        for (values, value) in [(&mut self.decibels, decibel), (&mut self.logarithms, logarithm)] {
            values.copy_within(..3, 1);
            values[0] = value;
        }
    }

    /// Replaces all energies by one, after a silence descriptor.
    pub(super) fn fill(&mut self, energy: i16) {
        (self.decibels, self.logarithms) = ([energy; 4], [mult(energy, 5443); 4]);
    }

    /// Adds the mean of the energies, for a lost gain.
    fn push_mean(&mut self) {
        let mean = |values: &[i16; 4], least: i16| {
            (values.iter().fold(0, |sum: i16, &x| sum.saturating_add(x)) >> 2).max(least)
        };
        self.push(mean(&self.logarithms, LEAST_1220), mean(&self.decibels, LEAST));
    }

    /// Predicts the fixed codebook gain from past energies and the innovation, as log2: integer
    /// part and fraction.
    fn predict(&self, mode: NarrowMode, code: &Innovation) -> (i16, i16) {
        let energy = code.iter().map(|&x| (i32::from(x) * i32::from(x)) >> 3).fold(0, i32::saturating_add);
        let energy = if energy >> 27 != 0 { i32::MAX } else { energy << 4 };
        if mode == NarrowMode::Rate1220 {
            let (exponent, fraction) = log2((i32::from(round(energy)) * 26_214) << 1);
            let found = ((i32::from(exponent) - 30) << 16) + (i32::from(fraction) << 1);
            let terms =
                self.logarithms.iter().zip(PREDICTION_1220).map(|(&past, factor)| (i32::from(past) * factor) << 1);
            let expected = terms.fold(MEAN_1220, i32::saturating_add).saturating_sub(found);
            let exponent = expected >> 17;
            return (exponent as i16, ((expected >> 2) - (exponent << 15)) as i16);
        }
        let shift = norm_l(energy);
        let (exponent, fraction) = log2_of_normal(l_shl(energy, shift), shift);
        let product = (i32::from(fraction) * -24_660) >> 15;
        let decibels = ((i32::from(exponent) * -24_660) << 1).saturating_add(product << 1);
        // Mean energy of each mode, and the constant of the logarithm.
        let mean = match mode {
            NarrowMode::Rate795 => 17_062 << 7,
            NarrowMode::Rate740 => 32_588 << 6,
            NarrowMode::Rate670 => 32_268 << 6,
            _ => 16_678 << 7,
        };
        let start = l_shl(decibels.saturating_add(mean), 10);
        let terms = PREDICTION.iter().zip(self.decibels).map(|(&factor, past)| l_mult(factor, past));
        let expected = high(terms.fold(start, i32::saturating_add));
        let factor = if mode == NarrowMode::Rate740 { 5439 } else { 5443 };
        let logarithm = l_mult(expected, factor) >> 8;
        let exponent = high(logarithm);
        (exponent, ((logarithm >> 1) - (i32::from(exponent) << 15)) as i16)
    }

    /// Decodes the fixed codebook gain from its own index.
    pub(super) fn code_gain(&mut self, mode: NarrowMode, index: u16, code: &Innovation) -> i16 {
        let (exponent, fraction) = self.predict(mode, code);
        let [factor, logarithm, decibel] = CODE[usize::from(index) % CODE.len()];
        self.push(logarithm, decibel);
        if mode == NarrowMode::Rate1220 {
            let expected = shl(pow2(exponent, fraction) as i16, 4);
            return shl(mult(expected, factor), 1);
        }
        let expected = pow2(14, fraction) as i16;
        high(l_shr(l_mult(factor, expected), 9 - i32::from(exponent)))
    }

    /// Decodes both gains from one index. At 4.75 kbit/s it serves two subframes, the even one
    /// first.
    pub(super) fn both_gains(&mut self, mode: NarrowMode, index: u16, even: bool, code: &Innovation) -> (i16, i16) {
        let index = usize::from(index);
        let [pitch, factor, logarithm, decibel] = match mode {
            NarrowMode::Rate475 => lowest(index, even),
            NarrowMode::Rate670 | NarrowMode::Rate740 | NarrowMode::Rate1020 => HIGH[index % HIGH.len()],
            _ => LOW[index % LOW.len()],
        };
        let (exponent, fraction) = self.predict(mode, code);
        let product = l_mult(factor, pow2(14, fraction) as i16);
        self.push(logarithm, decibel);
        (pitch, high(l_shr(product, 10 - i32::from(exponent))))
    }
}

/// Returns the gains at 4.75 kbit/s, whose energies are not in a table.
fn lowest(index: usize, even: bool) -> [i16; 4] {
    let [a, b, c, d] = LOWEST[index % LOWEST.len()];
    let (pitch, factor) = if even { (a, b) } else { (c, d) };
    let (exponent, fraction) = log2(i32::from(factor));
    let exponent = exponent - 12;
    let rounded = shr(fraction, 5) + (fraction >> 4 & 1);
    let logarithm = rounded.saturating_add(shl(exponent, 10));
    let decibel = round(l_shl(mpy_32_16(exponent, fraction, 24_660), 13));
    [pitch, factor, logarithm, decibel]
}

/// Decodes the adaptive codebook gain from its own index, Q14.
pub(super) fn pitch_gain(mode: NarrowMode, index: u16) -> i16 {
    let gain = PITCH[usize::from(index) % PITCH.len()];
    if mode == NarrowMode::Rate1220 { gain & !3 } else { gain }
}

/// Gains of the last subframes, for concealment.
#[derive(Debug, Clone)]
pub(super) struct PastGains {
    values: [i16; 5],
    last: i16,
    /// Last received gain.
    received: i16,
    /// Maximum that is stored.
    most: i16,
    fade: [i16; 7],
}

impl PastGains {
    pub(super) fn of_pitch() -> Self {
        Self { values: [1640; 5], last: 0, received: 16_384, most: 16_384, fade: FADE_PITCH }
    }

    pub(super) fn of_code() -> Self {
        Self { values: [1; 5], last: 0, received: 1, most: i16::MAX, fade: FADE_CODE }
    }

    /// Returns a concealed gain by the error state.
    pub(super) fn guess(&self, state: usize) -> i16 {
        mult(median(self.values).min(self.last), self.fade[state.min(6)])
    }

    /// Returns a concealed fixed codebook gain, and updates the energies.
    pub(super) fn guess_code(&self, state: usize, energies: &mut PastEnergies) -> i16 {
        energies.push_mean();
        self.guess(state)
    }

    /// Stores and returns a gain. After a lost frame it may not rise above the last received.
    pub(super) fn update(&mut self, gain: i16, lost: bool, lost_before: bool) -> i16 {
        let mut gain = gain;
        if !lost {
            gain = if lost_before { gain.min(self.received) } else { gain };
            self.received = gain;
        }
        self.last = gain.min(self.most);
        self.values.copy_within(1.., 0);
        self.values[4] = self.last;
        gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_gains_fade_and_do_not_rise_at_once() {
        let mut past = PastGains::of_pitch();
        (0..5).for_each(|_| assert_eq!(past.update(20_000, false, false), 20_000));
        let guesses: Vec<i16> = (1..=6).map(|state| past.guess(state)).collect();
        assert!(guesses.is_sorted_by(|a, b| a >= b) && guesses[0] < 16_384, "{guesses:?}");
        past.update(guesses[5], true, false);
        assert_eq!(past.update(30_000, false, true), 20_000);
    }
}
