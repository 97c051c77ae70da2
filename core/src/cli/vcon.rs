//! `--vcon`: the given vCon with the report in it.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::write_text;
use crate::files::read_text;
use crate::provider::vcon::ReportPlace;
use crate::provider::{Kind, MAX_DOCUMENT_BYTES, detect_text};
use crate::report::Report;

/// The vCon that a call was given as, and where it goes with its report.
pub(super) struct GivenVcon<'a> {
    text: String,
    place: ReportPlace,
    output: &'a Path,
}

impl<'a> GivenVcon<'a> {
    /// Reads the vCon, and finds the report's place in it, before the work begins.
    ///
    /// # Errors
    /// `invalid_argument` where the call is given as something else; as [`ReportPlace::of`].
    pub(super) fn read(inputs: &[PathBuf], output: &'a Path) -> Result<Self> {
        let refused = |found: &str| {
            Error::new(ErrorKind::InvalidArgument, Stage::Config, "--vcon").with_mismatch(found, "one vCon as input")
        };
        let [input] = inputs else { return Err(refused(&format!("{} inputs", inputs.len()))) };
        let text = match read_text(input, MAX_DOCUMENT_BYTES as u64, Stage::Provider) {
            Err(error) if error.kind() == ErrorKind::Malformed => return Err(refused("no text").caused_by(error)),
            text => text?,
        };
        let named = |error: Error| error.in_input(input.display().to_string());
        match detect_text(&text).map_err(named)? {
            Some(Kind::Vcon) => Ok(Self { place: ReportPlace::of(&text).map_err(named)?, text, output }),
            Some(other) => Err(refused(&format!("a document of the kind {other}"))),
            None => Err(refused("no document that is known")),
        }
    }

    /// Writes it with the report.
    ///
    /// # Errors
    /// `io`.
    pub(super) fn write(&self, report: &Report) -> Result<()> {
        write_text(self.output, &self.place.filled(&self.text, report)?)
    }
}
