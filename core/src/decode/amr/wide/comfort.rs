//! Comfort noise (TS 26.192).

use super::SUB_FRAME;
use super::frame::WideBits;
use super::isf::{FLAT, WideSpectrum, noise as noise_frequencies};
use super::maths::{energy, inverse_root, log2, mult_round, noise, norm, pow2};
use crate::decode::amr::AmrBand;
use crate::decode::amr::dtx::{DtxPhase, DtxReceiver};
use crate::decode::amr::ops::{div_s, high, l_mac, l_mult, mult, shl};

/// Samples per frame at 12.8 kHz.
pub(super) const INNER: usize = 4 * SUB_FRAME;
/// Frames in the history from which noise is derived.
const HISTORY: usize = 8;
/// Dithering of noise: of its energy, of its frequencies with the increment per frequency, and the
/// minimum distance of dithered frequencies.
const ENERGY_DITHER: i16 = 75;
const DITHER: i16 = 256;
const DITHER_STEP: i16 = 2;
const DITHER_GAP: i16 = 448;

/// Comfort noise state of the receiver.
#[derive(Debug, Clone)]
pub(super) struct WideComfort {
    pub(super) dtx: DtxReceiver,
    inverse_period: i16,
    energy: i16,
    old_energy: i16,
    frequencies: WideSpectrum,
    old_frequencies: WideSpectrum,
    history: [WideSpectrum; HISTORY],
    energies: [i16; HISTORY],
    newest: usize,
    seed: i16,
    dither_seed: i16,
    dithered: bool,
}

impl Default for WideComfort {
    fn default() -> Self {
        Self {
            dtx: DtxReceiver::new(AmrBand::Wide),
            inverse_period: 1 << 13,
            energy: 3500,
            old_energy: 3500,
            frequencies: FLAT,
            old_frequencies: FLAT,
            history: [FLAT; HISTORY],
            energies: [3500; HISTORY],
            newest: 0,
            seed: 21_845,
            dither_seed: 21_845,
            dithered: false,
        }
    }
}

impl WideComfort {
    /// Adds a speech frame to the history: its frequencies and its unscaled excitation.
    pub(super) fn remember(&mut self, frequencies: &WideSpectrum, excitation: &[i16]) {
        self.newest = (self.newest + 1) % HISTORY;
        self.history[self.newest] = *frequencies;
        let sum = excitation.iter().fold(0, |sum, &x| l_mac(sum, x, x)) >> 1;
        let (exponent, fraction) = log2(sum);
        self.energies[self.newest] = shl(exponent, 7).wrapping_add(fraction >> 8).wrapping_sub(1024);
    }

    /// Generates the frequencies and the excitation of a noise frame.
    pub(super) fn make(&mut self, phase: DtxPhase, bits: &[bool]) -> (WideSpectrum, [i16; INNER]) {
        if self.dtx.hangover_added && self.dtx.is_descriptor {
            self.take_mean();
        }
        if self.dtx.is_descriptor {
            (self.old_frequencies, self.old_energy) = (self.frequencies, self.energy);
            if self.dtx.has_data {
                self.take_descriptor(&mut WideBits::new(bits));
            }
        }
        let (mut frequencies, mut energy) = self.interpolate();
        if self.dithered {
            self.dither(&mut frequencies, &mut energy);
        }
        let excitation = self.excitation(energy);
        if phase == DtxPhase::Mute {
            self.inverse_period = div_s(1 << 10, shl(self.dtx.since_descriptor.min(32), 10));
            (self.dtx.since_descriptor, self.old_energy) = (0, self.energy);
            self.energy = self.energy.saturating_sub(64);
        }
        self.dtx.end_noise();
        (frequencies, excitation)
    }

    /// Sets the noise to the mean of the last speech frames.
    fn take_mean(&mut self) {
        let next = (self.newest + 1) % HISTORY;
        self.history[next] = self.history[self.newest];
        self.energies[next] = self.energies[self.newest];
        let sum = self.energies.iter().fold(0i16, |sum, &x| sum.saturating_add(x));
        self.energy = ((sum >> 1).saturating_add(1024)).max(0);
        self.frequencies =
            std::array::from_fn(|i| (self.history.iter().map(|frame| i32::from(frame[i])).sum::<i32>() >> 3) as i16);
    }

    /// Sets the noise to the contents of a silence descriptor.
    fn take_descriptor(&mut self, bits: &mut WideBits<'_>) {
        let period = self.dtx.since_descriptor.min(32);
        self.inverse_period = if period >= 2 { div_s(1 << 10, shl(period, 10)) } else { 1 << 14 };
        self.frequencies = noise_frequencies(bits);
        self.energy = mult((bits.take(6) as i16) << 9, 12_483);
        self.dithered = bits.take(1) == 1;
        if !self.dtx.updated || self.dtx.phase == DtxPhase::Speech {
            (self.old_frequencies, self.old_energy) = (self.frequencies, self.energy);
        }
        self.dtx.since_descriptor = 0;
    }

    /// Interpolates between the last two silence descriptors, by the elapsed time.
    fn interpolate(&self) -> (WideSpectrum, i32) {
        let passed = mult(shl(self.dtx.since_descriptor, 10), self.inverse_period).min(1024);
        let share = shl(passed, 4);
        let rest = 16_384 - share;
        let frequencies = std::array::from_fn(|i| {
            let sum = mult(share, self.frequencies[i]).saturating_add(mult(rest, self.old_frequencies[i]));
            shl(sum, 1)
        });
        (frequencies, l_mac(l_mult(share, self.energy), rest, self.old_energy))
    }

    /// Dithers energy and frequencies.
    fn dither(&mut self, frequencies: &mut WideSpectrum, energy: &mut i32) {
        let mut random = || {
            let first = noise(&mut self.dither_seed) >> 1;
            first.wrapping_add(noise(&mut self.dither_seed) >> 1)
        };
        *energy = energy.saturating_add(l_mult(random(), ENERGY_DITHER)).max(0);
        let mut factor = DITHER;
        let mut last = None;
        for frequency in &mut frequencies[..15] {
            let moved = frequency.saturating_add(mult_round(random(), factor));
            *frequency = match last {
                None => moved.max(128),
                Some(last) if moved.saturating_sub(last) < DITHER_GAP => last.wrapping_add(DITHER_GAP),
                Some(_) => moved,
            };
            last = Some(*frequency);
            factor = factor.saturating_add(DITHER_STEP);
        }
        frequencies[14] = frequencies[14].min(16_384);
    }

    /// Generates noise with the given energy.
    fn excitation(&mut self, log_energy: i32) -> [i16; INNER] {
        let log_energy = log_energy >> 9;
        let exponent = high(log_energy);
        let fraction = ((log_energy - (i32::from(exponent) << 16)) >> 1) as i16;
        let level = pow2(exponent.wrapping_add(15), fraction);
        let shift = norm(level.max(0));
        let level = high(level << shift);
        let mut samples = [0; INNER];
        samples.iter_mut().for_each(|x| *x = noise(&mut self.seed) >> 4);
        let (mantissa, power) = energy(&samples);
        let (mantissa, power) = inverse_root(mantissa, power);
        let gain = mult(level, high(mantissa));
        samples.map(|x| shl(mult(x, gain), power + 15 - shift + 4))
    }
}
