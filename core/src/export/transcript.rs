//! Exports the words of a call as subtitles and JSON. Times are the call's, whatever the
//! transcriber and its chunks.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::labels::{clock, escaped, one_line};
use crate::call::Role;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::units::{Millis, Span};

/// A pause of a party of this length ends its cue: half of what subtitles may stay after speech.
const PAUSE: Millis = Millis(1000.0);
/// Longest cue (Netflix's Timed Text Style Guide: 7 seconds).
const LONGEST: Millis = Millis(7000.0);
/// Most characters per cue: two lines of 42 (same guide).
const CHARACTERS: usize = 84;
/// Replaces a redacted word.
const TAKEN_OUT: &str = "[…]";

/// A word from a transcriber, on the call's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// When it is said.
    #[serde(flatten)]
    pub span: Span,
    /// The word as transcribed.
    pub text: String,
    /// Who says it.
    #[serde(default)]
    pub role: Role,
    /// Index of its track in the report.
    #[serde(default)]
    pub track: Option<usize>,
    /// The voice that says it, on a mixed track.
    #[serde(default)]
    pub voice: Option<usize>,
    /// The transcriber's confidence, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f64>,
}

/// The words of a call, sorted by time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    words: Vec<Word>,
}

/// Words of one party that are displayed together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cue {
    /// When it is said.
    #[serde(flatten)]
    pub span: Span,
    /// Who says it.
    pub role: Role,
    /// Index of the track in the report.
    pub track: Option<usize>,
    /// The voice that says it.
    pub voice: Option<usize>,
    /// The text, on one line.
    pub text: String,
}

impl Transcript {
    /// Creates a transcript from words in any order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a word that ends before it begins, or whose times are not
    /// finite.
    pub fn new(words: impl IntoIterator<Item = Word>) -> Result<Self> {
        let mut words: Vec<Word> = words.into_iter().collect();
        let wrong =
            words.iter().map(|word| word.span).find(|span| !(span.start.0 <= span.end.0 && span.end.0.is_finite()));
        if let Some(Span { start, end }) = wrong {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Export, "invalid times of a word")
                .with_mismatch(format!("{start} to {end}"), "a start and an end that is not before it"));
        }
        words.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0));
        Ok(Self { words })
    }

    /// Returns the words.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Removes the words that touch any of these spans. Each becomes `[…]` in the text.
    #[must_use]
    pub fn redacted(mut self, spans: &[Span]) -> Self {
        let touched = |word: &Word| spans.iter().any(|s| s.start <= word.span.end && s.end >= word.span.start);
        for word in self.words.iter_mut().filter(|word| touched(word)) {
            word.text = TAKEN_OUT.to_owned();
        }
        self
    }

    /// Returns the words grouped into cues: one party, without a long pause, at most 7 s and 84
    /// characters.
    pub fn cues(&self) -> Vec<Cue> {
        // Some transcribers tell words with the space before them, and then parts of words too.
        let is_spaced = self.words.iter().any(|word| word.text.starts_with(char::is_whitespace));
        let mut cues: Vec<Cue> = Vec::new();
        for word in &self.words {
            let last = cues.iter_mut().rev().find(|cue| (cue.track, cue.voice, cue.role) == party(word));
            match last.filter(|cue| cue.takes(word)) {
                Some(cue) => cue.add(word, is_spaced),
                None => cues.push(Cue::of(word)),
            }
        }
        cues.retain(|cue| !cue.text.is_empty());
        cues
    }

    /// Returns SubRip text. Each cue begins with its party.
    pub fn srt(&self) -> String {
        let mut text = String::new();
        for (index, cue) in self.cues().iter().enumerate() {
            let (start, end) = (cue.clock_start().replace('.', ","), cue.clock_end().replace('.', ","));
            let said = cue.text.replace("-->", "→");
            let _ = write!(text, "{}\n{start} --> {end}\n{}: {said}\n\n", index + 1, cue.role.name());
        }
        text
    }

    /// Returns WebVTT text. Each cue is in its party's voice.
    pub fn vtt(&self) -> String {
        let mut text = String::from("WEBVTT\n");
        for (index, cue) in self.cues().iter().enumerate() {
            let (start, end, name) = (cue.clock_start(), cue.clock_end(), cue.role.name());
            let _ = write!(text, "\n{}\n{start} --> {end}\n<v {name}>{}</v>\n", index + 1, escaped(&cue.text));
        }
        text
    }

    /// Returns JSON with `words` and `cues`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if serialization fails, which is a defect.
    pub fn json(&self) -> Result<String> {
        json::text(&serde_json::json!({ "words": json::tree(&self.words)?, "cues": json::tree(&self.cues())? }))
    }
}

fn party(word: &Word) -> (Option<usize>, Option<usize>, Role) {
    (word.track, word.voice, word.role)
}

impl Cue {
    fn of(word: &Word) -> Self {
        let (track, voice, role) = party(word);
        Self { span: word.span, role, track, voice, text: one_line(&word.text) }
    }

    /// Returns `true` if a word belongs to this cue.
    fn takes(&self, word: &Word) -> bool {
        let length = self.text.chars().count() + word.text.chars().count();
        word.span.start - self.span.end <= PAUSE && word.span.end - self.span.start <= LONGEST && length < CHARACTERS
    }

    fn add(&mut self, word: &Word, is_spaced: bool) {
        let said = one_line(&word.text);
        let apart = match is_spaced {
            true => word.text.starts_with(char::is_whitespace) || word.text == TAKEN_OUT,
            false => !(ends(self.text.chars().next_back()) && ends(said.chars().next())),
        };
        if apart && !self.text.is_empty() && !said.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&said);
        self.span.end = self.span.end.max(word.span.end);
    }

    fn clock_start(&self) -> String {
        clock(self.span.start)
    }

    /// Returns the end of the cue. Cues of no length are not allowed.
    fn clock_end(&self) -> String {
        clock(self.span.end.max(self.span.start + Millis(1.0)))
    }
}

/// Returns `true` for a character of a script written without spaces: Thai to Myanmar, Khmer,
/// Japanese and Chinese (Unicode's blocks).
fn ends(character: Option<char>) -> bool {
    character.is_some_and(|c| {
        matches!(c as u32, 0x0E00..=0x109F | 0x1780..=0x17FF | 0x3000..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF
            | 0xFF00..=0xFF65 | 0x20000..=0x3FFFF)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(start: f64, end: f64, text: &str, role: Role) -> Word {
        let (span, text) = (Span::new(start, end), text.to_owned());
        Word { span, text, role, track: None, voice: None, confidence: None }
    }

    fn texts(words: Vec<Word>) -> Vec<String> {
        Transcript::new(words).unwrap().cues().into_iter().map(|cue| cue.text).collect()
    }

    #[test]
    fn parties_that_speak_at_once_have_cues_of_their_own() {
        use Role::{Agent, Customer};
        let words = vec![
            word(0.0, 400.0, "good", Agent),
            word(900.0, 1000.0, "yes", Customer),
            word(500.0, 800.0, "morning", Agent),
            word(2100.0, 2300.0, "well", Agent),
        ];
        let transcript = Transcript::new(words).unwrap();
        let cues: Vec<_> = transcript.cues().into_iter().map(|cue| (cue.span, cue.text)).collect();
        assert_eq!(cues[0], (Span::new(0.0, 800.0), "good morning".to_owned()));
        assert_eq!((cues[1].1.as_str(), cues[2].1.as_str()), ("yes", "well"));
        assert!(transcript.srt().starts_with("1\n00:00:00,000 --> 00:00:00,800\nagent: good morning\n\n2\n"));
        assert!(transcript.vtt().contains("\n2\n00:00:00.900 --> 00:00:01.000\n<v customer>yes</v>\n"));
    }

    #[test]
    fn words_are_joined_as_their_language_writes_them() {
        let said = |words: &[&str]| {
            let word = |(at, text): (usize, &&str)| word(at as f64 * 10.0, at as f64 * 10.0 + 5.0, text, Role::Agent);
            texts(words.iter().enumerate().map(word).collect()).join("|")
        };
        assert_eq!(said(&[" Hel", "lo", " there"]), "Hello there");
        assert_eq!(said(&["Hello", "there"]), "Hello there");
        assert_eq!(said(&["你", "好", "Bob"]), "你好 Bob");
        assert_eq!(said(&["a\n-->", "b"]), "a --> b");
    }

    #[test]
    fn cues_are_bounded_in_time_and_in_characters() {
        let words = (0..100).map(|n| word(n as f64 * 300.0, n as f64 * 300.0 + 250.0, "twelve chars", Role::Agent));
        let cues = Transcript::new(words).unwrap().cues();
        assert!(cues.iter().all(|cue| cue.span.duration() <= LONGEST && cue.text.chars().count() <= CHARACTERS));
        assert!(cues.len() > 14);
    }

    #[test]
    fn what_was_redacted_is_not_in_any_text() {
        let words = vec![word(0.0, 400.0, "card", Role::Customer), word(500.0, 900.0, "4111", Role::Customer)];
        let left = Transcript::new(words).unwrap().redacted(&[Span::new(800.0, 1000.0)]);
        for text in [left.srt(), left.vtt(), left.json().unwrap()] {
            assert!(!text.contains("4111") && text.contains("card"), "{text}");
        }
        assert_eq!(left.cues()[0].text, "card […]");
    }

    #[test]
    fn nothing_said_is_no_cue_and_markup_is_text() {
        assert_eq!(Transcript::default().srt(), "");
        let text = Transcript::new(vec![word(0.0, 0.0, "<i> & -->", Role::Agent)]).unwrap();
        assert!(text.vtt().contains("<v agent>&lt;i&gt; &amp; --&gt;</v>"), "{}", text.vtt());
        assert!(text.srt().contains("00:00:00,000 --> 00:00:00,001\nagent: <i> & →\n"), "{}", text.srt());
        let read: Vec<Word> = serde_json::from_str(r#"[{"startMs": 1, "endMs": 2, "text": "a"}]"#).unwrap();
        assert_eq!(read[0].role, Role::Unknown);
    }

    #[test]
    fn a_word_that_ends_before_it_begins_is_refused() {
        for (start, end) in [(5.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            let error = Transcript::new([word(start, end, "yes", Role::Agent)]).unwrap_err();
            assert!(error.to_string().contains("invalid times of a word"), "{error}");
        }
    }
}
