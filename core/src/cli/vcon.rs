//! `--vcon`: the given vCon with the report in it.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::export::write_text;
use crate::files::read_text;
use crate::provider::{Kind, MAX_DOCUMENT_BYTES, detect_text, vcon};
use crate::report::Report;

/// The vCon that a call was given as, and where it goes with its report.
pub(super) struct GivenVcon<'a> {
    text: String,
    output: &'a Path,
}

impl<'a> GivenVcon<'a> {
    /// Reads the vCon before the work begins.
    ///
    /// # Errors
    /// `invalid_argument` where the call is given as something else, or would be written over.
    pub(super) fn read(inputs: &[PathBuf], output: &'a Path) -> Result<Self> {
        let refused = |found: &str| {
            Error::new(ErrorKind::InvalidArgument, Stage::Config, "--vcon").with_mismatch(found, "one vCon as input")
        };
        let [input] = inputs else { return Err(refused(&format!("{} inputs", inputs.len()))) };
        if output.canonicalize().is_ok_and(|output| input.canonicalize().is_ok_and(|input| input == output)) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "--vcon would write over the input")
                .with_mismatch(output.display(), "another file"));
        }
        let text = match read_text(input, MAX_DOCUMENT_BYTES as u64, Stage::Provider) {
            Err(error) if error.kind() == ErrorKind::Malformed => return Err(refused("no text")),
            text => text?,
        };
        match detect_text(&text) {
            Ok(Some(Kind::Vcon)) => Ok(Self { text, output }),
            Ok(Some(other)) => Err(refused(&format!("a document of the kind {other}"))),
            _ => Err(refused("no document")),
        }
    }

    /// Writes it with the report.
    ///
    /// # Errors
    /// `io`, and as [`vcon::with_report`].
    pub(super) fn write(&self, report: &Report) -> Result<()> {
        write_text(self.output, &vcon::with_report(&self.text, report)?)
    }
}
