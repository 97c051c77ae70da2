//! The XML of recording metadata as elements with their fields; updates joined with what they
//! update.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::wire::WireWarnings;

/// The namespace of recording metadata (RFC 7865, section 4).
pub(super) const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// The longest text that is read: some 1000 participants. In a SIP body there are a few.
const MAX_XML_BYTES: usize = 1 << 20;
/// The most elements, texts and comments of one document.
const MAX_NODES: u32 = 100_000;
/// The most declarations of namespaces: what is in scope is copied to each place that declares one.
const MAX_NAMESPACES: usize = 1024;
/// The most attributes of one element, which are compared with each other.
const MAX_ATTRIBUTES: usize = 1024;
/// Where extensions are kept, as they are written.
const EXTENSIONS: &str = "$xml";

/// The elements of a recording session, and what tells one of a name from another.
const ELEMENTS: [(&str, &[&str]); 7] = [
    ("group", &["group_id"]),
    ("session", &["session_id"]),
    ("participant", &["participant_id"]),
    ("stream", &["stream_id"]),
    ("sessionrecordingassoc", &["session_id"]),
    ("participantsessionassoc", &["participant_id", "session_id"]),
    ("participantstreamassoc", &["participant_id"]),
];

/// What is known of a recording session.
#[derive(Debug, Default)]
pub(super) struct RecordingMetadata {
    elements: BTreeMap<&'static str, Vec<Map<String, Value>>>,
    /// Where an element of a name and its ids is.
    places: BTreeMap<(&'static str, Vec<String>), usize>,
    /// What stands beside the elements, as it is written.
    pub extensions: Vec<Value>,
    /// Whether it begins with an update.
    pub is_partial: bool,
}

impl RecordingMetadata {
    /// Reads a document, or several one after another, each with its XML declaration: a later one
    /// updates those before it.
    ///
    /// # Errors
    /// `limit_exceeded`; `malformed` for what is not XML or breaks the schema; `unsupported` for
    /// another document.
    pub(super) fn read(text: &str, notes: &mut WireWarnings) -> Result<Self> {
        check_limits(text)?;
        let mut all = Self::default();
        for (number, document) in documents(text).into_iter().enumerate() {
            let document = parsed(document)?;
            let root = root(&document)?;
            let partial = is_partial(root)?;
            all.is_partial |= number == 0 && partial;
            for child in root.children().filter(Node::is_element) {
                all.add(child, notes)?;
            }
        }
        Ok(all)
    }

    /// The elements of a name, in their order.
    pub(super) fn all(&self, name: &str) -> &[Map<String, Value>] {
        self.elements.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everything but the streams, under the elements' names.
    pub(super) fn into_extra(mut self) -> Map<String, Value> {
        self.elements.remove("stream");
        let list = |list: Vec<Map<String, Value>>| list.into_iter().map(Value::Object).collect::<Value>();
        let mut extra: Map<String, Value> =
            self.elements.into_iter().map(|(name, elements)| (name.to_owned(), list(elements))).collect();
        if !self.extensions.is_empty() {
            extra.insert(EXTENSIONS.to_owned(), Value::Array(self.extensions));
        }
        extra
    }

    fn add(&mut self, node: Node<'_, '_>, notes: &mut WireWarnings) -> Result<()> {
        let name = node.tag_name().name();
        let known = ELEMENTS.iter().find(|(known, _)| is_own(node) && *known == name);
        let Some(&(name, ids)) = known else {
            if !(is_own(node) && name == "datamode") {
                note(node, notes);
                self.extensions.push(written(node));
            }
            return Ok(());
        };
        let fields = fields(node, notes);
        let list = self.elements.entry(name).or_default();
        let id = |id: &&str| {
            let found = fields.get(*id).and_then(Value::as_str).filter(|id| !id.is_empty());
            found.map(str::to_owned).ok_or_else(|| {
                malformed(&format!("{name}[{}]", list.len())).with_mismatch(format!("no {id}"), "the id of one")
            })
        };
        let key = (name, ids.iter().map(id).collect::<Result<Vec<_>>>()?);
        match self.places.get(&key).and_then(|at| list.get_mut(*at)) {
            Some(before) => update(before, fields),
            None => {
                self.places.insert(key, list.len());
                list.push(fields);
            }
        }
        Ok(())
    }
}

/// A mistake at a place.
pub(super) fn malformed(place: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Provider, format!("siprec: wrong {place}"))
}

/// The first text under a name.
pub(super) fn first<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match fields.get(name)? {
        Value::Array(items) => items.first()?.as_str(),
        one => one.as_str(),
    }
}

/// All texts under a name.
pub(super) fn texts<'a>(fields: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let list = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

/// Whether an XML text is recording metadata.
///
/// # Errors
/// `limit_exceeded`, and `malformed` for what is not XML.
pub(super) fn is_recording(text: &str) -> Result<bool> {
    check_limits(text)?;
    let document = documents(text).first().map(|document| parsed(document)).transpose()?;
    Ok(document.is_some_and(|document| root(&document).is_ok()))
}

/// Refuses what would cost more than its length is worth.
fn check_limits(text: &str) -> Result<()> {
    let limit = |what: &str, found: usize, most: usize| {
        let error = Error::new(ErrorKind::LimitExceeded, Stage::Provider, format!("siprec: {what}"));
        if found > most { Err(error.with_mismatch(found, format!("at most {most}"))) } else { Ok(()) }
    };
    limit("bytes of a document", text.len(), MAX_XML_BYTES)?;
    limit("declarations of namespaces", text.matches("xmlns").count(), MAX_NAMESPACES)?;
    let attributes = text.split('<').map(|tag| tag.matches('=').count()).max();
    limit("attributes of an element", attributes.unwrap_or_default(), MAX_ATTRIBUTES)
}

/// The documents of a text: each begins with its XML declaration.
fn documents(text: &str) -> Vec<&str> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut starts: Vec<usize> = text.match_indices("<?xml ").map(|(at, _)| at).filter(|at| *at > 0).collect();
    starts.push(text.len());
    let mut from = 0;
    let piece = |to| text.get(std::mem::replace(&mut from, to)..to).map(str::trim);
    starts.into_iter().filter_map(piece).collect()
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

/// Whether a document is an update.
fn is_partial(root: Node<'_, '_>) -> Result<bool> {
    let mode = root.children().find(|node| is_own(*node) && node.tag_name().name() == "datamode");
    match mode.map(text).as_deref() {
        None | Some("complete") => Ok(false),
        Some("partial") => Ok(true),
        Some(other) => Err(malformed("datamode").with_mismatch(format!("\"{other}\""), "complete or partial")),
    }
}

/// What an element says: attributes, the texts of its children, and extensions as they are written.
fn fields(node: Node<'_, '_>, notes: &mut WireWarnings) -> Map<String, Value> {
    let mut fields: Map<String, Value> =
        node.attributes().map(|attribute| (attribute.name().to_owned(), squeezed(attribute.value()).into())).collect();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let (name, value) = if is_own(child) && name == "nameID" {
            (name, Value::Object(fields_of_name(child)))
        } else if is_own(child) && !child.children().any(|inner| inner.is_element()) {
            (name, text(child).into())
        } else {
            note(child, notes);
            (EXTENSIONS, written(child))
        };
        match fields.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.push(value),
            attribute => *attribute = Value::Array(vec![attribute.take(), value]),
        }
    }
    fields
}

/// What a `nameID` says: the address, and the names in their languages as they are written.
fn fields_of_name(node: Node<'_, '_>) -> Map<String, Value> {
    let (own, others): (Vec<_>, Vec<_>) = node.children().filter(Node::is_element).partition(|name| is_own(*name));
    let list = |name: &str, values: Value| (name.to_owned(), values);
    let names = list("name", own.into_iter().map(text).collect());
    let others = list(EXTENSIONS, others.into_iter().map(written).collect());
    let aor = node.attribute("aor").map(|aor| list("aor", squeezed(aor).into()));
    aor.into_iter()
        .chain([names, others])
        .filter(|(_, values)| values.as_array().is_none_or(|v| !v.is_empty()))
        .collect()
}

/// The text of an element, without the line breaks and indents of its writing.
fn text(node: Node<'_, '_>) -> String {
    squeezed(&node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect::<String>())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An element as it is written.
fn written(node: Node<'_, '_>) -> Value {
    node.document().input_text().get(node.range()).unwrap_or_default().into()
}

fn note(node: Node<'_, '_>, notes: &mut WireWarnings) {
    let (name, namespace) = (node.tag_name().name(), node.tag_name().namespace().unwrap_or_default());
    notes.add("unknown_field", format!("element \"{name}\" of \"{namespace}\" is not known; it is kept"));
}

/// Joins an update with what it updates: what began earlier stays so, who ever sent a stream did.
fn update(before: &mut Map<String, Value>, after: Map<String, Value>) {
    for (name, value) in after {
        match (name.as_str(), before.get_mut(&name), value) {
            ("associate-time" | "start-time", Some(_), _) => {}
            ("send" | "recv" | EXTENSIONS, Some(Value::Array(known)), Value::Array(new)) => {
                let new: Vec<Value> = new.into_iter().filter(|item| !known.contains(item)).collect();
                known.extend(new);
            }
            (_, _, value) => {
                before.insert(name, value);
            }
        }
    }
}
