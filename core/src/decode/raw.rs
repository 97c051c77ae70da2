//! Headerless files, whose format only the caller knows: what Asterisk writes as `.gsm`, `.ulaw`,
//! `.sln`, ...

use super::spec::Codec;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// The format of a file without a header. One channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Raw {
    /// G.711 mu-law at 8 kHz.
    Ulaw,
    /// G.711 A-law at 8 kHz.
    Alaw,
    /// GSM 06.10 in frames of 33 bytes, at 8 kHz.
    Gsm,
    /// G.722 at 64 kbit/s, at 16 kHz.
    G722,
    /// G.726 with codes of 2 to 5 bits (16 to 40 kbit/s), least significant bits of a byte first,
    /// at 8 kHz.
    G726(u8),
    /// G.729 in frames of 10 bytes, at 8 kHz.
    G729,
    /// G.723.1, at 8 kHz.
    G7231,
    /// Dialogic ADPCM at a rate, 8 or 6 kHz.
    Vox(Rate),
    /// Signed 16-bit samples, little-endian, at a rate.
    Slinear(Rate),
}

impl Raw {
    /// Returns the format that phone systems give this file extension: `ulaw`, `alaw`, `gsm`,
    /// `g722`, `g726-16` to `g726-40`, `g729`, `g723_1`, `vox` or `vox6` (Dialogic ADPCM at 8 or 6
    /// kHz), `sln` (8 kHz) or `sln12` to `sln192` with the rate in kHz.
    ///
    /// # Errors
    /// `invalid_argument` for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        let slinear = |kilohertz: &str| {
            let hz = match kilohertz {
                "" | "8" => 8_000,
                "12" => 12_000,
                "16" => 16_000,
                "24" => 24_000,
                "32" => 32_000,
                "44" => 44_100,
                "48" => 48_000,
                "96" => 96_000,
                "192" => 192_000,
                _ => return None,
            };
            Rate::new(hz).ok().map(Self::Slinear)
        };
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "ulaw" | "mulaw" | "ul" | "pcmu" => Ok(Self::Ulaw),
            "alaw" | "al" | "pcma" => Ok(Self::Alaw),
            "gsm" => Ok(Self::Gsm),
            "g722" => Ok(Self::G722),
            "g726" | "g726-32" => Ok(Self::G726(4)),
            "g726-16" => Ok(Self::G726(2)),
            "g726-24" => Ok(Self::G726(3)),
            "g726-40" => Ok(Self::G726(5)),
            "g729" => Ok(Self::G729),
            "g723_1" | "g7231" => Ok(Self::G7231),
            "vox" | "vox8" => Ok(Self::Vox(Rate::NARROWBAND)),
            "vox6" => Rate::new(6000).map(Self::Vox),
            _ => lower.strip_prefix("sln").and_then(slinear).ok_or_else(|| {
                Error::new(ErrorKind::InvalidArgument, Stage::Config, "no such raw format").with_mismatch(
                    name,
                    "ulaw, alaw, gsm, g722, g726-16 to g726-40, g729, g723_1, vox, vox6, sln or sln12 to sln192",
                )
            }),
        }
    }

    /// Returns the sample rate.
    pub fn rate(self) -> Rate {
        match self {
            Self::Ulaw | Self::Alaw | Self::Gsm | Self::G726(_) | Self::G729 | Self::G7231 => Rate::NARROWBAND,
            Self::G722 => Rate::WIDEBAND,
            Self::Slinear(rate) | Self::Vox(rate) => rate,
        }
    }

    /// Returns the codec.
    pub fn codec(self) -> Codec {
        match self {
            Self::Ulaw => Codec::Ulaw,
            Self::Alaw => Codec::Alaw,
            Self::Gsm => Codec::Gsm,
            Self::G722 => Codec::G722,
            Self::G726(_) => Codec::G726,
            Self::G729 => Codec::G729,
            Self::G7231 => Codec::G7231,
            Self::Vox(_) => Codec::AdpcmOki,
            Self::Slinear(_) => Codec::PcmS16,
        }
    }
}

impl std::str::FromStr for Raw {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::from_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_phone_systems() {
        assert_eq!(Raw::from_name("ULAW").unwrap(), Raw::Ulaw);
        assert_eq!(Raw::from_name("sln").unwrap().rate().hz(), 8_000);
        assert_eq!(Raw::from_name("sln44").unwrap().rate().hz(), 44_100);
        assert_eq!(Raw::from_name("g728").unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
