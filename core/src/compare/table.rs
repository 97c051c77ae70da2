//! A comparison for people to read.

use std::fmt::Write;

use super::call::{CallDifference, Switch};
use super::{OutdatedReports, ReportComparison, StageDifference};

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
        let counts = [("tag", self.tag), ("outcome", self.outcome), ("placement", self.moved), ("speech", self.speech)];
        for (what, share) in counts {
            writeln!(out, "  {what:<10} changed in {} of {}", share.count, share.of)?;
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
        let _ = write_stages(&mut text, &self.stages);
        for call in self.calls.iter().take(SHOWN) {
            text.push_str(&format!("  {call}\n"));
        }
        text
    }
}

fn write_stages(out: &mut String, stages: &[StageDifference]) -> std::fmt::Result {
    let told: Vec<String> = stages.iter().map(|told| format!("{} ({} calls)", told.stage, told.calls)).collect();
    if told.is_empty() { Ok(()) } else { writeln!(out, "stages of another revision: {}", told.join(", ")) }
}

/// What changed of a call, on a line.
fn line(call: &CallDifference) -> String {
    let mut told = vec![call.call.clone()];
    let switch = |what: &str, switch: &Switch| format!("{what} {} → {}", switch.from, switch.to);
    told.extend(call.tag.iter().map(|changed| switch("tag", changed)));
    told.extend(call.outcome.iter().map(|changed| switch("outcome", changed)));
    for track in &call.tracks {
        let mut parts = Vec::new();
        if track.moved_ms.0 != 0.0 {
            parts.push(format!("moved {:+.0} ms", track.moved_ms.0));
        }
        if track.speech_added_ms.0 + track.speech_removed_ms.0 > 0.0 {
            parts.push(format!("speech +{:.0} -{:.0} ms", track.speech_added_ms.0, track.speech_removed_ms.0));
        }
        if track.events_more != 0 {
            parts.push(format!("{:+} events", track.events_more));
        }
        if !parts.is_empty() {
            told.push(format!("track {}: {}", track.track, parts.join(", ")));
        }
    }
    told.join("; ")
}
