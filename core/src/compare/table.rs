//! A comparison for people to read.

use std::fmt::Write;

use crate::error::escaped;
use crate::evaluate::Switch;

use super::call::{CallDifference, TrackDifference};
use super::{OutdatedReports, ReportComparison, StageDifference, UnreadableReport};

/// How many calls are shown.
const SHOWN: usize = 20;

impl ReportComparison {
    /// The comparison as text: what changed, and the calls to listen to first.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (old, new) = (self.only_old.len(), self.only_new.len());
        writeln!(out, "{} calls in both, {old} in the old reports alone, {new} in the new alone", self.both)?;
        write_unreadable(out, self.unreadable())?;
        let counts = [("tag", self.tag), ("outcome", self.outcome), ("placement", self.moved), ("speech", self.speech)];
        for (what, share) in counts {
            let unknown = self.both.saturating_sub(share.of);
            let unknown = if unknown > 0 { format!(", not known of {unknown}") } else { String::new() };
            writeln!(out, "  {what:<10} changed in {} of {}{unknown}", share.count, share.of)?;
        }
        for Switch { from, to, count } in self.tags.iter().chain(&self.outcomes) {
            writeln!(out, "    {from} became {to}: {count}")?;
        }
        write_stages(out, &self.stages)?;
        if !self.calls.is_empty() {
            writeln!(
                out,
                "to listen to, the first {} of {} that differ",
                self.calls.len().min(SHOWN),
                self.calls.len()
            )?;
        }
        self.calls.iter().take(SHOWN).try_for_each(|call| writeln!(out, "  {}", line(call)))
    }
}

impl OutdatedReports {
    /// The same as text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} of {} reports are of other revisions\n", self.calls.len(), self.reports);
        // Writing to a string does not fail.
        let _ = write_unreadable(&mut text, self.unreadable.iter());
        let _ = write_stages(&mut text, &self.stages);
        for call in self.calls.iter().take(SHOWN) {
            text.push_str(&format!("  {}\n", escaped(call)));
        }
        text
    }
}

fn write_unreadable<'a>(out: &mut String, mut reports: impl Iterator<Item = &'a UnreadableReport>) -> std::fmt::Result {
    reports.try_for_each(|UnreadableReport { report, reason }| {
        writeln!(out, "cannot be read: {}: {}", escaped(report), escaped(reason))
    })
}

fn write_stages(out: &mut String, stages: &[StageDifference]) -> std::fmt::Result {
    let told: Vec<String> =
        stages.iter().map(|told| format!("{} ({} calls)", escaped(&told.stage), told.calls)).collect();
    if told.is_empty() { Ok(()) } else { writeln!(out, "stages of another revision: {}", told.join(", ")) }
}

fn switch(what: &str, Switch { from, to, .. }: &Switch) -> String {
    format!("{what} {from} → {to}")
}

/// What changed of a call, on a line.
fn line(call: &CallDifference) -> String {
    let mut told = vec![escaped(&call.call).into_owned()];
    told.extend(call.tag.iter().map(|changed| switch("tag", changed)));
    told.extend(call.outcome.iter().map(|changed| switch("outcome", changed)));
    told.extend(call.tracks.iter().map(track_line));
    if call.tracks_unpaired > 0 {
        told.push(format!("{} tracks of one report alone", call.tracks_unpaired));
    }
    told.join("; ")
}

/// What changed of a track.
fn track_line(track: &TrackDifference) -> String {
    let mut parts = Vec::new();
    parts.extend(track.error.iter().map(|error| switch("error", error)));
    if let Some(moved) = track.moved_ms.filter(|moved| moved.0 != 0.0) {
        parts.push(format!("moved {:+.0} ms", moved.0));
    }
    if let Some((added, removed)) = track.speech_added_ms.zip(track.speech_removed_ms)
        && added.0 + removed.0 > 0.0
    {
        parts.push(format!("speech +{:.0} -{:.0} ms", added.0, removed.0));
    }
    parts.extend(track.role.iter().map(|role| switch("role", role)));
    parts.extend(track.voices.iter().map(|voices| switch("voices", voices)));
    if let Some(changed) = track.voice_changed_ms.filter(|changed| changed.0 > 0.0) {
        parts.push(format!("{:.0} ms of speech of another voice", changed.0));
    }
    let events = [track.events_added, track.events_removed, track.events_changed].map(Option::unwrap_or_default);
    if events.iter().any(|&count| count > 0) {
        parts.push(format!("events +{} -{} ~{}", events[0], events[1], events[2]));
    }
    if parts.is_empty() {
        parts.push("spans of speech differ".to_owned());
    }
    format!("track {}: {}", track.track, parts.join(", "))
}
