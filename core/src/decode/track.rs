//! Tracks of a container: joins the bytes of one track into a separate source, which its codec's
//! stream reads.

use std::io::{Read, Result as IoResult};
use std::ops::Range;

use super::block::Block;
use super::lend::Lender;
use super::source::Source;
use super::spec::DecodeNotes;
use super::stream::Stream;
use crate::error::{Result, Warning};

/// A stream over the bytes of one track.
pub(crate) struct TrackStream {
    /// Lends the container's bytes to the track's reader during a read.
    lender: Lender,
    source: Source,
    stream: Box<dyn Stream>,
    /// Samples per channel still to come: those before the recording's own, and the recording's
    /// own.
    skip: u64,
    left: u64,
    /// Samples that the container's index promises, if any, and samples returned.
    promised: Option<u64>,
    given: u64,
}

impl TrackStream {
    /// Decodes a track with its codec's stream. `own` is the range of samples that belong to the
    /// recording.
    pub(crate) fn new(lender: Lender, source: Source, stream: Box<dyn Stream>, own: Range<u64>) -> Self {
        let left = own.end.saturating_sub(own.start);
        Self { lender, source, stream, skip: own.start, left, promised: None, given: 0 }
    }

    /// Sets the number of samples that an index promises. Fewer cause a warning.
    pub(crate) fn promising(self, samples: u64) -> Self {
        Self { promised: Some(samples), ..self }
    }

    fn end(&mut self, notes: &mut DecodeNotes) {
        if let Some(promised) = self.promised.take().filter(|&promised| self.given < promised) {
            let message = format!("{promised} samples promised, {} found", self.given);
            notes.add(Warning::new("truncated", message));
        }
    }

    /// Drops samples outside the recording's own. Returns `false` once no more can follow.
    fn trim(&mut self, block: &mut Block) -> bool {
        let frames = block.frames() as u64;
        let first = self.skip.min(frames);
        let last = frames.min(first.saturating_add(self.left));
        self.skip -= first;
        self.left -= last - first;
        block.keep(first as usize..last as usize);
        self.left > 0 || last > first
    }
}

impl Stream for TrackStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        let (inner, stream) = (&mut self.source, &mut self.stream);
        let mut said = DecodeNotes::default();
        let (more, failed) = self.lender.with(source, || stream.next(inner, block, &mut said));
        notes.add_within(said);
        if let Some(error) = failed {
            return Err(error);
        }
        let more = more?;
        self.given += block.frames() as u64;
        if !more {
            self.end(notes);
        }
        Ok(more && self.trim(block))
    }

    fn split(&mut self, parts: usize) {
        self.stream.split(parts);
    }
}

/// A part of a container's bytes, and the duration of its samples in ticks of the container's clock
/// (0: unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TrackPart {
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) ticks: u64,
}

impl TrackPart {
    /// Returns the available bytes of the part. `bytes` may end early.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        bytes.get(place(self.at)..place(self.at.saturating_add(self.length))).unwrap_or_default()
    }
}

/// Iterates over a track's parts in a container's bytes.
pub(crate) trait TrackParts: Send {
    fn next(&mut self, bytes: &[u8]) -> Option<TrackPart>;
}

/// Reads a track's parts as one sequence.
pub(crate) struct JoinedParts<U> {
    bytes: Vec<u8>,
    parts: U,
    unit: TrackPart,
    /// Bytes that may still be read, at most the container's length however often a list names
    /// them.
    left: usize,
}

impl<U: TrackParts> JoinedParts<U> {
    /// Reads these parts. Ranges beyond the end of the bytes are skipped. Reading stops after as
    /// many bytes as the container has.
    pub(crate) fn new(bytes: Vec<u8>, parts: U) -> Self {
        Self { left: bytes.len(), bytes, parts, unit: TrackPart::default() }
    }
}

impl<U: TrackParts> Read for JoinedParts<U> {
    fn read(&mut self, to: &mut [u8]) -> IoResult<usize> {
        while self.unit.of(&self.bytes).is_empty() {
            let Some(unit) = self.parts.next(&self.bytes) else { return Ok(0) };
            self.unit = unit;
        }
        let from = self.unit.of(&self.bytes);
        let length = from.len().min(to.len()).min(self.left);
        if let Some((to, from)) = to.get_mut(..length).zip(from.get(..length)) {
            to.copy_from_slice(from);
        }
        self.unit.at += length as u64;
        self.unit.length -= length as u64;
        self.left -= length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct List(Vec<(u64, u64)>);

    impl TrackParts for List {
        fn next(&mut self, _: &[u8]) -> Option<TrackPart> {
            self.0.pop().map(|(at, length)| TrackPart { at, length, ticks: 0 })
        }
    }

    #[test]
    fn parts_are_read_one_after_the_other_up_to_the_end_of_the_bytes() {
        let parts = List(vec![(u64::MAX, u64::MAX), (8, 12), (1, 2), (3, 0), (4, 2)]);
        let mut read = Vec::new();
        JoinedParts::new((0..10).collect(), parts).read_to_end(&mut read).unwrap();
        assert_eq!(read, [4, 5, 1, 2, 8, 9]);
    }

    #[test]
    fn no_more_bytes_are_read_than_there_are_however_often_they_are_named() {
        let mut read = Vec::new();
        let parts = List(vec![(0, 10); 1000]);
        JoinedParts::new((0..10).collect(), parts).read_to_end(&mut read).unwrap();
        assert_eq!(read, (0..10).collect::<Vec<u8>>());
    }
}
