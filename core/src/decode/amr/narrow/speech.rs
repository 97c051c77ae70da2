//! Decodes a speech frame: its parameters to an excitation, and that to samples (TS 26.090, 6.1).

use super::background::NarrowBackground;
use super::excitation::{
    FrameCondition, GainSmoother, LONGEST, NarrowLag, PAST, PulseDispersion, lag_in_sixths, lag_in_thirds, level, lift,
    loudness, repeat,
};
use super::gains::{PastGains, pitch_gain};
use super::lsf::{NarrowFilter, NarrowSpectrum, PastSpectrum, between, filters_between, filters_through};
use super::post::synthesise;
use super::pulses::{self, Innovation};
use super::tables::NOISE;
use super::{FRAME, FrameKind, LastingState, NarrowFrame, NarrowMode, SUB_FRAME};
use crate::decode::amr::dtx::DtxPhase;
use crate::decode::amr::ops::{l_mac, l_mult, l_shl, mult, round, shl};

/// Maximum of pitch sharpening: 0.8, Q14.
const SHARPEST: i16 = 13_017;
/// Pitch gain (0.5, Q14 doubled) above which the excitation is emphasized.
const VOICED: i16 = 16_384;

/// Speech decoder state, which silence resets.
#[derive(Debug, Clone)]
pub(super) struct NarrowSpeech {
    pub(super) frequencies: PastSpectrum,
    /// Past excitation, then that of the current subframe.
    excitation: [i16; PAST + SUB_FRAME],
    sharpness: i16,
    lag: i16,
    /// Lag of the current subframe.
    current: NarrowLag,
    /// Received lag, even if it is not used.
    received_lag: i16,
    pitch_gains: PastGains,
    code_gains: PastGains,
    /// Pitch gains of the last nine received subframes.
    history: [i16; 9],
    smoother: GainSmoother,
    dispersion: PulseDispersion,
    background: NarrowBackground,
    condition: FrameCondition,
    /// Error state: 0 good, up to 6 after a long loss.
    errors: usize,
    /// Seed of random parameters for frames that were not sent.
    seed: i16,
    /// Index that serves two subframes at 4.75 kbit/s.
    shared_index: u16,
}

impl Default for NarrowSpeech {
    fn default() -> Self {
        Self {
            frequencies: PastSpectrum::default(),
            excitation: [0; PAST + SUB_FRAME],
            sharpness: 0,
            lag: 40,
            current: NarrowLag { whole: 40, fraction: 0 },
            received_lag: 40,
            pitch_gains: PastGains::of_pitch(),
            code_gains: PastGains::of_code(),
            history: [0; 9],
            smoother: GainSmoother::default(),
            dispersion: PulseDispersion::default(),
            background: NarrowBackground::default(),
            condition: FrameCondition::default(),
            errors: 0,
            seed: 21_845,
            shared_index: 0,
        }
    }
}

/// Reads a frame's parameters in order.
struct ParameterList<'a>(&'a [u16]);

impl<'a> ParameterList<'a> {
    fn one(&mut self) -> u16 {
        self.several(1).first().copied().unwrap_or(0)
    }

    fn several(&mut self, count: usize) -> &'a [u16] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A subframe: its mode, and its number in the frame.
#[derive(Debug, Clone, Copy)]
struct SubFrame {
    mode: NarrowMode,
    number: usize,
}

impl SubFrame {
    /// Returns whether its lag is coded absolutely.
    fn is_first(self) -> bool {
        self.number == 0 || self.number == 2 && self.mode > NarrowMode::Rate515
    }

    fn is_even(self) -> bool {
        self.number.is_multiple_of(2)
    }
}

/// Gains of a subframe.
#[derive(Debug, Clone, Copy)]
struct SubFrameGains {
    pitch: i16,
    code: i16,
}

impl NarrowSpeech {
    /// Resets the smoothing of the fixed codebook gain after silence.
    pub(super) fn after_silence(&mut self) {
        (self.smoother.restless, self.smoother.calm) = (20, 0);
    }

    /// Decodes a frame. Returns the filters of its subframes.
    pub(super) fn decode(
        &mut self,
        mode: NarrowMode,
        frame: &NarrowFrame,
        before: DtxPhase,
        lasting: &mut LastingState,
        samples: &mut [i16; FRAME],
    ) -> [NarrowFilter; 4] {
        self.condition.lost = frame.kind != FrameKind::SpeechGood;
        self.follow_errors(before);
        let made = (frame.kind == FrameKind::NoData).then(|| self.made_up(mode));
        let mut parameters = ParameterList(made.as_deref().unwrap_or(&frame.parameters));
        let old = self.frequencies.last;
        let filters = self.filters(mode, &mut parameters, &mut lasting.pairs);
        self.shared_index = 0;
        for (number, out) in samples.as_chunks_mut::<SUB_FRAME>().0.iter_mut().enumerate() {
            let spectrum = between(&old, &self.frequencies.last, number);
            let excitation = self.excite(SubFrame { mode, number }, &mut parameters, &spectrum, lasting);
            synthesise(&filters[number % 4], &excitation, out, &mut lasting.memory);
        }
        let judged = self.background.judge(samples, &self.history, self.condition.unvoiced);
        (self.condition.in_noise, self.condition.unvoiced) = judged;
        self.condition.lost_before = self.condition.lost;
        filters
    }

    /// Updates the error state (TS 26.091, 6.2).
    fn follow_errors(&mut self, before: DtxPhase) {
        self.errors = match (self.condition.lost, self.errors) {
            (true, errors) => (errors + 1).min(6),
            (false, 6) => 5,
            (false, _) => 0,
        };
        if before != DtxPhase::Speech {
            self.errors = 5;
            self.condition.lost_before = before == DtxPhase::Mute;
        }
    }

    /// Draws parameters from a table for a frame that was not sent.
    fn made_up(&mut self, mode: NarrowMode) -> Vec<u16> {
        self.seed = (i32::from(self.seed) * 31_821 + 13_849) as i16;
        let from = (self.seed & 0x7F) as usize;
        let values = NOISE.get(from..).unwrap_or_default();
        mode.bits().iter().zip(values).map(|(&bits, &value)| value as u16 & ((1 << bits) - 1)).collect()
    }

    fn filters(
        &mut self,
        mode: NarrowMode,
        parameters: &mut ParameterList<'_>,
        pairs: &mut NarrowSpectrum,
    ) -> [NarrowFilter; 4] {
        let received = !self.condition.lost;
        if mode == NarrowMode::Rate1220 {
            let indices = parameters.several(5);
            let (middle, new) = self.frequencies.decode_pair(received.then_some(indices));
            return filters_through(&std::mem::replace(pairs, new), &middle, &new);
        }
        let indices = parameters.several(3);
        let new = self.frequencies.decode(mode, received.then_some(indices));
        filters_between(&std::mem::replace(pairs, new), &new)
    }

    /// Returns the excitation of a subframe, as input of the filter.
    fn excite(
        &mut self,
        place: SubFrame,
        parameters: &mut ParameterList<'_>,
        spectrum: &NarrowSpectrum,
        lasting: &mut LastingState,
    ) -> Innovation {
        let mode = place.mode;
        self.repeat(place, parameters.one());
        let early = (mode == NarrowMode::Rate1220).then(|| self.own_pitch_gain(mode, parameters.one()));
        let mut code = pulses::decode(mode, place.number, parameters.several(pulses::parameters(mode)));
        self.sharpen(early.unwrap_or(self.sharpness).saturating_mul(2), &mut code);
        let gains = self.gains(place, parameters, early, &code, lasting);
        let emphasis = self.emphasis(mode, gains.pitch);
        if mode != NarrowMode::Rate475 || !place.is_even() {
            self.sharpness = gains.pitch.min(SHARPEST);
        }
        let emphasised = (emphasis > VOICED).then(|| self.emphasised(mode, emphasis, gains.pitch));
        let enhanced = self.sum(mode, gains, &code, spectrum, lasting);
        self.excitation.copy_within(SUB_FRAME.., 0);
        self.lag = self.current.whole;
        let Some(mut emphasised) = emphasised else { return enhanced };
        emphasised.iter_mut().zip(enhanced).for_each(|(x, y)| *x = x.saturating_add(y));
        level(&enhanced, &mut emphasised);
        emphasised
    }

    /// Decodes or conceals a lag, and repeats the excitation at it.
    fn repeat(&mut self, place: SubFrame, index: u16) {
        let (mode, condition) = (place.mode, self.condition);
        if mode == NarrowMode::Rate1220 {
            let lag = lag_in_sixths(index, place.is_first(), self.current.whole);
            let good = !condition.lost && (place.is_first() || index < 61);
            self.received_lag = if good { self.received_lag } else { lag.whole };
            self.current = if good { lag } else { NarrowLag { whole: self.lag, fraction: 0 } };
            return repeat(&mut self.excitation, self.current.whole, self.current.fraction);
        }
        self.current = lag_in_thirds(mode, index, place.is_first(), self.lag);
        self.received_lag = self.current.whole;
        if condition.lost {
            self.lag = if self.lag < LONGEST as i16 { self.lag + 1 } else { self.lag };
            self.current = NarrowLag { whole: self.lag, fraction: 0 };
            if condition.in_noise && condition.unvoiced > 4 && mode.is_lowest() {
                self.current.whole = self.received_lag;
            }
        }
        repeat(&mut self.excitation, self.current.whole, 2 * self.current.fraction);
    }

    /// Repeats pulses at the lag.
    fn sharpen(&self, sharpness: i16, code: &mut Innovation) {
        let lag = usize::try_from(self.current.whole).unwrap_or(SUB_FRAME);
        for i in lag..SUB_FRAME {
            code[i] = code[i].saturating_add(mult(code[i - lag], sharpness));
        }
    }

    /// Decodes the pitch gain from its own index.
    fn own_pitch_gain(&mut self, mode: NarrowMode, index: u16) -> i16 {
        let gain = if self.condition.lost { self.pitch_gains.guess(self.errors) } else { pitch_gain(mode, index) };
        self.keep_pitch(gain)
    }

    fn keep_pitch(&mut self, gain: i16) -> i16 {
        self.pitch_gains.update(gain, self.condition.lost, self.condition.lost_before)
    }

    fn keep_code(&mut self, gain: i16) -> i16 {
        self.code_gains.update(gain, self.condition.lost, self.condition.lost_before)
    }

    fn gains(
        &mut self,
        place: SubFrame,
        parameters: &mut ParameterList<'_>,
        early: Option<i16>,
        code: &Innovation,
        lasting: &mut LastingState,
    ) -> SubFrameGains {
        let (mode, energies) = (place.mode, &mut lasting.energies);
        if matches!(mode, NarrowMode::Rate795 | NarrowMode::Rate1220) {
            let pitch = early.unwrap_or_else(|| self.own_pitch_gain(mode, parameters.one()));
            let index = parameters.one();
            let gain = if self.condition.lost {
                self.code_gains.guess_code(self.errors, energies)
            } else {
                energies.code_gain(mode, index, code)
            };
            return SubFrameGains { pitch, code: self.keep_code(gain) };
        }
        if mode != NarrowMode::Rate475 || place.is_even() {
            self.shared_index = parameters.one();
        }
        let (pitch, gain) = if self.condition.lost {
            (self.pitch_gains.guess(self.errors), self.code_gains.guess_code(self.errors, energies))
        } else {
            energies.both_gains(mode, self.shared_index, place.is_even(), code)
        };
        SubFrameGains { pitch: self.keep_pitch(pitch), code: self.keep_code(gain) }
    }

    /// Returns the emphasis of the adaptive codebook's part.
    fn emphasis(&self, mode: NarrowMode, pitch: i16) -> i16 {
        let sharp = match mode {
            NarrowMode::Rate1220 => pitch,
            // Lags that exceed the subframe by more than five samples.
            NarrowMode::Rate1020 if self.lag > SUB_FRAME as i16 + 5 => pitch.min(SHARPEST) >> 2,
            _ => pitch.min(SHARPEST),
        };
        shl(sharp, 1)
    }

    fn emphasised(&self, mode: NarrowMode, emphasis: i16, pitch: i16) -> Innovation {
        std::array::from_fn(|i| {
            let product = l_mult(mult(self.excitation[PAST + i], emphasis), pitch);
            round(if mode == NarrowMode::Rate1220 { product >> 1 } else { product })
        })
    }

    /// Adds up the excitation. Returns its enhanced version.
    fn sum(
        &mut self,
        mode: NarrowMode,
        gains: SubFrameGains,
        code: &Innovation,
        spectrum: &NarrowSpectrum,
        lasting: &mut LastingState,
    ) -> Innovation {
        let condition = self.condition;
        if !condition.lost {
            self.history.copy_within(1.., 0);
            self.history[8] = gains.pitch;
        }
        let mut pitch = gains.pitch;
        if condition.is_damaged() && condition.in_noise && mode.is_lowest() {
            // Above 0.75 it counts half, at most 0.9, Q14.
            pitch = if pitch > 12_288 { ((pitch - 12_288) >> 1) + 12_288 } else { pitch }.min(14_745);
        }
        let smooth = self.smoother.smooth(mode, gains.code, spectrum, &lasting.mean.0, condition);
        let (factor, shift) = if mode == NarrowMode::Rate1220 { (pitch >> 1, 2) } else { (pitch, 1) };
        let total = |x: i16, code: i16, gain: i16| round(l_shl(l_mac(l_mult(x, factor), code, gain), shift));
        let locked = mode.is_lowest() && condition.unvoiced > 3 && condition.in_noise && condition.lost;
        let spread = self.dispersion.spread(mode, code, smooth, pitch, locked);
        let own = &mut self.excitation[PAST..];
        let mut enhanced: Innovation = std::array::from_fn(|i| total(own[i], spread[i], smooth));
        own.iter_mut().zip(code).for_each(|(x, &pulse)| *x = total(*x, pulse, gains.code));
        self.watch(mode, &mut enhanced, lasting);
        enhanced
    }

    /// Tracks the excitation's loudness, and raises it where damage lets it fall below the
    /// background.
    fn watch(&self, mode: NarrowMode, enhanced: &mut Innovation, lasting: &mut LastingState) {
        let condition = self.condition;
        let own = loudness(enhanced);
        let recent = self.errors < 4;
        if mode.is_lowest() && condition.unvoiced > 5 && condition.in_noise && recent && condition.is_damaged() {
            lift(enhanced, own, &lasting.loudness, condition);
        }
        if !(condition.in_noise && condition.is_damaged() && recent) {
            lasting.loudness.copy_within(1.., 0);
            lasting.loudness[8] = own;
        }
    }
}
