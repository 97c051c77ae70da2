//! Codecs whose blocks have a constant size and number of samples.

use super::assemble::Assembler;
use super::block::{Block, FRAMES};
use super::source::Source;
use super::spec::DecodeNotes;
use super::stream::Stream;
use crate::error::{Result, Warning};

/// A codec with constant blocks.
pub(crate) trait BlockCodec: Send {
    /// Returns the bytes of a block.
    fn block_bytes(&self) -> usize;

    /// Returns the samples of each channel in a block.
    fn block_samples(&self) -> usize;

    /// Returns whether a truncated block still yields the samples whose bytes are present.
    fn takes_partial(&self) -> bool {
        false
    }

    /// Appends a block's samples, with one buffer per channel.
    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]);
}

/// Decodes the blocks of a source, up to its bound.
pub(crate) struct BlockStream {
    codec: Box<dyn BlockCodec>,
    channels: usize,
    /// Bytes that the header promises. `None`: unknown.
    promised: Option<u64>,
    given: u64,
    /// Samples of blocks too long to be returned at once.
    queue: Assembler,
}

impl BlockStream {
    pub(crate) fn new(codec: impl BlockCodec + 'static, channels: u16, promised: Option<u64>) -> Self {
        let channels = usize::from(channels);
        Self { codec: Box::new(codec), channels, promised, given: 0, queue: Assembler::new(channels, 0) }
    }
}

impl BlockStream {
    /// Returns the samples of each channel in the whole blocks that the header promises.
    pub(crate) fn declared(&self) -> Option<u64> {
        let blocks = self.promised? / self.codec.block_bytes().max(1) as u64;
        Some(blocks.saturating_mul(self.codec.block_samples() as u64))
    }
}

impl Stream for BlockStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.channels);
        if self.queue.is_due() {
            self.queue.give(block);
            return Ok(true);
        }
        let size = self.codec.block_bytes().max(1);
        let wanted = (FRAMES / self.codec.block_samples().max(1)).max(1) * size;
        let at = source.position();
        let bytes = source.peek(wanted)?;
        let bytes = bytes.get(..wanted.min(bytes.len())).unwrap_or_default();
        let (whole, rest) = bytes.split_at(bytes.len() / size * size);
        for one in whole.chunks_exact(size) {
            self.codec.decode(one, &mut block.planes);
        }
        let (whole, rest, cut) = (whole.len(), rest.len(), bytes.len() < wanted);
        let partial = cut && rest > 0;
        if partial && self.codec.takes_partial() {
            let rest = bytes.get(whole..).unwrap_or_default();
            self.codec.decode(rest, &mut block.planes);
        }
        self.given += (whole + if cut { rest } else { 0 }) as u64;
        source.consume(whole + if cut { rest } else { 0 });
        match self.promised.take_if(|_| cut) {
            Some(promised) if self.given < promised => {
                let message = format!("{promised} bytes of samples promised, {} found", self.given);
                notes.add(Warning::new("truncated", message).at_byte(at + (whole + rest) as u64));
            }
            None if partial && !self.codec.takes_partial() => {
                let message = format!("{rest} bytes at the end are no whole block of {size}");
                notes.add(Warning::new("truncated", message).at_byte(at + whole as u64));
            }
            _ => {}
        }
        if block.frames() > 2 * FRAMES {
            self.queue.add(&block.planes, None);
            self.queue.give(block);
        }
        Ok(block.frames() > 0)
    }
}
