//! Scans an XML text before it is parsed: finds where its documents begin, and rejects texts that
//! would cost more to parse than their length suggests.

use crate::error::{Error, ErrorKind, Result, Stage};

/// The largest text that is read: about 1000 participants. In a SIP body there are a few.
const MAX_XML_BYTES: usize = 1 << 20;
/// The maximum number of namespace declarations. The parser copies all namespaces in scope to each
/// element that declares one.
const MAX_NAMESPACES: usize = 1024;
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
    limit("attributes of an element", markup.attributes, MAX_ATTRIBUTES)?;
    let ends = markup.starts.iter().copied().filter(|at| *at > 0).chain([text.len()]);
    let mut from = 0;
    let document = |to| text.get(std::mem::replace(&mut from, to)..to).map(str::trim);
    Ok(ends.filter_map(document).collect())
}

#[derive(Default)]
struct Markup {
    /// The positions of XML declarations.
    starts: Vec<usize>,
    /// The number of namespace declarations.
    namespaces: usize,
    /// The largest number of attributes of one element.
    attributes: usize,
}

impl Markup {
    fn of(text: &str) -> Self {
        let (mut markup, mut at) = (Self::default(), 0);
        while let Some((before, rest)) = text.get(at..).and_then(|rest| rest.find('<').map(|open| rest.split_at(open)))
        {
            let start = at + before.len();
            let closed = |mark: &str| rest.find(mark).map_or(rest.len(), |end| end + mark.len());
            at = start
                + if rest.starts_with("<!--") {
                    closed("-->")
                } else if rest.starts_with("<![CDATA[") {
                    closed("]]>")
                } else if rest.starts_with("<?") {
                    let declares = rest.strip_prefix("<?xml").is_some_and(|rest| rest.starts_with(char::is_whitespace));
                    markup.starts.extend(declares.then_some(start));
                    closed("?>")
                } else {
                    markup.tag(rest)
                };
        }
        markup
    }

    /// Reads a tag, and counts each `=` outside of quotation marks as an attribute. Returns the
    /// tag's length.
    fn tag(&mut self, text: &str) -> usize {
        let (mut quote, mut attributes, mut name) = (None, 0, 0);
        let mut length = text.len();
        for (at, mark) in text.bytes().enumerate() {
            match (quote, mark) {
                (Some(open), mark) if open == mark => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(mark),
                (None, b'=') => {
                    attributes += 1;
                    let name = text.get(name..at).unwrap_or_default().trim();
                    self.namespaces += usize::from(name == "xmlns" || name.starts_with("xmlns:"));
                }
                (None, b'>') => {
                    length = at + 1;
                    break;
                }
                (None, _) => {}
            }
            if quote.is_none() && (mark.is_ascii_whitespace() && text.as_bytes().get(at + 1) != Some(&b'=')) {
                name = at + 1;
            }
        }
        self.attributes = self.attributes.max(attributes);
        length
    }
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
            (" ".repeat((1 << 20) + 1), "bytes of a document"),
        ] {
            let error = documents(&text).unwrap_err();
            assert!(error.kind() == ErrorKind::LimitExceeded && error.to_string().contains(said), "{error}");
        }
    }
}
