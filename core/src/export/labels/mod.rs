//! Exports a report's spans for other tools: RTTM, Praat TextGrid, Audacity labels, WebVTT and CSV.
//! All times are the call's.

mod audacity;
mod csv;
mod rttm;
mod textgrid;
mod vtt;

pub use audacity::audacity;
pub use csv::csv;
pub use rttm::rttm;
pub use textgrid::textgrid;
pub use vtt::vtt;
pub(super) use vtt::{clock, escaped};

use crate::call::Role;
use crate::report::Report;
use crate::timeline::Event;
use crate::units::{Millis, Span};

/// How parties are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Names {
    /// By role: `customer`, `agent 1`, `agent 2`.
    #[default]
    Roles,
    /// By number, address or name if the report has it, otherwise by role.
    Parties,
}

/// A label format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelFormat {
    /// RTTM: one `SPEAKER` line per span of speech.
    Rttm,
    /// Praat TextGrid: tiers of speech, bleed and other sounds per track. ELAN imports it too.
    TextGrid,
    /// Audacity's label track.
    Audacity,
    /// WebVTT: one cue per turn.
    Vtt,
    /// A table for spreadsheets.
    Csv,
}

impl LabelFormat {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Rttm, Self::TextGrid, Self::Audacity, Self::Vtt, Self::Csv];

    /// Returns the format's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rttm => "rttm",
            Self::TextGrid => "textgrid",
            Self::Audacity => "audacity",
            Self::Vtt => "vtt",
            Self::Csv => "csv",
        }
    }

    /// Returns the format with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the name of the format's file in the output folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Rttm => "call.rttm",
            Self::TextGrid => "call.TextGrid",
            Self::Audacity => "labels.txt",
            Self::Vtt => "turns.vtt",
            Self::Csv => "call.csv",
        }
    }

    /// Returns a report's labels in this format.
    pub fn write(self, report: &Report, names: Names) -> String {
        match self {
            Self::Rttm => rttm(report, names),
            Self::TextGrid => textgrid(report, names),
            Self::Audacity => audacity(report, names),
            Self::Vtt => vtt(report, names),
            Self::Csv => csv(report, names),
        }
    }
}

impl std::str::FromStr for LabelFormat {
    type Err = crate::error::Error;

    fn from_str(name: &str) -> crate::error::Result<Self> {
        Self::from_name(name)
            .ok_or_else(|| crate::error::unknown_name(name, Self::ALL.iter().map(|format| format.name())))
    }
}

/// Returns the name of each track's party, in the order of the tracks: on one line, and unique.
pub fn speakers(report: &Report, names: Names) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(report.tracks.len());
    for track in &report.tracks {
        let party = track.party.as_deref().filter(|_| names == Names::Parties).map(one_line);
        let name = party.filter(|name| !name.is_empty());
        let alike = report.tracks.iter().filter(|other| other.role == track.role).count();
        let nth = report.tracks.iter().take(taken.len() + 1).filter(|other| other.role == track.role).count();
        let base = name.unwrap_or_else(|| match alike {
            0 | 1 => track.role.name().to_owned(),
            _ => format!("{} {nth}", track.role.name()),
        });
        let name = apart(&base, &taken);
        taken.push(name);
    }
    taken
}

/// A party that speaks: the party of a track, or one voice of a mixed track.
pub(super) struct Speaker<'a> {
    /// The track's index in the report.
    track: usize,
    voice: Option<usize>,
    role: Role,
    name: String,
    speech: &'a [Span],
}

/// Returns the parties of a report by track and voice, with unique names. A voice is named by its
/// role or its number.
pub(super) fn parties(report: &Report, names: Names) -> Vec<Speaker<'_>> {
    let mut found = Vec::new();
    let mut taken = speakers(report, names);
    for (track, name) in taken.clone().into_iter().enumerate() {
        let Some(told) = report.tracks.get(track) else { continue };
        let voices = told.voices.as_deref().filter(|voices| voices.len() > 1);
        for voice in voices.unwrap_or_default() {
            let base = match voice.role {
                Role::Unknown => format!("voice {}", voice.voice + 1),
                role => role.name().to_owned(),
            };
            let name = apart(&base, &taken);
            taken.push(name.clone());
            found.push(Speaker { track, voice: Some(voice.voice), role: voice.role, name, speech: &voice.speech });
        }
        if voices.is_none() {
            found.push(Speaker { track, voice: None, role: told.role, name, speech: &told.speech });
        }
    }
    found
}

/// Returns a name that is not taken.
fn apart(base: &str, taken: &[String]) -> String {
    let numbered = (2..).map(|count| format!("{base} ({count})"));
    let mut names = std::iter::once(base.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Returns the party with this track and voice, if it exists.
pub(super) fn party_of<'a, 'b>(
    parties: &'b [Speaker<'a>],
    track: usize,
    voice: Option<usize>,
) -> Option<&'b Speaker<'a>> {
    parties.iter().find(|party| party.track == track && (voice.is_none() || party.voice == voice))
}

/// Puts a text on one line: line breaks and control characters become spaces.
pub(super) fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let spaced: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

/// Returns the name of a track's party, even for a track that does not exist.
fn speaker(speakers: &[String], track: usize) -> &str {
    speakers.get(track).map_or("unknown", String::as_str)
}

/// Formats an event: its kind, and its detail if it has one.
fn event_text(event: &Event) -> String {
    match &event.detail {
        Some(detail) => format!("{} {}", event.kind.name(), one_line(detail)),
        None => event.kind.name().to_owned(),
    }
}

/// Converts a time to whole microseconds, at least 0, as precise as the report.
fn micros(time: Millis) -> u64 {
    (time.0 * 1000.0).round().max(0.0) as u64
}

/// Formats microseconds as seconds with six decimals.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A span with its text.
struct Label {
    span: Span,
    text: String,
}

/// Sorts labels by their beginnings. The sort is stable.
fn sorted(mut labels: Vec<Label>) -> Vec<Label> {
    labels.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.span.end.0.total_cmp(&b.span.end.0)));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::VoiceReport;

    /// A report of two tracks with a span, a bleed and an event each.
    pub(super) fn report(parties: [&str; 2]) -> Report {
        let text = include_str!("../../../../fixtures/keypad-hold/report.json");
        let mut report: Report = serde_json::from_str(text).unwrap();
        for (track, party) in report.tracks.iter_mut().zip(parties) {
            track.party = Some(party.to_owned());
        }
        report
    }

    #[test]
    fn parties_are_named_only_where_that_is_asked() {
        let report = report(["Ann", "Bob"]);
        assert_eq!(speakers(&report, Names::Roles), ["customer", "agent"]);
        assert_eq!(speakers(&report, Names::Parties), ["Ann", "Bob"]);
        for format in LabelFormat::ALL {
            assert!(!format.write(&report, Names::Roles).contains("Ann"), "{}", format.name());
            assert!(format.write(&report, Names::Parties).contains("Ann"), "{}", format.name());
        }
    }

    #[test]
    fn no_two_parties_are_named_alike() {
        let mut twice = report(["Ann\n", "Ann"]);
        assert_eq!(speakers(&twice, Names::Parties), ["Ann", "Ann (2)"]);
        twice.tracks.iter_mut().for_each(|track| track.role = Role::Agent);
        assert_eq!(speakers(&twice, Names::Roles), ["agent 1", "agent 2"]);
    }

    #[test]
    fn voices_are_parties_in_every_format() {
        let mut mixed = report(["Ann", "Bob"]);
        mixed.tracks.truncate(1);
        let spans = mixed.tracks[0].speech.clone();
        let voice =
            |voice, role, speech: &[Span]| VoiceReport { voice, role, role_confidence: None, speech: speech.to_vec() };
        mixed.tracks[0].voices = Some(vec![voice(0, Role::Agent, &spans[..1]), voice(1, Role::Unknown, &spans[1..])]);
        mixed.turns.truncate(2);
        for (number, turn) in mixed.turns.iter_mut().enumerate() {
            (turn.track, turn.voice) = (0, Some(number));
        }
        for format in LabelFormat::ALL {
            let text = format.write(&mixed, Names::Roles).replace('_', " ");
            assert!(text.contains("agent") && text.contains("voice 2"), "{}: {text}", format.name());
        }
    }

    #[test]
    fn times_keep_microseconds() {
        assert_eq!(seconds(micros(Millis(57_955.875))), "57.955875");
        assert_eq!(seconds(micros(Millis(-3.0))), "0.000000");
    }

    #[test]
    fn formats_read_back_by_name() {
        for format in LabelFormat::ALL {
            assert_eq!(LabelFormat::from_name(format.name()), Some(format));
        }
    }
}
