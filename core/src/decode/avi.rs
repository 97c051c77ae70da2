//! Audio in AVI: the chunks of the first audio stream, read as one source by its codec's stream.

use std::io::{Error as IoError, Read, Result as IoResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::Block;
use super::lend::Lender;
use super::opening::OpenStream;
use super::pcm::Endian;
use super::riff::{RiffWave, WaveFormat, read_format};
use super::source::Source;
use super::spec::{Container, DecodeNotes};
use super::stream::Stream;
use super::track::TrackStream;
use super::wave::open_wave_format;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};

/// Bytes of a chunk's identifier and size.
const HEAD: usize = 8;
/// Bytes searched at once for the next chunk after damage.
const SEARCH: usize = 64 << 10;

/// Opens the first audio stream.
pub(crate) fn open(source: &mut Source, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<OpenStream> {
    source.skip(12)?;
    let (format, stream) = read_header(source)?;
    let lender = Lender::default();
    let lost = Arc::new(AtomicU64::new(0));
    let outer = Source::new(lender.reader(), None, u64::MAX, false)?;
    let chunks = AviChunks { outer, id: stream, left: 0, pad: false, lost: lost.clone() };
    let mut inner = Source::new(Box::new(chunks), None, u64::MAX, false)?;
    let wave = RiffWave { container: Container::Avi, format, promised: None };
    let (opened, failed) = lender.with(source, || open_wave_format(&mut inner, &wave, options, notes));
    if let Some(error) = failed {
        return Err(error);
    }
    let (stream, spec) = opened?;
    let inner = TrackStream::new(lender, inner, stream, 0..u64::MAX);
    Ok((Box::new(AviStream { inner, lost }), spec))
}

/// Reads up to the first chunk of the movie. Returns the format of the first audio stream, and the
/// digits in its chunks' names.
fn read_header(source: &mut Source) -> Result<(WaveFormat, [u8; 2])> {
    let mut streams = 0u8;
    let mut audio = false;
    let mut found = None;
    loop {
        let at = source.position();
        let Some(&[a, b, c, d, e, f, g, h]) = source.peek(HEAD)?.first_chunk::<HEAD>() else {
            return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "an AVI header without a movie").at_byte(at));
        };
        let (id, size) = ([a, b, c, d], u64::from(u32::from_le_bytes([e, f, g, h])));
        source.consume(HEAD);
        match &id {
            b"LIST" => {
                let kind = source.peek(4)?.first_chunk::<4>().copied();
                source.consume(4);
                if kind == Some(*b"movi") {
                    let message = "an AVI without an audio stream";
                    return found.ok_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, message).at_byte(at));
                }
                continue;
            }
            b"strh" => {
                audio = source.peek(4)?.starts_with(b"auds");
                streams = streams.saturating_add(1);
                source.skip(size)?;
            }
            b"strf" if audio && found.is_none() => {
                let number = streams.saturating_sub(1).min(99);
                let format = read_format(source, size, Endian::Little, at)?;
                found = Some((format, [b'0' + number / 10, b'0' + number % 10]));
            }
            _ => {
                source.skip(size)?;
            }
        }
        source.skip(size % 2)?;
    }
}

/// Reads one stream's chunks as one sequence.
struct AviChunks {
    outer: Source,
    /// Digits in the names of the stream's chunks.
    id: [u8; 2],
    /// Bytes left of the current chunk, and whether a pad byte follows it.
    left: u64,
    pad: bool,
    /// Bytes skipped after damage.
    lost: Arc<AtomicU64>,
}

/// Returns whether a chunk of the movie, a list of them, or an index begins here.
fn is_head(bytes: &[u8]) -> bool {
    match bytes.first_chunk::<4>() {
        Some(b"LIST" | b"RIFF" | b"JUNK" | b"idx1") => true,
        Some(&[a, b, c, d]) => {
            let kinds: [&[u8; 2]; 6] = [b"wb", b"dc", b"db", b"pc", b"tx", b"iv"];
            a.is_ascii_digit() && b.is_ascii_digit() && kinds.contains(&&[c, d]) || [a, b] == *b"ix"
        }
        None => false,
    }
}

impl AviChunks {
    /// Advances to the stream's next chunk. Returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.outer.skip(u64::from(std::mem::take(&mut self.pad)))?;
            let Some(&[a, b, c, d, e, f, g, h]) = self.outer.peek(HEAD)?.first_chunk::<HEAD>() else {
                return Ok(false);
            };
            if !is_head(&[a, b, c, d]) {
                self.resync()?;
                continue;
            }
            let size = u64::from(u32::from_le_bytes([e, f, g, h]));
            self.outer.consume(HEAD);
            match &[a, b, c, d] {
                b"LIST" | b"RIFF" => {
                    self.outer.skip(4)?;
                }
                id if id.starts_with(&self.id) && id.ends_with(b"wb") => {
                    (self.left, self.pad) = (size, size % 2 == 1);
                    return Ok(true);
                }
                _ => {
                    self.outer.skip(size.saturating_add(size % 2))?;
                }
            }
        }
    }

    /// Searches for the next chunk.
    fn resync(&mut self) -> Result<()> {
        self.outer.consume(1);
        self.lost.fetch_add(1, Ordering::Relaxed);
        let bytes = self.outer.peek(SEARCH)?;
        let bytes = bytes.get(..SEARCH).unwrap_or(bytes);
        let reach = if bytes.len() < SEARCH { bytes.len() } else { SEARCH - HEAD };
        let found = (0..reach).find(|&i| bytes.get(i..).is_some_and(is_head)).unwrap_or(reach);
        self.outer.consume(found);
        self.lost.fetch_add(found as u64, Ordering::Relaxed);
        Ok(())
    }

    fn fill(&mut self, to: &mut [u8]) -> Result<usize> {
        while self.left == 0 {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(to.len());
        let from = self.outer.peek(1)?;
        let length = from.len().min(most);
        if let Some((to, from)) = to.get_mut(..length).zip(from.get(..length)) {
            to.copy_from_slice(from);
        }
        self.outer.consume(length);
        self.left -= length as u64;
        Ok(length)
    }
}

impl Read for AviChunks {
    fn read(&mut self, to: &mut [u8]) -> IoResult<usize> {
        self.fill(to).map_err(IoError::other)
    }
}

/// The stream's samples, and the bytes skipped before them.
struct AviStream {
    inner: TrackStream,
    lost: Arc<AtomicU64>,
}

impl Stream for AviStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        let more = self.inner.next(source, block, notes)?;
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let message = format!("{lost} bytes up to the next chunk cannot be read");
            notes.add(Warning::new("resync", message).at_byte(source.position()));
        }
        Ok(more)
    }

    fn split(&mut self, parts: usize) {
        self.inner.split(parts);
    }
}
