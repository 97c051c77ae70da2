//! Draws a call as a few lines of text for terminals: one row per track with its speech and other
//! sounds.

use std::fmt::Write;

use super::strip::clock;
use crate::report::{Report, TrackReport};
use crate::timeline::EventKind;
use crate::units::{Millis, Span};

/// Fewest and most columns of the picture. With fewer, nothing is drawn.
const WIDTH: (usize, usize) = (24, 120);
/// Blocks of one eighth to eight eighths of a cell.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Colors of the parties as escape codes: blue, green, magenta.
const PARTIES: [u8; 3] = [34, 32, 35];
const YELLOW: u8 = 33;
const DIM: u8 = 2;
/// Columns between two times of the axis.
const MARK: usize = 16;

/// Draws the call in `width` columns.
///
/// The higher a block, the more of its time the party speaks. Sounds have marks, explained in the
/// last line. Roles are named, parties are not. Returns an empty text if there is no room or no
/// call.
pub fn strip_text(report: &Report, width: usize, colour: bool) -> String {
    let label = report.tracks.iter().map(|track| track.role.name().len()).max().unwrap_or_default();
    let cells = width.min(WIDTH.1).saturating_sub(label + 4);
    if cells < WIDTH.0 || report.call.duration_ms.0 <= 0.0 {
        return String::new();
    }
    let paint = |code: u8, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let mut text = String::new();
    let mut used: Vec<EventKind> = Vec::new();
    for (row, track) in report.tracks.iter().enumerate() {
        let _ = write!(text, "  {:<label$}  ", track.role.name());
        let mut runs: Vec<(u8, String)> = Vec::new();
        for cell in row_of(track, report.call.duration_ms, cells) {
            let (code, shown) = match cell {
                TextCell::Speech(block) => (PARTIES[row % PARTIES.len()], block),
                TextCell::Sound(kind) => (YELLOW, mark(kind)),
                TextCell::Bleed => (DIM, '·'),
                TextCell::Quiet => (DIM, ' '),
            };
            if let TextCell::Sound(kind) = cell
                && !used.contains(&kind)
            {
                used.push(kind);
            }
            match runs.last_mut() {
                Some((last, run)) if *last == code => run.push(shown),
                _ => runs.push((code, shown.to_string())),
            }
        }
        for (code, run) in runs {
            text.push_str(&paint(code, &run));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "  {:label$}  {}", "", paint(DIM, &axis(report.call.duration_ms, cells)));
    if !used.is_empty() {
        let told: Vec<String> = used.iter().map(|&kind| format!("{} {}", mark(kind), words(kind))).collect();
        let _ = writeln!(text, "  {:label$}  {}", "", paint(DIM, &told.join("   ")));
    }
    text
}

/// The content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TextCell {
    Speech(char),
    Sound(EventKind),
    Bleed,
    Quiet,
}

fn row_of(track: &TrackReport, total: Millis, cells: usize) -> Vec<TextCell> {
    let each = total.0 / cells as f64;
    let cell = |at: usize| {
        let span = Span::new(at as f64 * each, (at + 1) as f64 * each);
        let spoken: f64 = track.speech.iter().filter_map(|s| s.overlap(&span)).map(|s| s.duration().0).sum();
        let event = track.events.iter().find(|event| event.span.overlap(&span).is_some());
        let bleeds = track.bleed.iter().any(|bleed| bleed.span.overlap(&span).is_some());
        match event {
            _ if spoken > 0.0 => {
                let eighths = (spoken / each * 8.0).ceil() as usize;
                TextCell::Speech(BLOCKS[eighths.clamp(1, 8) - 1])
            }
            Some(event) => TextCell::Sound(event.kind),
            None if bleeds => TextCell::Bleed,
            None => TextCell::Quiet,
        }
    };
    (0..cells).map(cell).collect()
}

/// Places times under their cells.
fn axis(total: Millis, cells: usize) -> String {
    let mut axis = String::new();
    for at in (0..cells).step_by(MARK) {
        let time = clock(Millis(total.0 * at as f64 / cells as f64));
        if at + time.len() <= cells {
            axis = format!("{axis:<at$}{time}");
        }
    }
    axis
}

const fn mark(kind: EventKind) -> char {
    match kind {
        EventKind::Dtmf => '#',
        EventKind::Ringback => '~',
        EventKind::Busy | EventKind::Congestion => '=',
        EventKind::Sit => '^',
        EventKind::Fax => '%',
        EventKind::Beep => '*',
        EventKind::Music => '♪',
        EventKind::Silence => ' ',
        EventKind::DigitalZero => '0',
        EventKind::Dropout => 'x',
        EventKind::Clipping => '!',
    }
}

const fn words(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Dtmf => "key",
        EventKind::Ringback => "ringing",
        EventKind::DigitalZero => "digital zero",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        serde_json::from_str(include_str!("../../../fixtures/keypad-hold/report.json")).unwrap()
    }

    #[test]
    fn a_row_per_track_an_axis_and_what_the_marks_mean() {
        let text = strip_text(&report(), 80, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("  customer  ~") && lines[1].starts_with("  agent     "), "{text}");
        assert!(lines[1].contains("♪♪♪♪") && lines[0].contains('#') && lines[0].contains('█'), "{text}");
        assert!(lines[2].trim_start().starts_with("0:00") && lines[3].contains("♪ music"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn the_axis_tells_the_time_of_its_column() {
        let axis = axis(Millis(64_000.0), 64);
        assert_eq!(axis, format!("{:<16}{:<16}{:<16}{}", "0:00", "0:16", "0:32", "0:48"));
    }

    #[test]
    fn colours_only_where_they_are_wanted_and_nothing_without_room() {
        assert!(strip_text(&report(), 80, true).contains("\x1b[34m"));
        assert_eq!(strip_text(&report(), 30, true), "");
        let mut empty = report();
        empty.call.duration_ms = Millis(0.0);
        assert_eq!(strip_text(&empty, 80, false), "");
    }

    #[test]
    fn a_wide_terminal_is_not_filled() {
        let longest = strip_text(&report(), 400, false).lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(120), "{longest:?}");
    }
}
