//! One encoder's output within an MP3: the samples it added before and after the recording's own,
//! and their removal.
//!
//! Concatenated files are several segments, each with its own delay and padding.

use super::sampling::Sampling;
use super::tag::{DECODER_DELAY, LameTag};
use crate::decode::block::Block;
use crate::decode::spec::{DecodeNotes, Delay, DelayBasis};
use crate::error::Warning;

/// Start and end of a segment's own samples among the decoded samples.
#[derive(Debug, Default)]
pub(crate) struct MpegSegment {
    /// Which samples are made. All positions count those that are not made too.
    sampling: Sampling,
    /// Samples before the recording's own.
    pub(crate) delay: Delay,
    /// Number of audio frames, if the tag gives it.
    expected: Option<u64>,
    /// The recording's own samples, if the tag gives them.
    pub(crate) declared: Option<u64>,
    /// Start of the padding in decoded samples, if the tag's count is plausible.
    padding_from: Option<u64>,
    /// Frames and samples that were decoded or replaced.
    frames: u64,
    decoded: u64,
    /// Possible padding, held until the end of the segment confirms it.
    held: Vec<Vec<f32>>,
}

impl MpegSegment {
    /// Creates a segment with its tag, if it begins with one.
    pub(crate) fn new(tag: Option<LameTag>, frame_samples: usize, assumed_delay: u32) -> Self {
        let tag = tag.unwrap_or_default();
        let expected = tag.frames.filter(|&n| n > 0).map(u64::from);
        let delay = match tag.delay_and_padding {
            Some((delay, _)) => Delay { samples: delay + DECODER_DELAY, basis: DelayBasis::Tag },
            None => Delay { samples: assumed_delay, basis: DelayBasis::Assumed },
        };
        let padding = tag.delay_and_padding.map_or(0, |(_, padding)| padding.saturating_sub(DECODER_DELAY));
        let own = |frames: u64| (frames * frame_samples as u64).saturating_sub(u64::from(delay.samples + padding));
        let declared = expected.map(own);
        let padding_from = expected.filter(|_| padding > 0).map(|frames| {
            // Padding longer than the segment is invalid and trims nothing.
            (frames * frame_samples as u64).saturating_sub(u64::from(padding)).max(u64::from(delay.samples))
        });
        Self { delay, expected, declared, padding_from, ..Self::default() }
    }

    /// Makes every second sample only. `before`: the own samples of the segments before, so that
    /// the time stays exact.
    pub(crate) fn halved(self, before: u64) -> Self {
        Self { sampling: Sampling::second(u64::from(self.delay.samples) + before), ..self }
    }

    /// Returns which samples are made.
    pub(crate) fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Returns the number of the recording's own samples, once the segment has ended. Those that
    /// are not made count too.
    pub(crate) fn length(&self) -> u64 {
        let end = self.padding_from.unwrap_or(u64::MAX).min(self.decoded);
        end.saturating_sub(u64::from(self.delay.samples))
    }

    /// Prepares for the next frame: releases held samples if the frame shows that the tag's count
    /// is wrong.
    pub(crate) fn before_frame(&mut self, block: &mut Block) {
        if self.expected == Some(self.frames) {
            self.release(block);
            self.padding_from = None;
        }
    }

    /// Adds one frame of `length` samples by channel, as far as they are made. The recording's own
    /// go to the block, possible padding is held.
    pub(crate) fn add_frame<'a>(&mut self, length: usize, channel: impl Fn(usize) -> &'a [f32], block: &mut Block) {
        let samples = self.sampling.count(length);
        let from = self.offset(u64::from(self.delay.samples), samples);
        let to = self.padding_from.map_or(samples, |at| self.offset(at, samples)).max(from);
        self.held.resize_with(block.planes.len(), Vec::new);
        for (index, (plane, held)) in block.planes.iter_mut().zip(&mut self.held).enumerate() {
            let all = channel(index);
            plane.extend_from_slice(all.get(from..to).unwrap_or_default());
            held.extend_from_slice(all.get(to..samples).unwrap_or_default());
        }
        self.frames += 1;
        self.decoded += length as u64;
    }

    /// Ends the segment: drops the padding if the frame count agrees, releases it otherwise.
    pub(crate) fn end(&mut self, at: u64, block: &mut Block, notes: &mut DecodeNotes) {
        match self.expected {
            Some(expected) if expected != self.frames => {
                let found = self.frames;
                let code = if found < expected { "truncated" } else { "frame_count_wrong" };
                let message = format!("the tag counts {expected} frames, {found} found: no padding removed");
                notes.add(Warning::new(code, message).at_byte(at));
                self.release(block);
                self.padding_from = None;
            }
            _ => self.held.iter_mut().for_each(Vec::clear),
        }
    }

    fn release(&mut self, block: &mut Block) {
        for (plane, held) in block.planes.iter_mut().zip(&mut self.held) {
            plane.append(held);
        }
    }

    /// Converts a position among the decoded samples to an offset into the `samples` that are made
    /// of the next frame. Frames have an even number of samples.
    fn offset(&self, position: u64, samples: usize) -> usize {
        let made = self.sampling.before(position.saturating_sub(self.decoded));
        usize::try_from(made).unwrap_or(samples).min(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a segment of frames of ten numbered samples.
    fn run(tag: Option<LameTag>, frames: usize) -> (Vec<f32>, Vec<Warning>) {
        let mut segment = MpegSegment::new(tag, 10, 3);
        let (mut block, mut notes) = (Block::default(), DecodeNotes::default());
        block.clear(1);
        for frame in 0..frames {
            let samples: Vec<f32> = (0..10).map(|i| (frame * 10 + i) as f32).collect();
            segment.before_frame(&mut block);
            segment.add_frame(10, |_| &samples, &mut block);
        }
        segment.end(0, &mut block, &mut notes);
        (block.planes.remove(0), notes.finish())
    }

    fn tag(frames: u32, padding: u32) -> Option<LameTag> {
        Some(LameTag { frames: Some(frames), delay_and_padding: Some((1, padding)) })
    }

    #[test]
    fn without_a_tag_the_assumed_delay_goes_and_nothing_else() {
        assert_eq!(run(None, 3).0, (3..30).map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    fn padding_goes_only_where_the_count_agrees() {
        let (samples, warnings) = run(tag(60, 529 + 7), 60);
        assert_eq!((samples[0], samples[samples.len() - 1], warnings.len()), (530.0, 592.0, 0));
        for frames in [58, 61, 75] {
            let (samples, warnings) = run(tag(60, 529 + 7), frames);
            let expected: Vec<f32> = (530..frames * 10).map(|i| i as f32).collect();
            assert_eq!(samples, expected, "{frames} frames");
            assert_eq!(warnings.len(), 1);
        }
    }

    /// Two segments of numbered samples, of which every second is made: those of all, wherever the
    /// first one's own samples begin and end.
    #[test]
    fn every_second_sample_is_one_of_all_from_the_first_on() {
        for (delay, padding, frames) in [(0, 0, 6), (1, 3, 6), (2, 4, 6), (1, 4, 6), (1, 3, 5)] {
            let (mut all, mut second, mut before) = (Vec::new(), Vec::new(), 0);
            for half in [false, true] {
                for file in [0.0, 100.0] {
                    let delay_and_padding = Some((delay, DECODER_DELAY + padding));
                    let tag = LameTag { frames: Some(6 + 53), delay_and_padding };
                    let segment = MpegSegment::new(Some(tag), 10, 0);
                    let mut segment = if half { segment.halved(before) } else { segment };
                    let (mut block, mut notes) = (Block::default(), DecodeNotes::default());
                    block.clear(1);
                    for frame in 0..frames + 53 {
                        let samples = (0..10).map(|i| file + (frame * 10 + i) as f32 / 1000.0);
                        let samples: Vec<f32> = match segment.sampling() {
                            Sampling::All => samples.collect(),
                            Sampling::Even => samples.step_by(2).collect(),
                            Sampling::Odd => samples.skip(1).step_by(2).collect(),
                        };
                        segment.before_frame(&mut block);
                        segment.add_frame(10, |_| &samples, &mut block);
                    }
                    segment.end(0, &mut block, &mut notes);
                    if half {
                        before += segment.length();
                        second.append(&mut block.planes[0]);
                    } else {
                        all.append(&mut block.planes[0]);
                    }
                }
            }
            let expected: Vec<f32> = all.iter().copied().step_by(2).collect();
            assert_eq!(second, expected, "{delay} {padding} {frames}");
            assert_eq!(before, all.len() as u64, "{delay} {padding} {frames}");
        }
    }

    #[test]
    fn a_padding_longer_than_everything_ends_nothing_before_the_delay() {
        let (samples, _) = run(tag(2, 4095), 60);
        assert_eq!(samples.len(), 70);
    }
}
