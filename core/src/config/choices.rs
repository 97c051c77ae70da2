//! Options chosen by name, or as a number with a unit.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::{Decibels, Rate};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// The valid names.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// Returns the value with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            /// Parses a name as written in reports and configurations.
            fn from_str(name: &str) -> crate::error::Result<Self> {
                Self::from_name(name).ok_or_else(|| crate::error::unknown_name(name, Self::NAMES.iter().copied()))
            }
        }
    };
}

choice! {
    /// The speech detector.
    DetectorKind {
        /// Silero VAD's 8 kHz model, the most accurate at telephone bandwidth.
        #[default]
        Silero = "silero",
        /// WebRTC's detector: cheap, but takes ringing and music for speech.
        Webrtc = "webrtc",
    }
}

impl DetectorKind {
    /// Checks that the detector is in this build.
    pub(crate) fn require(self) -> Result<()> {
        #[cfg(not(feature = "webrtc"))]
        if self == Self::Webrtc {
            return Err(Error::compiled_out(Stage::Config, "the detector webrtc", "webrtc"));
        }
        Ok(())
    }
}

choice! {
    /// What decides where a span of speech begins and ends.
    Edges {
        /// Detector, level and noise together, with a resolution of 10 ms.
        #[default]
        Energy = "energy",
        /// The detector alone: Silero's own rule, to the sample.
        Detector = "detector",
    }
}

choice! {
    /// The channels of a mix.
    Layout {
        /// One channel per party.
        #[default]
        Split = "split",
        /// All parties in one channel.
        Mono = "mono",
        /// One channel per party. On a mixed track with separated voices, one channel per voice; it
        /// is silent outside that voice's speech.
        Voices = "voices",
    }
}

choice! {
    /// The format of an output file.
    Format {
        /// 16-bit PCM in a WAV file.
        #[default]
        Wav = "wav",
        /// 8-bit mu-law (ITU-T G.711) in a WAV file. Half the size; quantization noise lies about
        /// 38 dB below the signal.
        WavUlaw = "wav-ulaw",
        /// 16-bit FLAC: lossless, at most half the size, at most 8 channels.
        Flac = "flac",
    }
}

impl Format {
    /// Returns the format's file name extension.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::WavUlaw => "wav",
            Self::Flac => "flac",
        }
    }

    /// Returns the format for a file name's extension.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an extension other than `.wav` or
    /// `.flac`.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("wav") => Ok(Self::Wav),
            Some("flac") => Ok(Self::Flac),
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "unknown file name extension")
                .with_mismatch(path.display(), "a name that ends in .wav or .flac")),
        }
    }
}

choice! {
    /// What happens to personal data in a report: parties, paths, and names derived from file
    /// names.
    Pii {
        /// It is kept.
        #[default]
        Keep = "keep",
        /// It is left out.
        Drop = "drop",
    }
}

choice! {
    /// How a recording with two channels is read.
    Stereo {
        /// Each channel is one party's track.
        #[default]
        Split = "split",
        /// The channels are averaged into one track.
        Downmix = "downmix",
    }
}

choice! {
    /// How an outcome maps to a tag.
    TagProfile {
        /// `fax` becomes `wrong_or_spam`, `conversation` becomes `normal` or `short`, everything
        /// else `other`.
        #[default]
        Default = "default",
        /// Like `Default`, but `silent_party` and `monologue` also become `wrong_or_spam`.
        Spam = "spam",
    }
}

choice! {
    /// What replaces redacted audio.
    Cover {
        /// Silence.
        #[default]
        Silence = "silence",
        /// A tone.
        Beep = "beep",
    }
}

/// The sample rate of a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutputRate {
    /// The highest rate among the inputs, up to 16 kHz.
    #[default]
    Auto,
    /// The highest rate among the inputs.
    Source,
    /// This rate.
    Fixed(Rate),
}

impl Serialize for OutputRate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Source => serializer.serialize_str("source"),
            Self::Fixed(rate) => serializer.serialize_u32(rate.hz()),
        }
    }
}

impl<'de> Deserialize<'de> for OutputRate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl OutputRate {
    /// Parses `auto`, `source`, or a rate from 8000 to 48000 Hz.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "source" => Ok(Self::Source),
            _ => match text.parse().ok().filter(|hz| (8_000..=48_000).contains(hz)) {
                Some(hz) => Ok(Self::Fixed(Rate::new(hz)?)),
                None => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "invalid output rate")
                    .with_mismatch(text, "auto, source or 8000 to 48000 Hz")),
            },
        }
    }
}

/// The level to which each party is normalized.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LevelTarget {
    /// Active speech level (ITU-T P.56) in dBov.
    ActiveDbov(Decibels),
    /// Integrated loudness (EBU R 128) in LUFS.
    Lufs(Decibels),
    /// No normalization.
    Off,
}

impl Default for LevelTarget {
    fn default() -> Self {
        Self::ActiveDbov(Decibels(-26.0))
    }
}

impl LevelTarget {
    /// Parses a level such as `-26dbov` or `-23lufs`, each from −60 to −1, or `off`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let number = |unit: &str| {
            let level: f64 = lower.strip_suffix(unit)?.trim().parse().ok()?;
            (-60.0..=-1.0).contains(&level).then_some(Decibels(level))
        };
        match (lower.as_str(), number("dbov"), number("lufs")) {
            ("off", _, _) => Ok(Self::Off),
            (_, Some(level), _) => Ok(Self::ActiveDbov(level)),
            (_, _, Some(level)) => Ok(Self::Lufs(level)),
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "invalid level")
                .with_mismatch(text, "-60dbov to -1dbov, -60lufs to -1lufs, or off")),
        }
    }
}

impl std::str::FromStr for OutputRate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl std::str::FromStr for LevelTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl Serialize for LevelTarget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ActiveDbov(level) => serializer.serialize_str(&format!("{}dbov", level.0)),
            Self::Lufs(level) => serializer.serialize_str(&format!("{}lufs", level.0)),
            Self::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for LevelTarget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
