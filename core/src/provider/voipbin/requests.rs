//! Builds every request about VoIPBin's recordings as a value, and reads its pages.
//!
//! The document names the paths. The address, the key and the paging come from the service's public
//! tutorial and interface description.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Record;
use crate::call::Moment;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::provider::http::{HttpRequest, HttpVerb, checked_base, checked_key, path_segment, query_of};
use crate::provider::times;

/// The connection to an account: the service's address and a key. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct VoipbinApi {
    base: String,
    key_name: &'static str,
    key: String,
}

/// The body of `POST /calls/{id}/recording_start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordingStart {
    /// The format. `wav` is the only one.
    pub format: String,
    /// The seconds of silence that end the recording. 0 means that silence does not end it.
    pub end_of_silence: u32,
    /// The key that ends the recording. An empty text means that no key does.
    pub end_of_key: String,
    /// The maximum duration in seconds. 0 means as long as the call.
    pub duration: u32,
    /// The flow that runs at the end. The nil UUID means no flow.
    pub on_end_flow_id: String,
}

impl Default for RecordingStart {
    fn default() -> Self {
        Self {
            format: "wav".to_owned(),
            end_of_silence: 0,
            end_of_key: String::new(),
            duration: 0,
            on_end_flow_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        }
    }
}

impl VoipbinApi {
    /// The address of the service.
    pub const BASE: &str = "https://api.voipbin.net/v1.0";

    /// Creates the API with a login token.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid token.
    pub fn with_token(token: &str) -> Result<Self> {
        let key = checked_key("token of VoIPBin", token)?;
        Ok(Self { base: Self::BASE.to_owned(), key_name: "token", key })
    }

    /// Creates the API with an access key.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid key.
    pub fn with_access_key(key: &str) -> Result<Self> {
        let key = checked_key("access key of VoIPBin", key)?;
        Ok(Self { base: Self::BASE.to_owned(), key_name: "accesskey", key })
    }

    /// Returns the same API at another address.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid address.
    pub fn at(self, base: &str) -> Result<Self> {
        Ok(Self { base: checked_base(base)?, ..self })
    }

    /// Requests a page of recordings, newest first. `page_token` is the end of the page before.
    pub fn recordings(&self, page_size: Option<u32>, page_token: Option<&str>) -> HttpRequest {
        let size = page_size.map(|size| size.to_string());
        let query = query_of([("page_size", size), ("page_token", page_token.map(str::to_owned))]);
        let request = self.request(HttpVerb::Get, "/recordings".to_owned());
        if query.is_empty() {
            return request;
        }
        let query = format!("{}&{query}", request.query);
        request.with_query(query)
    }

    /// Requests one recording.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn recording(&self, id: &str) -> Result<HttpRequest> {
        let id = path_segment("recording's id", id)?;
        Ok(self.request(HttpVerb::Get, format!("/recordings/{id}")))
    }

    /// Requests a recording's audio. The response redirects (307) to an address that needs no key.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn recording_file(&self, id: &str) -> Result<HttpRequest> {
        let id = path_segment("recording's id", id)?;
        Ok(self.request(HttpVerb::Get, format!("/recordingfiles/{id}")))
    }

    /// Starts the recording of a call.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn recording_start(&self, call_id: &str, start: &RecordingStart) -> Result<HttpRequest> {
        let path = format!("/calls/{}/recording_start", path_segment("call's id", call_id)?);
        Ok(self.request(HttpVerb::Post, path).with_json(json::text(start)?))
    }

    fn request(&self, method: HttpVerb, path: String) -> HttpRequest {
        HttpRequest::new(method, &self.base, path).with_query(query_of([(self.key_name, Some(self.key.clone()))]))
    }
}

impl fmt::Debug for VoipbinApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoipbinApi").field("base", &self.base).field("key", &self.key_name).finish_non_exhaustive()
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordPage {
    /// The recordings of the page.
    pub records: Vec<Record>,
    /// The token of the next page. `None` after the last page.
    pub next_page_token: Option<String>,
}

impl RecordPage {
    /// Reads a response. A page without recordings, or without a token, is the last page.
    ///
    /// # Errors
    /// `provider` if it is not a page.
    pub fn read(body: &[u8]) -> Result<Self> {
        let unread = |found: &str| {
            Error::new(ErrorKind::Provider, Stage::Provider, "VoIPBin's answer is no page of recordings")
                .with_mismatch(found, "an object with result")
        };
        let mut page: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| unread("no object").caused_by(error))?;
        let records = match page.remove("result") {
            Some(Value::Array(records)) => records,
            Some(Value::Null) => Vec::new(),
            _ => return Err(unread("no result")),
        };
        let token = page.get("next_page_token").and_then(Value::as_str).filter(|token| !token.trim().is_empty());
        let next_page_token = token.filter(|_| !records.is_empty()).map(str::to_owned);
        let record = |record: Value| match record {
            Value::Object(fields) => Ok(Record::from(fields)),
            _ => Err(unread("a record that is no object")),
        };
        Ok(Self { records: records.into_iter().map(record).collect::<Result<_>>()?, next_page_token })
    }

    /// Returns a token for the next page that is a microsecond later, so that the page repeats the
    /// records of the time at which this page ends. Pages are divided by time: without the overlap,
    /// records of the same time after the end of a page would be on no page. A token that is not a
    /// time stays unchanged.
    pub fn overlapping_token(&self) -> Option<String> {
        self.next_page_token.as_deref().map(|token| a_microsecond_later(token).unwrap_or_else(|| token.to_owned()))
    }
}

impl Record {
    /// Returns when the record was created, in Unix milliseconds, or `None` if it contains no time.
    pub fn created_ms(&self) -> Option<i64> {
        self.tm_create.as_deref().and_then(|text| times::read(text, 0)).map(Moment::unix_ms)
    }
}

/// Returns a time in VoIPBin's format, a microsecond later. The format has a space or a `T`, and
/// possibly a `Z`.
fn a_microsecond_later(text: &str) -> Option<String> {
    let (plain, zone) = text.strip_suffix('Z').map_or((text, ""), |plain| (plain, "Z"));
    let separator = if plain.contains('T') { "T" } else { " " };
    let at: jiff::civil::DateTime = plain.replacen(' ', "T", 1).parse().ok()?;
    let later = at.checked_add(jiff::Span::new().microseconds(1)).ok()?;
    Some(later.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S.%6f{zone}")).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::http::RequestBody;

    #[test]
    fn requests_are_those_of_the_document() {
        let api = VoipbinApi::with_token("tok").unwrap();
        let shown = |request: &HttpRequest| format!("{} {}", request.method, request.path);
        assert_eq!(shown(&api.recordings(None, None)), "GET /recordings");
        assert_eq!(shown(&api.recording_file("a").unwrap()), "GET /recordingfiles/a");
        assert_eq!(shown(&api.recording("a/b").unwrap()), "GET /recordings/a%2Fb");
        for wrong in ["", " ", ".."] {
            let start = api.recording_start(wrong, &RecordingStart::default());
            for refused in [api.recording(wrong), api.recording_file(wrong), start] {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
            }
        }
        let start = api.recording_start("c", &RecordingStart::default()).unwrap();
        assert_eq!(shown(&start), "POST /calls/c/recording_start");
        let body = r#"{"format":"wav","end_of_silence":0,"end_of_key":"","duration":0,"on_end_flow_id":"00000000-0000-0000-0000-000000000000"}"#;
        assert_eq!(start.body, RequestBody::Text(body.to_owned()));
        assert!(!format!("{api:?} {start:?}").contains("tok=") && !format!("{api:?}").contains("\"tok\""));
    }

    #[test]
    fn the_key_and_the_page_stand_in_the_query() {
        let api = VoipbinApi::with_access_key("k+1").unwrap().at("http://127.0.0.1:8/v1.0/").unwrap();
        let page = api.recordings(Some(10), Some("2021-05-03 21:35:02.809"));
        let url =
            "http://127.0.0.1:8/v1.0/recordings?accesskey=k%2B1&page_size=10&page_token=2021-05-03%2021%3A35%3A02.809";
        assert_eq!(page.url(), url);
        assert!(VoipbinApi::with_token("").is_err() && VoipbinApi::with_access_key("a b").is_err());
    }

    #[test]
    fn a_page_can_begin_with_the_time_at_which_the_one_before_ended() {
        let overlapping = |token: &str| {
            let page = RecordPage { records: Vec::new(), next_page_token: Some(token.to_owned()) };
            page.overlapping_token().unwrap()
        };
        assert_eq!(overlapping("2021-01-28 09:16:58.076735"), "2021-01-28 09:16:58.076736");
        assert_eq!(overlapping("2021-12-31 23:59:59.999999"), "2022-01-01 00:00:00.000000");
        assert_eq!(overlapping("2021-05-03 21:35:02.809"), "2021-05-03 21:35:02.809001");
        assert_eq!(overlapping("2021-05-03T21:35:02Z"), "2021-05-03T21:35:02.000001Z");
        for other in ["x", "", "17", "2021-13-03 21:35:02"] {
            assert_eq!(overlapping(other), other);
        }
        assert_eq!(RecordPage::default().overlapping_token(), None);
        let record = |text: &str| Record { tm_create: Some(text.to_owned()), ..Record::default() };
        assert_eq!(record("2021-01-28 09:16:58.076735").created_ms(), Some(1_611_825_418_076));
        assert_eq!(record("2021-01-28T09:16:58.076Z").created_ms(), Some(1_611_825_418_076));
        assert_eq!((record("soon").created_ms(), Record::default().created_ms()), (None, None));
    }

    #[test]
    fn pages_lead_to_the_last() {
        let page =
            RecordPage::read(br#"{"result": [{"id": "a"}], "next_page_token": "2021-01-28 09:16:58.076735"}"#).unwrap();
        assert_eq!(page.records[0].id.as_deref(), Some("a"));
        assert_eq!(page.next_page_token.as_deref(), Some("2021-01-28 09:16:58.076735"));
        for last in [
            r#"{"result": [], "next_page_token": "x"}"#,
            r#"{"result": [{}], "next_page_token": ""}"#,
            r#"{"result": null}"#,
        ] {
            assert_eq!(RecordPage::read(last.as_bytes()).unwrap().next_page_token, None, "{last}");
        }
        for wrong in ["", "[]", "{}", r#"{"result": [1]}"#, "<html>"] {
            assert_eq!(RecordPage::read(wrong.as_bytes()).unwrap_err().kind(), ErrorKind::Provider, "{wrong}");
        }
    }
}
