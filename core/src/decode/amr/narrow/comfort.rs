//! Comfort noise (TS 26.092).

use super::excitation::energy;
use super::gains::PastEnergies;
use super::lsf::{
    FLAT, NarrowFilter, NarrowSpectrum, PastSpectrum, filter_of, frequencies_of, pairs_of, reflections, spread,
};
use super::maths::{log2, pow2};
use super::post::synthesise;
use super::pulses::Innovation;
use super::{FRAME, NarrowMode, ORDER, SUB_FRAME};
use crate::decode::amr::AmrBand;
use crate::decode::amr::dtx::{DtxPhase, DtxReceiver};
use crate::decode::amr::ops::{div_s, l_mac, l_mult, l_shl, l_shr, mult, shl, shr};

/// Frames in the history from which comfort noise is derived.
const HISTORY: usize = 8;
/// Initial frequencies of the history.
const FREQUENCIES: NarrowSpectrum = [1384, 2077, 3420, 5108, 6742, 8122, 9863, 11_092, 12_714, 13_701];
/// Maximum variation of the noise's frequencies, Q15.
const VARIATION: NarrowSpectrum = [20_000, 20_000, 20_000, 20_000, 20_000, 18_000, 16_384, 8192, 0, 0];
/// Energy corrections by the mode of the preceding speech, log2 in Q10.
const CORRECTIONS: [i16; 8] = [-1023, -878, -732, -586, -440, -294, -148, 0];
/// Seed of the noise generator.
const SEED: u32 = 0x7081_6958;

/// Comfort noise state of the receiver.
#[derive(Debug, Clone)]
pub(super) struct NarrowComfort {
    pub(super) dtx: DtxReceiver,
    /// Inverse of the time between silence descriptors.
    inverse_period: i16,
    energy: i16,
    old_energy: i16,
    seed: u32,
    pairs: NarrowSpectrum,
    old_pairs: NarrowSpectrum,
    frequencies: [NarrowSpectrum; HISTORY],
    variations: [NarrowSpectrum; HISTORY],
    energies: [i16; HISTORY],
    newest: usize,
    prediction_gain: i16,
    correction: i16,
}

impl Default for NarrowComfort {
    fn default() -> Self {
        Self {
            dtx: DtxReceiver::new(AmrBand::Narrow),
            inverse_period: 1 << 13,
            energy: 3500,
            old_energy: 3500,
            seed: SEED,
            pairs: FLAT,
            old_pairs: FLAT,
            frequencies: [FREQUENCIES; HISTORY],
            variations: [[0; ORDER]; HISTORY],
            energies: [3500; HISTORY],
            newest: 0,
            prediction_gain: 0,
            correction: 0,
        }
    }
}

/// Returns bits of a shift register, the first in the most significant place.
fn noise_bits(register: &mut u32, count: u32) -> u16 {
    let mut bits = 0;
    for _ in 0..count {
        let fed = (*register ^ *register >> 28) & 1;
        bits = bits << 1 | (*register & 1) as u16;
        *register = *register >> 1 | fed << 30;
    }
    bits
}

/// Returns an innovation of ten random pulses.
fn noise_code(register: &mut u32) -> Innovation {
    let mut code = [0; SUB_FRAME];
    for track in 0..10 {
        let place = usize::from(noise_bits(register, 2)) * 10 + track;
        code[place] = if noise_bits(register, 1) == 1 { 4096 } else { -4096 };
    }
    code
}

impl NarrowComfort {
    /// Adds a speech frame to the history.
    pub(super) fn remember(&mut self, frequencies: &NarrowSpectrum, speech: &[i16; FRAME]) {
        self.newest = (self.newest + 1) % HISTORY;
        self.frequencies[self.newest] = *frequencies;
        let (exponent, fraction) = log2(energy(speech));
        self.energies[self.newest] = shl(exponent, 10).wrapping_add(fraction >> 5).wrapping_sub(7497 + 1024);
    }

    /// Generates a noise frame for a phase. Returns the filter for the postfilter.
    pub(super) fn make(
        &mut self,
        phase: DtxPhase,
        frame: &SilentFrame<'_>,
        state: SharedState<'_>,
        speech: &mut [i16; FRAME],
    ) -> NarrowFilter {
        if self.dtx.hangover_added && self.dtx.is_descriptor {
            self.take_mean(frame.mode);
        }
        if self.dtx.is_descriptor {
            self.take_descriptor(frame.parameters, state.frequencies);
            state.energies.fill((self.energy >> 1).saturating_sub(9000).clamp(-14_436, 0));
        }
        self.correct(frame.mode);
        let (log_energy, pairs) = self.interpolate();
        let (filter, varied) = self.filters(&pairs, state.frequencies);
        let level = self.level(log_energy, &filter);
        for sub_frame in speech.as_chunks_mut::<SUB_FRAME>().0 {
            let excitation = noise_code(&mut self.seed).map(|x| mult(level, x));
            synthesise(&varied, &excitation, sub_frame, state.memory);
        }
        if phase == DtxPhase::Mute {
            self.fade();
        }
        self.dtx.end_noise();
        filter
    }

    /// Sets the noise to the mean of the last speech frames.
    fn take_mean(&mut self, mode: NarrowMode) {
        self.correction = CORRECTIONS[mode as usize];
        let next = (self.newest + 1) % HISTORY;
        self.frequencies[next] = self.frequencies[self.newest];
        self.energies[next] = self.energies[self.newest];
        let energy = self.energies.iter().fold(0i16, |sum, &x| sum.saturating_add(x >> 3));
        self.energy = energy.saturating_sub(self.correction);
        let mean: NarrowSpectrum =
            std::array::from_fn(|i| (self.frequencies.iter().map(|f| i32::from(f[i])).sum::<i32>() >> 3) as i16);
        self.pairs = pairs_of(&mean);
        for (variation, frequencies) in self.variations.iter_mut().zip(&self.frequencies) {
            for (i, to) in variation.iter_mut().enumerate() {
                let difference = mult(frequencies[i].saturating_sub(mean[i]), VARIATION[i]);
                let size = difference.saturating_abs();
                let bounded = if size > 655 { 655 + ((size - 655) >> 2) } else { size }.min(1310);
                *to = if difference < 0 { -bounded } else { bounded };
            }
        }
    }

    /// Sets the noise to the contents of a silence descriptor.
    fn take_descriptor(&mut self, parameters: &[u16], frequencies: &mut PastSpectrum) {
        (self.old_pairs, self.old_energy) = (self.pairs, self.energy);
        if !self.dtx.has_data {
            return;
        }
        let period = std::mem::take(&mut self.dtx.since_descriptor).min(32);
        self.inverse_period = if period >= 2 { div_s(1 << 10, shl(period, 10)) } else { 1 << 14 };
        self.pairs = frequencies.decode_silence(parameters);
        let index = parameters.get(4).copied().unwrap_or(0).min(63) as i16;
        self.energy = if index == 0 { i16::MIN } else { shl(index, 9) - 5120 };
        if !self.dtx.updated || self.dtx.phase == DtxPhase::Speech {
            (self.old_pairs, self.old_energy) = (self.pairs, self.energy);
        }
    }

    /// Updates the energy correction.
    fn correct(&mut self, mode: NarrowMode) {
        let target = mult(CORRECTIONS[mode as usize] << 5, 3277) >> 5;
        self.correction = mult(self.correction, 29_491).saturating_add(target);
    }

    /// Interpolates energy and line spectral pairs between the last two silence descriptors, by the
    /// elapsed time.
    fn interpolate(&self) -> (i32, NarrowSpectrum) {
        let passed = mult(shl(self.dtx.since_descriptor.saturating_add(1), 10), self.inverse_period);
        let share = if passed > 1024 { 16_384 } else { shl(passed, 4) };
        let rest = 16_384 - share;
        let energy = l_mac(l_mult(share, self.energy), rest, self.old_energy);
        let pairs = std::array::from_fn(|i| {
            let sum = mult(share, self.pairs[i]).saturating_add(mult(rest, self.old_pairs[i]));
            sum.saturating_mul(2)
        });
        (energy, pairs)
    }

    /// Returns the filter of some pairs, with and without a random variation.
    fn filters(&mut self, pairs: &NarrowSpectrum, state: &mut PastSpectrum) -> (NarrowFilter, NarrowFilter) {
        let factor = 4096 - mult(self.prediction_gain.wrapping_sub(2457), 9830);
        let factor = if factor > 4095 { i16::MAX } else { factor.max(0) << 3 };
        let variation = self.variations[usize::from(noise_bits(&mut self.seed, 3)) % HISTORY];
        let mut plain = frequencies_of(pairs);
        let mut varied: NarrowSpectrum = std::array::from_fn(|i| plain[i].saturating_add(mult(factor, variation[i])));
        spread(&mut plain);
        spread(&mut varied);
        state.last = plain;
        (filter_of(&pairs_of(&plain)), filter_of(&pairs_of(&varied)))
    }

    /// Returns the excitation level that yields an energy after a filter.
    fn level(&mut self, log_energy: i32, filter: &NarrowFilter) -> i16 {
        let error = reflections(filter).iter().fold(i16::MAX, |error, &r| mult(error, i16::MAX - mult(r, r)));
        let (exponent, fraction) = log2(i32::from(error));
        let gain = shl(exponent - 15, 12).saturating_add(shr(fraction, 3));
        let gain = 0i16.saturating_sub(gain) >> 1;
        self.prediction_gain = mult(29_491, self.prediction_gain).saturating_add(mult(3277, gain));
        let level = l_shr(log_energy, 10)
            .saturating_add(4 << 16)
            .saturating_sub(l_shl(i32::from(gain), 4))
            .saturating_add(l_shl(i32::from(self.correction), 5));
        let exponent = (level >> 16) as i16;
        pow2(exponent, ((level - (i32::from(exponent) << 16)) >> 1) as i16) as i16
    }

    /// Fades the noise while no descriptors arrive.
    fn fade(&mut self) {
        let period = if self.dtx.since_descriptor <= 0 { 8 } else { self.dtx.since_descriptor.min(32) };
        self.inverse_period = div_s(1 << 10, shl(period, 10));
        self.dtx.since_descriptor = 0;
        (self.old_pairs, self.old_energy) = (self.pairs, self.energy);
        self.energy = self.energy.saturating_sub(256);
    }
}

/// A noise frame: the mode of the surrounding speech, and a silence descriptor's parameters.
pub(super) struct SilentFrame<'a> {
    pub(super) mode: NarrowMode,
    pub(super) parameters: &'a [u16],
}

/// State shared by speech and noise.
pub(super) struct SharedState<'a> {
    pub(super) frequencies: &'a mut PastSpectrum,
    pub(super) energies: &'a mut PastEnergies,
    /// State of the synthesis filter.
    pub(super) memory: &'a mut NarrowSpectrum,
}
