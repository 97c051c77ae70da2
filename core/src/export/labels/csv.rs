//! A table for spreadsheets (RFC 4180). csv-core quotes the cells.

use std::fmt::Write;

use super::{Names, parties, party_of, speakers};
use crate::call::Role;
use crate::report::Report;
use crate::units::Span;

/// Characters with which a spreadsheet formula begins. A single quote before them makes the cell
/// text.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A row of the table.
struct CsvRow {
    span: Span,
    track: Option<usize>,
    voice: Option<usize>,
    kind: &'static str,
    detail: String,
    confidence: String,
}

/// Returns everything with a time, sorted: speech, bleed, other sounds, turns, interruptions and
/// silences.
///
/// The columns are `startMs`, `endMs`, `track` (as in the report; empty if it has none), `role`,
/// `name`, `kind`, `detail` and `confidence`. Texts that begin with `=`, `+`, `-`, `@`, a tab or a
/// line break are preceded by a single quote, because a spreadsheet would read them as formulas.
pub fn csv(report: &Report, names: Names) -> String {
    let (speakers, parties) = (speakers(report, names), parties(report, names));
    let mut text = String::from("startMs,endMs,track,role,name,kind,detail,confidence\r\n");
    for row in rows(report) {
        let track = row.track.and_then(|track| report.tracks.get(track));
        let voice = row.voice.and_then(|voice| party_of(&parties, row.track?, Some(voice)));
        let role = voice.map(|voice| voice.role).or(track.map(|track| track.role)).map_or("", Role::name);
        let name = row.track.and_then(|track| speakers.get(track)).map_or("", String::as_str);
        let name = voice.map_or(name, |voice| &voice.name);
        let number = track.map_or_else(String::new, |track| track.index.to_string());
        let CsvRow { span, kind, detail, confidence, .. } = row;
        let (start, end) = (decimal(span.start.0), decimal(span.end.0));
        let (name, detail) = (cell(name), cell(&detail));
        let _ = write!(text, "{start},{end},{number},{role},{name},{kind},{detail},{confidence}\r\n");
    }
    text
}

fn rows(report: &Report) -> Vec<CsvRow> {
    let row = |span, track, kind, detail| CsvRow { span, track, voice: None, kind, detail, confidence: String::new() };
    let mut rows = Vec::new();
    for party in parties(report, Names::Roles) {
        let speech = |&span| CsvRow { voice: party.voice, ..row(span, Some(party.track), "speech", String::new()) };
        rows.extend(party.speech.iter().map(speech));
    }
    for (at, track) in report.tracks.iter().enumerate() {
        rows.extend(track.bleed.iter().map(|b| row(b.span, Some(at), "bleed", format!("track {}", b.from_track))));
        rows.extend(track.events.iter().map(|event| CsvRow {
            span: event.span,
            track: Some(at),
            voice: None,
            kind: event.kind.name(),
            detail: event.detail.clone().unwrap_or_default(),
            confidence: event.confidence.to_string(),
        }));
    }
    rows.extend(
        report
            .turns
            .iter()
            .map(|turn| CsvRow { voice: turn.voice, ..row(turn.span, Some(turn.track), "turn", String::new()) }),
    );
    let interruptions = report.metrics.interruptions.iter().flatten();
    rows.extend(interruptions.map(|i| row(i.span, Some(i.by), "interruption", String::new())));
    rows.extend(report.metrics.non_talk.iter().flatten().map(|&span| row(span, None, "non_talk", String::new())));
    rows.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.span.end.0.total_cmp(&b.span.end.0)));
    rows
}

/// Formats a number with at most three decimals.
fn decimal(value: f64) -> String {
    ((value * 1000.0).round() / 1000.0).to_string()
}

/// Formats a text as a cell that no spreadsheet reads as a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    let text = format!("{guard}{text}");
    if !csv_core::Writer::new().should_quote(text.as_bytes()) {
        return text;
    }
    let mut doubled = vec![0; 2 * text.len()];
    let (_, _, length) = csv_core::quote(text.as_bytes(), &mut doubled, b'"', b'"', true);
    format!("\"{}\"", String::from_utf8_lossy(doubled.get(..length).unwrap_or(&[])))
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, wanted) in [
            ("=1+1", "'=1+1"),
            ("+447700900176", "'+447700900176"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("plain", "plain"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(cell(text), wanted);
        }
    }

    #[test]
    fn every_row_has_eight_cells() {
        let text = csv(&report(["=cmd", "d"]), Names::Parties);
        assert!(text.split_terminator("\r\n").all(|row| row.split(',').count() == 8), "{text}");
        assert!(text.contains("\r\n804,7804,0,customer,'=cmd,ringback,th,0.98\r\n"), "{text}");
        assert!(text.contains("\r\n23906,42338,1,agent,d,music,,0.95\r\n"), "{text}");
    }
}
