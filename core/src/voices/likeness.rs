//! The likeness of two windows, on a scale where one voice is 1 and two voices are 0.

use super::encoder::Embedding;

/// For lengths of the shorter window in seconds: the median cosine of two windows of one voice, and
/// of two voices. Measured on 43,000 pairs of windows of made telephone calls. Short windows
/// resemble nothing well.
const MEASURED: [(f32, f32, f32); 6] = [
    (0.30, 0.53, 0.45),
    (0.40, 0.56, 0.46),
    (0.65, 0.64, 0.47),
    (1.00, 0.69, 0.495),
    (1.40, 0.76, 0.51),
    (1.60, 0.765, 0.51),
];
/// Standard deviation of a cosine around its median, in the same measurement.
pub(super) const SPREAD: f32 = 0.07;

/// Three parts of the cosine of two windows, by the length of a window in seconds: each part is the
/// product of both windows' figures. What all voices share is [`SHARED`]; short windows are alike
/// in being short; the last is what one voice adds. A least squares fit to the median cosines of
/// 460,000 pairs of windows of 390 made and three real calls, by the lengths of both.
const PARTS: [(f32, f32, f32); 7] = [
    (0.20, 0.52, 0.10),
    (0.30, 0.47, 0.14),
    (0.40, 0.43, 0.23),
    (0.63, 0.32, 0.37),
    (0.93, 0.24, 0.48),
    (1.20, 0.08, 0.50),
    (1.60, -0.08, 0.50),
];
const SHARED: f32 = 0.70;

/// A window of speech with its embedding.
#[derive(Debug, Clone)]
pub(super) struct VoiceWindow {
    /// In frames of 10 ms.
    pub start: usize,
    pub end: usize,
    /// Mean power in dB of full scale.
    pub level: f32,
    /// In octaves (the logarithm of the frequency to base 2), where it was measured.
    pub pitch: Option<f32>,
    /// Whether a sound was cut out just before it, so that it is no pause that precedes it.
    pub continued: bool,
    /// The shortest pause in the speech just before it, in frames, if some of that was left out.
    pub left_out: Option<usize>,
    pub embedding: Embedding,
}

impl VoiceWindow {
    /// Returns the window's weight in seconds: its length, up to the length used to train the
    /// encoder.
    pub fn weight(&self) -> f32 {
        (self.end.saturating_sub(self.start) as f32 / 100.0).min(MEASURED[5].0)
    }
}

#[cfg(test)]
impl VoiceWindow {
    /// A window of -30 dB of which nothing else is known.
    pub fn made(start: usize, end: usize, embedding: Embedding) -> Self {
        Self { start, end, level: -30.0, pitch: None, continued: false, left_out: None, embedding }
    }
}

pub(super) fn dot(a: &Embedding, b: &Embedding) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    crate::simd::sum(sums)
}

/// Returns the median cosines of one voice and of two, for a length of the shorter window.
pub(super) fn expected(seconds: f32) -> (f32, f32) {
    let [first, .., last] = MEASURED;
    for pair in MEASURED.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if seconds < b.0 {
            let part = ((seconds - a.0) / (b.0 - a.0)).max(0.0);
            return (a.1 + part * (b.1 - a.1), a.2 + part * (b.2 - a.2));
        }
    }
    if seconds < first.0 { (first.1, first.2) } else { (last.1, last.2) }
}

/// Returns the usual cosines of one voice and of two, for the lengths of both windows.
pub(super) fn expected_of(a: f32, b: f32) -> (f32, f32) {
    let ((short_a, own_a), (short_b, own_b)) = (parts(a), parts(b));
    let two = SHARED * SHARED + short_a * short_b;
    (two + own_a * own_b, two)
}

/// Returns the parts of a cosine for a length.
fn parts(seconds: f32) -> (f32, f32) {
    let [first, .., last] = PARTS;
    for pair in PARTS.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if seconds < b.0 {
            let part = ((seconds - a.0) / (b.0 - a.0)).max(0.0);
            return (a.1 + part * (b.1 - a.1), a.2 + part * (b.2 - a.2));
        }
    }
    if seconds < first.0 { (first.1, first.2) } else { (last.1, last.2) }
}

/// Returns the likeness of two windows: about 1 for one voice, about 0 for two.
pub(super) fn likeness(a: &VoiceWindow, b: &VoiceWindow) -> f32 {
    let (one, two) = expected(a.weight().min(b.weight()));
    (dot(&a.embedding, &b.embedding) - two) / (one - two)
}

/// The likeness of all pairs of windows, and each window's weight.
pub(super) struct Likeness {
    weights: Vec<f32>,
    pairs: Vec<f32>,
}

impl Likeness {
    pub fn of(windows: &[VoiceWindow]) -> Self {
        let pairs = windows.iter().flat_map(|a| windows.iter().map(|b| likeness(a, b))).collect();
        Self { weights: windows.iter().map(VoiceWindow::weight).collect(), pairs }
    }

    pub fn len(&self) -> usize {
        self.weights.len()
    }

    pub fn weight(&self, window: usize) -> f32 {
        self.weights[window]
    }

    pub fn pair(&self, a: usize, b: usize) -> f32 {
        self.pairs[a * self.len() + b]
    }

    /// Returns the weight of some windows.
    pub fn total(&self, windows: &[usize]) -> f32 {
        windows.iter().map(|&w| self.weights[w]).sum()
    }

    /// Returns the mean likeness over the pairs of two groups.
    pub fn between(&self, a: &[usize], b: &[usize]) -> f32 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for &i in a {
            for &j in b {
                let w = self.weights[i] * self.weights[j];
                sum += w * self.pair(i, j);
                weight += w;
            }
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    }
}
