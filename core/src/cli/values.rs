//! Parses the values of options. Every error says what was found, or what is expected.

use crate::call::{KnownOffset, Role};
use crate::config::DecodeOptions;
use crate::evaluate::Disturbance;
use crate::export::{LabelFormat, PeakBits};
use crate::units::{Millis, Rate, Span};

pub(super) fn label_format(name: &str) -> Result<LabelFormat, String> {
    let names: Vec<&str> = LabelFormat::ALL.iter().map(|format| format.name()).collect();
    LabelFormat::from_name(name).ok_or_else(|| format!("expected {}", names.join(", ")))
}

pub(super) fn disturbance(name: &str) -> Result<Disturbance, String> {
    let names: Vec<&str> = Disturbance::ALL.iter().map(|kind| kind.name()).collect();
    let kind = Disturbance::ALL.into_iter().find(|kind| kind.name() == name);
    kind.ok_or_else(|| format!("expected {}", names.join(", ")))
}

pub(super) fn peak_bits(text: &str) -> Result<PeakBits, String> {
    text.parse().ok().and_then(PeakBits::from_bits).ok_or_else(|| "expected 8 or 16".to_owned())
}

pub(super) fn role(name: &str) -> Result<Role, String> {
    let names: Vec<&str> = Role::ALL.iter().map(|r| r.name()).collect();
    Role::from_name(name).ok_or_else(|| format!("expected {}", names.join(", ")))
}

/// Parses a rate in hertz at which recordings can be decoded.
pub(super) fn downsample_rate(text: &str) -> Result<Rate, String> {
    let allowed = DecodeOptions::DOWNSAMPLE_HZ;
    let hz = text.parse().ok().filter(|hz| allowed.contains(hz));
    hz.and_then(|hz| Rate::new(hz).ok())
        .ok_or_else(|| format!("found {text}, expected {} to {} Hz", allowed.start(), allowed.end()))
}

/// Parses a span of the call: two times in milliseconds with a dash between them.
pub(super) fn stretch(text: &str) -> Result<Span, String> {
    let wrong = || format!("found {text}, expected two times in milliseconds, such as 12000-14500");
    let (start, end) = text.split_once('-').ok_or_else(wrong)?;
    let ms = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Ok(Span::new(ms(start)?, ms(end)?))
}

/// Returns a parser of names. Its error lists them.
pub(super) fn named<T: Clone + Send + Sync + 'static>(
    parse: fn(&str) -> Option<T>,
    names: &'static [&'static str],
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| parse(text).ok_or_else(|| format!("expected {}", names.join(", ")))
}

/// Parses an offset in milliseconds, with an optional uncertainty after a `~`.
pub(super) fn known_offset(text: &str) -> Result<KnownOffset, String> {
    let (offset, uncertainty) = text.split_once('~').unwrap_or((text, "0"));
    let number =
        |text: &str| text.trim().parse().map(Millis).map_err(|_| format!("found {text}, expected milliseconds"));
    KnownOffset::new(number(offset)?, number(uncertainty)?)
        .ok_or_else(|| "expected milliseconds within a day".to_owned())
}
