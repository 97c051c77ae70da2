//! Builds every request of Wellcloud's document as a value, and reads the response of its list.

use std::fmt;

use serde_json::{Map, Value};

use super::{Refusal, Row, list_path};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::http::{HttpRequest, HttpVerb, checked_base, checked_key, path_segment};

/// The connection to a tenant: the service's address and a token. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct WellcloudApi {
    base: String,
    token: String,
}

impl WellcloudApi {
    /// The address in the document.
    pub const BASE: &str = "http://tpisdk.wellcloud.cc";

    /// Creates the API with a token.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid token.
    pub fn new(token: &str) -> Result<Self> {
        Ok(Self { base: Self::BASE.to_owned(), token: checked_key("token of Wellcloud", token)? })
    }

    /// Returns the same API at another address.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid address.
    pub fn at(self, base: &str) -> Result<Self> {
        Ok(Self { base: checked_base(base)?, ..self })
    }

    /// Requests a call's list of recordings. It is written 3 s after the call's end: send the
    /// request after [`SETTLE`](super::SETTLE).
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn recordings(&self, call_id: &str) -> Result<HttpRequest> {
        Ok(self.get(list_path(call_id)?).with_header("Content-Type", "application/json;charset=utf-8"))
    }

    /// Requests a recording's audio, as a stream, or as a file with `download`.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn audio(&self, recording_id: &str, download: bool) -> Result<HttpRequest> {
        let id = path_segment("recording's id", recording_id)?;
        let path = format!("/api/operation/tenant/recording/{id}/stream2");
        Ok(self.get(path).with_query(format!("download={download}")))
    }

    /// Requests the audio of a call by the call's id, as a stream, or as a file with `download`.
    /// For a call with several recordings, the document does not state which one is returned.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn audio_of_call(&self, call_id: &str, download: bool) -> Result<HttpRequest> {
        let id = path_segment("call's id", call_id)?;
        let path = format!("/api/operation/tenant/calls/{id}/recording/stream");
        Ok(self.get(path).with_query(format!("download={download}")))
    }

    fn get(&self, path: String) -> HttpRequest {
        HttpRequest::new(HttpVerb::Get, &self.base, path).with_header("Authorization", &self.token)
    }
}

impl fmt::Debug for WellcloudApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WellcloudApi").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Reads the response of the list: its rows, or the refusal.
///
/// # Errors
/// `provider` for a response that is neither a list nor a refusal.
pub fn read_list(status: u16, body: &[u8]) -> Result<std::result::Result<Vec<Row>, Refusal>> {
    if let Some(refusal) = Refusal::read(status, body) {
        return Ok(Err(refusal));
    }
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::Provider, Stage::Provider, "Wellcloud's answer is no list of recordings")
            .with_mismatch(format!("{} bytes with status {status}", body.len()), "an array of objects")
            .caused_by(error)
    })?;
    Ok(Ok(rows.into_iter().map(Row::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a request in the notation of the document: a line, then the headers.
    fn written(request: &HttpRequest) -> String {
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} {}\n\n// request headers\n{}", request.method, request.url(), headers.join("\n"))
    }

    #[test]
    fn each_request_is_the_document_s_word_for_word() {
        let api = WellcloudApi::new("12345678").unwrap();
        assert_eq!(
            written(&api.recordings("c19e9298-fb83-445f-8206-19b59ea7e337").unwrap()),
            "GET http://tpisdk.wellcloud.cc/api/operation/tenant/calls/c19e9298-fb83-445f-8206-19b59ea7e337/recordings2

// request headers
Authorization: 12345678
Content-Type: application/json;charset=utf-8"
        );
        assert_eq!(
            written(&api.audio("audioId", false).unwrap()).replace("audioId", "{{audioId}}"),
            "GET http://tpisdk.wellcloud.cc/api/operation/tenant/recording/{{audioId}}/stream2?download=false

// request headers
Authorization: 12345678"
        );
        assert_eq!(
            written(&api.audio_of_call("callId", false).unwrap()).replace("callId", "{{callId}}"),
            "GET http://tpisdk.wellcloud.cc/api/operation/tenant/calls/{{callId}}/recording/stream?download=false

// request headers
Authorization: 12345678"
        );
        assert_eq!(
            api.audio("a/b", true).unwrap().url(),
            "http://tpisdk.wellcloud.cc/api/operation/tenant/recording/a%2Fb/stream2?download=true"
        );
        for wrong in ["", " ", ".."] {
            for refused in [api.recordings(wrong), api.audio(wrong, true), api.audio_of_call(wrong, true)] {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
            }
        }
        assert!(!format!("{api:?}").contains("12345678") && WellcloudApi::new("a\nb").is_err() && api.at("x").is_err());
    }

    #[test]
    fn an_answer_is_a_list_or_a_refusal_or_an_error() {
        assert_eq!(read_list(200, br#"[{"id": "a"}]"#).unwrap().unwrap()[0].id.as_deref(), Some("a"));
        assert_eq!(read_list(200, b"[]").unwrap().unwrap(), []);
        assert_eq!(read_list(448, b"").unwrap().unwrap_err(), Refusal::NoFile);
        assert_eq!(read_list(200, br#"{"code": 448}"#).unwrap().unwrap_err(), Refusal::NoFile);
        for wrong in [&b"<html>log in</html>"[..], b"", b"{}", b"[1]"] {
            assert_eq!(read_list(200, wrong).unwrap_err().kind(), ErrorKind::Provider);
        }
    }
}
