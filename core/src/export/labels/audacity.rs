//! Audacity's label track: one line per label, with start, end and text separated by tabs.

use std::fmt::Write;

use super::{Label, Names, event_text, micros, parties, seconds, sorted, speaker, speakers};
use crate::report::Report;

/// Returns speech, bleed and other sounds of every track, sorted by time.
pub fn audacity(report: &Report, names: Names) -> String {
    let speakers = speakers(report, names);
    let mut labels = Vec::new();
    for party in parties(report, names) {
        labels.extend(party.speech.iter().map(|&span| Label { span, text: format!("{}: speech", party.name) }));
    }
    for (track, name) in report.tracks.iter().zip(&speakers) {
        labels.extend(track.bleed.iter().map(|bleed| Label {
            span: bleed.span,
            text: format!("{name}: bleed of {}", speaker(&speakers, bleed.from_track)),
        }));
        let sound = |event| format!("{name}: {}", event_text(event));
        labels.extend(track.events.iter().map(|event| Label { span: event.span, text: sound(event) }));
    }
    let mut text = String::new();
    for Label { span, text: label } in sorted(labels) {
        let _ = writeln!(text, "{}\t{}\t{label}", seconds(micros(span.start)), seconds(micros(span.end)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_line_has_three_fields_whatever_the_name() {
        let text = audacity(&report(["a\tb\nc", "d"]), Names::Parties);
        assert!(text.lines().all(|line| line.split('\t').count() == 3), "{text}");
        assert_eq!(text.lines().next(), Some("0.804000\t7.804000\ta b c: ringback th"));
        assert!(text.contains("23.906000\t42.338000\td: music\n"), "{text}");
    }
}
