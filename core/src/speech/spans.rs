//! Converts probabilities to spans of speech, with the parameters of Silero VAD.
//!
//! On the same probabilities, the spans equal those of Silero's `get_speech_timestamps` to the
//! sample, with one exception. Speech that exceeds the limit and contains no pause is cut where the
//! probability is lowest in the second half of what fits, instead of exactly at the limit.

use crate::config::SpeechConfig;
use crate::units::{Millis, Span};
use crate::vad::Probabilities;

/// Shortest pause at which a span may be cut, in milliseconds (Silero's
/// `min_silence_at_max_speech`).
const MIN_CUT_MS: f64 = 98.0;
/// Averaging window, in milliseconds, for cutting where there is no pause.
const WEAKEST_MS: f64 = 100.0;

/// Returns the spans of speech in the track's time, by hysteresis over the probabilities.
///
/// | parameter | meaning |
/// |---|---|
/// | `threshold` | speech begins with the first frame of at least this probability |
/// | `neg_threshold` | a pause begins with the first frame below this, and lasts until a frame reaches `threshold` |
/// | `min_silence_ms` | a pause ends speech once a frame begins this long after it and is below `neg_threshold` too |
/// | `min_speech_ms` | speech no longer than this is dropped |
/// | `max_speech_ms` | longer speech, padding included, is cut at the longest of its pauses of more than 98 ms |
/// | `speech_pad_ms` | padding on either side; close neighbors share the gap, and nothing exceeds the track |
///
/// ```
/// use callweave::{config::SpeechConfig, speech, units::{Millis, Span}, vad::Probabilities};
///
/// let values = [[0.1; 10], [0.9; 10], [0.1; 10]].concat(); // 320 ms each
/// let probabilities = Probabilities { hop: Millis(32.0), values };
/// let spans = speech::spans(&probabilities, Millis(960.0), &SpeechConfig::default());
/// assert_eq!(spans, [Span::new(320.0, 640.0)]);
/// ```
pub fn spans(probabilities: &Probabilities, duration: Millis, config: &SpeechConfig) -> Vec<Span> {
    let mut found = raw(probabilities, duration, config);
    pad(&mut found, config.speech_pad_ms, duration);
    found
}

/// Returns the spans before padding.
pub(super) fn raw(probabilities: &Probabilities, duration: Millis, config: &SpeechConfig) -> Vec<Span> {
    let mut walk = Walk::new(probabilities, config);
    for (i, &p) in probabilities.values.iter().enumerate() {
        walk.push(i as f64 * probabilities.hop.0, p);
    }
    let mut found = walk.finish(duration.0);
    // A cut at the very end of a span leaves nothing behind it.
    found.retain(|span| span.start < span.end);
    found
}

/// State of the walk over a track's frames.
struct Walk<'a> {
    probabilities: &'a Probabilities,
    config: &'a SpeechConfig,
    /// Speech longer than this is cut, so that with its last frame and its padding it stays within
    /// the limit.
    longest: f64,
    begun: Option<f64>,
    quiet_since: Option<f64>,
    /// Pauses of the current speech at which it may be cut: their beginnings and lengths.
    pauses: Vec<(f64, f64)>,
    found: Vec<Span>,
}

impl<'a> Walk<'a> {
    fn new(probabilities: &'a Probabilities, config: &'a SpeechConfig) -> Self {
        let room = |max: Millis| (max.0 - probabilities.hop.0 - 2.0 * config.speech_pad_ms.0).max(probabilities.hop.0);
        Self {
            probabilities,
            config,
            longest: config.max_speech_ms.map_or(f64::INFINITY, room),
            begun: None,
            quiet_since: None,
            pauses: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes the frame that begins at `now`.
    fn push(&mut self, now: f64, p: f32) {
        if p >= self.config.threshold {
            if let Some(since) = self.quiet_since.take()
                && now - since > MIN_CUT_MS
            {
                self.pauses.push((since, now - since));
            }
            if self.begun.is_none() {
                self.begun = Some(now);
                return;
            }
        }
        if self.begun.is_some_and(|begun| now - begun > self.longest) {
            self.cut(now);
        }
        let Some(begun) = self.begun else { return };
        if p < self.config.neg_threshold {
            let since = *self.quiet_since.get_or_insert(now);
            if now - since >= self.config.min_silence_ms.0 {
                self.end(begun, since);
            }
        }
    }

    /// Cuts speech that has become too long at its longest pause; of equal ones, at the first.
    fn cut(&mut self, now: f64) {
        let Some(begun) = self.begun else { return };
        let longest = self.pauses.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let (end, next) = match longest {
            Some((since, pause)) => (since, since + pause),
            None => {
                let at = weakest(self.probabilities, begun + (now - begun) / 2.0, now);
                (at, at)
            }
        };
        self.found.push(Span::new(begun, end));
        self.begun = Some(next);
        self.quiet_since = None;
        self.pauses.clear();
    }

    fn end(&mut self, begun: f64, end: f64) {
        if end - begun > self.config.min_speech_ms.0 {
            self.found.push(Span::new(begun, end));
        }
        (self.begun, self.quiet_since) = (None, None);
        self.pauses.clear();
    }

    /// Ends unfinished speech at the end of the track, and returns all spans.
    fn finish(mut self, duration: f64) -> Vec<Span> {
        if let Some(begun) = self.begun {
            self.end(begun, duration);
        }
        self.found
    }
}

/// Returns the beginning of the frame around which the probability, averaged over 100 ms, is
/// lowest; of equal ones, the last. Returns `to` if no frame begins between `from` and `to`.
pub(super) fn weakest(probabilities: &Probabilities, from: f64, to: f64) -> f64 {
    let (hop, values) = (probabilities.hop.0, &probabilities.values);
    let around = ((WEAKEST_MS / 2.0 / hop).round() as usize).max(1);
    let near = |i: usize| -> f32 {
        let range = i.saturating_sub(around)..(i + around + 1).min(values.len());
        values.get(range).map_or(1.0, |near| near.iter().sum::<f32>() / near.len().max(1) as f32)
    };
    let (first, last) = ((from / hop).ceil() as usize, (to / hop).floor() as usize);
    let cut = (first..=last).min_by(|&a, &b| near(a).total_cmp(&near(b)).then(b.cmp(&a)));
    cut.map_or(to, |i| i as f64 * hop)
}

/// Widens spans by `by` on either side. Two spans that would meet share the gap between them.
pub(super) fn pad(spans: &mut [Span], by: Millis, duration: Millis) {
    if by.0 <= 0.0 {
        return;
    }
    let gaps: Vec<f64> = spans.windows(2).map(|w| w[1].start.0 - w[0].end.0).collect();
    let last = spans.len().saturating_sub(1);
    for (i, span) in spans.iter_mut().enumerate() {
        let before = if i == 0 { span.start.0 } else { gaps[i - 1] / 2.0 };
        let after = if i == last { (duration.0 - span.end.0).max(0.0) } else { gaps[i] / 2.0 };
        *span = Span::new(span.start.0 - by.0.min(before), span.end.0 + by.0.min(after));
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probabilities of 10 ms from a picture: `#` speech, `-` between the thresholds, anything else
    /// silence.
    fn drawn(picture: &str) -> Probabilities {
        let value = |c| match c {
            '#' => 0.9,
            '-' => 0.4,
            _ => 0.1,
        };
        Probabilities { hop: Millis(10.0), values: picture.chars().map(value).collect() }
    }

    fn found(picture: &str, config: &SpeechConfig) -> Vec<(f64, f64)> {
        let probabilities = drawn(picture);
        let duration = Millis(10.0 * probabilities.values.len() as f64);
        spans(&probabilities, duration, config).iter().map(|s| (s.start.0, s.end.0)).collect()
    }

    fn config() -> SpeechConfig {
        SpeechConfig { min_speech_ms: Millis(45.0), min_silence_ms: Millis(30.0), ..SpeechConfig::metrics() }
    }

    #[test]
    fn speech_begins_at_the_upper_and_ends_at_the_lower_threshold() {
        assert_eq!(found("  --######--    ------", &config()), [(40.0, 120.0)]);
    }

    #[test]
    fn a_short_pause_does_not_end_speech_and_a_long_one_does() {
        assert_eq!(found("######   ######     ", &config()), [(0.0, 150.0)]);
        assert_eq!(found("######    ######    ", &config()), [(0.0, 60.0), (100.0, 160.0)]);
    }

    #[test]
    fn short_speech_is_dropped() {
        assert_eq!(found("####        #####     ", &config()), [(120.0, 170.0)]);
    }

    #[test]
    fn speech_may_last_to_the_end() {
        assert_eq!(found("     #######", &config()), [(50.0, 120.0)]);
        assert_eq!(found("     #######  ", &config()), [(50.0, 140.0)], "a pause too short to end it is part of it");
    }

    #[test]
    fn padding_shares_a_gap_and_stays_on_the_track() {
        let padded = SpeechConfig { speech_pad_ms: Millis(30.0), ..config() };
        assert_eq!(found(" ######    ######     ", &padded), [(0.0, 90.0), (90.0, 200.0)]);
    }

    #[test]
    fn long_speech_is_cut_in_its_longest_pause() {
        let picture =
            format!("{}{}{}{}{}", "#".repeat(40), " ".repeat(12), "#".repeat(20), " ".repeat(14), "#".repeat(40));
        let config = SpeechConfig { min_silence_ms: Millis(200.0), ..config() };
        let limited = SpeechConfig { max_speech_ms: Some(Millis(1000.0)), ..config.clone() };
        assert_eq!(found(&picture, &config), [(0.0, 1260.0)]);
        assert_eq!(found(&picture, &limited), [(0.0, 720.0), (860.0, 1260.0)]);
    }

    #[test]
    fn long_speech_without_a_pause_is_cut_where_it_is_weakest() {
        let picture = format!("{}{}{}", "#".repeat(70), "--", "#".repeat(60));
        let limited = SpeechConfig { max_speech_ms: Some(Millis(1000.0)), ..config() };
        let got = found(&picture, &limited);
        assert_eq!(got.len(), 2);
        assert!((650.0..=780.0).contains(&got[0].1), "cut at {}", got[0].1);
        assert_eq!(got[0].1, got[1].0);
    }

    proptest! {
        #[test]
        fn spans_are_in_order_apart_and_on_the_track(
            values in prop::collection::vec(0.0f32..1.0, 0..400),
            pad in 0.0..300.0f64,
            longest in prop::option::of(1000.0..3000.0f64),
        ) {
            let probabilities = Probabilities { hop: Millis(32.0), values };
            let duration = Millis(32.0 * probabilities.values.len() as f64);
            let config = SpeechConfig {
                speech_pad_ms: Millis(pad),
                max_speech_ms: longest.map(Millis),
                ..SpeechConfig::metrics()
            };
            let got = spans(&probabilities, duration, &config);
            for span in &got {
                prop_assert!(span.start.0 >= 0.0 && span.start < span.end && span.end <= duration);
                if let Some(longest) = longest {
                    prop_assert!(span.duration().0 <= longest + 1e-9);
                }
            }
            for pair in got.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
        }
    }
}
