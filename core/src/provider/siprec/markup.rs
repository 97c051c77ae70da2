//! Scans an XML text before it is parsed: finds where its documents begin, and rejects texts that
//! would cost more to parse than their length suggests.

use crate::error::{Error, ErrorKind, Result, Stage};

/// The largest text that is read: about 1000 participants. In a SIP body there are a few.
const MAX_XML_BYTES: usize = 1 << 20;
/// The maximum number of namespace declarations. The parser copies all namespaces in scope to each
/// element that declares one.
const MAX_NAMESPACES: usize = 1024;
/// The maximum length of a namespace. Each name that is not known is told with its namespace.
const MAX_NAMESPACE_BYTES: usize = 256;
/// The maximum number of attributes of one element. The parser compares them with each other.
const MAX_ATTRIBUTES: usize = 1024;

/// Returns the documents of a text, each from its XML declaration to the next.
///
/// # Errors
/// `limit_exceeded`.
pub(super) fn documents(text: &str) -> Result<Vec<&str>> {
    let limit = |what: &str, found: usize, most: usize| {
        let error = Error::new(ErrorKind::LimitExceeded, Stage::Provider, format!("siprec: {what}"));
        if found > most { Err(error.with_mismatch(found, format!("at most {most}"))) } else { Ok(()) }
    };
    limit("bytes of a document", text.len(), MAX_XML_BYTES)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let markup = Markup::of(text);
    limit("declarations of namespaces", markup.namespaces, MAX_NAMESPACES)?;
    limit("bytes of a namespace", markup.longest_namespace, MAX_NAMESPACE_BYTES)?;
    limit("attributes of an element", markup.attributes, MAX_ATTRIBUTES)?;
    let ends = markup.starts.iter().copied().filter(|at| *at > 0).chain([text.len()]);
    let mut from = 0;
    let document = |to| text.get(std::mem::replace(&mut from, to)..to).map(str::trim);
    Ok(ends.filter_map(document).collect())
}

/// What a text costs to parse, and where its documents begin.
#[derive(Default)]
struct Markup {
    /// The positions of XML declarations.
    starts: Vec<usize>,
    /// The number of namespace declarations.
    namespaces: usize,
    /// The length of the longest namespace.
    longest_namespace: usize,
    /// The largest number of attributes of one element.
    attributes: usize,
}

impl Markup {
    /// Counts what is between a `<` and the next one as a tag: XML allows none in a tag. So nothing
    /// that looks like a comment or a quotation hides a tag.
    fn of(text: &str) -> Self {
        let mut markup = Self { starts: starts(text), ..Self::default() };
        text.split('<').skip(1).for_each(|tag| markup.count(tag));
        markup
    }

    /// Counts each `=` of a tag outside of quotation marks as an attribute.
    fn count(&mut self, tag: &str) {
        let (mut attributes, mut from, mut declares) = (0, 0, false);
        let mut quote: Option<(u8, usize)> = None;
        for (at, mark) in tag.bytes().enumerate() {
            match (quote, mark) {
                (Some((open, begun)), mark) if open == mark => {
                    let length = if std::mem::take(&mut declares) { at - begun - 1 } else { 0 };
                    self.longest_namespace = self.longest_namespace.max(length);
                    (quote, from) = (None, at + 1);
                }
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some((mark, at)),
                (None, b'=') => {
                    attributes += 1;
                    let name = tag.get(from..at).and_then(|text| text.split_ascii_whitespace().next_back());
                    declares = name.is_some_and(|name| name == "xmlns" || name.starts_with("xmlns:"));
                    self.namespaces += usize::from(declares);
                    from = at + 1;
                }
                (None, b'>') => break,
                (None, _) => {}
            }
        }
        self.attributes = self.attributes.max(attributes);
    }
}

/// Returns the positions of XML declarations outside of comments, of character data and of values.
fn starts(text: &str) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while let Some((before, rest)) = text.get(at..).and_then(|rest| rest.find('<').map(|open| rest.split_at(open))) {
        let start = at + before.len();
        let closed = |open: &str, mark: &str| {
            let end = rest.get(open.len()..).and_then(|inside| inside.find(mark));
            end.map_or(rest.len(), |end| open.len() + end + mark.len())
        };
        at = start
            + if rest.starts_with("<!--") {
                closed("<!--", "-->")
            } else if rest.starts_with("<![CDATA[") {
                closed("<![CDATA[", "]]>")
            } else if rest.starts_with("<?") {
                let declares = rest.strip_prefix("<?xml").is_some_and(|rest| rest.starts_with(char::is_whitespace));
                starts.extend(declares.then_some(start));
                closed("<?", "?>")
            } else {
                tag_length(rest)
            };
    }
    starts
}

/// Returns the length of the tag at the beginning of a text.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (at, mark) in text.bytes().enumerate() {
        match (quote, mark) {
            (Some(open), mark) if open == mark => quote = None,
            (None, b'"' | b'\'') => quote = Some(mark),
            (None, b'>') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_begins_with_a_declaration_and_not_in_a_comment() {
        let text = "\u{feff} <?xml version='1.0'?><a><!-- <?xml ?> --><b c=\"<?xml \"/><![CDATA[<?xml ?>]]></a>\n<?xml\tversion='1.0'?><c/> ";
        let [first, second] = documents(text).unwrap()[..] else { panic!("two documents") };
        assert!(first.starts_with("<?xml version") && first.ends_with("</a>"), "{first}");
        assert_eq!(second, "<?xml\tversion='1.0'?><c/>");
        for broken in
            ["<a><!-- <?xml ?>", "<![CDATA[ <?xml ?>", "<a b='<?xml ?>", "<?xml ", "<", "<?xml-model ?><?xml ?>"]
        {
            assert!(documents(broken).unwrap().len() < 3, "{broken}");
        }
    }

    #[test]
    fn an_equals_sign_in_a_text_or_a_value_is_no_attribute() {
        let markup = Markup::of("<a b='=====' c = \"=>\" xmlns='d' xmlns:e\n=\"f\" gxmlns='h'>====<i/>xmlns=</a>");
        assert_eq!((markup.attributes, markup.namespaces), (5, 2));
        assert!(documents(&format!("<a>{}</a>", "c2VuZA==".repeat(2_000))).is_ok());
        for (text, said) in [
            (format!("<a {}/>", "b='' ".repeat(1_025)), "attributes of an element: found 1025"),
            ("<a xmlns:b = 'c'/>".repeat(1_025), "declarations of namespaces: found 1025"),
            ("<a xmlns:b \t\n ='c'/>".repeat(1_025), "declarations of namespaces: found 1025"),
            (format!("<!--> <x \" --><a {}/>", "b='' ".repeat(1_025)), "attributes of an element: found 1025"),
            (format!("<![CDATA[>\"]]><?a?\"><a {}/>", "b='' ".repeat(1_025)), "attributes of an element: found 1025"),
            (format!("<a xmlns:b='{}'/>", "c".repeat(257)), "bytes of a namespace: found 257"),
            (" ".repeat((1 << 20) + 1), "bytes of a document"),
        ] {
            let error = documents(&text).unwrap_err();
            assert!(error.kind() == ErrorKind::LimitExceeded && error.to_string().contains(said), "{error}");
        }
    }
}
