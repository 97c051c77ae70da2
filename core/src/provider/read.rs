//! Detects the kind of a document and reads it.

use serde_json::{Map, Value};

#[cfg(feature = "providers")]
use super::documents::{detect_xml, read_provider, read_xml};
use super::parse::{Parsed, parse};
use super::records::{add_to_first, no_recordings, only, unknown_document};
use super::wire::WireWarnings;
use super::{CallDescription, Kind, Options, manifest};
use crate::error::Result;
#[cfg(not(feature = "providers"))]
use crate::error::{Error, Stage};

/// Returns the kind of a JSON document, by the fields that only this kind has.
pub fn detect(document: &Value) -> Option<Kind> {
    let score = |kind: Kind| {
        let page = kind.page_field().and_then(|field| document.get(field)).filter(|items| items.is_array());
        let records: Vec<&Map<String, Value>> = match page.unwrap_or(document) {
            Value::Object(record) => vec![record],
            Value::Array(_) if kind == Kind::Manifest => Vec::new(),
            Value::Array(items) => items.iter().filter_map(Value::as_object).collect(),
            _ => Vec::new(),
        };
        kind.own_fields().iter().filter(|field| records.iter().any(|r| r.contains_key(**field))).count()
    };
    // At equal scores, the kind that is declared first wins. `max_by_key` alone would take the
    // last.
    let best = Kind::ALL.iter().rev().map(|kind| (score(*kind), *kind)).max_by_key(|(score, _)| *score);
    best.filter(|(score, _)| *score > 0).map(|(_, kind)| kind)
}

/// Reads a document that describes one call.
///
/// ```
/// use callweave::{Role, provider};
///
/// let pushes = r#"[{"SessionId": "s", "RecordId": "1", "EndpointUser": "+6620000000"},
///                  {"SessionId": "s", "RecordId": "2", "EndpointUser": "anna@example.com"}]"#;
/// let call = provider::read(pushes)?;
/// assert_eq!(call.recordings[1].leg.role, Role::Agent);
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// As [`read_all`]; and `invalid_argument` if the document describes several calls.
pub fn read(text: &str) -> Result<CallDescription> {
    read_with(text, &Options::default())
}

/// Reads a document as [`read`] does, with options for what the document leaves out.
///
/// # Errors
/// As [`read`].
pub fn read_with(text: &str, options: &Options) -> Result<CallDescription> {
    only(read_all(text, options)?)
}

/// Reads a document that may describe several calls, such as an array of Tencent's pushes. Returns
/// the calls in the order of their ids.
///
/// # Errors
/// `limit_exceeded` for more than [`MAX_DOCUMENT_BYTES`](super::MAX_DOCUMENT_BYTES). `malformed`
/// for a text that is neither JSON nor XML, and for a manifest with mistakes. `unsupported` for an
/// unknown document (without the feature `providers`, for any document but a manifest). `provider`
/// for a document without a recording.
pub fn read_all(text: &str, options: &Options) -> Result<Vec<CallDescription>> {
    if is_xml(text) {
        return read_xml(text);
    }
    let parsed = parse(text)?;
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let pages = Kind::ALL.iter().filter_map(|kind| parsed.document.get(kind.page_field()?));
    if empty(&parsed.document) || pages.into_iter().any(empty) {
        return Err(no_recordings());
    }
    let Some(kind) = detect(&parsed.document) else {
        return Err(unknown_document(&parsed.document));
    };
    read_kind(kind, parsed, options)
}

/// Reads a document of a known kind as [`read_all`] does. The document need not have fields that
/// identify it.
///
/// # Errors
/// As [`read_all`]; `unsupported` for [`Kind::Threecx`], which has no document.
pub fn read_as(kind: Kind, text: &str, options: &Options) -> Result<Vec<CallDescription>> {
    if kind == Kind::Siprec {
        return read_xml(text);
    }
    read_kind(kind, parse(text)?, options)
}

/// Returns `true` if a text is XML rather than JSON. No JSON begins in this way.
fn is_xml(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

/// Returns the kind of a document: JSON by [`detect`], XML by its root.
///
/// # Errors
/// `limit_exceeded` for more than [`MAX_DOCUMENT_BYTES`](super::MAX_DOCUMENT_BYTES), `malformed`
/// for a text that is neither JSON nor XML.
pub fn detect_text(text: &str) -> Result<Option<Kind>> {
    if is_xml(text) {
        return detect_xml(text);
    }
    Ok(detect(&parse(text)?.document))
}

fn read_kind(kind: Kind, parsed: Parsed, options: &Options) -> Result<Vec<CallDescription>> {
    let Parsed { document, earlier } = parsed;
    let mut calls = match kind {
        Kind::Manifest => manifest::read(document).map(|call| vec![call]),
        Kind::Siprec | Kind::Threecx => Err(unknown_document(&document)),
        provider => read_provider(provider, document, options),
    }?;
    let (mut extra, mut notes) = (Map::new(), WireWarnings::default());
    if !earlier.is_empty() {
        for (name, _) in &earlier {
            notes.add("field_repeated", format!("a record says \"{name}\" twice; the last counts, the first is kept"));
        }
        let kept = earlier.into_iter().map(|(name, value)| Value::Object(Map::from_iter([(name, value)])));
        extra.insert("$earlier".to_owned(), kept.collect());
    }
    add_to_first(&mut calls, extra, notes);
    Ok(calls)
}

#[cfg(not(feature = "providers"))]
fn read_provider(kind: Kind, _document: Value, _options: &Options) -> Result<Vec<CallDescription>> {
    Err(Error::compiled_out(Stage::Provider, &format!("a document of the kind {kind}"), "providers"))
}

#[cfg(not(feature = "providers"))]
fn read_xml(_text: &str) -> Result<Vec<CallDescription>> {
    Err(Error::compiled_out(Stage::Provider, "a document in XML", "providers"))
}

#[cfg(not(feature = "providers"))]
fn detect_xml(_text: &str) -> Result<Option<Kind>> {
    Err(Error::compiled_out(Stage::Provider, "a document in XML", "providers"))
}
