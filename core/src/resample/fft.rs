//! Resampling between any two rates, with rubato's FFT resampler.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// Approximate number of input samples per call, at most one second. At a few hertz, more would be
/// minutes.
const CHUNK: usize = 1024;

/// Feeds rubato in chunks of its own size, and drops its start-up delay.
#[derive(Debug)]
pub(super) struct FftResampler {
    inner: Fft<f32>,
    waiting: Vec<f32>,
    produced: Vec<f32>,
    to_drop: usize,
}

impl FftResampler {
    pub(super) fn new(from: Rate, to: Rate) -> Result<Self> {
        // An odd transform has no middle sample: its output would lie half a sample off. Hence
        // twice the shared unit.
        let (from_hz, to_hz) = (from.hz() as usize, to.hz() as usize);
        let unit = 2 * from_hz / greatest_common_divisor(from_hz, to_hz);
        let chunk = CHUNK.min(from_hz).next_multiple_of(unit);
        let inner = Fft::new(from_hz, to_hz, chunk, 1, FixedSync::Both).map_err(|e| {
            Error::new(ErrorKind::Unsupported, Stage::Resample, format!("cannot resample from {from} to {to}: {e}"))
        })?;
        let produced = vec![0.0; inner.output_frames_max()];
        let to_drop = inner.output_delay();
        Ok(Self { inner, waiting: Vec::new(), produced, to_drop })
    }

    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<()> {
        self.waiting.extend_from_slice(samples);
        let mut at = 0;
        while self.waiting.len() - at >= self.inner.input_frames_next() {
            at += self.chunk(at, out)?;
        }
        self.waiting.drain(..at);
        Ok(())
    }

    /// Appends the remaining output, at least `wanted` samples, followed by silence.
    pub(super) fn finish(&mut self, wanted: usize, out: &mut Vec<f32>) -> Result<()> {
        let before = out.len();
        while out.len() - before < wanted {
            self.waiting.resize(self.inner.input_frames_next(), 0.0);
            self.chunk(0, out)?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Resamples one chunk that begins at `at`, and returns how many samples it consumed.
    fn chunk(&mut self, at: usize, out: &mut Vec<f32>) -> Result<usize> {
        let broken = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, Stage::Resample, e.to_string());
        let input = &self.waiting[at..at + self.inner.input_frames_next()];
        let room = self.produced.len();
        let source = SequentialSlice::new(input, 1, input.len()).map_err(|e| broken(&e))?;
        let mut target = SequentialSlice::new_mut(&mut self.produced, 1, room).map_err(|e| broken(&e))?;
        let (taken, made) = self.inner.process_into_buffer(&source, &mut target, None).map_err(|e| broken(&e))?;
        let dropped = self.to_drop.min(made);
        self.to_drop -= dropped;
        out.extend_from_slice(&self.produced[dropped..made]);
        Ok(taken)
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
