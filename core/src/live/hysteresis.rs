//! From probabilities to beginnings and ends, each told as soon as it is certain.

use serde::Serialize;

use crate::units::{Millis, Span};

use super::StreamOptions;

/// Speech that began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum StreamEvent {
    /// Speech has begun.
    SpeechStart {
        /// When, with the padding before it.
        #[serde(rename = "atMs")]
        at: Millis,
        /// The end of the frame that decided.
        #[serde(rename = "knownMs")]
        known: Millis,
    },
    /// Speech has ended; its beginning was told before.
    SpeechEnd {
        /// From when to when, with the padding on either side.
        #[serde(flatten)]
        span: Span,
        /// The end of the frame that decided.
        #[serde(rename = "knownMs")]
        known: Millis,
    },
}

/// The walk over the frames of one track, with the meanings of [`spans`](crate::speech::spans).
#[derive(Debug)]
pub(super) struct Hysteresis {
    threshold: f32,
    neg_threshold: f32,
    min_speech: f64,
    min_silence: f64,
    pad: f64,
    state: WalkState,
}

/// What is known of the speech under way.
#[derive(Debug, Default)]
struct WalkState {
    begun: Option<f64>,
    /// Whether its beginning was told, and what was told.
    told: Option<f64>,
    quiet_since: Option<f64>,
    /// The end that was told last.
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

    /// Begins another track.
    pub fn reset(&mut self) {
        self.state = WalkState::default();
    }

    /// Whether speech was told that has not ended.
    pub fn is_speaking(&self) -> bool {
        self.state.told.is_some()
    }

    /// Since when there may be speech.
    pub fn begun(&self) -> Option<f64> {
        self.state.begun
    }

    /// Takes the frame from `now` to `heard`; what is certain by it.
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

    /// Ends the track: speech under way lasts to its end. A beginning is told before, where it was
    /// not yet.
    pub fn finish(&mut self, duration: f64) -> [Option<StreamEvent>; 2] {
        let Some(begun) = self.state.begun else { return [None, None] };
        self.state.quiet_since = None;
        let start = self.start(begun, duration);
        [start, self.end(begun, duration, duration)]
    }

    /// Tells a beginning once no silence can make the speech too short.
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
