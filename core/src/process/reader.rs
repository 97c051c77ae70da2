//! A recording in blocks, the next one decoded while one is analyzed.

use crate::decode::{ChannelSelection, Decoder};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::resample::Resampler;
use crate::threads::{self, Job};
use crate::units::{Millis, Rate};

/// Samples that are heard at once where there is one thread: few, so that they stay in the
/// processor's nearest memory.
const SHORT: usize = 4096;
/// What is analyzed at once where there are more: a block of the voice detector, a millisecond of
/// work ...
const LONG: Millis = Millis(3072.0);
/// ... and eight of them where nothing else keeps the threads busy: they wait for each other after
/// every block.
const MAX: Millis = Millis(24_576.0);
/// And at most so many samples of all tracks together.
const MAX_SAMPLES: usize = 1 << 18;

/// A block of one track, as it was recorded and, where that is asked for, at 8 kHz.
#[derive(Debug, Default)]
pub(super) struct TrackBlock {
    pub own: Vec<f32>,
    pub narrowband: Vec<f32>,
}

/// Called after every block; an error ends the reading.
type OnBlock<'a> = Box<dyn FnMut(&Decoder) -> Result<()> + Send + 'a>;

/// Reads a recording block by block, every track by itself.
pub(super) struct RecordingReader<'a> {
    pub decoder: Decoder,
    channels: &'a [ChannelSelection],
    resamplers: Vec<Resampler>,
    on_block: OnBlock<'a>,
    /// The longest block where there is more than one thread.
    longest: Millis,
    ended: bool,
    scratch: Vec<f32>,
}

impl<'a> RecordingReader<'a> {
    /// A reader of a recording's tracks, which may be decoded ahead in so many parts side by side.
    /// `alone`: no other recording is read meanwhile. `on_block` is called after every block.
    pub(super) fn new(
        mut decoder: Decoder,
        channels: &'a [ChannelSelection],
        parts: usize,
        alone: bool,
        on_block: impl FnMut(&Decoder) -> Result<()> + Send + 'a,
    ) -> Self {
        decoder.split(parts);
        let longest = if alone { MAX } else { LONG };
        let (resamplers, on_block) = (Vec::new(), Box::new(on_block));
        Self { decoder, channels, resamplers, on_block, longest, ended: false, scratch: Vec::new() }
    }

    /// The same with every block at 8 kHz too.
    ///
    /// # Errors
    /// `unsupported` where the rate cannot be brought to 8 kHz.
    pub(super) fn narrowed(mut self) -> Result<Self> {
        let rate = self.decoder.spec().rate;
        self.resamplers =
            self.channels.iter().map(|_| Resampler::new(rate, Rate::NARROWBAND)).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Reads to the end. Each block is given to `take`, a part for each track, and where there is
    /// more than one thread, with the job of reading the next one, which must be done beside; how a
    /// recording is cut into blocks changes nothing that is analyzed.
    ///
    /// # Errors
    /// Those of the decoder, of `take`, and of what is called after every block.
    pub(super) fn read(&mut self, mut take: impl FnMut(&[TrackBlock], Option<Job<'_>>) -> Result<()>) -> Result<()> {
        let beside = threads::count() > 1;
        let (mut frames, longest) =
            if beside { (self.samples(LONG), self.samples(self.longest)) } else { (SHORT, SHORT) };
        let blocks = || -> Vec<TrackBlock> { self.channels.iter().map(|_| TrackBlock::default()).collect() };
        let (mut now, mut next) = (blocks(), blocks());
        let mut more = self.fill(&mut now, frames)?;
        while more {
            // The first are shorter: until there is something to hear, one thread works.
            frames = (2 * frames).min(longest);
            if beside {
                let mut filled = None;
                take(&now, Some(Box::new(|| filled = Some(self.fill(&mut next, frames)))))?;
                let unread = || Error::new(ErrorKind::Internal, Stage::Decode, "the next block was not read");
                more = filled.ok_or_else(unread)??;
                std::mem::swap(&mut now, &mut next);
            } else {
                take(&now, None)?;
                more = self.fill(&mut now, frames)?;
            }
        }
        Ok(())
    }

    /// Samples of a block.
    fn samples(&self, block: Millis) -> usize {
        let samples = usize::try_from(self.decoder.spec().rate.sample_at(block)).unwrap_or(MAX_SAMPLES);
        samples.min(MAX_SAMPLES / self.channels.len().max(1)).max(SHORT)
    }

    /// Fills a block of each track with at least so many samples, fewer only at the end; false
    /// where nothing was left.
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
