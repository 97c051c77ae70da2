//! The interface of all codecs' readers, which return the next samples.

use super::block::Block;
use super::source::Source;
use super::spec::DecodeNotes;
use crate::error::Result;

/// Returns a recording's samples from the first on.
pub(crate) trait Stream: Send {
    /// Fills an empty block with the next samples, possibly none. Returns `false` at the end.
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool>;

    /// Returns the bytes of audio read so far, however the input is chunked.
    fn audio_bytes(&self, source: &Source) -> u64 {
        source.position()
    }

    /// Allows decoding ahead in this many parallel parts, with the same samples. Fast codecs ignore
    /// it.
    fn split(&mut self, _parts: usize) {}

    /// Decodes at half the rate, if the codec does so itself. Called before the first sample.
    /// Returns whether it does.
    fn halve(&mut self) -> bool {
        false
    }
}
