//! `series.json`: each track's mean level, second by second, for plotting or searching a call.

use serde::Serialize;

use crate::call::Role;
use crate::error::Result;
use crate::json;
use crate::report::SCHEMA_VERSION;
use crate::units::Decibels;

/// Milliseconds between two levels.
const STEP_MS: u32 = 1000;

/// Levels of all tracks on the call's timeline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Series<'a> {
    schema_version: u32,
    step_ms: u32,
    tracks: Vec<TrackLevels<'a>>,
}

/// The levels of one track.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TrackLevels<'a> {
    /// The track's index in the call.
    pub index: usize,
    /// Who speaks.
    pub role: Role,
    /// Mean level (RMS) of each second of the call in dBov. `None` where the track has no audio.
    pub dbov: &'a [Option<Decibels>],
}

/// Returns the document: `{"schemaVersion": 1, "stepMs": 1000, "tracks": [{"index": 0, "role":
/// "customer", "dbov": [-61.2, null]}]}`.
///
/// # Errors
/// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
pub fn series(tracks: &[TrackLevels]) -> Result<String> {
    let series = Series { schema_version: SCHEMA_VERSION, step_ms: STEP_MS, tracks: tracks.to_vec() };
    json::text(&series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_written_by_track_and_what_is_missing_is_null() {
        let levels = [Some(Decibels(-61.234)), None];
        let track = TrackLevels { index: 1, role: Role::Agent, dbov: &levels };
        let text = r#"{"schemaVersion":1,"stepMs":1000,"tracks":[{"index":1,"role":"agent","dbov":[-61.234,null]}]}"#;
        assert_eq!(series(&[track]).unwrap(), text);
    }
}
