//! Finds a file's actual format, and what is wrong with it.

use std::fmt;

use serde::Serialize;

use super::spec::{Codec, Container, DelayBasis, SourceInfo, exact};
use super::{Decoder, Input, expand};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, escaped};
use crate::units::{Millis, Rate};

/// The result of [`probe`] and [`probe_head`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Probe {
    /// The input's name.
    pub path: String,
    /// The recording's properties, read to its end. `None` if it is not a recording, and if only
    /// the head was read.
    pub source: Option<SourceInfo>,
    /// What the recording's first bytes declare, if only they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Why it cannot be read, or not to its end. `None` if it can.
    pub problem: Option<Problem>,
    /// The members of a ZIP archive; empty for anything else.
    pub members: Vec<Probe>,
}

/// What a recording's first bytes declare. Nothing is decoded or verified: a truncated, damaged or
/// unclosed file declares the same as a complete one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Head {
    /// The container.
    pub container: Container,
    /// The codec.
    pub codec: Codec,
    /// Sample rate.
    pub sample_rate_hz: Rate,
    /// Number of channels.
    pub channels: u16,
    /// Size of the input in bytes, if known without reading it.
    pub bytes: Option<u64>,
    /// The duration declared by the header, without codec delay and padding. `None` if it declares
    /// none, like Ogg and an MP3 without a tag. Never guessed from a bit rate.
    pub declared_duration_ms: Option<Millis>,
    /// The codec delay that decoding removes.
    #[serde(with = "exact")]
    pub codec_delay_ms: Millis,
    /// How the delay is known.
    pub codec_delay_basis: DelayBasis,
}

/// Why an input cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Problem {
    /// The stable code of the error's kind.
    pub code: &'static str,
    /// The error as one line.
    pub message: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

impl Probe {
    fn new(path: String) -> Self {
        Self { path, source: None, head: None, problem: None, members: Vec::new() }
    }
}

/// Reads an input to its end, and returns what it is and what is wrong with it. A file that is not
/// a recording is a result, not an error.
///
/// ```
/// use callweave::{DecodeOptions, Input, probe};
///
/// let found = probe(Input::bytes("mail.txt", "Dear customer"), &DecodeOptions::default())?;
/// assert_eq!(found.problem.map(|problem| problem.code), Some("unsupported"));
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) or [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if there
/// is nothing to read.
pub fn probe(input: Input, options: &DecodeOptions) -> Result<Probe> {
    ask(input, options, &|input, probe| {
        let mut decoder = Decoder::open(input, options)?;
        while decoder.next_block()?.is_some() {}
        probe.source = Some(decoder.finish()?);
        Ok(())
    })
}

/// Returns what an input is according to its first kilobytes, whatever its length.
///
/// An MP4 is read up to the end of its index, which may be the end of the file. A ZIP archive is
/// read as a whole, without unpacking more than its members' heads.
///
/// ```
/// use callweave::{DecodeOptions, Input, probe_head};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
/// let found = probe_head(Input::path(format!("{folder}/stereo/call.wav")), &DecodeOptions::default())?;
/// assert_eq!(found.head.map(|head| head.channels), Some(2));
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// Those of [`probe`].
pub fn probe_head(input: Input, options: &DecodeOptions) -> Result<Probe> {
    options.validate()?;
    // The head is about the recording, whatever it is decoded to.
    let options = DecodeOptions { sha256: false, downsample_hz: None, ..options.clone() };
    ask(input, &options, &|input, probe| {
        let decoder = Decoder::open_one(input, &options, true)?;
        let (spec, bytes) = (*decoder.spec(), decoder.size_hint());
        probe.head = Some(Head {
            container: spec.container,
            codec: spec.codec,
            sample_rate_hz: spec.rate,
            channels: spec.channels,
            bytes,
            declared_duration_ms: spec.declared.map(|samples| spec.rate.millis(samples)),
            codec_delay_ms: spec.rate.millis(u64::from(spec.delay.samples)),
            codec_delay_basis: spec.delay.basis,
        });
        Ok(())
    })
}

/// Applies a question to an input, or to each member of an archive.
fn ask(input: Input, options: &DecodeOptions, question: &dyn Fn(Input, &mut Probe) -> Result<()>) -> Result<Probe> {
    let mut probe = Probe::new(input.name().to_owned());
    let asked = expand(input, options).and_then(|inputs| {
        for input in inputs {
            if input.name() == probe.path {
                question(input, &mut probe)?;
            } else {
                probe.members.push(ask(input, options, question)?);
            }
        }
        Ok(())
    });
    match asked {
        Err(e) if matches!(e.kind(), ErrorKind::Io | ErrorKind::InvalidArgument) => Err(e),
        Err(e) => Ok(Probe { problem: Some(Problem::from(&e)), ..Probe::new(probe.path) }),
        Ok(()) => Ok(probe),
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = escaped(&self.path);
        if let Some(problem) = &self.problem {
            return writeln!(f, "{path}: cannot be read: {}", escaped(&problem.message));
        }
        if !self.members.is_empty() {
            writeln!(f, "{path}: a zip archive of {}", self.members.len())?;
            return self.members.iter().try_for_each(|member| member.fmt(f));
        }
        if let Some(head) = &self.head {
            return head.line(&path, f);
        }
        let Some(s) = &self.source else { return Ok(()) };
        let kind = kind(s.container, s.codec, s.sample_rate_hz, s.channels);
        writeln!(f, "{path}: {kind}, {}", s.duration_ms)?;
        write!(f, "  {} bytes", s.bytes)?;
        if let Some(sha256) = &s.sha256 {
            write!(f, ", sha256 {sha256}")?;
        }
        writeln!(f)?;
        if let Some(rate) = s.decoded_rate_hz {
            writeln!(f, "  decoded at {rate}")?;
        }
        if s.codec_delay_ms.0 > 0.0 {
            writeln!(f, "  codec delay {} removed ({})", s.codec_delay_ms, s.codec_delay_basis.name())?;
        }
        for warning in &s.warnings {
            let place = warning.at_byte.map(|at| format!(" (at byte {at})")).unwrap_or_default();
            writeln!(f, "  {warning}{place}")?;
        }
        Ok(())
    }
}

/// Describes a recording in words.
fn kind(container: Container, codec: Codec, rate: Rate, channels: u16) -> String {
    let wrapped = if container.name() == codec.name() { String::new() } else { format!(" in {container}") };
    let plural = if channels == 1 { "" } else { "s" };
    format!("{codec}{wrapped}, {rate}, {channels} channel{plural}")
}

impl Head {
    fn line(&self, path: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = kind(self.container, self.codec, self.sample_rate_hz, self.channels);
        let length = self.declared_duration_ms.map_or("length not declared".into(), |ms| format!("{ms} declared"));
        let bytes = self.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
        writeln!(f, "{path}: {kind}, {length}{bytes}")
    }
}
