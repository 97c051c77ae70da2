//! Inputs: a file, bytes or samples in memory, or a reader, with what the caller knows about the
//! parties on it.

use std::fmt;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use super::budget::Budget;
use super::memory::{MemoryChannels, MemoryLayout};
use super::raw::Raw;
use super::source::Source;
use crate::call::{KnownOffset, Leg, Moment, Role};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Cancel;
use crate::samples::Samples;
use crate::units::{Millis, Rate};

/// One recording to be read, and what its provider says about it.
pub struct Input {
    from: From,
    name: String,
    format: Option<KnownFormat>,
    /// Budget shared with other recordings. `None`: the options' limits for one call apply.
    budget: Option<Budget>,
    /// Whether it is a member of an archive. Archives within archives are not opened.
    is_member: bool,
    /// Role, party, start time and channel.
    pub leg: Leg,
}

enum From {
    Path(PathBuf),
    Bytes(Vec<u8>),
    Reader(Box<dyn Read + Send>, Option<u64>),
    Samples(MemoryChannels),
    /// Bytes of which the beginning has been inspected already.
    Source(Box<Source>),
}

/// A format given by the caller, which needs no detection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KnownFormat {
    Raw(Raw),
    Samples(MemoryLayout),
}

/// An input that is open for reading.
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) name: String,
    pub(crate) format: Option<KnownFormat>,
    pub(crate) is_member: bool,
    pub(crate) leg: Leg,
}

impl Input {
    /// Creates an input from a file, which is opened when it is decoded. Its display name is the
    /// path as given.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self::new(From::Path(path), name)
    }

    /// Creates an input from bytes in memory. Reports and errors use `name`.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(From::Bytes(bytes.into()), name.into())
    }

    /// Creates an input from a reader, such as a connection or a pipe. Neither a length nor seeking
    /// is needed.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self::new(From::Reader(Box::new(reader), None), name.into())
    }

    /// Creates an input from one channel of samples in memory. The report says container `samples`
    /// and has no hash.
    ///
    /// ```
    /// use callweave::{Config, Input, Role, RunOptions, analyze, units::Rate};
    ///
    /// let customer = Input::samples("customer", vec![0i16; 16_000], Rate::NARROWBAND);
    /// let agent = Input::samples("agent", vec![0.0f32; 32_000], Rate::WIDEBAND);
    /// let inputs = vec![customer.role(Role::Customer), agent.role(Role::Agent)];
    /// let report = analyze(inputs, &Config::default(), &RunOptions::default())?;
    /// assert_eq!(report.call.duration_ms.0, 2000.0);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    pub fn samples<'a>(name: impl Into<String>, samples: impl Into<Samples<'a>>, rate: Rate) -> Self {
        Self::channels(name, [samples.into()], rate)
    }

    /// Creates an input from several channels of samples in memory. Opening it fails unless all
    /// have the same length.
    pub fn channels<'a>(name: impl Into<String>, channels: impl IntoIterator<Item = Samples<'a>>, rate: Rate) -> Self {
        let channels = channels.into_iter().map(Samples::into_owned).collect();
        Self::new(From::Samples(MemoryChannels { channels, rate }), name.into())
    }

    /// Creates an input from a member of an archive.
    pub(crate) fn member(name: String, reader: Box<dyn Read + Send>, size: Option<u64>, budget: Budget) -> Self {
        Self { budget: Some(budget), is_member: true, ..Self::new(From::Reader(reader, size), name) }
    }

    /// Draws on a budget shared with the call's other recordings, unless a budget is set already.
    #[must_use]
    pub(crate) fn within(mut self, budget: &Budget) -> Self {
        self.budget.get_or_insert_with(|| budget.clone());
        self
    }

    /// Draws on a budget of its own, as a whole call, which ends when the caller cancels.
    #[must_use]
    pub(crate) fn alone(self, options: &DecodeOptions, cancel: &Cancel) -> Self {
        self.within(&Budget::new(options, cancel.clone()))
    }

    fn new(from: From, name: String) -> Self {
        Self { from, name, format: None, budget: None, is_member: false, leg: Leg::default() }
    }

    /// Sets the role of the party that is heard.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.leg.role = role;
        self
    }

    /// Sets the party: a number, an address or a name.
    #[must_use]
    pub fn party(mut self, party: impl Into<String>) -> Self {
        self.leg.party = Some(party.into());
        self
    }

    /// Sets when the recording began.
    #[must_use]
    pub fn started_at(mut self, moment: Moment) -> Self {
        self.leg.started_at = Some(moment);
        self
    }

    /// Selects a channel of the recording, from 0.
    #[must_use]
    pub fn channel(mut self, channel: u16) -> Self {
        self.leg.channel = Some(channel);
        self
    }

    /// Sets the recording's place on the call's timeline. Placement uses it and looks for no other.
    #[must_use]
    pub fn offset(mut self, offset: KnownOffset) -> Self {
        self.leg.offset = Some(offset);
        self
    }

    /// Sets the place on the call's timeline from an optional offset and its optional uncertainty.
    /// Without an uncertainty the offset is exact.
    ///
    /// # Errors
    /// `invalid_argument` if a value is out of range, or there is an uncertainty without an offset.
    pub fn offset_of(self, offset: Option<Millis>, uncertainty: Option<Millis>) -> Result<Self> {
        let wrong = |found: String| {
            Error::new(ErrorKind::InvalidArgument, Stage::Config, "offset of a recording")
                .with_mismatch(found, "milliseconds within a day, with an uncertainty of 0 or more")
        };
        match (offset, uncertainty) {
            (None, None) => Ok(self),
            (None, Some(uncertainty)) => Err(wrong(format!("an uncertainty of {} and no offset", uncertainty.0))),
            (Some(offset), uncertainty) => {
                let uncertainty = uncertainty.unwrap_or_default();
                let known = KnownOffset::new(offset, uncertainty);
                Ok(self.offset(known.ok_or_else(|| wrong(format!("{} with {}", offset.0, uncertainty.0)))?))
            }
        }
    }

    /// Sets everything that a provider's document says about this leg.
    #[must_use]
    pub fn leg(mut self, leg: Leg) -> Self {
        self.leg = leg;
        self
    }

    /// Sets the format of samples without a header. Format detection is skipped.
    #[must_use]
    pub fn raw(mut self, format: Raw) -> Self {
        self.format = Some(KnownFormat::Raw(format));
        self
    }

    /// Returns the path, if the input is a file.
    #[cfg(feature = "cli")]
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        match &self.from {
            From::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Returns a reader of the bytes for inspection before opening, or `None` if they cannot be
    /// read twice.
    pub(crate) fn read_before(&self) -> Option<Box<dyn Read + '_>> {
        match &self.from {
            From::Path(path) if path.is_file() => File::open(path).ok().map(|file| Box::new(file) as Box<dyn Read>),
            From::Bytes(bytes) => Some(Box::new(bytes.as_slice())),
            _ => None,
        }
    }

    /// Returns the name that reports and errors use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the bytes come from a reader, which may block its thread.
    pub(crate) fn is_reader(&self) -> bool {
        matches!(self.from, From::Reader(..))
    }

    /// Returns the size in bytes, if known without reading.
    pub fn size_hint(&self) -> Option<u64> {
        match &self.from {
            From::Path(path) => std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len()),
            From::Bytes(bytes) => Some(bytes.len() as u64),
            From::Reader(_, size) => *size,
            From::Samples(samples) => Some(samples.bytes()),
            From::Source(source) => source.size_hint(),
        }
    }

    /// Opens the input for reading.
    pub(crate) fn open(self, options: &DecodeOptions) -> Result<Opened> {
        let Self { from, name, mut format, budget, is_member, leg } = self;
        let mut sha256 = options.sha256;
        let (reader, size) = match from {
            From::Path(path) => open_file(&path).map_err(|e| e.in_input(&name))?,
            From::Bytes(bytes) => {
                let size = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>, Some(size))
            }
            From::Reader(reader, size) => (reader, size),
            From::Samples(samples) => {
                let size = samples.bytes();
                let (bytes, layout) = samples.open().map_err(|e| e.in_input(&name))?;
                (format, sha256) = (Some(KnownFormat::Samples(layout)), false);
                (Box::new(bytes) as Box<dyn Read + Send>, Some(size))
            }
            From::Source(source) => return Ok(Opened { source: *source, name, format, is_member, leg }),
        };
        let source = Source::new(reader, size, options.max_bytes, sha256).map_err(|e| e.in_input(&name))?;
        let budget = budget.unwrap_or_else(|| Budget::new(options, Cancel::default()));
        Ok(Opened { source: source.within(budget), name, format, is_member, leg })
    }
}

impl Opened {
    /// Turns it back into an input. Bytes that were inspected are kept.
    pub(crate) fn into_input(self) -> Input {
        let Self { source, name, format, is_member, leg } = self;
        Input { from: From::Source(Box::new(source)), name, format, budget: None, is_member, leg }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("leg", &self.leg).finish_non_exhaustive()
    }
}

fn open_file(path: &std::path::Path) -> Result<(Box<dyn Read + Send>, Option<u64>)> {
    let missing = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => {
            let nothing = Error::new(ErrorKind::Io, Stage::Input, "cannot open").caused_by(e);
            nothing.with_mismatch("nothing at this path", "a recording")
        }
        _ => Error::io(Stage::Input, e),
    };
    // Reopening standard input by its path fails if it is a socket.
    if path == std::path::Path::new("/dev/stdin") {
        return Ok((Box::new(std::io::stdin()), None));
    }
    // The metadata come first: opening a directory succeeds on some systems and fails on others.
    let meta = std::fs::metadata(path).map_err(missing)?;
    if meta.is_dir() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "not a file")
            .with_mismatch("a directory", "a recording"));
    }
    let file = File::open(path).map_err(missing)?;
    Ok((Box::new(file), meta.is_file().then_some(meta.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(input: Input) -> Error {
        input.open(&DecodeOptions::default()).err().unwrap()
    }

    #[test]
    fn a_missing_file_and_a_directory_are_told_in_one_line() {
        let missing = refusal(Input::path("no/such/call.mp3"));
        assert_eq!(missing.kind(), ErrorKind::Io);
        assert_eq!(
            missing.to_string(),
            "input: no/such/call.mp3: cannot open: found nothing at this path, expected a recording"
        );
        let directory = refusal(Input::path(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(directory.kind(), ErrorKind::InvalidArgument);
        assert!(directory.to_string().contains("a directory"), "{directory}");
    }

    #[test]
    fn the_error_of_a_reader_is_the_cause_wherever_it_comes() {
        use std::error::Error as _;
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("connection lost"))
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");
        for name in ["stereo/call.wav", "keypad-hold/agent.mp3", "codecs/aac.m4a", "codecs/vorbis.mkv"] {
            let bytes = std::fs::read(format!("{folder}{name}")).unwrap();
            for have in [0, bytes.len() / 2] {
                let reader = Cursor::new(bytes[..have].to_vec()).chain(Failing);
                let error = crate::decode::decode(Input::reader(name, reader), &DecodeOptions::default()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io, "{name}: {error}");
                assert_eq!(error.source().unwrap().to_string(), "connection lost", "{name}");
            }
        }
    }

    #[test]
    fn what_is_known_of_a_leg_stays_with_it() {
        let input = Input::bytes("a.wav", vec![1, 2]).role(Role::Agent).party("+66812345678").channel(1);
        let Opened { mut source, name, leg, .. } = input.open(&DecodeOptions::default()).unwrap();
        assert_eq!((name.as_str(), source.size_hint()), ("a.wav", Some(2)));
        assert_eq!(source.peek(2).unwrap(), [1, 2]);
        assert_eq!((leg.role, leg.channel), (Role::Agent, Some(1)));
    }
}
