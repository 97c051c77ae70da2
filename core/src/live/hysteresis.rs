//! Converts probabilities to beginnings and ends of speech, each reported as soon as it is certain.

use serde::Serialize;

use crate::units::{Millis, Span};

use super::StreamOptions;

/// Speech that began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum StreamEvent {
    /// Speech began.
    SpeechStart {
        /// When it began, including the padding before it.
        #[serde(rename = "atMs")]
        at: Millis,
        /// The end of the frame that decided.
        #[serde(rename = "knownMs")]
        known: Millis,
    },
    /// Speech ended. Its beginning was reported before.
    SpeechEnd {
        /// Beginning and end, including padding.
        #[serde(flatten)]
        span: Span,
        /// The end of the frame that decided.
        #[serde(rename = "knownMs")]
        known: Millis,
    },
}

/// Walks over the frames of one track, with the rules of [`spans`](crate::speech::spans).
#[derive(Debug)]
pub(super) struct Hysteresis {
    threshold: f32,
    neg_threshold: f32,
    min_speech: f64,
    min_silence: f64,
    pad: f64,
    state: WalkState,
}

/// The state of the current speech.
#[derive(Debug, Default)]
struct WalkState {
    begun: Option<f64>,
    /// The reported beginning, if it was reported.
    told: Option<f64>,
    quiet_since: Option<f64>,
    /// The last end reported.
    last_end: f64,
}

impl Hysteresis {
    pub fn new(options: &StreamOptions) -> Self {
        Self {
            threshold: options.threshold,
            neg_threshold: options.neg_threshold(),
            min_speech: options.min_speech_ms.0,
            min_silence: options.min_silence_ms.0,
            pad: options.speech_pad_ms.0,
            state: WalkState::default(),
        }
    }

    /// Resets the walk for another track.
    pub fn reset(&mut self) {
        self.state = WalkState::default();
    }

    /// Returns `true` if speech was reported that has not ended.
    pub fn is_speaking(&self) -> bool {
        self.state.told.is_some()
    }

    /// Returns since when there may be speech.
    pub fn begun(&self) -> Option<f64> {
        self.state.begun
    }

    /// Takes the frame from `now` to `heard`, and returns the event that became certain.
    pub fn push(&mut self, now: f64, heard: f64, p: f32) -> Option<StreamEvent> {
        let state = &mut self.state;
        if p >= self.threshold {
            state.quiet_since = None;
            state.begun.get_or_insert(now);
        }
        let begun = state.begun?;
        if p < self.neg_threshold {
            let since = *state.quiet_since.get_or_insert(now);
            if now - since >= self.min_silence {
                return self.end(begun, since, heard);
            }
        }
        self.start(begun, heard)
    }

    /// Ends the track and any open speech. Reports its beginning first, if necessary.
    pub fn finish(&mut self, duration: f64) -> [Option<StreamEvent>; 2] {
        let Some(begun) = self.state.begun else { return [None, None] };
        self.state.quiet_since = None;
        let start = self.start(begun, duration);
        [start, self.end(begun, duration, duration)]
    }

    /// Reports a beginning once the speech can no longer be too short.
    fn start(&mut self, begun: f64, heard: f64) -> Option<StreamEvent> {
        let state = &mut self.state;
        let end = state.quiet_since.unwrap_or(heard);
        if state.told.is_some() || end - begun <= self.min_speech {
            return None;
        }
        let at = (begun - self.pad).max(state.last_end);
        state.told = Some(at);
        Some(StreamEvent::SpeechStart { at: Millis(at), known: Millis(heard) })
    }

    fn end(&mut self, begun: f64, end: f64, heard: f64) -> Option<StreamEvent> {
        let state = &mut self.state;
        (state.begun, state.quiet_since) = (None, None);
        let at = state.told.take().filter(|_| end - begun > self.min_speech)?;
        let end = (end + self.pad).min(heard);
        state.last_end = end;
        Some(StreamEvent::SpeechEnd { span: Span { start: Millis(at), end: Millis(end) }, known: Millis(heard) })
    }
}
