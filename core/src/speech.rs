//! From probabilities to spans of speech, and from spans to turns.

use crate::config::SpeechConfig;
use crate::units::{Millis, Span};
use crate::voice::Probabilities;

/// Where somebody speaks, in the time of the track, by hysteresis over its probabilities.
///
/// Speech begins where the probability reaches `threshold` and ends where it stays below `neg_threshold` for
/// `min_silence_ms`; spans shorter than `min_speech_ms` are dropped, the others padded without meeting each other or
/// leaving the track, and cut in their longest pause where they are longer than `max_speech_ms`.
pub fn spans(probabilities: &Probabilities, duration: Millis, config: &SpeechConfig) -> Vec<Span> {
    let hop = probabilities.hop.0;
    let end_of_track = duration.0;
    let mut found: Vec<Span> = Vec::new();
    let mut begun: Option<f64> = None;
    let mut quiet_since: Option<f64> = None;
    for (i, &p) in probabilities.values.iter().enumerate() {
        let now = i as f64 * hop;
        if p >= config.threshold {
            quiet_since = None;
            begun.get_or_insert(now);
        }
        let Some(start) = begun else { continue };
        if p < config.neg_threshold {
            let since = *quiet_since.get_or_insert(now);
            if now + hop - since >= config.min_silence_ms.0 {
                found.push(Span::new(start, since));
                (begun, quiet_since) = (None, None);
            }
        }
    }
    if let Some(start) = begun {
        found.push(Span::new(start, quiet_since.unwrap_or(end_of_track)));
    }
    for span in &mut found {
        span.end = span.end.min(duration);
    }
    found.retain(|span| span.duration() >= config.min_speech_ms && span.duration().0 > 0.0);
    if let Some(longest) = config.max_speech_ms {
        found = found.into_iter().flat_map(|span| split(span, longest, probabilities)).collect();
    }
    pad(&mut found, config.speech_pad_ms, duration);
    found
}

/// Cuts a span in pauses until no piece is longer than `longest`.
///
/// Each cut falls where the probability is lowest over 100 ms in the second half of what fits; a piece never grows
/// beyond `longest`.
fn split(span: Span, longest: Millis, probabilities: &Probabilities) -> Vec<Span> {
    let hop = probabilities.hop.0;
    let around = ((50.0 / hop).round() as usize).max(1);
    let loudness_at = |i: usize| -> f32 {
        let range = i.saturating_sub(around)..(i + around + 1).min(probabilities.values.len());
        probabilities.values.get(range).map_or(1.0, |near| near.iter().sum::<f32>() / near.len().max(1) as f32)
    };
    let mut pieces = Vec::new();
    let mut rest = span;
    while rest.duration() > longest {
        let from = ((rest.start.0 + longest.0 / 2.0) / hop).ceil() as usize;
        let to = ((rest.start.0 + longest.0) / hop).floor() as usize;
        let cut = (from..=to).min_by(|&a, &b| loudness_at(a).total_cmp(&loudness_at(b)));
        let at = cut.map_or(rest.start + longest, |i| Millis(i as f64 * hop));
        pieces.push(Span { start: rest.start, end: at });
        rest.start = at;
    }
    pieces.push(rest);
    pieces
}

/// Widens spans by `by` on either side; two that would meet share what lies between them.
fn pad(spans: &mut [Span], by: Millis, duration: Millis) {
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

/// A stretch in which one party holds the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// The party's place in the list of spans.
    pub party: usize,
    /// When, on the call's timeline.
    pub span: Span,
}

/// Joins each party's spans across pauses of at most `pause`, unless another party begins to speak in the pause; in the
/// order of their beginnings.
pub fn turns(parties: &[Vec<Span>], pause: Millis) -> Vec<Turn> {
    let mut all = Vec::new();
    for (party, spans) in parties.iter().enumerate() {
        let taken = |from: Millis, to: Millis| {
            let others = parties.iter().enumerate().filter(|(other, _)| *other != party);
            others.flat_map(|(_, spans)| spans).any(|s| s.start >= from && s.start < to)
        };
        let mut current: Option<Span> = None;
        for span in spans {
            current = Some(match current {
                Some(turn) if (span.start - turn.end) <= pause && !taken(turn.end, span.start) => {
                    Span { start: turn.start, end: turn.end.max(span.end) }
                }
                Some(turn) => {
                    all.push(Turn { party, span: turn });
                    *span
                }
                None => *span,
            });
        }
        all.extend(current.map(|span| Turn { party, span }));
    }
    all.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.party.cmp(&b.party)));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probabilities of 10 ms from a picture: `#` speech, `-` between the thresholds, anything else silence.
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
        SpeechConfig { min_speech_ms: Millis(50.0), min_silence_ms: Millis(40.0), ..SpeechConfig::metrics() }
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
        assert_eq!(found("     ####### ", &config()), [(50.0, 120.0)]);
    }

    #[test]
    fn padding_shares_a_gap_and_stays_on_the_track() {
        let padded = SpeechConfig { speech_pad_ms: Millis(30.0), ..config() };
        assert_eq!(found(" ######    ######     ", &padded), [(0.0, 90.0), (90.0, 200.0)]);
    }

    #[test]
    fn long_speech_is_cut_in_its_deepest_pause() {
        let picture = format!("{}{}{}", "#".repeat(70), "--", "#".repeat(60));
        let limited = SpeechConfig { max_speech_ms: Some(Millis(1000.0)), ..config() };
        let got = found(&picture, &limited);
        assert_eq!(got.len(), 2);
        assert!((650.0..=780.0).contains(&got[0].1), "cut at {}", got[0].1);
        assert_eq!(got[0].1, got[1].0);
    }

    #[test]
    fn turns_join_pauses_that_nobody_takes() {
        let span = |a: f64, b: f64| Span::new(a, b);
        // A: 0-1000, 2000-3000 (B is silent between)   4000-5000 (B began at 3200)
        let a = vec![span(0.0, 1000.0), span(2000.0, 3000.0), span(4000.0, 5000.0)];
        let b = vec![span(3200.0, 3900.0)];
        let got: Vec<_> =
            turns(&[a, b], Millis(1500.0)).iter().map(|t| (t.party, t.span.start.0, t.span.end.0)).collect();
        assert_eq!(got, [(0, 0.0, 3000.0), (1, 3200.0, 3900.0), (0, 4000.0, 5000.0)]);
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
                    prop_assert!(span.duration().0 <= longest + 2.0 * pad + 1e-9);
                }
            }
            for pair in got.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
        }
    }
}
