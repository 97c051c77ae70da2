//! Live streams and calls for the bindings: options as JSON, samples that cross threads, events as
//! JSON.

use serde::{Deserialize, Serialize};

use super::from_json;
use crate::call::{KnownOffset, Leg, Moment, Role};
use crate::config::Config;
use crate::error::Result;
use crate::json;
use crate::live::{
    LiveCall, LiveEvent, LiveOptions, LiveSamples, LiveTrackOptions, SampleEncoding, SpeechStream, StreamOptions,
};
use crate::units::{Millis, Rate};

/// Copied samples of another language.
#[derive(Debug, Clone)]
pub enum OwnedSamples {
    /// Floats.
    F32(Vec<f32>),
    /// 16-bit integers.
    I16(Vec<i16>),
    /// Bytes in an encoding.
    Bytes(SampleEncoding, Vec<u8>),
}

impl OwnedSamples {
    /// Creates samples from bytes in the encoding with this name.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown encoding.
    pub fn bytes(encoding: &str, bytes: Vec<u8>) -> Result<Self> {
        Ok(Self::Bytes(SampleEncoding::from_name(encoding)?, bytes))
    }

    /// Returns the samples as a stream takes them.
    pub fn live(&self) -> LiveSamples<'_> {
        match self {
            Self::F32(samples) => LiveSamples::F32(samples),
            Self::I16(samples) => LiveSamples::I16(samples),
            Self::Bytes(encoding, bytes) => LiveSamples::Bytes(*encoding, bytes),
        }
    }
}

/// Creates a stream for samples of a rate. `options` are JSON.
///
/// # Errors
/// `invalid_argument` for an invalid rate or options.
pub fn speech_stream(rate_hz: u32, options: &str) -> Result<SpeechStream> {
    let options: StreamOptions = from_json(options)?;
    SpeechStream::new(Rate::new(rate_hz)?, &options)
}

/// Returns events as a JSON list, or `None` if there are none.
///
/// # Errors
/// `internal` for a defect.
pub fn events<T: Serialize>(events: &[T]) -> Result<Option<String>> {
    if events.is_empty() { Ok(None) } else { json::text(events).map(Some) }
}

/// Returns the call's next events as a JSON list, or `None` if there are none.
///
/// # Errors
/// Those of [`events`].
pub fn next_events(call: &mut LiveCall) -> Result<Option<String>> {
    let all: Vec<LiveEvent> = std::iter::from_fn(|| call.next_event()).collect();
    events(&all)
}

/// A track as described by another language.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct TrackDescription {
    sample_rate_hz: u32,
    name: Option<String>,
    role: Role,
    party: Option<String>,
    started_at: Option<Moment>,
    offset_ms: Option<Millis>,
}

/// Creates a call from JSON descriptions of its tracks and its options.
///
/// # Errors
/// `invalid_argument` for invalid input; those of [`LiveCall::new`].
pub fn live_call(tracks: &str, config: &Config, options: &str) -> Result<LiveCall> {
    let tracks: Vec<TrackDescription> = from_json(tracks)?;
    let options: LiveOptions = from_json(options)?;
    let track = |told: TrackDescription| {
        let offset = told
            .offset_ms
            .map(|at| KnownOffset::new(at, Millis(0.0)).ok_or_else(|| super::refused("the offset exceeds one day")));
        Ok(LiveTrackOptions {
            rate: Rate::new(told.sample_rate_hz)?,
            name: told.name,
            leg: Leg {
                role: told.role,
                party: told.party,
                started_at: told.started_at,
                offset: offset.transpose()?,
                ..Leg::default()
            },
        })
    };
    LiveCall::new(tracks.into_iter().map(track).collect::<Result<_>>()?, config, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn streams_and_calls_are_made_of_json_and_nonsense_is_refused() {
        let mut stream = speech_stream(16_000, r#"{"threshold": 0.6, "resetAfterMs": null}"#).unwrap();
        let samples = OwnedSamples::bytes("s16", vec![0; 640]).unwrap();
        assert_eq!(events(stream.push(samples.live()).unwrap()).unwrap(), None);
        let refused = |error: crate::error::Error| assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        refused(speech_stream(8_000, r#"{"treshold": 0.6}"#).unwrap_err());
        refused(speech_stream(0, "{}").unwrap_err());
        let config = Config::default();
        let tracks = r#"[{"sampleRateHz": 8000, "role": "customer", "party": "+66", "offsetMs": 20}]"#;
        let mut call = live_call(tracks, &config, r#"{"keep": "memory", "windowMs": 60, "called": 0}"#).unwrap();
        call.push(0, OwnedSamples::I16(vec![0; 80_000]).live()).unwrap();
        let told = next_events(&mut call).unwrap().unwrap();
        assert!(
            told.starts_with(r#"[{"id":"#) && told.contains(r#""kind":"dead_track","certainty":"provisional""#),
            "{told}"
        );
        assert_eq!(next_events(&mut call).unwrap(), None);
        for (tracks, options) in [("[{}]", "{}"), (tracks, r#"{"keep": "tape"}"#), (tracks, r#"{"kept": true}"#)] {
            refused(live_call(tracks, &config, options).unwrap_err());
        }
    }
}
