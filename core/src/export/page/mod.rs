//! `report.html`: a call to look at, in one file that needs no network and opens from disk.

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

/// Values of peaks that a page holds at most: 1.9 MB in base64, so that an hour of two parties
/// stays below 3 MB.
const MAX_VALUES: f64 = 1_400_000.0;
/// Points per second of a page: more than this is no use without the samples.
const POINTS: (f64, f64) = (2.0, 100.0);

/// The parties' peaks on the call's timeline.
#[cfg_attr(not(feature = "page"), allow(dead_code, reason = "the page reads them"))]
#[derive(Debug, Clone)]
pub struct Waves {
    /// One channel per party.
    pub peaks: Peaks,
    /// The report's track that each channel shows.
    pub tracks: Vec<usize>,
    /// Whether these are the mix's channels too.
    pub split: bool,
}

/// Where a page's player finds the mix.
#[cfg_attr(not(feature = "page"), allow(dead_code, reason = "the page reads it"))]
#[derive(Debug, Clone, Copy, Default)]
pub enum PageAudio<'a> {
    /// Nowhere: the page has no player.
    #[default]
    None,
    /// In a file beside the page, by its name.
    Beside(&'a str),
    /// In the page itself: it is read from this file.
    Embedded(&'a Path),
}

/// How many points per second a page shows of so many channels of a call.
pub fn page_points_per_second(duration: Millis, channels: usize) -> u32 {
    let values = 2.0 * channels.max(1) as f64 * duration.seconds().max(1.0);
    (MAX_VALUES / values).clamp(POINTS.0, POINTS.1) as u32
}

/// Whether this build writes pages.
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

/// Pages need the feature `page`.
///
/// # Errors
/// `unsupported`.
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

/// Pages need the feature `page`.
///
/// # Errors
/// `unsupported`.
#[cfg(not(feature = "page"))]
pub fn page_html(_report: &Report, _waves: &Waves, _names: Names) -> Result<String> {
    require_page().map(|()| String::new())
}
