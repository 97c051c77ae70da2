//! Detects frames that cannot be speech by their energy alone, so that the network can skip them.
//!
//! A frame is skipped if it is too faint for the network to detect anything, or if it is no louder
//! than the line's own faint noise, and this has been so for a while. The energy is measured both
//! of the signal and of its slope, so that a hiss over a hum is not missed. Only earlier frames
//! affect the decision, so a track can be processed as it arrives.

use super::{CONTEXT, FRAME};
use crate::simd::sum;

/// Skipped frames with which the network catches up before it runs again. These are all frames
/// since the last reset in the default configuration, so the state is what it would have been. With
/// 64 of them, 2 % of the spans of made calls move by a frame.
pub(super) const WARM_UP: usize = 124;

/// A frame below −80 dBov contains nothing. On 406 recordings of telephone speech brought to a
/// common level, no probability reached 0.35 where the loudest 8 ms were at −76 dBov, and speech
/// stopped being detected at −72. A frame of −80 dBov contains no 8 ms above −74.
const NOTHING: f32 = 1e-8 * FRAME as f32;
/// A frame above −50 dBov is never skipped. A mix still amplifies noise up to this level
/// (`NOISE_CEILING`), and quiet parties on real lines begin at −54 dBov.
const HEARD: f32 = 1e-5 * FRAME as f32;
/// How far a frame may exceed the noise's minimum: 6 dB. Steady noise varies by 1 dB, and speech
/// less than 10 dB above its line's noise is no party's (`speech::faint`).
const OVER_NOISE: f32 = 4.0;
/// Frames for which the network keeps running after possible speech: 384 ms. Its probability falls
/// about 100 ms after the voice.
const HANGOVER: u32 = 12;
/// Frames per minimum of the noise (1 s), and number of minimums kept (10 s).
const STRETCH: u32 = 32;
const STRETCHES: usize = 10;
/// Frames that must pass before the noise is known: 2 s, within which any speaker pauses for a
/// frame.
const KNOWN: u32 = 64;

/// Decides frame by frame whether the network must run.
pub(super) struct SilenceGate {
    frames: u32,
    /// Frames since the last one that may have been speech.
    quiet: u32,
    /// Noise of the signal and of its slope.
    noise: [LeastNoise; 2],
}

/// The lowest energy of a frame over the last ten seconds.
#[derive(Clone, Copy)]
struct LeastNoise {
    now: Stretch,
    before: [Stretch; STRETCHES],
}

#[derive(Clone, Copy)]
struct Stretch {
    least: f32,
    frames: u32,
}

impl SilenceGate {
    pub(super) fn new() -> Self {
        Self { frames: 0, quiet: HANGOVER, noise: [LeastNoise::NONE; 2] }
    }

    /// Returns `true` if the network must run on a frame, given with its context.
    pub(super) fn runs(&mut self, samples: &[f32]) -> bool {
        let [level, slope] = energies(samples);
        let [noise, slope_noise] = &mut self.noise;
        let loud = noise.rises(level) | slope_noise.rises(slope);
        if self.frames.is_multiple_of(STRETCH) {
            let at = (self.frames / STRETCH) as usize % STRETCHES;
            self.noise.iter_mut().for_each(|noise| noise.turn(at));
        }
        self.frames = self.frames.wrapping_add(1);
        self.quiet = if loud { 0 } else { (self.quiet + 1).min(HANGOVER + 1) };
        self.quiet <= HANGOVER
    }
}

impl LeastNoise {
    const NONE: Self = Self { now: Stretch::NONE, before: [Stretch::NONE; STRETCHES] };

    /// Returns `true` if a frame may be more than noise. Digital silence is not noise.
    fn rises(&mut self, energy: f32) -> bool {
        if energy < NOTHING {
            return false;
        }
        self.now = self.now.with(Stretch { least: energy, frames: 1 });
        let all = self.before.iter().fold(self.now, |all, &stretch| all.with(stretch));
        energy > HEARD || all.frames < KNOWN || energy > OVER_NOISE * all.least
    }

    /// Begins another second, replacing the oldest.
    fn turn(&mut self, at: usize) {
        self.before[at] = std::mem::replace(&mut self.now, Stretch::NONE);
    }
}

impl Stretch {
    const NONE: Self = Self { least: f32::INFINITY, frames: 0 };

    fn with(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), frames: self.frames + other.frames }
    }
}

/// Returns the energy of a frame and of the differences between its samples. Nothing is fused and
/// the order is fixed, so the result is the same on any machine.
fn energies(samples: &[f32]) -> [f32; 2] {
    let (mut level, mut slope) = ([0.0f32; 16], [0.0f32; 16]);
    let (now, before) = (&samples[CONTEXT..CONTEXT + FRAME], &samples[CONTEXT - 1..CONTEXT + FRAME - 1]);
    for (now, before) in now.as_chunks::<16>().0.iter().zip(before.as_chunks::<16>().0) {
        for lane in 0..16 {
            level[lane] += now[lane] * now[lane];
            let step = now[lane] - before[lane];
            slope[lane] += step * step;
        }
    }
    [sum(level), sum(slope)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of some frames run: each a tone at a level in dBov, of 250 Hz or of 3 kHz.
    fn running(frames: impl IntoIterator<Item = (f32, bool)>) -> Vec<bool> {
        let mut gate = SilenceGate::new();
        let frame = |(level, high): (f32, bool)| -> Vec<f32> {
            let (amplitude, period) = (2f32.sqrt() * 10f32.powf(level / 20.0), if high { 8.0 / 3.0 } else { 32.0 });
            (0..CONTEXT + FRAME).map(|n| amplitude * (n as f32 * std::f32::consts::TAU / period).sin()).collect()
        };
        frames.into_iter().map(|sound| gate.runs(&frame(sound))).collect()
    }

    fn steady(level: f32, frames: usize) -> Vec<(f32, bool)> {
        vec![(level, false); frames]
    }

    #[test]
    fn noise_rests_once_it_is_known_and_what_rises_over_it_runs() {
        let running = running([steady(-60.0, 100), steady(-52.0, 1), steady(-60.0, 40), steady(-55.0, 30)].concat());
        let expected: Vec<bool> = (0..171).map(|n| n < 63 + 12 || (100..113).contains(&n)).collect();
        assert_eq!(running, expected, "5 dB over the noise are noise");
    }

    #[test]
    fn a_faint_hiss_over_a_hum_runs() {
        let hiss = vec![(-61.0, true); 3];
        let running = running([steady(-58.0, 100), hiss, steady(-58.0, 30)].concat());
        assert!(running[100..115].iter().all(|&runs| runs) && !running[115], "{running:?}");
    }

    #[test]
    fn what_may_be_speech_or_hide_it_always_runs() {
        assert!(running(steady(-49.0, 1_000)).iter().all(|&runs| runs));
        assert!(running(steady(-81.0, 1_000)).iter().all(|&runs| !runs));
        // Words after digital silence: no noise is known.
        let words = running([steady(-120.0, 500), steady(-55.0, 60)].concat());
        assert!(words[500..].iter().all(|&runs| runs) && !words[499]);
    }

    #[test]
    fn louder_noise_rests_after_ten_seconds() {
        let running = running([steady(-70.0, 200), steady(-58.0, 500)].concat());
        assert!(running[200..200 + 288].iter().all(|&runs| runs));
        assert!(running[200 + 384..].iter().all(|&runs| !runs));
    }
}
