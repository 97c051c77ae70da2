//! Decodes a recording at a lower rate than its own, if the options ask for one.

use super::assemble::Assembler;
use super::block::Block;
use super::opening::OpenStream;
use super::source::Source;
use super::spec::{DecodeNotes, Spec};
use super::stream::Stream;
use crate::error::Result;
use crate::resample::Resampler;
use crate::samples::WILD;
use crate::units::Rate;

/// Returns a stream at the rate `to`, if its own is higher. A codec that decodes at half its rate
/// itself does so. Every other one is resampled.
///
/// # Errors
/// `unsupported` if the two rates cannot be converted.
pub(super) fn downsampled((mut stream, spec): OpenStream, to: Option<Rate>) -> Result<OpenStream> {
    let Some(to) = to.filter(|&to| to < spec.rate) else { return Ok((stream, spec)) };
    let (from_hz, to_hz) = (u64::from(spec.rate.hz()), u64::from(to.hz()));
    let declared = spec.declared.map(|samples| samples.saturating_mul(to_hz).div_ceil(from_hz));
    let lower = Spec { rate: to, declared, ..spec };
    if from_hz == 2 * to_hz && stream.halve() {
        return Ok((stream, lower));
    }
    Ok((Box::new(Downsampled::new(stream, &spec, to)?), lower))
}

/// A stream that is resampled. Sample `n` is the signal at `n / to` seconds.
struct Downsampled {
    inner: Box<dyn Stream>,
    /// One per channel.
    resamplers: Vec<Resampler>,
    queue: Assembler,
    scratch: Vec<Vec<f32>>,
    /// Whether samples were out of range, so that the filter may exceed the range too.
    wild: bool,
    ended: bool,
}

impl Downsampled {
    fn new(inner: Box<dyn Stream>, spec: &Spec, to: Rate) -> Result<Self> {
        let channels = usize::from(spec.channels);
        let resamplers = (0..channels).map(|_| Resampler::new(spec.rate, to)).collect::<Result<_>>()?;
        let (queue, scratch) = (Assembler::new(channels, 0), vec![Vec::new(); channels]);
        Ok(Self { inner, resamplers, queue, scratch, wild: false, ended: false })
    }

    /// Passes a block through the resamplers, or ends them after the last one.
    fn convert(&mut self, block: Option<&mut Block>) -> Result<()> {
        self.scratch.iter_mut().for_each(Vec::clear);
        let channels = self.resamplers.iter_mut().zip(&mut self.scratch);
        match block {
            Some(block) => {
                for ((resampler, out), plane) in channels.zip(block.narrow()) {
                    resampler.push(plane, out)?;
                }
            }
            None => {
                for (resampler, out) in channels {
                    resampler.finish(out)?;
                }
            }
        }
        if self.wild {
            self.scratch.iter_mut().flatten().for_each(|x| *x = x.clamp(-WILD, WILD));
        }
        self.queue.add(&self.scratch, None);
        Ok(())
    }
}

impl Stream for Downsampled {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        if !self.queue.is_due() {
            if self.ended {
                return Ok(false);
            }
            self.ended = !self.inner.next(source, block, notes)?;
            if self.ended {
                self.convert(None)?;
            } else {
                let wild = block.tame();
                notes.wild += wild;
                self.wild |= wild > 0;
                self.convert(Some(block))?;
            }
        }
        let more = self.queue.is_due() || !self.ended;
        self.queue.give(block);
        Ok(more)
    }

    fn audio_bytes(&self, source: &Source) -> u64 {
        self.inner.audio_bytes(source)
    }

    fn split(&mut self, parts: usize) {
        self.inner.split(parts);
    }
}
