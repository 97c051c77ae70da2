//! What a file really is, and what is wrong with it.

use std::fmt;

use serde::Serialize;

use super::spec::SourceInfo;
use super::{Decoder, Input, expand};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result};

/// The answer of [`probe`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The input's name.
    pub path: String,
    /// What the recording is, read to its end; absent where it is no recording.
    pub source: Option<SourceInfo>,
    /// Why it cannot be read, or not to its end; absent where it can.
    pub problem: Option<Problem>,
    /// The members of a zip archive; empty for anything else.
    pub members: Vec<Probe>,
}

/// Why an input cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The stable name of the error's kind.
    pub code: &'static str,
    /// The error in one line.
    pub message: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

/// Reads an input to its end and says what it is and what is wrong with it. What is no recording is an answer, not an
/// error.
///
/// # Errors
/// `io` and `invalid_argument`: where there is nothing that could be read.
pub fn probe(input: Input, options: &DecodeOptions) -> Result<Probe> {
    let path = input.name().to_owned();
    let answer = |source, problem, members| Probe { path: path.clone(), source, problem, members };
    let is_no_answer = |e: &Error| matches!(e.kind(), ErrorKind::Io | ErrorKind::InvalidArgument);
    match expand(input, options) {
        Ok(inputs) if inputs.iter().all(|input| input.name() == path) => {
            let mut probed = inputs.into_iter().map(|input| match examine(input, options) {
                Ok(source) => Ok(answer(Some(source), None, Vec::new())),
                Err(e) if is_no_answer(&e) => Err(e),
                Err(e) => Ok(answer(None, Some(Problem::from(&e)), Vec::new())),
            });
            probed.next().unwrap_or_else(|| Ok(answer(None, None, Vec::new())))
        }
        Ok(inputs) => {
            let members = inputs.into_iter().map(|input| probe(input, options)).collect::<Result<_>>()?;
            Ok(answer(None, None, members))
        }
        Err(e) if is_no_answer(&e) => Err(e),
        Err(e) => Ok(answer(None, Some(Problem::from(&e)), Vec::new())),
    }
}

fn examine(input: Input, options: &DecodeOptions) -> Result<SourceInfo> {
    let mut decoder = Decoder::open(input, options)?;
    while decoder.next_block()?.is_some() {}
    decoder.finish()
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problem) = &self.problem {
            return writeln!(f, "{}: cannot be read: {}", self.path, problem.message);
        }
        if !self.members.is_empty() {
            writeln!(f, "{}: a zip archive of {}", self.path, self.members.len())?;
            return self.members.iter().try_for_each(|member| member.fmt(f));
        }
        let Some(s) = &self.source else { return Ok(()) };
        let wrapped = if s.container.name() == s.codec.name() { String::new() } else { format!(" in {}", s.container) };
        let channels = if s.channels == 1 { "1 channel".into() } else { format!("{} channels", s.channels) };
        writeln!(f, "{}: {}{wrapped}, {}, {channels}, {}", self.path, s.codec, s.sample_rate_hz, s.duration_ms)?;
        write!(f, "  {} bytes", s.bytes)?;
        if let Some(sha256) = &s.sha256 {
            write!(f, ", sha256 {sha256}")?;
        }
        writeln!(f)?;
        if s.codec_delay_ms.0 > 0.0 {
            let basis = serde_json::to_value(s.codec_delay_basis).unwrap_or_default();
            writeln!(f, "  codec delay {} removed ({})", s.codec_delay_ms, basis.as_str().unwrap_or_default())?;
        }
        for warning in &s.warnings {
            let place = warning.at_byte.map(|at| format!(" (at byte {at})")).unwrap_or_default();
            writeln!(f, "  {warning}{place}")?;
        }
        Ok(())
    }
}
