//! Formats an evaluation for people.

use std::fmt::Write;

use crate::error::Result;
use crate::json;

use super::disturb::Disturbance;
use super::rate::Share;
use super::switch::Switch;
use super::tally::Evaluation;

impl Evaluation {
    /// Returns the evaluation as JSON.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }

    /// Returns the evaluation as text tables.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let calls = &self.calls;
        let unused: Vec<String> = calls.unused.iter().map(|(why, count)| format!("{count} {why}")).collect();
        write!(out, "{} calls of {} files (seed {})", calls.used, calls.found, self.seed)?;
        writeln!(out, "{}", if unused.is_empty() { String::new() } else { format!("; {}", unused.join(", ")) })?;
        if calls.failed > 0 {
            writeln!(out, "{} disturbed calls could not be heard", calls.failed)?;
        }
        self.write_placement(out)?;
        self.write_confidence(out)?;
        self.write_agreement(out)?;
        self.write_labels(out)
    }

    fn write_placement(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nplacement, within 250 ms of the truth")?;
        writeln!(
            out,
            "  {:<16}{:>6}  {:<26}{:>10}{:>10}   {:>5}   equal starts / equal ends / start times",
            "", "n", "callweave", "median", "p95", "said"
        )?;
        for row in &self.placement {
            let shortcuts = [row.equal_starts, row.equal_ends, row.start_times].map(|share| percent(share.share));
            writeln!(
                out,
                "  {:<16}{:>6}  {:<26}{:>7} ms{:>7} ms   {:>5}   {}",
                name(row.kind),
                row.within_250_ms.of,
                interval(row.within_250_ms),
                row.median_ms,
                row.p95_ms,
                percent(Some(row.said)),
                shortcuts.join(" / ")
            )?;
        }
        Ok(())
    }

    fn write_confidence(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nconfidence of a placement, and how often it was right")?;
        for bin in &self.confidence {
            let range = format!("{} to {}", bin.from, bin.to);
            let (said, right) = (percent(Some(bin.said)), interval(bin.right));
            writeln!(out, "  {range:<16}{:>6}  said {said:>4}, right {right}", bin.right.of)?;
        }
        let sure = &self.sure;
        writeln!(
            out,
            "  at 0.8 and more: {} of {} wrong; {} expected, at most {} by chance",
            sure.wrong.count, sure.wrong.of, sure.expected_wrong, sure.most_by_chance
        )
    }

    fn write_agreement(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nagreement with the undisturbed recording")?;
        writeln!(out, "  {:<16}{:>10}{:>9}{:>9}   {:<26}{:<26}", "", "speech F1", "missed", "added", "tag", "outcome")?;
        for (speech, tag) in self.speech.iter().zip(&self.tags) {
            let f1 = speech.f1.map_or_else(|| "-".to_owned(), |f1| format!("{f1:.3}"));
            let (missed, added) = (percent(speech.missed.share), percent(speech.added.share));
            let (tags, outcomes) = (interval(tag.tag), interval(tag.outcome));
            writeln!(out, "  {:<16}{f1:>10}{missed:>9}{added:>9}   {tags:<26}{outcomes:<26}", name(speech.kind))?;
        }
        if let Some(all) = self.tags.iter().find(|tag| tag.kind.is_none()) {
            write_changes(out, &all.changed)?;
        }
        let voices = &self.voices;
        if voices.apart.of > 0 {
            let (apart, right, said) = (interval(voices.apart), percent(voices.right.share), percent(voices.said));
            writeln!(out, "  voices of summed calls: told apart {apart}; speech with its voice {right}, said {said}")?;
        }
        Ok(())
    }

    fn write_labels(&self, out: &mut String) -> std::fmt::Result {
        let Some(labels) = &self.labels else { return Ok(()) };
        writeln!(out, "\nagainst the labels")?;
        writeln!(out, "  tag {}, outcome {}", interval(labels.tag), interval(labels.outcome))?;
        write_changes(out, &labels.changed)
    }
}

fn write_changes(out: &mut String, changes: &[Switch]) -> std::fmt::Result {
    for change in changes {
        writeln!(out, "    {} became {}: {}", change.from, change.to, change.count)?;
    }
    Ok(())
}

fn name(kind: Option<Disturbance>) -> &'static str {
    kind.map_or("all", Disturbance::name)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", 100.0 * share))
}

/// Formats a share with its interval and total.
fn interval(share: Share) -> String {
    match (share.share, share.low, share.high) {
        (Some(_), Some(low), Some(high)) => {
            format!("{} ({:.0} to {:.0}) of {}", percent(share.share), 100.0 * low, 100.0 * high, share.of)
        }
        _ => "-".to_owned(),
    }
}
