//! Silences a channel except where its voice speaks.

use crate::units::{Rate, Span};

/// Fade in before speech and fade out after it.
const FADE_MS: f64 = 5.0;

/// The speech of one voice in output samples.
#[derive(Debug)]
pub(super) struct SpanGate {
    /// Sorted and disjoint.
    spans: Vec<(u64, u64)>,
    fade: u64,
    /// The next sample, and the first span that does not end before it.
    now: u64,
    next: usize,
}

impl SpanGate {
    /// Creates a gate that is open within spans of the call's time, which must be sorted and
    /// disjoint.
    pub(super) fn new(spans: &[Span], rate: Rate) -> Self {
        let spans = spans.iter().map(|span| (rate.sample_at(span.start), rate.sample_at(span.end))).collect();
        let fade = (FADE_MS * f64::from(rate.hz()) / 1000.0) as u64;
        Self { spans, fade: fade.max(1), now: 0, next: 0 }
    }

    /// Silences the next samples outside the voice's speech.
    pub(super) fn pass(&mut self, samples: &mut [f32]) {
        for sample in samples {
            while self.spans.get(self.next).is_some_and(|span| span.1 + self.fade <= self.now) {
                self.next += 1;
            }
            let about = self.spans.iter().skip(self.next).take(2);
            *sample *= about.map(|&span| self.open(span)).fold(0.0, f32::max);
            self.now += 1;
        }
    }

    /// Returns the gain that a span gives the current sample: 1 within it, and less next to it.
    fn open(&self, (start, end): (u64, u64)) -> f32 {
        let away = start.saturating_sub(self.now).max((self.now + 1).saturating_sub(end));
        1.0 - away.min(self.fade) as f32 / self.fade as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_untouched_and_all_else_is_silent_but_for_fades() {
        let spans = [Span::new(100.0, 200.0), Span::new(204.0, 300.0)];
        let mut gate = SpanGate::new(&spans, Rate::NARROWBAND);
        let mut samples = vec![1.0f32; 4_000];
        samples.chunks_mut(700).for_each(|block| gate.pass(block));
        let at = |ms: f64| samples[(ms * 8.0) as usize];
        assert!([100.0, 150.0, 199.9, 204.0, 250.0, 299.9].iter().all(|&ms| at(ms) == 1.0));
        assert!([0.0, 90.0, 94.9, 305.1, 400.0].iter().all(|&ms| at(ms) == 0.0));
        assert!([96.0, 99.0, 202.0, 303.0].iter().all(|&ms| (0.1..1.0).contains(&at(ms))), "fades");
    }
}
