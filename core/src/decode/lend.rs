//! Lends a [`Source`] to symphonia's container readers, which own what they read from.
//!
//! A reader gets one end of a slot. The source is put into the slot for the duration of each call
//! and taken out again, so that counting, hashing and limits apply as everywhere else.

use std::io::{Error as IoError, ErrorKind as IoKind, Read, Result as IoResult, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::{MediaSource, MediaSourceStream};

use super::source::Source;
use crate::error::Error;

/// The decoder's end of the slot.
#[derive(Default)]
pub(crate) struct Lender(Arc<Mutex<LentSource>>);

#[derive(Default)]
struct LentSource {
    source: Option<Source>,
    /// Cause of a failed read, kept because symphonia's error cannot carry it.
    error: Option<Error>,
    watch: Option<Watch>,
}

/// Returns whether eight bytes are the beginning of what is not read.
type IsEnd = fn(&[u8; 8]) -> bool;

/// Ends a lent source early, and keeps the bytes that were read last.
struct Watch {
    is_end: IsEnd,
    /// Whether the first bytes were read.
    begun: bool,
    kept: KeptBytes,
}

/// The bytes that were read last.
#[derive(Default)]
pub(crate) struct KeptBytes {
    /// Position of the first one in the source.
    pub(crate) from: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Bytes that are kept at least, which symphonia may have read ahead.
const KEPT: usize = 256 << 10;
/// Bytes that are kept at most, if [`Lender::advance`] is not called.
const MOST_KEPT: usize = 1 << 20;

/// Symphonia's end of the slot.
struct Borrower(Arc<Mutex<LentSource>>);

impl Lender {
    /// Returns a stream for one of symphonia's readers.
    pub(crate) fn stream(&self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(Borrower(self.0.clone())), Default::default())
    }

    /// Ends the source before bytes that `is_end` knows, unless they are its first, and keeps the
    /// bytes read since [`Self::advance`].
    pub(crate) fn watch(&self, is_end: IsEnd) {
        self.slot().watch = Some(Watch { is_end, begun: false, kept: KeptBytes::default() });
    }

    /// Lets go of bytes read long before.
    pub(crate) fn advance(&self) {
        let mut slot = self.slot();
        if let Some(Watch { kept, .. }) = slot.watch.as_mut().filter(|watch| watch.kept.bytes.len() > 2 * KEPT) {
            let old = kept.bytes.len() - KEPT;
            kept.bytes.drain(..old);
            kept.from += old as u64;
        }
    }

    /// Takes the bytes kept so far.
    pub(crate) fn take_kept(&self) -> KeptBytes {
        self.slot().watch.as_mut().map(|watch| std::mem::take(&mut watch.kept)).unwrap_or_default()
    }

    /// Returns a reader for a source within the lent one.
    pub(crate) fn reader(&self) -> Box<dyn Read + Send> {
        Box::new(Borrower(self.0.clone()))
    }

    /// Lends the source for the duration of a call. Returns an error of the source itself as the
    /// second value.
    pub(crate) fn with<T>(&self, source: &mut Source, call: impl FnOnce() -> T) -> (T, Option<Error>) {
        self.slot().source = Some(std::mem::take(source));
        let answer = call();
        let mut slot = self.slot();
        // Always present: only this function puts it in and takes it out.
        *source = slot.source.take().unwrap_or_default();
        (answer, slot.error.take())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, LentSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Borrower {
    fn read(&mut self, to: &mut [u8]) -> IoResult<usize> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let LentSource { source: Some(source), error, watch } = &mut *slot else { return Ok(0) };
        let at = source.position();
        match source.peek(if watch.is_some() { 8 } else { 1 }) {
            Ok(bytes) => {
                let n = watch.as_mut().map_or(bytes.len(), |watch| watch.pass(bytes, to.len(), at)).min(to.len());
                if let (Some(to), Some(from)) = (to.get_mut(..n), bytes.get(..n)) {
                    to.copy_from_slice(from);
                }
                source.consume(n);
                Ok(n)
            }
            Err(e) => {
                *error = Some(e);
                Err(IoError::other("the input failed"))
            }
        }
    }
}

impl Watch {
    /// Returns how many of the next bytes may be read, at most `wanted`, and keeps them. Fewer than
    /// eight bytes are the source's last.
    fn pass(&mut self, bytes: &[u8], wanted: usize, at: u64) -> usize {
        if self.kept.bytes.is_empty() {
            self.kept.from = at;
        }
        let ahead = bytes.get(..wanted.saturating_add(7)).unwrap_or(bytes);
        let skipped = usize::from(!std::mem::replace(&mut self.begun, true));
        let is_end = |window: &[u8]| window.first_chunk().is_some_and(self.is_end);
        let end = ahead.windows(8).skip(skipped).position(is_end).map(|end| end + skipped);
        let passed = end.unwrap_or(if ahead.len() < 8 { ahead.len() } else { ahead.len() - 7 }).min(wanted);
        let room = MOST_KEPT.saturating_sub(self.kept.bytes.len()).min(passed);
        self.kept.bytes.extend_from_slice(ahead.get(..room).unwrap_or_default());
        passed
    }
}

impl Seek for Borrower {
    fn seek(&mut self, _: SeekFrom) -> IoResult<u64> {
        Err(IoError::from(IoKind::Unsupported))
    }
}

impl MediaSource for Borrower {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
