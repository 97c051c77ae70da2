//! What can be chosen by name or by number with a unit.

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
            /// The names that can be chosen.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The choice of a name, if it is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            /// Reads a name as the report and the configuration write it.
            fn from_str(name: &str) -> crate::error::Result<Self> {
                Self::from_name(name).ok_or_else(|| crate::error::unknown_name(name, Self::NAMES.iter().copied()))
            }
        }
    };
}

choice! {
    /// Which speech detector listens.
    DetectorKind {
        /// Silero VAD's 8 kHz model: the one to trust on telephone bandwidth.
        #[default]
        Silero = "silero",
        /// WebRTC's detector: the cheap choice; takes ringing and music for speech.
        Webrtc = "webrtc",
    }
}

impl DetectorKind {
    /// Refuses a detector that is not in this build.
    pub(crate) fn require(self) -> Result<()> {
        #[cfg(not(feature = "webrtc"))]
        if self == Self::Webrtc {
            return Err(Error::compiled_out(Stage::Config, "the detector webrtc", "webrtc"));
        }
        Ok(())
    }
}

choice! {
    /// What says where a span of speech begins and ends.
    Edges {
        /// The detector, the level and the noise together, to the hop of 10 ms.
        #[default]
        Energy = "energy",
        /// The detector alone: the spans of Silero's rule, to the sample.
        Detector = "detector",
    }
}

choice! {
    /// How a mix is laid out.
    Layout {
        /// One channel per party.
        #[default]
        Split = "split",
        /// All parties in one channel.
        Mono = "mono",
        /// One channel per party, and of a track whose voices are told apart one per voice: its
        /// speech, and silence elsewhere.
        Voices = "voices",
    }
}

choice! {
    /// How an output file is written.
    Format {
        /// 16-bit PCM in wav.
        #[default]
        Wav = "wav",
        /// 8-bit mu-law (ITU-T G.711) in wav: half the size, with its noise some 38 dB below the
        /// sound.
        WavUlaw = "wav-ulaw",
        /// FLAC of 16 bits: nothing lost, half the size or less. At most 8 channels.
        Flac = "flac",
    }
}

impl Format {
    /// How the name of a file of this format ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::WavUlaw => "wav",
            Self::Flac => "flac",
        }
    }

    /// The format that the ending of a file's name says.
    ///
    /// # Errors
    /// `invalid_argument` for an ending that says none.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("wav") => Ok(Self::Wav),
            Some("flac") => Ok(Self::Flac),
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "the ending of an audio file's name")
                .with_mismatch(path.display(), "a name that ends in .wav or .flac")),
        }
    }
}

choice! {
    /// What becomes of personal data in a report: parties, paths, names taken from file names.
    Pii {
        /// They stay.
        #[default]
        Keep = "keep",
        /// They are left out.
        Drop = "drop",
    }
}

choice! {
    /// What becomes of a recording with two channels.
    Stereo {
        /// Each channel is a track: one party each.
        #[default]
        Split = "split",
        /// The channels are averaged into one track.
        Downmix = "downmix",
    }
}

choice! {
    /// Which tag an outcome becomes.
    TagProfile {
        /// `fax` is wrong_or_spam, `conversation` normal or short, everything else other.
        #[default]
        Default = "default",
        /// A silent party and a monologue are wrong_or_spam too.
        Spam = "spam",
    }
}

choice! {
    /// What is heard in place of what was redacted.
    Cover {
        /// Nothing.
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
    /// The highest rate among the inputs, at most 16 kHz.
    #[default]
    Auto,
    /// The highest rate among the inputs.
    Source,
    /// A rate of the caller's.
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
    /// `auto`, `source`, or 8000 to 48000 Hz.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "source" => Ok(Self::Source),
            _ => match text.parse().ok().filter(|hz| (8_000..=48_000).contains(hz)) {
                Some(hz) => Ok(Self::Fixed(Rate::new(hz)?)),
                None => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such output rate")
                    .with_mismatch(text, "auto, source or 8000 to 48000 Hz")),
            },
        }
    }
}

/// The level to which each party is brought.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LevelTarget {
    /// Active speech level by ITU-T P.56, in dBov.
    ActiveDbov(Decibels),
    /// Integrated loudness by EBU R 128, in LUFS.
    Lufs(Decibels),
    /// As recorded.
    Off,
}

impl Default for LevelTarget {
    fn default() -> Self {
        Self::ActiveDbov(Decibels(-26.0))
    }
}

impl LevelTarget {
    /// `-26dbov`, `-23lufs` (any number from −60 to −1 in either), or `off`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
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
            _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such level")
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
