//! Chunks of a processed call for a transcriber: each party's own speech, with the mapping back to
//! the call's time.

use crate::call::Role;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::redact;
use crate::resample::resample;
use crate::speech::{self, Chunk, ChunkOptions};
use crate::timeline::{Knot, Placement};
use crate::track::{Track, to_f32};
use crate::units::{Millis, Rate, Span};
use crate::vad::Probabilities;

use super::detector::DetectorChoice;
use super::{Processed, ProcessedTrack};

/// A chunk of one party's speech.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartyChunk {
    /// Index of the track in [`Processed::tracks`].
    pub placed: usize,
    /// Index of the track in the report.
    pub track: usize,
    /// The voice that speaks, on a mixed track.
    pub voice: Option<usize>,
    /// Who speaks.
    pub role: Role,
    /// The time that the chunk covers, from its first part to its last.
    pub chunk: Chunk,
    /// The parts of the track that the chunk consists of, in the track's time. There are several if
    /// chunks were merged and the pauses between them shortened.
    pub parts: Vec<Span>,
}

impl PartyChunk {
    /// Creates a chunk from parts of a track, of one of its voices or of its only party.
    pub(crate) fn of(placed: usize, voice: Option<usize>, parts: Vec<Span>) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let track = Span { start: first.start, end: last.end };
        Some(Self { placed, track: placed, voice, role: Role::Unknown, chunk: Chunk { track, call: track }, parts })
    }

    /// Returns the mapping from the chunk's time, counted from its first sample, to the call's
    /// time, as the knots of a placement.
    pub fn knots(&self, placement: &Placement) -> Vec<Knot> {
        if let [part] = self.parts.as_slice() {
            return placement.knots().iter().map(|k| Knot { track: k.track - part.start, call: k.call }).collect();
        }
        let mut knots = Vec::new();
        let mut before = Millis(0.0);
        for part in &self.parts {
            let within = |time: Millis| before + (time - part.start);
            let call = placement.span_to_call(*part);
            knots.push(Knot { track: before, call: call.start });
            let inner = placement.knots().iter().filter(|knot| knot.track > part.start && knot.track < part.end);
            knots.extend(inner.map(|knot| Knot { track: within(knot.track), call: knot.call }));
            before = within(part.end);
            knots.push(Knot { track: before, call: call.end });
        }
        knots
    }
}

impl Processed {
    /// Splits each party's own speech into chunks for a transcriber ([`speech::chunks`]), in the
    /// order of the call.
    ///
    /// Bleed is left out, so no speech is transcribed twice. [`Processed::chunk_samples`] returns a
    /// chunk's samples; for a chunk with a single part, [`ProcessedTrack::cut`] does too.
    ///
    /// ```
    /// use callweave::speech::ChunkOptions;
    /// use callweave::{Config, Input, RunOptions, process, units::Rate};
    ///
    /// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
    /// let call = vec![Input::path(format!("{folder}/short/customer.wav"))];
    /// let config = Config::default();
    /// let call = process(call, &config, &RunOptions::default())?;
    /// for chunk in call.chunks(&config, &ChunkOptions::default())? {
    ///     let samples = call.tracks[chunk.placed].cut(chunk.chunk.track, Rate::WIDEBAND)?;
    ///     assert!(!samples.is_empty());
    /// }
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::NoAudio`] for a call whose samples were not kept.
    /// - [`ErrorKind::InvalidArgument`] for lengths out of range.
    /// - Those of [`speech::detect`], which runs again where speech is longer than a chunk.
    pub fn chunks(&self, config: &Config, options: &ChunkOptions) -> Result<Vec<PartyChunk>> {
        options.validate()?;
        self.require_samples(Stage::Speech)?;
        let detector = DetectorChoice::new(config, self.detector.clone());
        let mut all = Vec::new();
        for (place, placed) in self.tracks.iter().enumerate() {
            let track = placed.index;
            for (voice, role, speech) in self.own_speech(placed) {
                let chunks = placed.chunks(&speech, &detector, options)?;
                let windows = speech::windows(&chunks, options).into_iter();
                all.extend(windows.filter_map(|parts| {
                    let made = PartyChunk::of(place, voice, parts)?;
                    let call = placed.placement.span_to_call(made.chunk.track);
                    Some(PartyChunk { track, role, chunk: Chunk { call, ..made.chunk }, ..made })
                }));
            }
        }
        let start = |chunk: &PartyChunk| chunk.chunk.call.start.0;
        all.sort_by(|a, b| start(a).total_cmp(&start(b)).then(a.track.cmp(&b.track)));
        Ok(all)
    }

    /// Returns a track's own speech in the track's time, by party or by voice.
    fn own_speech(&self, placed: &ProcessedTrack) -> Vec<(Option<usize>, Role, Vec<Span>)> {
        let Some(told) = self.report.tracks.iter().find(|track| track.index == placed.index) else { return Vec::new() };
        let back = |span: &Span| {
            let (start, end) = (placed.placement.to_track(span.start), placed.placement.to_track(span.end));
            (end > start).then_some(Span { start, end })
        };
        let on_track = |speech: &[Span]| speech.iter().filter_map(back).collect();
        match told.voices.as_deref() {
            Some(voices) if voices.len() > 1 => {
                voices.iter().map(|told| (Some(told.voice), told.role, on_track(&told.speech))).collect()
            }
            _ => vec![(None, placed.track.role, on_track(&told.speech))],
        }
    }
}

impl Processed {
    /// Returns the samples of a chunk in [−1, 1], at any rate.
    ///
    /// In a merged chunk, other parties are silenced outside the party's own speech and its
    /// padding.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for a track that is not in this call.
    /// - Those of [`ProcessedTrack::cut`].
    pub fn chunk_samples(&self, chunk: &PartyChunk, options: &ChunkOptions, rate: Rate) -> Result<Vec<f32>> {
        let Some(placed) = self.tracks.get(chunk.placed) else {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Speech, "the chunk's track is not in this call"));
        };
        let others = self.others(placed, chunk, options);
        let own = placed.track.rate;
        let mut all = Vec::new();
        for part in &chunk.parts {
            let mut samples = placed.cut(*part, own)?;
            for hole in others.iter().filter_map(|hole| hole.overlap(part)) {
                let at = |time: Millis| own.sample_at(time - part.start) as usize;
                let end = at(hole.end).min(samples.len());
                samples.get_mut(at(hole.start)..end).unwrap_or_default().fill(0.0);
            }
            all.extend(samples);
        }
        if rate == own { Ok(all) } else { resample(&all, own, rate) }
    }

    /// Returns the spans of a chunk that belong to other parties, in the track's time.
    fn others(&self, placed: &ProcessedTrack, chunk: &PartyChunk, options: &ChunkOptions) -> Vec<Span> {
        let parties = self.own_speech(placed);
        let told = self.report.tracks.iter().find(|track| track.index == placed.index);
        let to_track = |span: &Span| redact::on_track(*span, &placed.placement);
        let bleed = told.into_iter().flat_map(|track| &track.bleed).map(|bleed| to_track(&bleed.span));
        let voices = parties.iter().filter(|(voice, ..)| *voice != chunk.voice).flat_map(|(.., speech)| speech.clone());
        let within = bleed.chain(voices).filter_map(|span| span.overlap(&chunk.chunk.track));
        let own = parties.iter().find(|(voice, ..)| *voice == chunk.voice).map(|(.., own)| own.as_slice());
        let pad = |span: &Span| Span { start: span.start - options.pad, end: span.end + options.pad };
        let own: Vec<Span> = own.unwrap_or_default().iter().map(pad).collect();
        within.flat_map(|span| without(span, &own)).collect()
    }
}

/// Returns the parts of a span that are not in `taken`, which must be sorted.
fn without(span: Span, taken: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    let mut start = span.start;
    for taken in taken.iter().filter(|taken| taken.overlap(&span).is_some()) {
        left.push(Span { start, end: taken.start });
        start = start.max(taken.end);
    }
    left.push(Span { start, end: span.end });
    left.retain(|span| span.start < span.end);
    left
}

impl ProcessedTrack {
    fn chunks(&self, speech: &[Span], detector: &DetectorChoice, options: &ChunkOptions) -> Result<Vec<Chunk>> {
        // Probabilities, which were not kept, are needed to find a pause to cut in. At least half
        // of a chunk is speech, the rest is padding.
        let room = options.longest.0.max(1000.0) / 2.0;
        let voice = if speech.iter().any(|span| span.duration().0 > room) {
            let Track { samples, rate, .. } = &self.track;
            let mut again = detector.detector(1)?;
            speech::detect_with(samples, *rate, &detector.config.speech, again.as_mut())?.probabilities
        } else {
            Probabilities::default()
        };
        Ok(speech::chunks(speech, &voice, self.track.duration(), &self.placement, options))
    }

    /// Returns the samples of a span of the track's time in [−1, 1], at any rate.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the track cannot be resampled to that rate.
    pub fn cut(&self, span: Span, rate: Rate) -> Result<Vec<f32>> {
        let at = |time| usize::try_from(self.track.rate.sample_at(time)).unwrap_or(usize::MAX);
        let end = at(span.end).min(self.track.samples.len());
        let samples = self.track.samples.get(at(span.start)..end).unwrap_or_default();
        let samples: Vec<f32> = samples.iter().map(|&x| to_f32(x)).collect();
        if rate == self.track.rate { Ok(samples) } else { resample(&samples, self.track.rate, rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Method;

    #[test]
    fn moments_of_a_merged_chunk_are_those_of_its_parts() {
        let knots = [(0.0, 100.0), (5000.0, 5100.0), (5000.0, 7100.0), (20_000.0, 22_100.0)];
        let knots = knots.map(|(track, call)| Knot { track: Millis(track), call: Millis(call) });
        let placement = Placement::through(knots.to_vec(), Method::None, 0.0, Millis(0.0));
        let parts = vec![Span::new(1000.0, 2000.0), Span::new(4000.0, 6000.0), Span::new(9000.0, 9500.0)];
        let chunk = PartyChunk::of(0, None, parts).unwrap();
        let way = Placement::through(chunk.knots(&placement), Method::None, 0.0, Millis(0.0));
        for (within, track) in [(0.0, 1000.0), (500.0, 1500.0), (1500.0, 4500.0), (2500.0, 5500.0), (3250.0, 9250.0)] {
            assert_eq!(way.to_call(Millis(within)), placement.to_call(Millis(track)), "{within}");
        }
    }

    #[test]
    fn what_is_left_of_a_span_lies_outside_of_what_is_taken() {
        let taken = [Span::new(0.0, 2.0), Span::new(1.0, 3.0), Span::new(5.0, 6.0), Span::new(20.0, 30.0)];
        assert_eq!(without(Span::new(1.0, 9.0), &taken), [Span::new(3.0, 5.0), Span::new(6.0, 9.0)]);
        assert_eq!(without(Span::new(1.0, 2.0), &taken), []);
        assert_eq!(without(Span::new(1.0, 2.0), &[]), [Span::new(1.0, 2.0)]);
    }
}
