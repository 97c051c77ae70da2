//! Cepstra of every frame of speech, from which this call's voices can be distinguished once they
//! are known.

use std::sync::LazyLock;

use super::encoder::{HOP, MelFrame, MelFrames};
use super::windows::stretch;
use crate::error::{Result, Stage};
use crate::run::Cancel;
use crate::track::Narrowband;

/// Coefficients per frame.
pub(super) const NUMBERS: usize = 20;
/// Bands of a mel frame within telephone bandwidth: 60 Hz to 4 kHz.
const BANDS: std::ops::Range<usize> = 1..29;
/// Added to a band's power; below any line's noise.
const FAINT: f32 = 1e-7;
/// A frame this far below the loudest nearby (in dB) is a pause ...
const PAUSE_DB: f32 = 22.0;
/// ... within this many frames on either side.
const ABOUT: usize = 40;
/// Frames computed at once, to limit memory: at least 10 s.
const AT_ONCE: usize = 1000;
/// Up to this many frames (four minutes of speech) all are used; of longer speech, every second,
/// third or fourth.
const EVERY: usize = 24_000;
const MOST_APART: usize = 4;

/// The cepstrum of a frame: the shape of the spectrum, and the level.
pub(super) type Cepstrum = [f32; NUMBERS];

/// The frames of a track's speech, in order.
#[derive(Default)]
pub(super) struct SpeechFrames {
    /// Number of frames that each of these represents.
    pub step: usize,
    /// Position of each frame from the beginning of the track, in frames.
    pub at: Vec<usize>,
    /// Coefficients, normalized to mean 0 and deviation 1 over the call.
    pub cepstra: Vec<Cepstrum>,
    /// Whether the frame lies in a pause.
    pub pauses: Vec<bool>,
}

/// Computes the frames of spans of speech.
pub(super) fn speech_frames(
    samples: &dyn Narrowband,
    stretches: &[(usize, usize)],
    portable: bool,
    cancel: &Cancel,
) -> Result<SpeechFrames> {
    let mel = MelFrames::new(portable);
    let all: usize = stretches.iter().map(|(start, end)| end - start).sum();
    let step = all.div_ceil(EVERY).clamp(1, MOST_APART);
    let mut found = SpeechFrames { step, ..SpeechFrames::default() };
    for &(start, end) in stretches {
        let mut levels = Vec::with_capacity((end - start) / step + 1);
        for from in (start..end).step_by(AT_ONCE * step) {
            cancel.check(Stage::Speech)?;
            let to = end.min(from + AT_ONCE * step);
            let (heard, before) = stretch(samples, from, to);
            let frames = mel.frames(&heard, before, (to - from).div_ceil(step), step * HOP);
            levels.extend(frames.iter().map(level));
            found.cepstra.extend(frames.iter().map(cepstrum));
        }
        found.at.extend((start..end).step_by(step));
        found.pauses.extend(pauses(&levels, ABOUT / step));
    }
    level_out(&mut found.cepstra);
    Ok(found)
}

fn level(frame: &MelFrame) -> f32 {
    10.0 * (frame[BANDS].iter().sum::<f32>() + FAINT).log10()
}

/// Returns which frames lie well below the loudest of `about` frames on either side.
fn pauses(levels: &[f32], about: usize) -> Vec<bool> {
    let loudest = |i: usize| {
        let near = &levels[i.saturating_sub(about)..levels.len().min(i + about + 1)];
        near.iter().copied().fold(f32::MIN, f32::max)
    };
    levels.iter().enumerate().map(|(i, &level)| level < loudest(i) - PAUSE_DB).collect()
}

fn cepstrum(frame: &MelFrame) -> Cepstrum {
    /// The orthonormal cosine transform of the logarithms.
    static COSINES: LazyLock<[[f32; BANDS.end - BANDS.start]; NUMBERS]> = LazyLock::new(|| {
        let count = BANDS.len() as f64;
        std::array::from_fn(|k| {
            let scale = if k == 0 { (1.0 / count).sqrt() } else { (2.0 / count).sqrt() };
            std::array::from_fn(|n| (scale * (std::f64::consts::PI * k as f64 * (n as f64 + 0.5) / count).cos()) as f32)
        })
    });
    let logarithms: [f32; BANDS.end - BANDS.start] = std::array::from_fn(|n| (frame[BANDS.start + n] + FAINT).ln());
    std::array::from_fn(|k| COSINES[k].iter().zip(&logarithms).map(|(c, x)| c * x).sum())
}

/// Normalizes each coefficient to mean 0 and deviation 1.
fn level_out(cepstra: &mut [Cepstrum]) {
    let count = cepstra.len().max(1) as f64;
    for k in 0..NUMBERS {
        let mean = cepstra.iter().map(|c| f64::from(c[k])).sum::<f64>() / count;
        let square = cepstra.iter().map(|c| (f64::from(c[k]) - mean).powi(2)).sum::<f64>() / count;
        let deviation = square.sqrt() + 1e-3;
        cepstra.iter_mut().for_each(|c| c[k] = ((f64::from(c[k]) - mean) / deviation) as f32);
    }
}
