//! RTTM, the Rich Transcription time marks of NIST's evaluations: one `SPEAKER` line per span of
//! speech.

use std::fmt::Write;

use super::{Label, Names, micros, parties, seconds, sorted};
use crate::report::Report;

/// Returns every party's speech, sorted by time.
///
/// Names contain no spaces, as the format requires. The recording is named `call`, or by the call's
/// id if parties are named.
pub fn rttm(report: &Report, names: Names) -> String {
    let id = report.call.id.as_deref().filter(|_| names == Names::Parties);
    let file = word(id.unwrap_or("call"));
    let parties = parties(report, names);
    let labels = parties.iter().flat_map(|party| {
        party.speech.iter().map(|&span| Label { span, text: party.name.clone() }).collect::<Vec<_>>()
    });
    let mut text = String::new();
    for label in sorted(labels.collect()) {
        let (start, end) = (micros(label.span.start), micros(label.span.end));
        let length = seconds(end.saturating_sub(start));
        let speaker = word(&label.text);
        let _ = writeln!(text, "SPEAKER {file} 1 {} {length} <NA> <NA> {speaker} <NA> <NA>", seconds(start));
    }
    text
}

/// Formats a text as one word.
fn word(text: &str) -> String {
    let apart = |c: char| c.is_whitespace() || c.is_control();
    let word: String = text.trim().chars().map(|c| if apart(c) { '_' } else { c }).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_line_has_ten_fields_whatever_the_name() {
        let text = rttm(&report(["Ann O'Neil \"x\"\n\u{2028}y", "é\t木"]), Names::Parties);
        assert!(text.lines().all(|line| line.split_whitespace().count() == 10), "{text}");
        assert_eq!(
            text.lines().next(),
            Some("SPEAKER keypad-hold 1 10.370000 1.540000 <NA> <NA> é_木 <NA> <NA>"),
            "in the order of time"
        );
        assert!(text.contains(" Ann_O'Neil_\"x\"__y "), "{text}");
    }
}
