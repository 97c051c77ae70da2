//! WebVTT: one cue per turn, in its party's voice.

use std::fmt::Write;

use super::{Names, micros, parties, party_of};
use crate::report::Report;
use crate::units::Millis;

/// The turns as cues, in the order of time.
///
/// ```
/// use callweave::export::{self, Names};
/// use callweave::{CallInput, Config, RunOptions, analyze};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
/// let call = CallInput::open(&[format!("{folder}/short/customer.wav")])?;
/// let report = analyze(call, &Config::default(), &RunOptions::default())?;
/// assert!(export::vtt(&report, Names::default()).starts_with("WEBVTT"));
/// # Ok::<(), callweave::Error>(())
/// ```
pub fn vtt(report: &Report, names: Names) -> String {
    let parties = parties(report, names);
    let mut turns: Vec<_> = report.turns.iter().collect();
    turns.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0));
    let mut text = String::from("WEBVTT\n");
    for (index, turn) in turns.into_iter().enumerate() {
        let start = millis(turn.span.start);
        // A cue of no length is none.
        let end = millis(turn.span.end).max(start + 1);
        let name = escaped(party_of(&parties, turn.track, turn.voice).map_or("unknown", |party| &party.name));
        let _ =
            write!(text, "\n{}\n{} --> {}\n<v {name}>{name} speaks</v>\n", index + 1, clock_of(start), clock_of(end));
    }
    text
}

fn millis(time: Millis) -> u64 {
    (micros(time) + 500) / 1000
}

/// Formats a time for WebVTT, to the millisecond.
pub(in crate::export) fn clock(time: Millis) -> String {
    clock_of(millis(time))
}

fn clock_of(millis: u64) -> String {
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", millis / 1000 % 60, millis % 1000)
}

/// Escapes markup and arrows in a text.
pub(in crate::export) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_turn_is_a_cue_and_names_are_no_markup() {
        let text = vtt(&report(["a --> b & <i>", "d"]), Names::Parties);
        assert!(text.starts_with("WEBVTT\n\n1\n00:00:10.370 --> 00:00:14.770\n<v d>d speaks</v>\n"), "{text}");
        assert!(text.contains("\n<v a --&gt; b &amp; &lt;i&gt;>"), "{text}");
        assert_eq!(text.matches("-->").count(), 8, "one arrow per turn");
        assert_eq!(clock_of(3_661_001), "01:01:01.001");
    }
}
