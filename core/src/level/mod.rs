//! How loud a track is: active speech level, loudness, true peak, noise, and the hops that later stages ask about.

mod activity;
mod loudness;
pub(crate) mod peak;

pub use activity::{ActiveLevel, Hop, Hops, active_level};

use activity::Activity;
use loudness::Loudness;
use peak::TruePeak;

use crate::error::Result;
use crate::track::Listener;
use crate::units::{Decibels, Rate};

/// Samples at or beyond this are counted as clipped: 16 bits hold nothing above it.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

/// Hears one track at its own rate.
#[derive(Debug)]
pub struct LevelMeter {
    activity: Activity,
    loudness: Loudness,
    peak: TruePeak,
    clipped: u64,
}

/// What a track's level is, over all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Active speech level and activity factor by ITU-T P.56, over the whole track.
    pub active: ActiveLevel,
    /// Integrated loudness by EBU R 128 in LUFS; `None` for silence or less than 400 ms.
    pub loudness: Option<Decibels>,
    /// True peak by ITU-R BS.1770 in dBTP; `None` for digital silence.
    pub true_peak: Option<Decibels>,
    /// Samples at full scale.
    pub clipped: u64,
    /// The track in hops of 10 ms.
    pub hops: Hops,
}

impl LevelMeter {
    /// A meter for a track of a rate.
    ///
    /// # Errors
    /// `unsupported` where the loudness meter does not know the rate.
    pub fn new(rate: Rate) -> Result<Self> {
        Ok(Self {
            activity: Activity::new(rate),
            loudness: Loudness::new(rate)?,
            peak: TruePeak::default(),
            clipped: 0,
        })
    }

    /// What was heard.
    pub fn finish(self) -> Level {
        let hops = self.activity.finish();
        Level {
            active: active_level(hops.iter()),
            loudness: self.loudness.finish(),
            true_peak: self.peak.finish(),
            clipped: self.clipped,
            hops,
        }
    }
}

impl Listener for LevelMeter {
    fn hear(&mut self, samples: &[f32]) {
        self.clipped += samples.iter().filter(|x| x.abs() >= FULL_SCALE).count() as u64;
        self.activity.hear(samples);
        self.loudness.hear(samples);
        self.peak.hear(samples);
    }
}
