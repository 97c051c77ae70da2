//! Supervisory tones by country (ITU-T E.180 supplement 2, and actual switch settings).

use crate::timeline::EventKind;

/// Cadence of one supervisory tone of one country.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// ISO 3166 code, lowercase. Empty for a cadence that many countries use with other
    /// frequencies.
    pub country: &'static str,
    /// The tone's meaning.
    pub kind: EventKind,
    /// One or two frequencies in Hz, ascending.
    pub hz: &'static [f32],
    /// Seconds on, off, on, off, ..., repeated.
    pub cadence: &'static [f32],
}

const fn tone(country: &'static str, kind: EventKind, hz: &'static [f32], cadence: &'static [f32]) -> Tone {
    Tone { country, kind, hz, cadence }
}

use EventKind::{Busy, Congestion, Ringback};

/// The tones by country.
pub const TONES: &[Tone] = &[
    tone("th", Ringback, &[420.0], &[1.0, 5.0]),
    tone("th", Busy, &[400.0], &[0.5, 0.5]),
    tone("th", Congestion, &[400.0], &[0.3, 0.3]),
    tone("cn", Ringback, &[450.0], &[1.0, 4.0]),
    tone("cn", Busy, &[450.0], &[0.35, 0.35]),
    tone("cn", Congestion, &[450.0], &[0.7, 0.7]),
    tone("us", Ringback, &[440.0, 480.0], &[2.0, 4.0]),
    tone("us", Busy, &[480.0, 620.0], &[0.5, 0.5]),
    tone("us", Congestion, &[480.0, 620.0], &[0.25, 0.25]),
    tone("uk", Ringback, &[400.0, 450.0], &[0.4, 0.2, 0.4, 2.0]),
    tone("uk", Busy, &[400.0], &[0.375, 0.375]),
    tone("uk", Congestion, &[400.0], &[0.4, 0.35, 0.225, 0.525]),
    tone("jp", Ringback, &[400.0], &[1.0, 2.0]),
    tone("jp", Busy, &[400.0], &[0.5, 0.5]),
    tone("my", Ringback, &[425.0], &[0.4, 0.2, 0.4, 2.0]),
    tone("my", Busy, &[425.0], &[0.5, 0.5]),
    tone("my", Congestion, &[425.0], &[0.25, 0.25]),
    tone("sg", Ringback, &[425.0], &[0.4, 0.2, 0.4, 2.0]),
    tone("sg", Busy, &[425.0], &[0.75, 0.75]),
    tone("sg", Congestion, &[425.0], &[0.25, 0.25]),
    tone("de", Ringback, &[425.0], &[1.0, 4.0]),
    tone("de", Busy, &[425.0], &[0.48, 0.48]),
    tone("de", Congestion, &[425.0], &[0.24, 0.24]),
];

/// Cadences in E.180's recommended ranges at any supervisory frequency, for countries not in the
/// table.
pub const ANYWHERE: &[Tone] = &[
    tone("", Ringback, &[], &[1.0, 4.0]),
    tone("", Ringback, &[], &[1.5, 3.5]),
    tone("", Ringback, &[], &[1.0, 3.0]),
    tone("", Ringback, &[], &[2.0, 4.0]),
    tone("", Busy, &[], &[0.5, 0.5]),
    tone("", Busy, &[], &[0.375, 0.375]),
    tone("", Congestion, &[], &[0.25, 0.25]),
];

/// Number of entries in both tables.
pub const ENTRIES: usize = TONES.len() + ANYWHERE.len();
// Each country is a bit.
const _: () = assert!(TONES.len() <= u64::BITS as usize);

/// Returns a country as a bit, by the position of its first tone in the table, or 0 if it is
/// unknown.
pub fn country(code: &str) -> u64 {
    TONES.iter().position(|tone| tone.country == code).map_or(0, |place| 1 << place)
}

/// Returns the countries of some bits, as the report lists them.
pub fn names(countries: u64) -> String {
    let said = TONES.iter().enumerate().filter(|(place, _)| countries >> place & 1 == 1);
    said.map(|(_, tone)| tone.country).collect::<Vec<_>>().join(",")
}

/// Range of supervisory frequencies (E.180: 400-450 Hz preferred, 340-500 accepted; 620 for North
/// America).
pub const SUPERVISORY_HZ: (f32, f32) = (330.0, 640.0);
