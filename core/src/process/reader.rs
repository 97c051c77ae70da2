//! Reads a recording in blocks, decoding the next one while one is analyzed.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::decode::{ChannelSelection, Decoder};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::resample::Resampler;
use crate::threads::{self, Job};
use crate::units::{Millis, Rate};

/// Samples per block if one thread reads and analyzes; few, so that they stay in the CPU's cache.
const SHORT: usize = 4096;
/// Length of a block if a free thread decodes the next: one block of the speech detector, a
/// millisecond of work.
const LONG: Millis = Millis(3072.0);
/// Length of a block of the last recording, when nothing else keeps the threads busy: eight of
/// those, because threads wait for each other after every block.
const MAX: Millis = Millis(24_576.0);
/// Most samples of a block, all tracks together.
const MAX_SAMPLES: usize = 1 << 18;

/// A block of one track at its own rate and, if requested, at 8 kHz.
#[derive(Debug, Default)]
pub(super) struct TrackBlock {
    pub own: Vec<f32>,
    pub narrowband: Vec<f32>,
}

/// Called after every block. An error ends the reading.
type OnBlock<'a> = Box<dyn FnMut(&Decoder) -> Result<()> + Send + 'a>;

/// Reads a recording block by block, with its tracks separated.
pub(super) struct RecordingReader<'a> {
    pub decoder: Decoder,
    channels: &'a [ChannelSelection],
    resamplers: Vec<Resampler>,
    on_block: OnBlock<'a>,
    ended: bool,
    scratch: Vec<f32>,
}

/// Counts the recordings that are not read to their end yet.
#[derive(Debug)]
pub(super) struct UnreadCount(AtomicUsize);

impl UnreadCount {
    pub(super) const fn new(recordings: usize) -> Self {
        Self(AtomicUsize::new(recordings))
    }

    /// Notes that a recording was read, or failed.
    pub(super) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns whether only one recording is left.
    fn is_one(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }

    /// Returns whether there are more threads than recordings. Where there are not, each recording
    /// is best read by a thread of its own, in blocks that stay in its cache.
    fn has_free_thread(&self) -> bool {
        threads::count() > self.0.load(Ordering::Relaxed)
    }
}

impl<'a> RecordingReader<'a> {
    /// Creates a reader of a recording's tracks, which may decode ahead in this many parallel
    /// parts.
    ///
    /// `on_block` is called after every block.
    pub(super) fn new(
        mut decoder: Decoder,
        channels: &'a [ChannelSelection],
        parts: usize,
        on_block: impl FnMut(&Decoder) -> Result<()> + Send + 'a,
    ) -> Self {
        decoder.split(parts);
        let (resamplers, on_block) = (Vec::new(), Box::new(on_block));
        Self { decoder, channels, resamplers, on_block, ended: false, scratch: Vec::new() }
    }

    /// Adds every block at 8 kHz.
    ///
    /// # Errors
    /// `unsupported` if the rate cannot be converted to 8 kHz.
    pub(super) fn narrowed(mut self) -> Result<Self> {
        let rate = self.decoder.spec().rate;
        self.resamplers =
            self.channels.iter().map(|_| Resampler::new(rate, Rate::NARROWBAND)).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Reads to the end. Each block is passed to `take`, one part per track.
    ///
    /// If there are more threads than `unread` recordings, `take` also gets a job that reads the
    /// next block, which it must run concurrently. The division into blocks does not affect the
    /// analysis.
    ///
    /// # Errors
    /// Those of the decoder, of `take` and of `on_block`.
    pub(super) fn read(
        &mut self,
        unread: &UnreadCount,
        mut take: impl FnMut(&[TrackBlock], Option<Job<'_>>) -> Result<()>,
    ) -> Result<()> {
        let (long, longest) = (self.samples(LONG), self.samples(MAX));
        let mut frames = if unread.has_free_thread() { long } else { SHORT };
        let blocks = || -> Vec<TrackBlock> { self.channels.iter().map(|_| TrackBlock::default()).collect() };
        let (mut now, mut next) = (blocks(), blocks());
        let mut more = self.fill(&mut now, frames)?;
        while more {
            if unread.has_free_thread() {
                // The first are shorter: until there is something to hear, one thread works.
                frames = (2 * frames).max(long).min(if unread.is_one() { longest } else { long });
                let mut filled = None;
                take(&now, Some(Box::new(|| filled = Some(self.fill(&mut next, frames)))))?;
                let missing =
                    || Error::new(ErrorKind::Internal, Stage::Decode, "the reader thread ended without the next block");
                more = filled.ok_or_else(missing)??;
                std::mem::swap(&mut now, &mut next);
            } else {
                frames = SHORT;
                take(&now, None)?;
                more = self.fill(&mut now, frames)?;
            }
        }
        Ok(())
    }

    /// Returns the number of samples of a block.
    fn samples(&self, block: Millis) -> usize {
        let samples = usize::try_from(self.decoder.spec().rate.sample_at(block)).unwrap_or(MAX_SAMPLES);
        samples.min(MAX_SAMPLES / self.channels.len().max(1)).max(SHORT)
    }

    /// Fills a block of each track with at least `frames` samples, fewer only at the end. Returns
    /// `false` if nothing was left.
    fn fill(&mut self, blocks: &mut [TrackBlock], frames: usize) -> Result<bool> {
        for block in blocks.iter_mut() {
            block.own.clear();
            block.narrowband.clear();
        }
        if self.ended {
            return Ok(false);
        }
        let mut filled = 0;
        while filled < frames {
            let Some(decoded) = self.decoder.next_block()? else {
                self.ended = true;
                break;
            };
            filled += decoded.frames();
            for (channel, block) in self.channels.iter().zip(blocks.iter_mut()) {
                block.own.extend_from_slice(channel.samples(decoded, &mut self.scratch));
            }
            (self.on_block)(&self.decoder)?;
        }
        for (resampler, block) in self.resamplers.iter_mut().zip(blocks) {
            resampler.push(&block.own, &mut block.narrowband)?;
            if self.ended {
                resampler.finish(&mut block.narrowband)?;
            }
        }
        Ok(true)
    }
}
