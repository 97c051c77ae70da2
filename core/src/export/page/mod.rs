//! `report.html`: the web page of a call, in one file that works offline.

#[cfg(feature = "page")]
mod html;

use std::path::Path;

#[cfg(feature = "page")]
pub use html::{page_html, write_page};

#[cfg(not(feature = "page"))]
use super::labels::Names;
use super::peaks::Peaks;
use crate::error::Result;
#[cfg(not(feature = "page"))]
use crate::error::{Error, Stage};
#[cfg(not(feature = "page"))]
use crate::report::Report;
use crate::units::Millis;

/// Most peak values of a page: 1.9 MB in base64, so that an hour of two parties stays below 3 MB.
const MAX_VALUES: f64 = 1_400_000.0;
/// Fewest and most points per second of a page. More would be useless without the samples.
const POINTS: (f64, f64) = (2.0, 100.0);

/// The parties' waveforms on the call's timeline.
#[cfg_attr(not(feature = "page"), allow(dead_code, reason = "the page reads them"))]
#[derive(Debug, Clone)]
pub struct Waves {
    /// Peaks with one channel per party.
    pub peaks: Peaks,
    /// The report's track of each channel.
    pub tracks: Vec<usize>,
    /// Whether the mix has the same channels.
    pub split: bool,
}

/// Where the page's player finds the mix.
#[cfg_attr(not(feature = "page"), allow(dead_code, reason = "the page reads it"))]
#[derive(Debug, Clone, Copy, Default)]
pub enum PageAudio<'a> {
    /// The page has no player.
    #[default]
    None,
    /// In a file with this name next to the page.
    Beside(&'a str),
    /// Embedded in the page, read from this file.
    Embedded(&'a Path),
}

/// Returns the points per second of a page, for a call's duration and number of channels.
pub fn page_points_per_second(duration: Millis, channels: usize) -> u32 {
    let values = 2.0 * channels.max(1) as f64 * duration.seconds().max(1.0);
    (MAX_VALUES / values).clamp(POINTS.0, POINTS.1) as u32
}

/// Checks that this build can write pages.
///
/// # Errors
/// `unsupported` without the feature `page`.
#[cfg(feature = "page")]
pub(crate) fn require_page() -> Result<()> {
    Ok(())
}

#[cfg(not(feature = "page"))]
pub(crate) fn require_page() -> Result<()> {
    Err(Error::compiled_out(Stage::Export, "report.html", "page"))
}

/// Always fails, because this build lacks the feature `page`.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported).
#[cfg(not(feature = "page"))]
pub fn write_page(
    _path: impl AsRef<Path>,
    _report: &Report,
    _waves: &Waves,
    _audio: PageAudio,
    _names: Names,
) -> Result<()> {
    require_page()
}

/// Always fails, because this build lacks the feature `page`.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported).
#[cfg(not(feature = "page"))]
pub fn page_html(_report: &Report, _waves: &Waves, _names: Names) -> Result<String> {
    require_page().map(|()| String::new())
}
