//! Keeps a recording's first sample rate. Later parts with another rate are resampled.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::assemble::Assembler;
use super::block::Block;
use super::mpeg::MpegStream;
use super::source::Source;
use super::spec::DecodeNotes;
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Approximate number of samples resampled at once.
const CHUNK: usize = 1024;

/// An MPEG stream whose samples all have the rate of its first frame.
pub(crate) struct OneRate {
    inner: MpegStream,
    hz: u32,
    /// Rate of the next samples, and the converter for it if it is not the first rate.
    current: u32,
    converter: Option<Converter>,
    queue: Assembler,
    room: Vec<Vec<f32>>,
}

impl OneRate {
    pub(crate) fn new(inner: MpegStream) -> Self {
        let (hz, channels) = (inner.hz(), usize::from(inner.channels()));
        Self { inner, hz, current: hz, converter: None, queue: Assembler::new(channels, 0), room: Vec::new() }
    }

    /// Passes a block through the converter, then updates it after a change of rate.
    fn convert(&mut self, block: &mut Block, more: bool) -> Result<()> {
        self.room.resize_with(block.planes.len(), Vec::new);
        self.room.iter_mut().for_each(Vec::clear);
        let ends = !more || self.inner.hz() != self.current;
        if let Some(converter) = &mut self.converter {
            converter.push(&block.planes, &mut self.room)?;
            if ends {
                converter.finish(&mut self.room)?;
            }
            self.queue.add(&self.room, None);
        } else {
            self.queue.add(&block.planes, None);
        }
        if ends {
            self.current = self.inner.hz();
            let changed = more && self.current != self.hz;
            self.converter = changed.then(|| Converter::new(self.current, self.hz, block.planes.len())).transpose()?;
        }
        block.clear(block.planes.len());
        Ok(())
    }
}

impl Stream for OneRate {
    fn split(&mut self, parts: usize) {
        self.inner.split(parts);
    }

    fn halve(&mut self) -> bool {
        let halved = self.inner.halve();
        (self.hz, self.current) = (self.inner.hz(), self.inner.hz());
        halved
    }

    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        if self.queue.is_due() {
            self.queue.give(block);
            return Ok(true);
        }
        let more = self.inner.next(source, block, notes)?;
        if self.converter.is_some() || self.inner.hz() != self.current {
            self.convert(block, more)?;
            return Ok(more || self.queue.is_due());
        }
        Ok(more)
    }
}

/// Resamples planar samples. Its delay is dropped, and its length is the input's times the ratio.
struct Converter {
    inner: Fft<f32>,
    ratio: f64,
    waiting: Vec<Vec<f32>>,
    produced: Vec<f32>,
    to_drop: usize,
    taken: u64,
    given: u64,
}

impl Converter {
    fn new(from: u32, to: u32, channels: usize) -> Result<Self> {
        let (from, to) = (from as usize, to as usize);
        // A transform of odd length has no middle sample and would be off by half a sample, hence
        // twice the common unit.
        let unit = 2 * from / common_divisor(from, to);
        let inner = Fft::new(from, to, CHUNK.next_multiple_of(unit), channels, FixedSync::Both).map_err(broken)?;
        Ok(Self {
            produced: vec![0.0; inner.output_frames_max() * channels],
            to_drop: inner.output_delay(),
            ratio: to as f64 / from as f64,
            waiting: vec![Vec::new(); channels],
            taken: 0,
            given: 0,
            inner,
        })
    }

    fn push(&mut self, planes: &[Vec<f32>], out: &mut [Vec<f32>]) -> Result<()> {
        for (waiting, plane) in self.waiting.iter_mut().zip(planes) {
            waiting.extend_from_slice(plane);
        }
        self.taken += planes.first().map_or(0, Vec::len) as u64;
        while self.waiting.first().is_some_and(|w| w.len() >= self.inner.input_frames_next()) {
            self.chunk(u64::MAX, out)?;
        }
        Ok(())
    }

    /// Appends the remaining samples, padded with silence.
    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
        let wanted = (self.taken as f64 * self.ratio).round() as u64;
        while self.given < wanted {
            let needed = self.inner.input_frames_next();
            self.waiting.iter_mut().for_each(|w| w.resize(needed.max(w.len()), 0.0));
            self.chunk(wanted, out)?;
        }
        Ok(())
    }

    fn chunk(&mut self, most: u64, out: &mut [Vec<f32>]) -> Result<()> {
        let (channels, frames) = (self.waiting.len(), self.inner.input_frames_next());
        let input: Vec<f32> = self.waiting.iter().flat_map(|w| w.get(..frames).unwrap_or_default()).copied().collect();
        let room = self.produced.len() / channels.max(1);
        let source = SequentialSlice::new(&input, channels, frames).map_err(broken)?;
        let mut target = SequentialSlice::new_mut(&mut self.produced, channels, room).map_err(broken)?;
        let (_, made) = self.inner.process_into_buffer(&source, &mut target, None).map_err(broken)?;
        self.waiting.iter_mut().for_each(|w| drop(w.drain(..frames.min(w.len()))));
        let dropped = self.to_drop.min(made);
        self.to_drop -= dropped;
        let left = usize::try_from(most.saturating_sub(self.given)).unwrap_or(made);
        let until = made.min(dropped.saturating_add(left));
        for (plane, out) in self.produced.chunks_exact(room.max(1)).zip(out) {
            out.extend_from_slice(plane.get(dropped..until).unwrap_or_default());
        }
        self.given += (until - dropped) as u64;
        Ok(())
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, Stage::Decode, format!("resampling failed: {error}"))
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impulses_keep_their_times_and_the_length_its_ratio() {
        for (from, to) in [(16_000, 8000), (8000, 16_000), (44_100, 16_000), (22_050, 48_000)] {
            let mut converter = Converter::new(from, to, 1).unwrap();
            let mut input = vec![0.0; 20_000];
            let places = [50usize, 9_000, 19_900];
            places.iter().for_each(|&p| input[p] = 1.0);
            let mut out = vec![Vec::new()];
            for part in input.chunks(777) {
                converter.push(&[part.to_vec()], &mut out).unwrap();
            }
            converter.finish(&mut out).unwrap();
            let ratio = f64::from(to) / f64::from(from);
            assert_eq!(out[0].len(), (20_000.0 * ratio).round() as usize);
            for place in places {
                let middle = (place as f64 * ratio) as usize;
                let near = middle.saturating_sub(20)..(middle + 20).min(out[0].len());
                let loudest = near.max_by(|&a, &b| out[0][a].abs().total_cmp(&out[0][b].abs())).unwrap();
                assert!((loudest as f64 - place as f64 * ratio).abs() <= 1.0, "{from} to {to}: {loudest}");
            }
        }
    }
}
