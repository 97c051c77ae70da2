//! Praat's TextGrid in its long text form: interval tiers that each cover the whole call.

use std::fmt::Write;

use super::{Label, Names, event_text, micros, parties, seconds, sorted, speaker, speakers};
use crate::report::Report;
use crate::units::Span;

/// Returns interval tiers for each track: its speech, and bleed and other sounds if there are any.
///
/// Intervals of a tier cannot overlap. Of two overlapping sounds, the later begins where the
/// earlier ends.
pub fn textgrid(report: &Report, names: Names) -> String {
    let speakers = speakers(report, names);
    let end = last_moment(report);
    let mut tiers: Vec<(String, Vec<Label>)> = Vec::new();
    let parties = parties(report, names);
    for (at, (track, name)) in report.tracks.iter().zip(&speakers).enumerate() {
        let own = parties.iter().filter(|party| party.track == at);
        tiers.extend(own.map(|party| (party.name.clone(), speech(party.speech))));
        let bleed = track
            .bleed
            .iter()
            .map(|bleed| Label { span: bleed.span, text: speaker(&speakers, bleed.from_track).to_owned() });
        let events = track.events.iter().map(|event| Label { span: event.span, text: event_text(event) });
        let more = [("bleed", bleed.collect::<Vec<_>>()), ("sounds", events.collect())];
        tiers.extend(
            more.into_iter()
                .filter(|(_, labels)| !labels.is_empty())
                .map(|(kind, labels)| (format!("{name}: {kind}"), labels)),
        );
    }
    let mut text = format!(
        "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = {}\ntiers? <exists>\nsize = {}\nitem []:\n",
        seconds(end),
        tiers.len()
    );
    for (index, (name, labels)) in tiers.into_iter().enumerate() {
        write_tier(&mut text, index + 1, &name, labels, end);
    }
    text
}

fn speech(spans: &[Span]) -> Vec<Label> {
    spans.iter().map(|&span| Label { span, text: "speech".to_owned() }).collect()
}

/// Returns the end of the call, or of whatever ends later. A TextGrid must not be empty.
fn last_moment(report: &Report) -> u64 {
    let spans = report.tracks.iter().flat_map(|track| {
        let bleed = track.bleed.iter().map(|bleed| bleed.span);
        track.speech.iter().copied().chain(bleed).chain(track.events.iter().map(|event| event.span))
    });
    spans.map(|span| micros(span.end)).fold(micros(report.call.duration_ms), u64::max).max(1)
}

fn write_tier(text: &mut String, number: usize, name: &str, labels: Vec<Label>, end: u64) {
    let intervals = covering(labels, end);
    let (name, count, last) = (quoted(name), intervals.len(), seconds(end));
    let _ = write!(
        text,
        "    item [{number}]:\n        class = \"IntervalTier\"\n        name = {name}\n        xmin = 0\n        \
         xmax = {last}\n        intervals: size = {count}\n"
    );
    for (index, (from, to, label)) in intervals.iter().enumerate() {
        let _ = write!(
            text,
            "        intervals [{}]:\n            xmin = {}\n            xmax = {}\n            text = {}\n",
            index + 1,
            seconds(*from),
            seconds(*to),
            quoted(label)
        );
    }
}

/// Returns intervals from 0 to the end, with empty ones between the labels.
fn covering(labels: Vec<Label>, end: u64) -> Vec<(u64, u64, String)> {
    let mut intervals = Vec::with_capacity(2 * labels.len() + 1);
    let mut now = 0;
    for label in sorted(labels) {
        let (from, to) = (micros(label.span.start).max(now), micros(label.span.end));
        if to <= from {
            continue;
        }
        if from > now {
            intervals.push((now, from, String::new()));
        }
        intervals.push((from, to, label.text));
        now = to;
    }
    if now < end {
        intervals.push((now, end, String::new()));
    }
    intervals
}

/// Quotes a text for Praat.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn intervals_cover_the_call_and_never_overlap() {
        let label = |from: f64, to: f64| Label { span: Span::new(from, to), text: "x".into() };
        let found = covering(vec![label(5.0, 9.0), label(1.0, 3.0), label(2.0, 6.0), label(4.0, 5.0)], 10_000);
        let ends: Vec<(u64, u64, bool)> = found.iter().map(|(a, b, text)| (*a, *b, text.is_empty())).collect();
        let wanted =
            [(0, 1000, true), (1000, 3000, false), (3000, 6000, false), (6000, 9000, false), (9000, 10_000, true)];
        assert_eq!(ends, wanted, "the label from 4 to 5 lies within another");
        assert_eq!(covering(Vec::new(), 7), [(0, 7, String::new())]);
    }

    #[test]
    fn quotes_are_doubled_and_every_tier_is_there() {
        let text = textgrid(&report(["a \"b\"\nc", "d"]), Names::Parties);
        assert!(text.contains("name = \"a \"\"b\"\" c\"\n") && text.contains("name = \"d: sounds\""), "{text}");
        assert!(text.contains("size = 4\n") && text.contains("xmax = 57.821875\n"), "{text}");
    }
}
