//! The interface of all codecs' readers: return the next samples.

use super::block::Block;
use super::source::Source;
use super::spec::DecodeNotes;
use crate::error::Result;

/// A recording under way, from its first sample on.
pub(crate) trait Stream: Send {
    /// Fills an empty block with the next samples, possibly none; false at the end.
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool>;

    /// Bytes that have been read of the audio so far, however the input is chunked.
    fn audio_bytes(&self, source: &Source) -> u64 {
        source.position()
    }

    /// Allows samples to be decoded ahead, in so many parts side by side; the same samples. Codecs
    /// that have no use for it are fast as they are.
    fn split(&mut self, _parts: usize) {}
}
