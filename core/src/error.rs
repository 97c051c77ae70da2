//! The library's error type, and warnings.
//!
//! An [`Error`] ends the work; a [`Warning`] does not. Both carry a stable code for programs and a
//! message for people.
//!
//! Bytes that break the rules of their own format are [`ErrorKind::Malformed`]. Valid bytes that
//! need something callweave lacks are [`ErrorKind::Unsupported`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of a fallible call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`].
///
/// The kinds and their codes ([`ErrorKind::code`]) are stable and the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The data violates the format it claims to be.
    Malformed,
    /// The data is valid, but callweave does not read its format or codec.
    Unsupported,
    /// The work would exceed a limit of the configuration.
    LimitExceeded,
    /// An argument or a setting is not valid.
    InvalidArgument,
    /// The recording contains no audio.
    NoAudio,
    /// The caller cancelled the work.
    Cancelled,
    /// A provider's document has no recording, or cannot be read.
    Provider,
    /// The result would not be certain enough, so nothing was done.
    Unsure,
    /// The operating system failed to read or write.
    Io,
    /// A defect in callweave or in one of its dependencies.
    Internal,
}

impl ErrorKind {
    /// All kinds, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Unsupported,
        Self::LimitExceeded,
        Self::InvalidArgument,
        Self::NoAudio,
        Self::Cancelled,
        Self::Provider,
        Self::Unsure,
        Self::Io,
        Self::Internal,
    ];

    /// Returns the kind's stable name in `snake_case`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::LimitExceeded => "limit_exceeded",
            Self::InvalidArgument => "invalid_argument",
            Self::NoAudio => "no_audio",
            Self::Cancelled => "cancelled",
            Self::Provider => "provider",
            Self::Unsure => "unsure",
            Self::Io => "io",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The stage in which an [`Error`] arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Reading arguments or configuration.
    Config,
    /// Opening an input.
    Input,
    /// Reading a manifest or a provider's document.
    Provider,
    /// Recognizing or decoding a recording.
    Decode,
    /// Converting samples to another rate.
    Resample,
    /// Measuring levels.
    Level,
    /// Detecting speech.
    Speech,
    /// Placing tracks on the call's timeline.
    Align,
    /// Mixing placed tracks.
    Mix,
    /// Writing an output.
    Export,
}

impl Stage {
    /// Returns the stage's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Input => "input",
            Self::Provider => "provider",
            Self::Decode => "decode",
            Self::Resample => "resample",
            Self::Level => "level",
            Self::Speech => "speech",
            Self::Align => "align",
            Self::Mix => "mix",
            Self::Export => "export",
        }
    }
}

/// An error: its kind and stage, the input and byte where it arose, what was found and what was
/// expected.
///
/// [`Display`](fmt::Display) writes one line: `decode: call.mp3 at byte 0: not audio: found JSON,
/// expected a recording`.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    stage: Stage,
    message: String,
    input: Option<String>,
    byte: Option<u64>,
    found: Option<String>,
    expected: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Inner {
    fn write(&self, text: &mut String) -> fmt::Result {
        use fmt::Write;
        write!(text, "{}: ", self.stage.name())?;
        match (&self.input, self.byte) {
            (Some(input), Some(byte)) => write!(text, "{input} at byte {byte}: ")?,
            (Some(input), None) => write!(text, "{input}: ")?,
            (None, Some(byte)) => write!(text, "at byte {byte}: ")?,
            (None, None) => {}
        }
        text.push_str(&self.message);
        match (&self.found, &self.expected) {
            (Some(found), Some(expected)) => write!(text, ": found {found}, expected {expected}"),
            (Some(found), None) => write!(text, ": found {found}"),
            (None, Some(expected)) => write!(text, ": expected {expected}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        f.write_str(&escaped(&text))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    /// Returns the underlying error, for example that of the operating system.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl Error {
    /// Creates an error from its kind, its stage and a message that says what went wrong.
    pub fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            stage,
            message: message.into(),
            input: None,
            byte: None,
            found: None,
            expected: None,
            source: None,
        }))
    }

    /// Creates an [`ErrorKind::Io`] error from an error of the operating system.
    pub fn io(stage: Stage, error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, stage, error.to_string()).caused_by(error)
    }

    /// Creates an error for something this build does not include. The message names the missing
    /// feature.
    #[cfg(not(all(feature = "opus", feature = "page", feature = "providers", feature = "webrtc")))]
    pub(crate) fn compiled_out(stage: Stage, what: &str, feature: &str) -> Self {
        Self::new(ErrorKind::Unsupported, stage, format!("{what} needs the feature `{feature}`"))
    }

    /// Creates an [`ErrorKind::Cancelled`] error.
    pub fn cancelled(stage: Stage) -> Self {
        Self::new(ErrorKind::Cancelled, stage, "cancelled")
    }

    /// Adds what was found and what was expected.
    #[must_use]
    pub fn with_mismatch(mut self, found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        self.0.found = Some(found.to_string());
        self.0.expected = Some(expected.to_string());
        self
    }

    /// Adds the underlying error, returned by [`std::error::Error::source`].
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(error.into());
        self
    }

    /// Adds the byte offset in the input.
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.0.byte = Some(byte);
        self
    }

    /// Adds the input's name, unless it is already set.
    #[must_use]
    pub fn in_input(mut self, name: impl Into<String>) -> Self {
        self.0.input.get_or_insert_with(|| name.into());
        self
    }

    /// Returns the error as one line without the input's name and what was found, which may be
    /// personal data.
    pub fn anonymous_text(&self) -> String {
        let expected = self.expected().map(|expected| format!(": expected {expected}")).unwrap_or_default();
        escaped(&format!("{}: {}{expected}", self.stage().name(), self.message())).into_owned()
    }

    /// Returns the error without the input's name, what was found and the underlying error, which
    /// may be personal data.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        (self.0.input, self.0.found, self.0.source) = (None, None, None);
        self
    }

    /// Returns the error's kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the kind's stable name, the same in every language.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Returns the stage in which the error arose.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Returns the message alone, without input, found and expected.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the name of the input in which the error arose.
    pub fn input(&self) -> Option<&str> {
        self.0.input.as_deref()
    }

    /// Returns the operating system's error number, if the underlying error has one.
    pub fn os_error(&self) -> Option<i32> {
        self.0.source.as_deref()?.downcast_ref::<std::io::Error>()?.raw_os_error()
    }

    /// Returns the byte offset in the input at which the error arose.
    pub fn byte(&self) -> Option<u64> {
        self.0.byte
    }

    /// Returns what was found.
    pub fn found(&self) -> Option<&str> {
        self.0.found.as_deref()
    }

    /// Returns what was expected.
    pub fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }
}

/// A problem with a recording or a call that did not stop the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Warning {
    /// Stable name of the problem in `snake_case`, for programs.
    pub code: Cow<'static, str>,
    /// Description of the problem with its numbers, for people.
    pub message: String,
    /// Byte offset in the recording at which the problem was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_byte: Option<u64>,
}

impl Warning {
    /// Creates a warning from a stable code and a message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), at_byte: None }
    }

    /// Adds the byte offset in the recording.
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.at_byte = Some(byte);
        self
    }
}

/// Most warnings kept per code.
const KEPT: usize = 8;
/// Longest message kept, in characters.
const LONGEST: usize = 500;

/// Keeps the first [`KEPT`] warnings of each code, shortens long messages, and adds one warning
/// that counts the rest.
pub(crate) fn bounded(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut counts: BTreeMap<Cow<'static, str>, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut warning in warnings {
        let count = counts.entry(warning.code.clone()).or_default();
        *count += 1;
        if *count <= KEPT {
            if let Some((end, _)) = warning.message.char_indices().nth(LONGEST) {
                warning.message.truncate(end);
                warning.message.push('…');
            }
            kept.push(warning);
        }
    }
    let more = counts.into_iter().filter(|(_, count)| *count > KEPT);
    kept.extend(more.map(|(code, count)| Warning {
        message: format!("{} more of this kind", count - KEPT),
        code,
        at_byte: None,
    }));
    kept
}

/// Escapes control characters and bidirectional formatting characters, so that foreign text is safe
/// on a terminal.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let unsafe_to_show = |c: char| c.is_control() || turns(c);
    if !text.contains(unsafe_to_show) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_to_show(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, escaped(&self.message))
    }
}

/// Creates the error for a name that is not in `known`.
pub(crate) fn unknown_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.collect();
    let list = match known.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => known.concat(),
    };
    Error::new(ErrorKind::InvalidArgument, Stage::Config, "unknown name").with_mismatch(name, list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_found_and_expected_in_one_line() {
        let error = Error::new(ErrorKind::Unsupported, Stage::Decode, "not audio")
            .at_byte(0)
            .with_mismatch("JSON", "a recording")
            .in_input("call.mp3");
        assert_eq!(error.to_string(), "decode: call.mp3 at byte 0: not audio: found JSON, expected a recording");
        assert_eq!(error.code(), "unsupported");
    }

    #[test]
    fn the_deepest_name_of_an_input_stays() {
        let error = Error::new(ErrorKind::Io, Stage::Input, "gone").in_input("member.wav").in_input("call.zip");
        assert_eq!(error.input(), Some("member.wav"));
    }

    #[test]
    fn codes_are_unique_and_match_their_json() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.code()));
            assert_eq!(ErrorKind::ALL.iter().filter(|k| k.code() == kind.code()).count(), 1);
        }
    }

    #[test]
    fn the_cause_of_an_error_is_its_source() {
        use std::error::Error as _;
        let missing = std::fs::File::open("no such file").unwrap_err();
        let (number, said) = (missing.raw_os_error(), missing.to_string());
        let error = Error::io(Stage::Input, missing).in_input("no such file");
        assert_eq!(error.source().unwrap().to_string(), said);
        assert_eq!(error.os_error(), number);
        assert!(number.is_some());
        let made = Error::new(ErrorKind::Internal, Stage::Input, "made");
        assert!(made.source().is_none() && made.os_error().is_none());
    }

    #[test]
    fn what_comes_from_outside_is_shown_escaped() {
        let error = Error::new(ErrorKind::Io, Stage::Input, "gone").in_input("a\x1b[2J\nb\u{202e}.wav");
        assert_eq!(error.to_string(), "input: a\\u{1b}[2J\\nb\\u{202e}.wav: gone");
        assert_eq!(escaped("Zoë (2).wav"), "Zoë (2).wav");
        let error = Error::new(ErrorKind::Io, Stage::Input, "gone").with_mismatch("+6681", "a file").in_input("+6681");
        assert_eq!(error.anonymous_text(), "input: gone: expected a file");
        assert_eq!(error.anonymous().to_string(), "input: gone: expected a file");
    }

    #[test]
    fn warnings_are_bounded_in_number_and_length() {
        let many = (0..100_000).map(|i| Warning::new("unknown_field", format!("{i} {}", "x".repeat(600))));
        let kept = bounded(many.chain([Warning::new("other", "1")]).collect());
        assert_eq!(kept.len(), KEPT + 2);
        assert!(kept.iter().all(|w| w.message.chars().count() <= LONGEST + 1));
        assert_eq!(kept.last().map(|w| w.message.as_str()), Some("99992 more of this kind"));
    }

    #[test]
    fn errors_cross_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
    }
}
