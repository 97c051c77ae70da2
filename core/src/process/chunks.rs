//! A processed call in pieces for a transcriber: each party's own speech, with the way back to the
//! call's time.

use crate::call::Role;
use crate::config::Config;
use crate::error::Result;
use crate::resample::resample;
use crate::speech::{self, Chunk, ChunkOptions};
use crate::track::{Track, to_f32};
use crate::units::{Rate, Span};
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
