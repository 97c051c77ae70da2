//! The options of a live call and of its tracks.

use serde::{Deserialize, Serialize};

use crate::call::{Leg, Role};
use crate::config::{Config, DetectorKind, setters};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::live::Keep;
use crate::units::{Millis, Rate};

/// Options of a live call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LiveOptions {
    /// What happens to the samples. Default: [`Keep::Nothing`].
    pub keep: Keep,
    /// How long to wait for a missing packet, or for a track that falls behind the others. Default:
    /// 1000 ms.
    pub window_ms: Millis,
    /// A track without a signal from its start for this long is reported as dead. Default: 5000 ms.
    pub dead_after_ms: Millis,
    /// The track of the called party, which is watched for an answer.
    pub called: Option<usize>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { keep: Keep::Nothing, window_ms: Millis(1000.0), dead_after_ms: Millis(5000.0), called: None }
    }
}

setters! { LiveOptions:
    with_keep(keep: Keep),
    into with_window_ms(window_ms: Millis),
    into with_dead_after_ms(dead_after_ms: Millis),
    with_called(called: Option<usize>),
}

/// One track of a live call.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveTrackOptions {
    /// Sample rate.
    pub rate: Rate,
    /// The track's name in reports and errors. `None` means `track 0` and so on.
    pub name: Option<String>,
    /// The track's leg.
    pub leg: Leg,
}

impl LiveTrackOptions {
    /// Creates a track with a sample rate and an unknown party.
    pub fn new(rate: Rate) -> Self {
        Self { rate, name: None, leg: Leg::default() }
    }

    /// Sets who speaks on the track.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.leg.role = role;
        self
    }

    /// Sets the party: a number, an address or a name.
    #[must_use]
    pub fn party(mut self, party: impl Into<String>) -> Self {
        self.leg.party = Some(party.into());
        self
    }
}

impl LiveOptions {
    /// Checks that the options are valid for this many tracks.
    pub(super) fn check(&self, tracks: usize, config: &Config) -> Result<()> {
        let refuse = |what: &str, found: String, expected: String| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).with_mismatch(found, expected))
        };
        if tracks == 0 {
            return refuse("no tracks", "0".into(), "1 or more".into());
        }
        if tracks > config.decode.max_tracks {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, "too many tracks")
                .with_mismatch(tracks, format!("at most {} (decode.maxTracks)", config.decode.max_tracks)));
        }
        if config.detector != DetectorKind::Silero {
            return Err(Error::new(ErrorKind::Unsupported, Stage::Config, "a live call cannot use this detector")
                .with_mismatch("webrtc", "silero"));
        }
        if let Some(rate) = config.decode.downsample_hz {
            let expected = "none: a live track has the rate of its samples";
            return refuse("a live call cannot use decode.downsampleHz", rate.to_string(), expected.into());
        }
        for (name, time) in [("windowMs", self.window_ms), ("deadAfterMs", self.dead_after_ms)] {
            if !(time.0.is_finite() && time.0 >= 0.0) {
                return refuse(name, time.to_string(), "0 ms or more".into());
            }
        }
        match self.called.filter(|&called| called >= tracks) {
            Some(called) => refuse("called", called.to_string(), format!("a track from 0 to {}", tracks - 1)),
            None => Ok(()),
        }
    }
}
