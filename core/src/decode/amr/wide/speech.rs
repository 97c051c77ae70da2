//! Decodes a speech frame: its parameters to an excitation, and that to samples (TS 26.190, 6.1).

use super::comfort::INNER;
use super::excitation::{LENGTH, PAST, WideDispersion, level, repeat, shape, soften, voicing};
use super::frame::WideBits;
use super::gains::{FrameArrival, WideGains};
use super::isf::{FLAT_PAIRS, PROGRESS, PastFrequencies, WideSpectrum, blend, filters_between, pairs_of};
use super::lag::{PastLags, WideLag, alone, range, relative};
use super::maths::{mul_32_16, noise, scale};
use super::pulses::{self, WideInnovation};
use super::synthesis::{OUT, Synthesis, WideSubFrame};
use super::{FRAME, SUB_FRAME, WideMode};
use crate::decode::amr::FrameKind;
use crate::decode::amr::dtx::DtxPhase;
use crate::decode::amr::ops::{high, l_mac, l_msu, l_mult, l_shl, mult, norm_s, round, shl};

/// Maximum scale of the excitation, in bits.
const MOST_SCALE: i32 = 8;

/// Speech decoder state that silence resets.
#[derive(Debug, Clone)]
pub(super) struct WideSpeech {
    excitation: [i16; PAST],
    begun: bool,
    /// Last smoothed gain of the fixed codebook.
    threshold: i32,
    tilt: i16,
    dispersion: WideDispersion,
    /// Scale of the past excitation, and the headroom of the last four subframes.
    scale: i32,
    room: [i32; 4],
}

impl Default for WideSpeech {
    fn default() -> Self {
        Self {
            excitation: [0; PAST],
            begun: false,
            threshold: 0,
            tilt: 0,
            dispersion: WideDispersion::default(),
            scale: MOST_SCALE,
            room: [MOST_SCALE; 4],
        }
    }
}

/// State that is kept during silence.
#[derive(Debug, Clone)]
pub(super) struct WideLasting {
    pub(super) frequencies: PastFrequencies,
    pairs: WideSpectrum,
    pub(super) arrival: FrameArrival,
    gains: WideGains,
    pub(super) lags: PastLags,
    seed: i16,
    pub(super) synthesis: Synthesis,
}

impl Default for WideLasting {
    fn default() -> Self {
        Self {
            frequencies: PastFrequencies::default(),
            pairs: FLAT_PAIRS,
            arrival: FrameArrival::default(),
            gains: WideGains::default(),
            lags: PastLags::default(),
            seed: 21_845,
            synthesis: Synthesis::default(),
        }
    }
}

impl WideLasting {
    /// Records how a frame arrived, after a phase of the receiver.
    pub(super) fn arrive(&mut self, kind: FrameKind, before: DtxPhase) {
        let arrival = &mut self.arrival;
        arrival.unusable = matches!(kind, FrameKind::NoData | FrameKind::Lost);
        arrival.lost = arrival.unusable || kind == FrameKind::SpeechBad;
        arrival.errors = if arrival.lost { (arrival.errors + 1).min(6) } else { arrival.errors >> 1 };
        if before != DtxPhase::Speech {
            arrival.errors = 5;
            arrival.lost_before = before == DtxPhase::Mute;
        }
    }
}

/// Excitation parameters of the current subframe.
struct WidePart {
    mode: WideMode,
    lag: WideLag,
    code: WideInnovation,
    pitch: i16,
    /// Fixed codebook gain, Q16.
    gain: i32,
    stability: i16,
}

impl WideSpeech {
    /// Decodes a frame. Returns its frequencies and its unscaled excitation.
    pub(super) fn decode(
        &mut self,
        mode: WideMode,
        bits: &mut WideBits<'_>,
        lasting: &mut WideLasting,
        samples: &mut [i16; FRAME],
    ) -> (WideSpectrum, [i16; INNER]) {
        let voiced = bits.take(1) == 1;
        if !lasting.arrival.lost {
            lasting.arrival.unvoiced = if voiced { 0 } else { lasting.arrival.unvoiced.saturating_add(1) };
        }
        let frequencies = lasting.frequencies.decode(mode, bits, !lasting.arrival.lost);
        let pairs = pairs_of(&frequencies);
        if !std::mem::replace(&mut self.begun, true) {
            lasting.pairs = pairs;
        }
        let filters = filters_between(&std::mem::replace(&mut lasting.pairs, pairs), &pairs);
        let old = std::mem::replace(&mut lasting.frequencies.last, frequencies);
        let stability = stability(&old, &frequencies);
        let mut line = [0; LENGTH];
        line[..PAST].copy_from_slice(&self.excitation);
        let mut from = 0;
        for (number, out) in samples.as_chunks_mut::<OUT>().0.iter_mut().enumerate() {
            let at = PAST + number * SUB_FRAME;
            let first = number == 0 || number == 2 && mode > WideMode::Rate660;
            let lag = if first { alone(mode, bits) } else { relative(mode, bits, from) };
            from = if first { range(lag.whole) } else { from };
            let part = self.part(mode, lag, bits, lasting, &mut line, at, stability);
            let excitation = self.excite(part, &mut line, at, lasting);
            let low = mode == WideMode::Rate660;
            if !low {
                lasting.synthesis.forget_high();
            }
            let index = (mode == WideMode::Rate2385).then(|| bits.take(4));
            let sub_frame = WideSubFrame {
                filter: &filters[number % 4],
                excitation,
                scale: self.scale,
                mode,
                frequencies: low.then(|| blend(&old, &frequencies, PROGRESS[number % 4], 32_767)),
                gain: index.filter(|_| !lasting.arrival.lost),
                unvoiced: lasting.arrival.unvoiced > 0,
            };
            lasting.synthesis.make(sub_frame, out);
        }
        self.excitation.copy_from_slice(&line[INNER..INNER + PAST]);
        let mut inner = [0; INNER];
        inner.copy_from_slice(&line[PAST..PAST + INNER]);
        scale(&mut inner, -self.scale);
        (frequencies, inner)
    }

    /// Repeats the excitation, and decodes innovation and gains.
    #[expect(clippy::too_many_arguments, reason = "the state of a sub-frame, one use")]
    fn part(
        &mut self,
        mode: WideMode,
        lag: WideLag,
        bits: &mut WideBits<'_>,
        lasting: &mut WideLasting,
        line: &mut [i16; LENGTH],
        at: usize,
        stability: i16,
    ) -> WidePart {
        let arrival = lasting.arrival;
        let mut lag = lag;
        if arrival.lost {
            lag = WideLag { whole: lasting.lags.guess(lag.whole, &lasting.gains, arrival), quarters: 0 };
        }
        repeat(line, at, lag);
        let small = mode <= WideMode::Rate885;
        let plain = arrival.unusable || !small && bits.take(1) == 1;
        if !plain {
            soften(line, at);
        }
        let mut code: WideInnovation = if arrival.unusable {
            std::array::from_fn(|_| noise(&mut lasting.seed) >> 3)
        } else {
            pulses::decode(mode, bits)
        };
        shape(&mut code, self.tilt, lag);
        let index = bits.take(if small { 6 } else { 7 });
        let (pitch, gain) = lasting.gains.decode(index, small, &code, arrival);
        WidePart { mode, lag, code, pitch, gain, stability }
    }

    /// Adds up the excitation. Returns its enhanced version.
    fn excite(
        &mut self,
        part: WidePart,
        line: &mut [i16; LENGTH],
        at: usize,
        lasting: &mut WideLasting,
    ) -> [i16; SUB_FRAME] {
        let gain = self.rescale(part.gain, line, at);
        if !lasting.arrival.lost {
            lasting.lags.keep(part.lag.whole);
        }
        let mut repeated = [0; SUB_FRAME];
        repeated.copy_from_slice(&line[at..at + SUB_FRAME]);
        let scaled = repeated.map(|x| ((i32::from(x) + if x == i16::MAX { 0 } else { 4 }) >> 3) as i16);
        let emphasis = if part.mode <= WideMode::Rate885 { shl(part.pitch, 1) } else { 0 };
        let voiced = voicing(&scaled, part.pitch, &part.code, gain);
        self.tilt = (voiced >> 2) + 8192;
        let total = |x: i16, code: i16, gain: i16| round(l_shl(l_mac(l_shl(l_mult(code, gain), 5), x, part.pitch), 1));
        let mut most = 1i16;
        for (x, &code) in line[at..at + SUB_FRAME].iter_mut().zip(&part.code) {
            *x = total(*x, code, gain);
            most |= x.wrapping_sub(i16::from(*x < 0)) ^ (x.wrapping_sub(i16::from(*x < 0)) >> 15);
        }
        self.room.copy_within(..3, 1);
        self.room[0] = norm_s(most) + self.scale - 1;
        let smooth = self.smooth(&part, voiced);
        let mode = [0, 1].get(part.mode as usize).copied().unwrap_or(2);
        let spread = self.dispersion.spread(&part.code, high(part.gain), part.pitch, mode);
        let mut enhanced = sharpened(&spread, (voiced >> 3) + 4096);
        enhanced.iter_mut().zip(repeated).for_each(|(x, repeated)| *x = total(repeated, *x, smooth));
        if emphasis <= 16_384 {
            return enhanced;
        }
        let mut emphasised: [i16; SUB_FRAME] = std::array::from_fn(|i| {
            let strong = round(l_mult(mult(scaled[i], emphasis), part.pitch) >> 1);
            strong.saturating_add(enhanced[i])
        });
        level(&enhanced, &mut emphasised);
        emphasised
    }

    /// Chooses the excitation's scale by the headroom of the last subframes. Returns the gain in
    /// that scale.
    fn rescale(&mut self, gain: i32, line: &mut [i16; LENGTH], at: usize) -> i16 {
        let most = self.room.iter().copied().fold(MOST_SCALE, i32::min);
        let (mut gain, mut bits) = (gain, 0);
        while gain < 0x0800_0000 && bits < most {
            (gain, bits) = (gain << 1, bits + 1);
        }
        scale(&mut line[at - PAST..at + SUB_FRAME], bits - self.scale);
        self.scale = bits;
        round(gain)
    }

    /// Returns the fixed codebook gain, smoothed if the spectrum is stationary and unvoiced.
    fn smooth(&mut self, part: &WidePart, voiced: i16) -> i16 {
        let factor = mult(part.stability, 16_384 - (voiced >> 1));
        let by = |gain: i32, factor: i16| mul_32_16(gain, factor) << 1;
        // Moves by 1.5 dB, at most to the threshold.
        self.threshold = if part.gain < self.threshold {
            part.gain.wrapping_add(by(part.gain, 6226)).min(self.threshold)
        } else {
            by(part.gain, 27_536).max(self.threshold)
        };
        let smooth = by(part.gain, i16::MAX - factor).saturating_add(by(self.threshold, factor));
        round(l_shl(smooth, self.scale))
    }
}

/// Returns the stationarity of the spectrum, Q15.
fn stability(old: &WideSpectrum, new: &WideSpectrum) -> i16 {
    let pairs = old[..15].iter().zip(&new[..15]);
    let distance = pairs.fold(0, |sum, (&old, &new)| {
        let difference = new.saturating_sub(old);
        l_mac(sum, difference, difference)
    });
    let distance = mult(high(l_shl(distance, 8)), 26_214);
    shl(20_480 - distance, 1).max(0)
}

/// Emphasizes an innovation's high frequencies by a factor.
fn sharpened(code: &WideInnovation, factor: i16) -> WideInnovation {
    std::array::from_fn(|i| {
        let around = code.get(i + 1).copied().unwrap_or(0).wrapping_add(if i > 0 { code[i - 1] } else { 0 });
        round(l_msu(i32::from(code[i]) << 16, around, factor))
    })
}
