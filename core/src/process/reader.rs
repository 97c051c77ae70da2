//! A recording in stretches, the next one decoded while one is heard.

use crate::decode::{ChannelSelection, Decoder};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::resample::Resampler;
use crate::threads::{self, Job};
use crate::units::{Millis, Rate};

/// Samples that are heard at once where there is one thread: few, so that they stay in the processor's nearest memory.
const SHORT: usize = 4096;
/// What is heard at once where there are more: a block of the voice detector, a millisecond of work ...
const LONG: Millis = Millis(3072.0);
/// ... and eight of them where nothing else keeps the threads busy: they wait for each other after every stretch.
const MAX: Millis = Millis(24_576.0);
/// And at most so many samples of all tracks together.
const MAX_SAMPLES: usize = 1 << 18;

/// A stretch of one track, as it was recorded and, where that is asked for, at 8 kHz.
#[derive(Debug, Default)]
pub(super) struct TrackBlock {
    pub own: Vec<f32>,
    pub narrow: Vec<f32>,
}

/// Called after every block; an error ends the reading.
type OnBlock<'a> = Box<dyn FnMut(&Decoder) -> Result<()> + Send + 'a>;

/// Reads a recording stretch by stretch, every track by itself.
pub(super) struct RecordingReader<'a> {
    pub decoder: Decoder,
    lanes: &'a [ChannelSelection],
    to_narrow: Vec<Resampler>,
    tell: OnBlock<'a>,
    /// The longest stretch where there is more than one thread.
    longest: Millis,
    ended: bool,
    room: Vec<f32>,
}

impl<'a> RecordingReader<'a> {
    /// A reader of a recording's tracks, which may be decoded ahead in so many parts side by side. `alone`: no other recording is
    /// read meanwhile. `tell` is called after every block.
    pub(super) fn new(
        mut decoder: Decoder,
        lanes: &'a [ChannelSelection],
        parts: usize,
        alone: bool,
        tell: impl FnMut(&Decoder) -> Result<()> + Send + 'a,
    ) -> Self {
        decoder.split(parts);
        let longest = if alone { MAX } else { LONG };
        let (to_narrow, tell) = (Vec::new(), Box::new(tell));
        Self { decoder, lanes, to_narrow, tell, longest, ended: false, room: Vec::new() }
    }

    /// The same with every stretch at 8 kHz too.
    ///
    /// # Errors
    /// `unsupported` where the rate cannot be brought to 8 kHz.
    pub(super) fn narrowed(mut self) -> Result<Self> {
        let rate = self.decoder.spec().rate;
        self.to_narrow = self.lanes.iter().map(|_| Resampler::new(rate, Rate::NARROWBAND)).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Reads to the end. Each stretch is given to `hear`, a part for each track, and where there is more than one thread, with the
    /// job of reading the next one, which must be done beside; how a recording is cut into stretches changes nothing that is heard.
    ///
    /// # Errors
    /// Those of the decoder, of `hear`, and of what is called after every block.
    pub(super) fn read(&mut self, mut hear: impl FnMut(&[TrackBlock], Option<Job<'_>>) -> Result<()>) -> Result<()> {
        let beside = threads::count() > 1;
        let (mut frames, longest) =
            if beside { (self.samples(LONG), self.samples(self.longest)) } else { (SHORT, SHORT) };
        let stretches = || -> Vec<TrackBlock> { self.lanes.iter().map(|_| TrackBlock::default()).collect() };
        let (mut now, mut next) = (stretches(), stretches());
        let mut more = self.fill(&mut now, frames)?;
        while more {
            // The first are shorter: until there is something to hear, one thread works.
            frames = (2 * frames).min(longest);
            if beside {
                let mut filled = None;
                hear(&now, Some(Box::new(|| filled = Some(self.fill(&mut next, frames)))))?;
                let unread = || Error::new(ErrorKind::Internal, Stage::Decode, "the next stretch was not read");
                more = filled.ok_or_else(unread)??;
                std::mem::swap(&mut now, &mut next);
            } else {
                hear(&now, None)?;
                more = self.fill(&mut now, frames)?;
            }
        }
        Ok(())
    }

    /// Samples of a stretch.
    fn samples(&self, stretch: Millis) -> usize {
        let samples = usize::try_from(self.decoder.spec().rate.sample_at(stretch)).unwrap_or(MAX_SAMPLES);
        samples.min(MAX_SAMPLES / self.lanes.len().max(1)).max(SHORT)
    }

    /// Fills a stretch of each track with at least so many samples, fewer only at the end; false where nothing was left.
    fn fill(&mut self, stretches: &mut [TrackBlock], frames: usize) -> Result<bool> {
        for stretch in stretches.iter_mut() {
            stretch.own.clear();
            stretch.narrow.clear();
        }
        if self.ended {
            return Ok(false);
        }
        let mut filled = 0;
        while filled < frames {
            let Some(block) = self.decoder.next_block()? else {
                self.ended = true;
                break;
            };
            filled += block.frames();
            for (lane, stretch) in self.lanes.iter().zip(stretches.iter_mut()) {
                stretch.own.extend_from_slice(lane.samples(block, &mut self.room));
            }
            (self.tell)(&self.decoder)?;
        }
        for (to_narrow, stretch) in self.to_narrow.iter_mut().zip(stretches) {
            to_narrow.push(&stretch.own, &mut stretch.narrow)?;
            if self.ended {
                to_narrow.finish(&mut stretch.narrow)?;
            }
        }
        Ok(true)
    }
}
