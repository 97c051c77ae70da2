//! Reads one track along the call's timeline at the mix's rate.
//!
//! A placement is cut into segments of constant slope, with silence between them where audio is
//! missing. Each segment is resampled separately: at the plain ratio of the rates, or with its
//! clock's drift corrected.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use super::{MixInput, loops};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::resample::Resampler;
use crate::timeline::Placement;
use crate::units::{Millis, Rate};

/// Samples of the track resampled at once.
const CHUNK: usize = 2048;
/// Slopes this close to 1 (0.1 ppm: 0.4 ms in an hour) need no correction.
const NO_DRIFT: f64 = 1e-7;
/// Length of the fades at a cut.
const FADE_MS: f64 = 5.0;

/// A segment of constant slope: the track's samples `from..to` are the output's `start..end`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct MixSegment {
    from: usize,
    to: usize,
    start: u64,
    end: u64,
    slope: f64,
    /// How much later than `start` the sample `from` lies, as a fraction of an output sample.
    late: f64,
}

/// Reads a placed track in the order of the call's time.
#[derive(Debug)]
pub(super) struct TrackReader<'a> {
    samples: &'a [i16],
    from_rate: Rate,
    to_rate: Rate,
    gain: f32,
    segments: std::vec::IntoIter<MixSegment>,
    current: Option<OpenSegment>,
    /// The next output sample.
    now: u64,
    input: Vec<f32>,
}

/// The segment being read.
#[derive(Debug)]
struct OpenSegment {
    segment: MixSegment,
    stretch: SegmentSource,
    /// The track's next sample to resample.
    read: usize,
    finished: bool,
    /// Output not taken yet, from `taken` on.
    out: Vec<f32>,
    taken: usize,
    fades: Fades,
}

/// Where a segment fades in and out because audio is missing before or after it, in output samples.
#[derive(Debug, Clone, Copy)]
struct Fades {
    /// The first sample, if it fades in, and the end, if it fades out.
    from: Option<u64>,
    to: Option<u64>,
    /// Length of a fade.
    length: f64,
}

/// How a segment is converted to the mix's rate.
#[derive(Debug)]
enum SegmentSource {
    /// It already has that rate.
    Same,
    Plain(Resampler),
    Drifting(Box<Drifting>),
}

impl<'a> TrackReader<'a> {
    pub(super) fn new(track: &MixInput<'a>, to_rate: Rate) -> Result<Self> {
        let segments = segments(track.placement, track.samples.len(), track.rate, to_rate);
        Ok(Self {
            samples: track.samples,
            from_rate: track.rate,
            to_rate,
            gain: track.gain.amplitude() as f32,
            segments: segments.into_iter(),
            current: None,
            now: 0,
            input: Vec::new(),
        })
    }

    /// Adds the track's next samples to a block of the mix.
    pub(super) fn add_to(&mut self, block: &mut [f32]) -> Result<()> {
        let mut done = 0;
        while done < block.len() {
            if self.current.is_none() {
                let Some(segment) = self.segments.next() else { break };
                let follows = !self.segments.as_slice().is_empty();
                self.current = Some(OpenSegment::new(segment, self.now, follows, self.from_rate, self.to_rate)?);
            }
            let Some(open) = &mut self.current else { break };
            let silent = (open.segment.start.saturating_sub(self.now)).min((block.len() - done) as u64) as usize;
            done += silent;
            self.now += silent as u64;
            let room = (open.segment.end.saturating_sub(self.now)).min((block.len() - done) as u64) as usize;
            open.add_to(&mut block[done..done + room], self.now, self.samples, self.gain, &mut self.input)?;
            done += room;
            self.now += room as u64;
            if self.now >= open.segment.end {
                self.current = None;
            }
        }
        self.now += (block.len() - done) as u64;
        Ok(())
    }
}

impl OpenSegment {
    fn new(segment: MixSegment, now: u64, follows: bool, from: Rate, to: Rate) -> Result<Self> {
        let stretch = match (segment.slope - 1.0).abs() < NO_DRIFT {
            true if from == to => SegmentSource::Same,
            true => SegmentSource::Plain(Resampler::new(from, to)?),
            false => {
                let ratio = f64::from(to.hz()) / f64::from(from.hz()) * segment.slope;
                SegmentSource::Drifting(Box::new(Drifting::new(ratio, segment.late)?))
            }
        };
        let cut_before = segment.from > 0 && segment.start > now;
        let fades = Fades {
            from: cut_before.then_some(segment.start),
            to: follows.then_some(segment.end),
            length: f64::from(to.hz()) * FADE_MS / 1000.0,
        };
        Ok(Self { segment, stretch, read: segment.from, finished: false, out: Vec::new(), taken: 0, fades })
    }

    /// Adds the segment's samples from `now` on to a part of the mix.
    fn add_to(
        &mut self,
        mut block: &mut [f32],
        mut now: u64,
        samples: &[i16],
        gain: f32,
        input: &mut Vec<f32>,
    ) -> Result<()> {
        while !block.is_empty() {
            if self.taken == self.out.len() {
                self.refill(samples, input)?;
            }
            let ready = &self.out[self.taken..];
            let (part, rest) = block.split_at_mut(ready.len().min(block.len()));
            if self.fades.touch(now, now + part.len() as u64) {
                for (i, (out, x)) in part.iter_mut().zip(ready).enumerate() {
                    *out += x * gain * self.fades.share(now + i as u64);
                }
            } else {
                loops::add(part, ready, gain);
            }
            self.taken += part.len();
            now += part.len() as u64;
            block = rest;
        }
        Ok(())
    }

    /// Resamples more of the segment, followed by silence at its end.
    fn refill(&mut self, samples: &[i16], input: &mut Vec<f32>) -> Result<()> {
        self.out.clear();
        self.taken = 0;
        while self.out.is_empty() && !self.finished {
            let to = (self.read + CHUNK).min(self.segment.to);
            let next = &samples[self.read..to];
            self.read = to;
            self.finished = to == self.segment.to;
            if let SegmentSource::Same = self.stretch {
                loops::extend(&mut self.out, next);
                continue;
            }
            input.clear();
            loops::extend(input, next);
            match &mut self.stretch {
                SegmentSource::Same => {}
                SegmentSource::Plain(plain) => {
                    plain.push(input, &mut self.out)?;
                    if self.finished {
                        plain.finish(&mut self.out)?;
                    }
                }
                SegmentSource::Drifting(drifting) => drifting.push(input, self.finished, &mut self.out)?,
            }
        }
        if self.out.is_empty() {
            self.out.resize(CHUNK, 0.0);
        }
        Ok(())
    }
}

impl Fades {
    /// Returns `true` if a fade lies within a range of samples.
    fn touch(self, from: u64, to: u64) -> bool {
        let near = |at: u64| from as f64 <= at as f64 + self.length && to as f64 >= at as f64 - self.length;
        self.from.is_some_and(near) || self.to.is_some_and(near)
    }

    /// Returns the gain of a fade at a sample.
    fn share(self, at: u64) -> f32 {
        let risen = self.from.map_or(1.0, |from| at.saturating_sub(from) as f64 / self.length);
        let left = self.to.map_or(1.0, |to| to.saturating_sub(at) as f64 / self.length);
        risen.min(left).min(1.0) as f32
    }
}

/// Cuts a placement at its knots. Consecutive parts of equal slope without a gap form one segment.
fn segments(placement: &Placement, samples: usize, from: Rate, to: Rate) -> Vec<MixSegment> {
    let end_of_track = from.millis(samples as u64);
    let knots = placement.knots();
    let inner = knots.iter().map(|k| k.track).filter(|t| t.0 > 0.0 && *t < end_of_track);
    let mut cuts: Vec<Millis> = [Millis(0.0)].into_iter().chain(inner).chain([end_of_track]).collect();
    cuts.dedup();
    let mut found: Vec<MixSegment> = Vec::new();
    for pair in cuts.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let call = placement.span_to_call(crate::units::Span { start: a, end: b });
        let (first, start) = (from.sample_at(a), to.sample_at(call.start));
        let slope = (call.end.0 - call.start.0) / (b.0 - a.0);
        let exact = call.start.0 + (from.millis(first).0 - a.0) * slope;
        let segment = MixSegment {
            from: first as usize,
            to: (from.sample_at(b) as usize).min(samples),
            start,
            end: to.sample_at(call.end),
            slope,
            late: exact * f64::from(to.hz()) / 1000.0 - start as f64,
        };
        match found.last_mut() {
            Some(last) if last.end == segment.start && (last.slope - segment.slope).abs() < NO_DRIFT => {
                (last.to, last.end) = (segment.to, segment.end);
            }
            _ => found.push(segment),
        }
    }
    found.retain(|s| s.end > s.start && s.to > s.from);
    found
}

/// rubato's variable-ratio resampler at a fixed ratio that differs from the ratio of any two rates.
#[derive(Debug)]
struct Drifting {
    inner: DebugAsync,
    waiting: Vec<f32>,
    produced: Vec<f32>,
    to_drop: usize,
    flushed: bool,
}

/// [`Async`] has no `Debug` of its own.
struct DebugAsync(Async<f32>);

impl std::fmt::Debug for DebugAsync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Async")
    }
}

impl Drifting {
    /// Taps of its filter, and number of positions between two samples that have one.
    const TAPS: usize = 64;
    const PLACES: usize = 64;

    /// Creates a resampler with a ratio, whose first sample lies `late` output samples after the
    /// first output.
    fn new(ratio: f64, late: f64) -> Result<Self> {
        let parameters = SincInterpolationParameters {
            sinc_len: Self::TAPS,
            f_cutoff: Some(0.92),
            interpolation: SincInterpolationType::Cubic,
            oversampling_factor: Self::PLACES,
            window: WindowFunction::BlackmanHarris2,
        };
        let inner = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input).map_err(|e| broken(&e))?;
        let produced = vec![0.0; inner.output_frames_max()];
        // What the filter delays, to a hundredth of a sample (measured; rubato tells it in whole
        // samples, and one too many).
        let delay = ratio * (Self::TAPS as f64 / 2.0 - 1.0 / Self::PLACES as f64) - 1.0;
        // Silence before the first sample moves all by parts of an output sample; what is dropped,
        // by whole ones.
        let excess = |silence: usize| silence as f64 * ratio + delay - late;
        let off = |silence: usize| (excess(silence) - excess(silence).round()).abs();
        let most = (1.0 / ratio).clamp(1.0, 64.0).ceil() as usize;
        let silence = (0..=most).min_by(|&a, &b| off(a).total_cmp(&off(b))).unwrap_or(0);
        let to_drop = excess(silence).round().max(0.0) as usize;
        Ok(Self { inner: DebugAsync(inner), waiting: vec![0.0; silence], produced, to_drop, flushed: false })
    }

    fn push(&mut self, samples: &[f32], last: bool, out: &mut Vec<f32>) -> Result<()> {
        self.waiting.extend_from_slice(samples);
        if last && !self.flushed {
            // Two chunks of silence push out everything that the filter still holds.
            self.flushed = true;
            self.waiting.resize(self.waiting.len().next_multiple_of(CHUNK) + 2 * CHUNK, 0.0);
        }
        while self.waiting.len() >= self.inner.0.input_frames_next() {
            let taken = self.chunk(out)?;
            self.waiting.drain(..taken);
        }
        Ok(())
    }

    fn chunk(&mut self, out: &mut Vec<f32>) -> Result<usize> {
        let room = self.produced.len();
        let source = SequentialSlice::new(&self.waiting, 1, self.waiting.len()).map_err(|e| broken(&e))?;
        let mut target = SequentialSlice::new_mut(&mut self.produced, 1, room).map_err(|e| broken(&e))?;
        let (taken, made) = self.inner.0.process_into_buffer(&source, &mut target, None).map_err(|e| broken(&e))?;
        let dropped = self.to_drop.min(made);
        self.to_drop -= dropped;
        out.extend_from_slice(&self.produced[dropped..made]);
        Ok(taken)
    }
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, Stage::Mix, error.to_string())
}
