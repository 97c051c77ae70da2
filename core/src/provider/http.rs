//! HTTP requests as plain values, for any client to send. Opens no sockets.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::parties::percent_encoded;
use crate::call::named;
use crate::error::{Error, ErrorKind, Result, Stage};

named! {
    /// The method of a request.
    HttpVerb {
        /// Reads an object.
        Get = "GET",
        /// Creates an object, or starts an action.
        Post = "POST",
        /// Stores a complete object.
        Put = "PUT",
        /// Changes some fields.
        Patch = "PATCH",
        /// Deletes an object.
        Delete = "DELETE",
    }
}

/// The body of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// No body.
    Empty,
    /// Text. The headers say which kind.
    Text(String),
    /// The bytes of a file held by the sender, streamed with their length.
    File,
}

/// A request as a value.
///
/// `Debug` shows neither header values nor query nor body, because they contain keys, signatures
/// and telephone numbers. In JSON, the fields are `method`, `url`, `path`, `query`, `headers`
/// (pairs), `body` (text or null), and `file` (whether the body is a file held by the sender).
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpVerb,
    /// The service's URL, without a trailing slash.
    pub base: String,
    /// The path relative to it, percent-encoded, with a leading slash.
    pub path: String,
    /// The query, percent-encoded, without a question mark; may be empty.
    pub query: String,
    /// Header names and values, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: RequestBody,
}

impl HttpRequest {
    /// Creates a request without headers and body.
    pub(super) fn new(method: HttpVerb, base: &str, path: String) -> Self {
        let base = base.to_owned();
        Self { method, base, path, query: String::new(), headers: Vec::new(), body: RequestBody::Empty }
    }

    /// Adds a header.
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the query.
    pub(super) fn with_query(mut self, query: String) -> Self {
        self.query = query;
        self
    }

    /// Sets a JSON body and its content type.
    pub(super) fn with_json(mut self, json: String) -> Self {
        self.body = RequestBody::Text(json);
        self.with_header("Content-Type", "application/json")
    }

    /// Returns the whole URL.
    pub fn url(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        [&self.base, self.path.as_str(), mark, &self.query].concat()
    }

    /// Returns the value of a header, ignoring the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.query.is_empty() { "" } else { "?…" };
        write!(f, "{} {}{}{query}", self.method, self.base, self.path)?;
        self.headers.iter().try_for_each(|(name, _)| write!(f, ", {name}: …"))?;
        write!(f, ", {:?}", self.body)
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no body"),
            Self::Text(text) => write!(f, "{} bytes", text.len()),
            Self::File => f.write_str("a file"),
        }
    }
}

impl Serialize for HttpRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let body = match &self.body {
            RequestBody::Text(text) => Some(text),
            RequestBody::Empty | RequestBody::File => None,
        };
        let request = json!({
            "method": self.method,
            "url": self.url(),
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": body,
            "file": self.body == RequestBody::File,
        });
        request.serialize(serializer)
    }
}

/// Returns a service's URL without trailing slashes.
///
/// # Errors
/// `invalid_argument` for a URL that is not http(s), has no host, contains a user, a query or a
/// fragment, or has invalid characters.
pub(super) fn checked_base(base: &str) -> Result<String> {
    let base = base.trim().trim_end_matches('/');
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || base.contains(['?', '#']) || !visible(base) {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no address of a service")
            .with_mismatch(format!("\"{base}\""), "such as https://host/path"));
    }
    Ok(base.to_owned())
}

/// Returns a key that is valid in a header.
///
/// # Errors
/// `invalid_argument` for an empty key, or one with spaces, line breaks or non-ASCII characters.
/// The message does not contain the key.
pub(super) fn checked_key(what: &str, key: &str) -> Result<String> {
    let key = key.trim();
    if key.is_empty() || !visible(key) {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("no {what}"))
            .with_mismatch(format!("{} characters", key.chars().count()), "visible ASCII characters"));
    }
    Ok(key.to_owned())
}

/// Returns an id as a percent-encoded path segment.
///
/// # Errors
/// `invalid_argument` for an id that is empty, blank, `.` or `..`.
pub(super) fn path_segment(what: &str, id: &str) -> Result<String> {
    if id.trim().is_empty() || matches!(id, "." | "..") {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("no {what}"))
            .with_mismatch(format!("\"{id}\""), "an id"));
    }
    Ok(percent_encoded(id))
}

fn visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns an encoded query of the given names and values, in order, without those that have no
/// value.
pub(super) fn query_of<const N: usize>(parameters: [(&str, Option<String>); N]) -> String {
    let set = parameters.into_iter().filter_map(|(name, value)| {
        let value = percent_encoded(&value?);
        Some(format!("{name}={value}"))
    });
    set.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
pub(super) mod curl;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_no_secret() {
        let request = HttpRequest::new(HttpVerb::Post, "https://host", "/a".to_owned())
            .with_header("Authorization", "Bearer crk_1")
            .with_query("token=crk_2".to_owned())
            .with_json(r#"{"customerPhone": "+66812345678"}"#.to_owned());
        let shown = format!("{request:?}");
        assert_eq!(shown, "POST https://host/a?…, Authorization: …, Content-Type: …, 33 bytes");
        assert_eq!(request.header("content-type"), Some("application/json"));
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!((&json["url"], &json["file"]), (&json!("https://host/a?token=crk_2"), &json!(false)));
        assert_eq!(json["headers"][0], json!(["Authorization", "Bearer crk_1"]));
    }

    #[test]
    fn addresses_and_keys_that_are_none_are_refused() {
        assert_eq!(checked_base("https://host/api/v1/").unwrap(), "https://host/api/v1");
        for wrong in [
            "",
            "host",
            "ftp://host",
            "https://",
            "https://u@host",
            "https://h/?a",
            "https://h/#a",
            "https://h/\r\nA: b",
        ] {
            assert_eq!(checked_base(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
        assert_eq!(path_segment("id", "a/.. b").unwrap(), "a%2F..%20b");
        for wrong in ["", " ", "\t", ".", ".."] {
            let error = path_segment("recording's id", wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("no recording's id"), "{error}");
        }
        assert_eq!(checked_key("token", " crk_a1 ").unwrap(), "crk_a1");
        for wrong in ["", " ", "a b", "a\r\nX: y", "ключ"] {
            let refusal = checked_key("token", wrong).unwrap_err();
            assert!(wrong.trim().is_empty() || !refusal.to_string().contains(wrong), "{refusal}");
        }
    }
}
