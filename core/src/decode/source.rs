//! The bytes of an input as a stream: counted, hashed and limited as they are read, with a window
//! for lookahead.
//!
//! Every container reads it sequentially and once, so that a path, bytes in memory and a reader
//! without length behave alike.

use std::io::{ErrorKind as IoKind, Read};

use sha2::{Digest, Sha256};

use super::budget::{Budget, Thrift};
use crate::config::hex;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Bytes requested from the reader at once.
const CHUNK: usize = 64 << 10;

pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    /// Lookahead window. Bytes read and not yet consumed are `window[start..end]`.
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// Absolute position of `window[start]`.
    position: u64,
    /// End of the part being read. `u64::MAX`: the end of the input.
    bound: u64,
    read: u64,
    limit: u64,
    size_hint: Option<u64>,
    hash: Option<Sha256>,
    ended: bool,
    cut_off: bool,
    budget: Budget,
    thrift: Thrift,
}

impl Default for Source {
    /// Returns an empty source.
    fn default() -> Self {
        Self {
            reader: Box::new(std::io::empty()),
            window: Vec::new(),
            start: 0,
            end: 0,
            position: 0,
            bound: u64::MAX,
            read: 0,
            limit: u64::MAX,
            size_hint: None,
            hash: None,
            ended: true,
            cut_off: false,
            budget: Budget::default(),
            thrift: Thrift::default(),
        }
    }
}

/// Totals of an input that has been read to its end.
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<String>,
}

impl Source {
    /// Creates a source that reads at most `limit` bytes. `hashed`: their SHA-256 is computed.
    pub(crate) fn new(reader: Box<dyn Read + Send>, size_hint: Option<u64>, limit: u64, hashed: bool) -> Result<Self> {
        if size_hint.is_some_and(|size| size > limit) {
            return Err(too_long(size_hint.unwrap_or_default(), limit));
        }
        Ok(Self { reader, limit, size_hint, hash: hashed.then(Sha256::new), ended: false, ..Self::default() })
    }

    /// Draws on a call's budget.
    pub(crate) fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Returns the call's budget.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Draws bytes that were searched without finding audio.
    ///
    /// # Errors
    /// `limit_exceeded` beyond the allowance for the recording's length, `cancelled`.
    pub(crate) fn searched(&mut self, bytes: usize) -> Result<()> {
        self.budget.check()?;
        self.thrift.search(bytes as u64, self.position)
    }

    /// Returns the size of the input in bytes, if known.
    pub(crate) fn size_hint(&self) -> Option<u64> {
        if self.ended { Some(self.read) } else { self.size_hint }
    }

    /// Returns the number of bytes read from the input.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Returns the position of the next byte.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the reader ended before its message was complete, such as a connection that
    /// closed early.
    pub(crate) fn cut_off(&self) -> bool {
        self.cut_off
    }

    /// Ends the part being read after this many more bytes.
    pub(crate) fn bind(&mut self, bytes: u64) {
        self.bound = self.position.saturating_add(bytes);
    }

    /// Removes the end set by [`Self::bind`].
    pub(crate) fn unbind(&mut self) {
        self.bound = u64::MAX;
    }

    /// Returns the next bytes without consuming them: at least `wanted`, fewer only at the end,
    /// more if they are buffered.
    #[inline]
    pub(crate) fn peek(&mut self, wanted: usize) -> Result<&[u8]> {
        while self.end - self.start < wanted && !self.ended {
            self.refill()?;
        }
        let left = self.bound.saturating_sub(self.position);
        let at_hand = self.end - self.start;
        let visible = usize::try_from(left).unwrap_or(usize::MAX).min(at_hand);
        Ok(self.window.get(self.start..self.start + visible).unwrap_or_default())
    }

    /// Consumes bytes that have been peeked at.
    #[inline]
    pub(crate) fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end - self.start);
        self.start += bytes;
        self.position += bytes as u64;
    }

    /// Consumes bytes without returning them, fewer only at the end. Returns their number.
    pub(crate) fn skip(&mut self, bytes: u64) -> Result<u64> {
        let mut left = bytes;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(CHUNK).min(self.peek(1)?.len());
            if step == 0 {
                break;
            }
            self.consume(step);
            left -= step as u64;
        }
        Ok(bytes - left)
    }

    /// Reads the rest of the input into memory, for formats that need random access.
    ///
    /// # Errors
    /// `limit_exceeded` beyond `most` bytes.
    pub(crate) fn read_all(&mut self, most: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let bytes = self.peek(1)?;
            if bytes.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(bytes);
            let step = bytes.len();
            self.consume(step);
            self.budget.buffer(step as u64)?;
            if all.len() as u64 > most {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    Stage::Input,
                    "more bytes than can be kept in memory",
                )
                .with_mismatch(
                    format!("{} bytes or more", all.len()),
                    format!("at most {most} (decode.maxBufferedBytes)"),
                ));
            }
        }
    }

    /// Reads the rest of the input, for its length and hash.
    pub(crate) fn drain(&mut self) -> Result<Totals> {
        self.unbind();
        self.skip(u64::MAX)?;
        Ok(Totals { bytes: self.read, sha256: self.hash.take().map(|hash| hex(&hash.finalize())) })
    }

    fn refill(&mut self) -> Result<()> {
        self.budget.check()?;
        // Buffered bytes move only if there is no room behind them: a reader may return one byte at
        // a time.
        if self.start > 0 && self.window.len() < self.end + CHUNK / 2 {
            self.window.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Buffered bytes, up to half a chunk, shorten the next read instead of growing the window.
        if self.window.len() < self.end + CHUNK / 2 {
            self.window.resize((self.end + CHUNK).next_multiple_of(CHUNK), 0);
        }
        let until = self.window.len().min(self.end + CHUNK);
        let Some(free) = self.window.get_mut(self.end..until) else { return Ok(()) };
        let got = match self.reader.read(free) {
            Ok(got) => got,
            Err(e) if e.kind() == IoKind::Interrupted => return Ok(()),
            Err(e) if e.kind() == IoKind::UnexpectedEof => {
                self.cut_off = true;
                0
            }
            Err(e) => {
                // This crate's own readers return an `Error`, which is passed on.
                return Err(e.downcast::<Error>().unwrap_or_else(|e| Error::io(Stage::Input, e).at_byte(self.read)));
            }
        };
        let fresh = free.get(..got).unwrap_or_default();
        self.ended = fresh.is_empty();
        if let Some(hash) = &mut self.hash {
            hash.update(fresh);
        }
        self.end += fresh.len();
        self.read += fresh.len() as u64;
        if self.read > self.limit { Err(too_long(self.read, self.limit)) } else { Ok(()) }
    }
}

fn too_long(found: u64, limit: u64) -> Error {
    Error::new(ErrorKind::LimitExceeded, Stage::Input, "the input is too large")
        .with_mismatch(format!("{found} bytes or more"), format!("at most {limit} (decode.maxBytes)"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A reader that returns a few bytes at a time, as a connection does.
    pub(crate) struct Dribble(pub(crate) Vec<u8>, pub(crate) usize);

    impl Read for Dribble {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let n = (1 + self.1 % 7).min(to.len()).min(self.0.len());
            self.1 = self.1.wrapping_mul(31).wrapping_add(17);
            to[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }

    fn of(bytes: &[u8], limit: u64) -> Result<Source> {
        Source::new(Box::new(Dribble(bytes.to_vec(), 3)), None, limit, true)
    }

    #[test]
    fn peeking_consuming_and_skipping_keep_count() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut source = of(&bytes, 1000).unwrap();
        assert_eq!(&source.peek(10).unwrap()[..10], &bytes[..10]);
        source.consume(4);
        assert_eq!(source.skip(96).unwrap(), 96);
        assert_eq!(source.position(), 100);
        source.bind(5);
        assert_eq!(source.peek(50).unwrap(), &bytes[100..105]);
        assert_eq!(source.skip(50).unwrap(), 5);
        let totals = source.drain().unwrap();
        assert_eq!(totals.bytes, 200);
        assert_eq!(totals.sha256.unwrap(), hex(&Sha256::digest(&bytes)));
    }

    #[test]
    fn the_limit_holds_with_and_without_a_known_size() {
        let error = of(&[0; 300], 100).unwrap().drain().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let known = Source::new(Box::new(std::io::empty()), Some(101), 100, false).err().unwrap();
        assert!(known.to_string().contains("101 bytes"), "{known}");
    }
}
