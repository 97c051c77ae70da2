//! A processed call in pieces for a transcriber: each party's own speech, with the way back to the
//! call's time.

use crate::call::Role;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::redact;
use crate::resample::resample;
use crate::speech::{self, Chunk, ChunkOptions};
use crate::track::{Track, to_f32};
use crate::units::{Millis, Rate, Span};
use crate::vad::Probabilities;

use super::detector::DetectorChoice;
use super::{Processed, ProcessedTrack};

/// A stretch of one party's speech.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartyChunk {
    /// Its track's place among [`Processed::tracks`].
    pub placed: usize,
    /// Its track's place among the report's tracks.
    pub track: usize,
    /// The voice that speaks, where its track holds several.
    pub voice: Option<usize>,
    /// Who speaks.
    pub role: Role,
    /// Where it lies.
    pub chunk: Chunk,
}

impl PartyChunk {
    /// A stretch of a track's time as the chunk of one of its voices, or of its one party.
    pub(crate) fn of(placed: usize, voice: Option<usize>, track: Span) -> Self {
        Self { placed, track: placed, voice, role: Role::Unknown, chunk: Chunk::of(track) }
    }
}

impl Processed {
    /// Each party's own speech, cut for a transcriber ([`speech::chunks`]), in the order of the
    /// call. Bleed is left out, so nobody is transcribed twice. [`ProcessedTrack::cut`] gives a
    /// chunk's samples.
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
    /// `invalid_argument` for lengths that make no sense; those of [`speech::detect`], which is
    /// asked again where speech is longer than a chunk.
    pub fn chunks(&self, config: &Config, options: &ChunkOptions) -> Result<Vec<PartyChunk>> {
        options.validate()?;
        let detector = DetectorChoice::new(config, self.detector.clone());
        let mut all = Vec::new();
        for (place, placed) in self.tracks.iter().enumerate() {
            let track = placed.index;
            for (voice, role, speech) in self.own_speech(placed) {
                let chunks = placed.chunks(&speech, &detector, options)?;
                all.extend(chunks.into_iter().map(|chunk| PartyChunk { placed: place, track, voice, role, chunk }));
            }
        }
        let start = |chunk: &PartyChunk| chunk.chunk.call.start.0;
        all.sort_by(|a, b| start(a).total_cmp(&start(b)).then(a.track.cmp(&b.track)));
        Ok(all)
    }

    /// A track's own speech, in the track's time: of its party, or of each of its voices.
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
    /// The samples of a chunk, in [−1, 1], at any rate. Where it holds more than its party's own
    /// speech and the padding, because several were merged, other parties are silent in it.
    ///
    /// # Errors
    /// `invalid_argument` for a track that is not here; those of [`ProcessedTrack::cut`].
    pub fn chunk_samples(&self, chunk: &PartyChunk, options: &ChunkOptions, rate: Rate) -> Result<Vec<f32>> {
        let Some(placed) = self.tracks.get(chunk.placed) else {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Speech, "no such track"));
        };
        let span = chunk.chunk.track;
        let mut samples = placed.cut(span, placed.track.rate)?;
        for hole in self.others(placed, chunk, options) {
            let at = |time: Millis| placed.track.rate.sample_at(time - span.start) as usize;
            let end = at(hole.end).min(samples.len());
            samples.get_mut(at(hole.start)..end).unwrap_or_default().fill(0.0);
        }
        if rate == placed.track.rate { Ok(samples) } else { resample(&samples, placed.track.rate, rate) }
    }

    /// Where others than a chunk's party are heard in it, in the track's time.
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

/// What spans in the order of time leave of one.
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

    /// The samples of a span of the track's time, in [−1, 1], at any rate.
    ///
    /// # Errors
    /// `unsupported` where the track cannot be brought to that rate.
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

    #[test]
    fn what_is_left_of_a_span_lies_outside_of_what_is_taken() {
        let taken = [Span::new(0.0, 2.0), Span::new(1.0, 3.0), Span::new(5.0, 6.0), Span::new(20.0, 30.0)];
        assert_eq!(without(Span::new(1.0, 9.0), &taken), [Span::new(3.0, 5.0), Span::new(6.0, 9.0)]);
        assert_eq!(without(Span::new(1.0, 2.0), &taken), []);
        assert_eq!(without(Span::new(1.0, 2.0), &[]), [Span::new(1.0, 2.0)]);
    }
}
