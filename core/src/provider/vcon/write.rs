//! Adds a report to the analyses of a vCon. The rest of the text stays the same, byte for byte.

use std::ops::Range;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::dialog::DialogType;
use super::wrong::malformed;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::provider::parse::parse;
use crate::provider::wire::json_type;
use crate::report::{Report, SCHEMA_VERSION};

/// An analysis of a vCon, in the draft's order.
#[derive(Serialize)]
struct ReportAnalysis<'a> {
    r#type: &'static str,
    dialog: &'a [usize],
    mediatype: &'static str,
    vendor: &'static str,
    product: &'static str,
    schema: String,
    encoding: &'static str,
    body: &'a Report,
}

/// Returns the vCon with a report as another `analysis`, with the type `report` and the schema
/// `urn:callweave:report:1`. The rest of the text does not change, including `updated_at`.
///
/// ```
/// use callweave::provider::vcon;
/// use callweave::{CallInput, Config, RunOptions, analyze};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/stereo");
/// let text = std::fs::read_to_string(format!("{folder}/call.vcon.json"))?;
/// let call = CallInput::open(&[format!("{folder}/call.vcon.json")])?;
/// let report = analyze(call, &Config::default(), &RunOptions::default())?;
/// let with_report = vcon::with_report(&text, &report)?;
/// assert!(with_report.contains(r#""type":"report","dialog":[0],"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `limit_exceeded` and `malformed` as [`read`](crate::provider::read). `unsupported` for a
/// document that is not a vCon or not in the unsigned form. `invalid_argument` for the report of a
/// redacted call, because the vCon would hold, or lead to, what the redaction removed.
pub fn with_report(vcon: &str, report: &Report) -> Result<String> {
    ReportPlace::of(vcon)?.filled(vcon, report)
}

/// The place of a report in the text of a vCon.
pub(crate) struct ReportPlace {
    /// The text that the report replaces: `null`, or an empty range.
    at: Range<usize>,
    before: &'static str,
    behind: &'static str,
    /// The indices of the dialogs that are recordings.
    dialog: Vec<usize>,
}

impl ReportPlace {
    /// Finds the place.
    ///
    /// # Errors
    /// As [`with_report`].
    pub(crate) fn of(vcon: &str) -> Result<Self> {
        let document = parse(vcon)?.document;
        if !matches!(crate::provider::detect(&document), Some(crate::provider::Kind::Vcon)) {
            return Err(Error::new(ErrorKind::Unsupported, Stage::Provider, "not a vCon")
                .with_mismatch(json_type(&document), "an object with parties and dialog"));
        }
        let fields = super::unsigned(document)?;
        let (at, before, behind) = match (fields.get("analysis"), outermost(vcon, "analysis")?) {
            (Some(Value::Array(list)), (Some(place), _)) => {
                (place.end - 1..place.end - 1, if list.is_empty() { "" } else { "," }, "")
            }
            (Some(Value::Null), (Some(place), _)) => (place, "[", "]"),
            (None, (_, end)) if fields.is_empty() => (end..end, "\"analysis\":[", "]"),
            (None, (_, end)) => (end..end, ",\"analysis\":[", "]"),
            (other, _) => {
                let found = other.map_or("nothing", json_type);
                return Err(malformed("analysis").with_mismatch(found, "an array"));
            }
        };
        Ok(Self { at, before, behind, dialog: recorded(&fields) })
    }

    /// Returns the text with a report in its place.
    ///
    /// # Errors
    /// `invalid_argument` as [`with_report`].
    pub(crate) fn filled(&self, vcon: &str, report: &Report) -> Result<String> {
        if !report.redacted.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "a redacted call in its vCon")
                .with_mismatch(
                    format!("{} redacted stretches", report.redacted.len()),
                    "a report without, for the vCon keeps its audio and texts as they were",
                ));
        }
        let entry = json::text(&ReportAnalysis {
            r#type: "report",
            dialog: &self.dialog,
            mediatype: "application/json",
            vendor: "callweave",
            product: "callweave",
            schema: format!("urn:callweave:report:{SCHEMA_VERSION}"),
            encoding: "json",
            body: report,
        })?;
        let (start, end) = (vcon.get(..self.at.start), vcon.get(self.at.end..));
        Ok([start.unwrap_or_default(), self.before, &entry, self.behind, end.unwrap_or_default()].concat())
    }
}

/// Returns the indices of the dialogs that are recordings.
fn recorded(fields: &Map<String, Value>) -> Vec<usize> {
    let dialogs = fields.get("dialog").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is = |dialog: &Value| dialog.get("type").and_then(Value::as_str) == Some(DialogType::Recording.name());
    dialogs.iter().enumerate().filter(|(_, dialog)| is(dialog)).map(|(at, _)| at).collect()
}

/// Returns the range of a field's value in the text's outermost object, and the end of that object.
/// If the field occurs twice, the last one counts. The text is known to be JSON.
fn outermost(text: &str, name: &str) -> Result<(Option<Range<usize>>, usize)> {
    let mut reader = JsonPlaces { text, at: text.find('{').map_or(text.len(), |at| at + 1) };
    let mut place = None;
    while reader.skip("") == Some('"') {
        let field: String = reader.value()?;
        reader.skip(":");
        let start = reader.at;
        reader.value::<IgnoredAny>()?;
        if field == name {
            place = Some(start..reader.at);
        }
        reader.skip(",");
    }
    Ok((place, reader.at))
}

/// A scanner that reads a JSON text value by value.
struct JsonPlaces<'a> {
    text: &'a str,
    at: usize,
}

impl JsonPlaces<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips spaces and a mark, and returns the next character.
    fn skip(&mut self, mark: &str) -> Option<char> {
        let space = |text: &str| text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at += space(self.rest());
        if !mark.is_empty() && self.rest().starts_with(mark) {
            self.at += mark.len();
            self.at += space(self.rest());
        }
        self.rest().chars().next()
    }

    /// Reads a value and skips it.
    fn value<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<T>();
        let wrong = || malformed("document").with_mismatch("an end", "a value");
        let value = values.next().ok_or_else(wrong)?.map_err(|e| wrong().caused_by(e))?;
        self.at += values.byte_offset();
        Ok(value)
    }
}
