//! Reports what is not a recording: an error response saved under a recording's name, a document,
//! another kind of archive.
//!
//! The report contains its type, its size, and an error code if it has one in a known field. Its
//! text is never shown, because it may contain tokens.

use serde_json::Value;

use super::refusal;
use super::sniff::ContainerKind;
use super::source::Source;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Bytes of a document that are searched for its error code.
const READ: usize = 64 << 10;

/// Returns the error for an input that is not a supported recording.
pub(crate) fn refuse(kind: ContainerKind, source: &mut Source) -> Result<Error> {
    let error = |kind, message| Error::new(kind, Stage::Decode, message).at_byte(0);
    Ok(match kind {
        ContainerKind::Empty => error(ErrorKind::NoAudio, "an empty file").with_mismatch("0 bytes", "a recording"),
        ContainerKind::Zeros => {
            let size = size_of(source)?;
            error(ErrorKind::NoAudio, "no recording").with_mismatch(format!("zeros only ({size})"), "a recording")
        }
        ContainerKind::Json | ContainerKind::Html | ContainerKind::Xml | ContainerKind::Text => {
            let code = error_code(kind, source.peek(READ)?);
            let size = size_of(source)?;
            let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
            let found = format!("{} ({size}{code})", kind.name());
            error(ErrorKind::Unsupported, "not a recording").with_mismatch(found, "a recording")
        }
        ContainerKind::Unknown => {
            let size = size_of(source)?;
            error(ErrorKind::Unsupported, "not a recording")
                .with_mismatch(format!("{} ({size})", kind.name()), "wav, mp3 or another audio format")
        }
        ContainerKind::Codec(name) => refusal::codec(name).at_byte(0),
        named => error(ErrorKind::Unsupported, "cannot be read")
            .with_mismatch(named.name(), "wav, mp3 or another audio format"),
    })
}

/// Describes the input's size.
fn size_of(source: &mut Source) -> Result<String> {
    if let Some(size) = source.size_hint() {
        return Ok(format!("{size} bytes"));
    }
    let seen = source.peek(READ)?.len();
    Ok(if seen < READ { format!("{seen} bytes") } else { format!("more than {READ} bytes") })
}

/// Returns the error code in a server's answer, from a known field.
fn error_code(kind: ContainerKind, body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).ok()?;
    match kind {
        ContainerKind::Json => {
            let value: Value = serde_json::from_str(text).ok()?;
            let value = if let Value::Array(list) = &value { list.first()? } else { &value };
            code_in(value, 3)
        }
        ContainerKind::Xml => {
            // Format of object stores: <Error><Code>NoSuchKey</Code>...
            let (_, rest) = text.split_once("<Code>")?;
            harmless(rest.split_once("</Code>")?.0)
        }
        _ => None,
    }
}

/// Searches the fields in which servers put a code, in this order, nested errors first.
fn code_in(value: &Value, depth: usize) -> Option<String> {
    const NESTED: [&str; 3] = ["error", "response", "errors"];
    const NAMES: [&str; 6] = ["code", "errcode", "errorcode", "error_code", "status", "statuscode"];
    let fields = value.as_object()?;
    let field = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    let nested = NESTED.iter().filter_map(|name| field(name)).find_map(|inner| {
        let inner = inner.as_array().and_then(|list| list.first()).unwrap_or(inner);
        if depth > 0 { code_in(inner, depth - 1) } else { None }
    });
    nested.or_else(|| {
        NAMES.iter().filter_map(|name| field(name)).find_map(|code| match code {
            Value::Number(n) if n.is_i64() => Some(n.to_string()).filter(|s| s.len() <= 10),
            Value::String(s) => harmless(s),
            _ => None,
        })
    })
}

/// Returns a code that is safe to show: a short number, or a short word of letters, which cannot be
/// a token.
fn harmless(code: &str) -> Option<String> {
    let code = code.trim();
    let number = code.len() <= 10 && code.bytes().all(|b| b.is_ascii_digit());
    let word = code.len() <= 48 && code.bytes().all(|b| b.is_ascii_alphabetic() || b"._-".contains(&b));
    (!code.is_empty() && (number || word)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::sniff::sniff;

    fn refused(body: &str) -> Error {
        let mut source = Source::new(Box::new(std::io::Cursor::new(body.to_owned())), None, 1 << 20, false).unwrap();
        let kind = sniff(body.as_bytes(), true);
        refuse(kind, &mut source).unwrap()
    }

    #[test]
    fn an_error_body_is_told_by_type_size_and_code() {
        for (body, found) in [
            (r#"{"code": 448, "msg": "no such file"}"#, "JSON (36 bytes, code 448)"),
            (r#"{"ErrCode": "425"}"#, "JSON (18 bytes, code 425)"),
            (r#"{"error": {"code": "NoSuchKey", "status": 404}}"#, "JSON (47 bytes, code NoSuchKey)"),
            (
                r#"{"Response": {"Error": {"Code": "AuthFailure.TokenFailure"}}}"#,
                "JSON (61 bytes, code AuthFailure.TokenFailure)",
            ),
            (r#"{"status": 404}"#, "JSON (15 bytes, code 404)"),
            (r#"{"error": "expired"}"#, "JSON (20 bytes)"),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML (61 bytes, code AccessDenied)"),
            ("<html><body>404</body></html>", "HTML (29 bytes)"),
            ("not found", "text (9 bytes)"),
        ] {
            let error = refused(body);
            assert_eq!((error.kind(), error.found()), (ErrorKind::Unsupported, Some(found)), "{body}");
            assert_eq!(error.expected(), Some("a recording"));
        }
    }

    #[test]
    fn what_could_be_a_token_is_never_shown() {
        for code in ["eyJhbGciOiJIUzI1NiJ9", "sk_live_51H8x", "A1b2C3d4E5", "12345678901234", "two words"] {
            let error = refused(&format!(r#"{{"code": "{code}"}}"#));
            assert!(!error.to_string().contains(code), "{error}");
        }
    }
}
