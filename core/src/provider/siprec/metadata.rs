//! Reads the XML of recording metadata into elements with their fields, and joins updates with the
//! elements that they update.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::markup::documents;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::wire::WireWarnings;

/// The namespace of recording metadata (RFC 7865, section 4).
pub(super) const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// The maximum number of elements, texts and comments of one document.
const MAX_NODES: u32 = 100_000;
/// The key of extensions, as written.
const EXTENSIONS: &str = "$xml";
/// The key of a text that is beside elements, or whose element has attributes.
const TEXT: &str = "$text";
/// The key of earlier values that an update, or another element with the same ids, replaced.
const EARLIER: &str = "$earlier";
/// The namespace of `xml:lang`.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// An element type of a recording session.
struct KnownElement {
    name: &'static str,
    /// The fields that identify an element.
    ids: &'static [&'static str],
    /// Whether elements with the same ids are one element that later ones update. Otherwise each
    /// element is a separate event.
    is_one: bool,
}

const fn element(name: &'static str, ids: &'static [&'static str], is_one: bool) -> KnownElement {
    KnownElement { name, ids, is_one }
}

const ELEMENTS: [KnownElement; 7] = [
    element("group", &["group_id"], true),
    element("session", &["session_id"], true),
    element("participant", &["participant_id"], true),
    element("stream", &["stream_id"], true),
    element("sessionrecordingassoc", &["session_id"], false),
    element("participantsessionassoc", &["participant_id", "session_id"], false),
    element("participantstreamassoc", &["participant_id"], false),
];

/// The merged metadata of a recording session.
#[derive(Debug, Default)]
pub(super) struct RecordingMetadata {
    elements: BTreeMap<&'static str, Vec<Map<String, Value>>>,
    /// The index of the element with a name and ids, and the last document that contained it.
    places: BTreeMap<(&'static str, Vec<String>), (usize, usize)>,
    /// The attributes and texts of the root.
    root: Map<String, Value>,
    /// The content beside the known elements, as written.
    extensions: Vec<Value>,
    /// Whether the metadata begins with an update.
    pub is_partial: bool,
}

impl RecordingMetadata {
    /// Reads a document, or several in sequence, each with its XML declaration. A later document
    /// updates the earlier ones.
    ///
    /// # Errors
    /// `limit_exceeded`; `malformed` for a text that is not XML or breaks the schema; `unsupported`
    /// for another kind of document.
    pub(super) fn read(text: &str, notes: &mut WireWarnings) -> Result<Self> {
        let mut all = Self::default();
        for (number, document) in documents(text)?.into_iter().enumerate() {
            let document = parsed(document)?;
            let root = root(&document)?;
            all.is_partial |= is_partial(root)? && number == 0;
            let mut own = attributes(root, notes);
            keep_text(root, &mut own);
            update(&mut all.root, own);
            for child in root.children().filter(Node::is_element) {
                all.add(child, number, notes)?;
            }
        }
        Ok(all)
    }

    /// Returns the elements with a name, in their order.
    pub(super) fn all(&self, name: &str) -> &[Map<String, Value>] {
        self.elements.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns everything but the streams, under the elements' names.
    pub(super) fn into_extra(mut self) -> Map<String, Value> {
        self.elements.remove("stream");
        let list = |list: Vec<Map<String, Value>>| list.into_iter().map(Value::Object).collect::<Value>();
        let mut extra: Map<String, Value> =
            self.elements.into_iter().map(|(name, elements)| (name.to_owned(), list(elements))).collect();
        if !self.extensions.is_empty() {
            extra.insert(EXTENSIONS.to_owned(), Value::Array(self.extensions));
        }
        if !self.root.is_empty() {
            extra.insert("recording".to_owned(), Value::Object(self.root));
        }
        extra
    }

    fn add(&mut self, node: Node<'_, '_>, document: usize, notes: &mut WireWarnings) -> Result<()> {
        let name = node.tag_name().name();
        let known = ELEMENTS.iter().find(|known| is_own(node) && known.name == name);
        let Some(&KnownElement { name, ids, is_one }) = known else {
            if !(is_own(node) && name == "datamode" && node.attributes().len() == 0) {
                note(node, notes);
                self.extensions.push(written(node));
            }
            return Ok(());
        };
        let fields = fields(node, true, notes);
        let list = self.elements.entry(name).or_default();
        let id = |id: &&str| {
            first(&fields, id).filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(|| {
                malformed(&format!("{name}[{}]", list.len())).with_mismatch(format!("no {id}"), "the id of one")
            })
        };
        let key = (name, ids.iter().map(id).collect::<Result<Vec<_>>>()?);
        let known = self.places.get_mut(&key).filter(|_| is_one);
        let Some((at, told)) = known else {
            self.places.insert(key, (list.len(), document));
            list.push(fields);
            return Ok(());
        };
        let differs = list.get_mut(*at).is_some_and(|before| update(before, fields));
        let twice = std::mem::replace(told, document) == document;
        if differs && twice {
            let ids = key.1.join(" ");
            notes.add("repeat_differs", format!("{name} \"{ids}\" is told twice; the last counts, the first is kept"));
        }
        Ok(())
    }
}

/// Returns the error for an invalid value at a place.
pub(super) fn malformed(place: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Provider, format!("siprec: wrong {place}"))
}

/// Returns the first text under a name.
pub(super) fn first<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match fields.get(name)? {
        Value::Array(items) => text_of(items.first()?),
        one => text_of(one),
    }
}

/// Returns all texts under a name.
pub(super) fn texts<'a>(fields: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let list = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(text_of).filter(|text| !text.is_empty())
}

/// Returns the text of a kept element, with attributes or without.
fn text_of(value: &Value) -> Option<&str> {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
    value.as_str().or_else(|| value.get(TEXT)?.as_str())
}

/// Returns `true` if an XML text is recording metadata.
///
/// # Errors
/// `limit_exceeded`, and `malformed` for a text that is not XML.
pub(super) fn is_recording(text: &str) -> Result<bool> {
    let document = documents(text)?.first().map(|document| parsed(document)).transpose()?;
    Ok(document.is_some_and(|document| root(&document).is_ok()))
}

fn parsed(text: &str) -> Result<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| {
        let kind = match e {
            roxmltree::Error::NodesLimitReached => ErrorKind::LimitExceeded,
            _ => ErrorKind::Malformed,
        };
        Error::new(kind, Stage::Provider, format!("not XML: {e}"))
    })
}

fn root<'a>(document: &'a Document<'_>) -> Result<Node<'a, 'a>> {
    let root = document.root_element();
    let (name, namespace) = (root.tag_name().name(), root.tag_name().namespace().unwrap_or_default());
    if is_own(root) && name == "recording" {
        return Ok(root);
    }
    Err(Error::new(ErrorKind::Unsupported, Stage::Provider, "not a document that is known")
        .with_mismatch(format!("{name} of \"{namespace}\""), format!("recording of \"{NAMESPACE}\"")))
}

fn is_own(node: Node<'_, '_>) -> bool {
    node.tag_name().namespace() == Some(NAMESPACE)
}

/// Returns `true` if a document is an update.
fn is_partial(root: Node<'_, '_>) -> Result<bool> {
    let mode = root.children().find(|node| is_own(*node) && node.tag_name().name() == "datamode");
    match mode.map(text).as_deref() {
        None | Some("complete") => Ok(false),
        Some("partial") => Ok(true),
        Some(other) => Err(malformed("datamode").with_mismatch(format!("\"{other}\""), "complete or partial")),
    }
}

/// Returns the fields of an element: attributes, the texts of its children, and extensions as
/// written. `has_names`: whether it may contain a `nameID`, which has such fields too.
fn fields(node: Node<'_, '_>, has_names: bool, notes: &mut WireWarnings) -> Map<String, Value> {
    let mut all = attributes(node, notes);
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let (name, value) = if has_names && is_own(child) && name == "nameID" {
            (name, Value::Object(fields(child, false, notes)))
        } else if is_own(child) && !child.children().any(|inner| inner.is_element()) {
            (name, simple(child, notes))
        } else {
            note(child, notes);
            (EXTENSIONS, written(child))
        };
        match all.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.push(value),
            attribute => *attribute = Value::Array(vec![attribute.take(), value]),
        }
    }
    keep_text(node, &mut all);
    all
}

/// Returns a text, or the attributes and the text if its element has attributes.
fn simple(node: Node<'_, '_>, notes: &mut WireWarnings) -> Value {
    let mut fields = attributes(node, notes);
    if fields.is_empty() {
        return text(node).into();
    }
    fields.insert(TEXT.to_owned(), text(node).into());
    Value::Object(fields)
}

/// Returns the attributes of an element. Those of the namespace of `xml:lang` are named `xml:…`,
/// those of unknown namespaces `{…}name`.
fn attributes(node: Node<'_, '_>, notes: &mut WireWarnings) -> Map<String, Value> {
    let mut named = Map::new();
    for attribute in node.attributes() {
        let name = attribute.name();
        let name = match attribute.namespace() {
            None => name.to_owned(),
            Some(NAMESPACE) if node.attribute(name).is_none() => name.to_owned(),
            Some(XML) => format!("xml:{name}"),
            Some(other) => {
                let element = node.tag_name().name();
                let what = format!("attribute \"{name}\" of \"{other}\" of an element \"{element}\"");
                notes.add("unknown_field", format!("{what} is not known; it is kept"));
                format!("{{{other}}}{name}")
            }
        };
        named.insert(name, squeezed(attribute.value()).into());
    }
    named
}

/// Keeps the texts beside an element's children.
fn keep_text(node: Node<'_, '_>, fields: &mut Map<String, Value>) {
    let text = text(node);
    if !text.is_empty() {
        fields.insert(TEXT.to_owned(), text.into());
    }
}

/// Returns the text of an element, without line breaks and indents.
fn text(node: Node<'_, '_>) -> String {
    squeezed(&node.children().filter(Node::is_text).filter_map(|text| text.text()).collect::<String>())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns an element as written.
fn written(node: Node<'_, '_>) -> Value {
    node.document().input_text().get(node.range()).unwrap_or_default().into()
}

fn note(node: Node<'_, '_>, notes: &mut WireWarnings) {
    let (name, namespace) = (node.tag_name().name(), node.tag_name().namespace().unwrap_or_default());
    notes.add("unknown_field", format!("element \"{name}\" of \"{namespace}\" is not known; it is kept"));
}

/// Updates an element with another one with the same ids. The later values count, a start time
/// stays, and the earlier values are kept. Returns `true` if the elements differ.
fn update(before: &mut Map<String, Value>, after: Map<String, Value>) -> bool {
    let (mut earlier, mut differs) = (Map::new(), false);
    for (name, value) in after {
        match (before.get_mut(&name), value) {
            (Some(same), value) if *same == value => continue,
            (Some(Value::Array(began)), Value::Array(mut later)) if name == "start-time" => began.append(&mut later),
            (Some(same), value) => {
                earlier.insert(name, std::mem::replace(same, value));
            }
            (None, value) => {
                before.insert(name, value);
                continue;
            }
        }
        differs = true;
    }
    if !earlier.is_empty() {
        let list = before.entry(EARLIER).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().into_iter().for_each(|list| list.push(Value::Object(std::mem::take(&mut earlier))));
    }
    differs
}

#[cfg(test)]
thread_local! {
    /// The number of ids and times that were read.
    pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
