//! The properties of a recording: container, codec, rate and channels, known at its start, and the
//! others, known at its end.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::Warning;
use crate::units::{Millis, Rate};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All values, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name, as in the report.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names! {
    /// The container of a recording.
    Container {
        /// RIFF wave, little-endian.
        Wav = "wav",
        /// RIFF wave, big-endian.
        Rifx = "rifx",
        /// RIFF wave with 64-bit sizes (EBU Tech 3306).
        Rf64 = "rf64",
        /// RIFF wave with 64-bit sizes (ITU-R BS.2088).
        Bw64 = "bw64",
        /// A bare stream of MPEG audio frames, with or without tags.
        Mp3 = "mp3",
        /// AIFF or AIFF-C.
        Aiff = "aiff",
        /// Native FLAC.
        Flac = "flac",
        /// Ogg.
        Ogg = "ogg",
        /// ISO base media: mp4, m4a, 3gp.
        Mp4 = "mp4",
        /// AAC frames with their own headers.
        Adts = "adts",
        /// The storage format of adaptive multi-rate speech.
        Amr = "amr",
        /// Sun or NeXT audio.
        Sun = "au",
        /// Sony Wave64.
        Wave64 = "w64",
        /// Audio Video Interleave.
        Avi = "avi",
        /// Core Audio.
        Caf = "caf",
        /// Matroska or WebM.
        Matroska = "matroska",
        /// None: samples from the first byte on.
        Raw = "raw",
        /// None: samples in memory.
        Samples = "samples",
    }
}

names! {
    /// The codec of a recording.
    Codec {
        /// 8-bit unsigned PCM.
        PcmU8 = "pcm_u8",
        /// 8-bit signed PCM.
        PcmS8 = "pcm_s8",
        /// 16-bit PCM.
        PcmS16 = "pcm_s16",
        /// 24-bit PCM.
        PcmS24 = "pcm_s24",
        /// 32-bit PCM.
        PcmS32 = "pcm_s32",
        /// 32-bit floating point.
        PcmF32 = "pcm_f32",
        /// 64-bit floating point.
        PcmF64 = "pcm_f64",
        /// ITU-T G.711 mu-law.
        Ulaw = "g711_ulaw",
        /// ITU-T G.711 A-law.
        Alaw = "g711_alaw",
        /// GSM 06.10 full rate.
        Gsm = "gsm",
        /// IMA ADPCM, 4 bits.
        AdpcmIma = "adpcm_ima",
        /// Microsoft ADPCM, 4 bits.
        AdpcmMs = "adpcm_ms",
        /// ITU-T G.722 at 64 kbit/s.
        G722 = "g722",
        /// Dialogic or OKI ADPCM, 4 bits.
        AdpcmOki = "adpcm_oki",
        /// FLAC.
        Flac = "flac",
        /// Vorbis.
        Vorbis = "vorbis",
        /// Opus.
        Opus = "opus",
        /// AAC, low complexity.
        AacLc = "aac_lc",
        /// HE-AAC, versions 1 and 2.
        HeAac = "he_aac",
        /// Adaptive multi-rate speech, narrowband.
        AmrNb = "amr_nb",
        /// Adaptive multi-rate speech, wideband (ITU-T G.722.2).
        AmrWb = "amr_wb",
        /// ITU-T G.723.1.
        G7231 = "g723_1",
        /// ITU-T G.726 at 16 to 40 kbit/s.
        G726 = "g726",
        /// ITU-T G.729 at 8 kbit/s.
        G729 = "g729",
        /// Apple Lossless.
        Alac = "alac",
        /// MPEG-1, 2 or 2.5 layer I.
        Mp1 = "mp1",
        /// MPEG-1, 2 or 2.5 layer II.
        Mp2 = "mp2",
        /// MPEG-1, 2 or 2.5 layer III.
        Mp3 = "mp3",
    }
}

/// How a codec delay is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DelayBasis {
    /// The file gives it.
    Tag,
    /// The file does not give it. The configured value is assumed.
    Assumed,
    /// The codec has no delay.
    #[default]
    None,
}

impl DelayBasis {
    /// Returns the name, as in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Assumed => "assumed",
            Self::None => "none",
        }
    }
}

/// The delay of encoder and decoder together, which is removed from the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Delay {
    /// Length in samples at the file's own rate.
    pub samples: u32,
    /// How it is known.
    pub basis: DelayBasis,
}

/// What is known about a recording before its first sample.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spec {
    /// The container.
    pub container: Container,
    /// The codec.
    pub codec: Codec,
    /// Sample rate of the samples: the recording's own, unless the options ask for a lower one.
    pub rate: Rate,
    /// Number of channels.
    pub channels: u16,
    /// The codec delay that is being removed.
    pub delay: Delay,
    /// Samples per channel declared by the header, without codec delay and padding. `None` if it
    /// declares none. The actual number may differ. At `rate`.
    pub declared: Option<u64>,
}

/// What is known about a recording at its end: the `source` of a track in the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SourceInfo {
    /// The input's path or name. `None` if personal data is dropped.
    pub path: Option<String>,
    /// The container.
    pub container: Container,
    /// The codec.
    pub codec: Codec,
    /// Sample rate.
    pub sample_rate_hz: Rate,
    /// The lower rate at which it was decoded, if the options ask for one. Everything that is
    /// measured is measured at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded_rate_hz: Option<Rate>,
    /// Number of channels.
    pub channels: u16,
    /// Size of the input in bytes.
    pub bytes: u64,
    /// SHA-256 of the input in hexadecimal. `None` if the options disable it.
    pub sha256: Option<String>,
    /// The recording's duration without codec delay and padding.
    pub duration_ms: Millis,
    /// The codec delay that was removed, with four decimals because sample positions depend on it.
    #[serde(with = "exact")]
    pub codec_delay_ms: Millis,
    /// How the delay is known.
    pub codec_delay_basis: DelayBasis,
    /// Problems that were found and repaired.
    pub warnings: Vec<Warning>,
}

/// Serializes a time with four decimals: 1105 samples at 16 kHz are 69.0625 ms.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Millis;

    pub(crate) fn serialize<S: Serializer>(time: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        let rounded = (time.0 * 10_000.0).round() / 10_000.0;
        if rounded.fract() == 0.0 {
            serializer.serialize_i64(rounded as i64)
        } else {
            serializer.serialize_f64(rounded)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        f64::deserialize(deserializer).map(Millis)
    }
}

/// Maximum number of warnings of one code that are kept.
const KEPT: usize = 8;

/// The warnings of one recording, limited however damaged it is. The first of each code are kept,
/// the others counted.
#[derive(Debug, Default)]
pub(crate) struct DecodeNotes {
    kept: Vec<Warning>,
    more: Vec<(Cow<'static, str>, u64)>,
    /// Samples that were out of range.
    pub(crate) wild: u64,
}

impl DecodeNotes {
    pub(crate) fn add(&mut self, warning: Warning) {
        if self.kept.iter().filter(|w| w.code == warning.code).count() < KEPT {
            self.kept.push(warning);
        } else if let Some((_, count)) = self.more.iter_mut().find(|(code, _)| *code == warning.code) {
            *count += 1;
        } else {
            self.more.push((warning.code, 1));
        }
    }

    /// Returns whether there is a warning with this code.
    pub(crate) fn contains(&self, code: &str) -> bool {
        self.kept.iter().any(|warning| warning.code == code)
    }

    /// Adds the warnings about a nested source, whose positions are not those of the file.
    pub(crate) fn add_within(&mut self, mut inner: Self) {
        inner.finish().into_iter().for_each(|warning| self.add(Warning { at_byte: None, ..warning }));
    }

    /// Returns the warnings in order, followed by one per code for those not kept.
    pub(crate) fn finish(&mut self) -> Vec<Warning> {
        let mut all = std::mem::take(&mut self.kept);
        all.extend(std::mem::take(&mut self.more).into_iter().map(|(code, count)| Warning {
            message: format!("{count} more of this kind"),
            code,
            at_byte: None,
        }));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_bounded_and_counted() {
        let mut notes = DecodeNotes::default();
        for i in 0..1000u64 {
            notes.add(Warning::new("packet_failed", format!("frame {i}")).at_byte(i));
        }
        notes.add(Warning::new("truncated", "12 bytes"));
        let all = notes.finish();
        assert_eq!(all.len(), KEPT + 2);
        assert_eq!(all.last().unwrap().message, "992 more of this kind");
    }

    #[test]
    fn the_delay_keeps_its_fourth_decimal() {
        let info = SourceInfo {
            path: Some("a.mp3".into()),
            container: Container::Mp3,
            codec: Codec::Mp3,
            sample_rate_hz: Rate::WIDEBAND,
            decoded_rate_hz: None,
            channels: 1,
            bytes: 981_504,
            sha256: None,
            duration_ms: Millis(245_376.0),
            codec_delay_ms: Rate::WIDEBAND.millis(1105),
            codec_delay_basis: DelayBasis::Assumed,
            warnings: vec![],
        };
        let json = serde_json::to_value(&info).unwrap();
        assert_eq!(json["codecDelayMs"], 69.0625);
        assert_eq!(json["codecDelayBasis"], "assumed");
        assert_eq!(serde_json::from_value::<SourceInfo>(json).unwrap(), info);
    }
}
