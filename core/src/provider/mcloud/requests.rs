//! Builds every request of MCloud's API as a value, and names the scopes that each request needs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ListQuery, NewRecording, Review};
use crate::call::named;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::provider::http::{HttpRequest, HttpVerb, RequestBody, checked_base, checked_key, path_segment};

named! {
    /// A permission of a key.
    Scope {
        /// Reads every recording of the business.
        ViewAll = "view_recording_all",
        /// Reads the recordings that are linked to the key's user.
        ViewSelf = "view_recording_self",
        /// Changes score, tag and comment.
        ManageReview = "manage_recording_review",
        /// Posts and deletes recordings, and extracts them again.
        ManageRecording = "manage_call_recording",
        /// Links a recording to a user.
        ManageLink = "manage_recording_link",
        /// Has every permission: an account key.
        ManageAll = "manage_all",
    }
}

named! {
    /// An endpoint of the API.
    Endpoint {
        /// `GET /meta/whoami`.
        Whoami = "whoami",
        /// `GET /recordings`.
        List = "list",
        /// `POST /recordings`.
        Create = "create",
        /// `GET /recordings/{id}`.
        Recording = "recording",
        /// `PUT` to the presigned address.
        Upload = "upload",
        /// `PATCH /recordings/{id}`. [`Review::scopes`] returns further scopes that it needs.
        Review = "review",
        /// `DELETE /recordings/{id}`.
        Delete = "delete",
        /// `POST /recordings/{id}/reextract`.
        Reextract = "reextract",
    }
}

impl Endpoint {
    /// Returns the scopes of which one is enough. An empty list means that any key (or the signed
    /// address) is enough.
    pub const fn any_of(self) -> &'static [Scope] {
        match self {
            Self::Whoami | Self::Upload => &[],
            Self::List | Self::Recording => &[Scope::ViewAll, Scope::ViewSelf],
            Self::Create | Self::Delete | Self::Reextract => &[Scope::ManageRecording],
            Self::Review => &[Scope::ManageReview, Scope::ManageLink],
        }
    }
}

impl Review {
    /// Returns all scopes that this review needs.
    pub fn scopes(&self) -> Vec<Scope> {
        let reviewed =
            self.score.is_some() || self.tag.is_some() || self.review_comment.is_some() || self.note.is_some();
        let needed = [(reviewed, Scope::ManageReview), (self.link.is_some(), Scope::ManageLink)];
        needed.into_iter().filter(|(needed, _)| *needed).map(|(_, scope)| scope).collect()
    }
}

/// The connection to MCloud: the service's address, a key, and the business if it is an account's
/// key. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct McloudApi {
    base: String,
    token: String,
    business: Option<String>,
}

impl McloudApi {
    /// The address in the documents.
    pub const BASE: &str = "https://phone.mcloud.co.th/api/v1";

    /// Creates the API with a key (`crk_…`).
    ///
    /// # Errors
    /// `invalid_argument` for an invalid key.
    pub fn new(token: &str) -> Result<Self> {
        let token = checked_key("token of MCloud", token)?;
        Ok(Self { base: Self::BASE.to_owned(), token, business: None })
    }

    /// Returns the same API at another address.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid address.
    pub fn at(self, base: &str) -> Result<Self> {
        Ok(Self { base: checked_base(base)?, ..self })
    }

    /// Returns the same API for one of an account's businesses (`X-Business-Id`).
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn of_business(self, id: &str) -> Result<Self> {
        Ok(Self { business: Some(checked_key("business id", id)?), ..self })
    }

    /// Requests the identity of the key: one business, or an account with several. The request
    /// names no business, so that the response lists all businesses of an account's key.
    pub fn whoami(&self) -> HttpRequest {
        self.request(HttpVerb::Get, "/meta/whoami".to_owned())
    }

    /// Requests a page of recordings.
    ///
    /// # Errors
    /// As [`ListQuery::to_query`].
    pub fn list(&self, query: &ListQuery) -> Result<HttpRequest> {
        Ok(self.of_data(HttpVerb::Get, "/recordings".to_owned()).with_query(query.to_query()?))
    }

    /// Posts a recording.
    ///
    /// # Errors
    /// `invalid_argument` for an empty `dataId`.
    pub fn create(&self, recording: &NewRecording) -> Result<HttpRequest> {
        path_segment("dataId", &recording.data_id)?;
        Ok(self.of_data(HttpVerb::Post, "/recordings".to_owned()).with_json(json::text(recording)?))
    }

    /// Requests one recording.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn recording(&self, id: &str) -> Result<HttpRequest> {
        Ok(self.of_data(HttpVerb::Get, recording_path(id)?))
    }

    /// Reviews a recording.
    ///
    /// # Errors
    /// As [`Review::to_json`]; `invalid_argument` for an invalid id.
    pub fn review(&self, id: &str, review: &Review) -> Result<HttpRequest> {
        Ok(self.of_data(HttpVerb::Patch, recording_path(id)?).with_json(review.to_json()?))
    }

    /// Deletes a recording; it stays in the trash for 30 days.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn delete(&self, id: &str) -> Result<HttpRequest> {
        Ok(self.of_data(HttpVerb::Delete, recording_path(id)?))
    }

    /// Starts transcription and summary of a recording again.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid id.
    pub fn reextract(&self, id: &str) -> Result<HttpRequest> {
        Ok(self.of_data(HttpVerb::Post, format!("{}/reextract", recording_path(id)?)))
    }

    fn of_data(&self, method: HttpVerb, path: String) -> HttpRequest {
        let request = self.request(method, path);
        match &self.business {
            Some(business) => request.with_header("X-Business-Id", business),
            None => request,
        }
    }

    fn request(&self, method: HttpVerb, path: String) -> HttpRequest {
        HttpRequest::new(method, &self.base, path).with_header("Authorization", format!("Bearer {}", self.token))
    }
}

impl fmt::Debug for McloudApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McloudApi").field("base", &self.base).field("business", &self.business).finish_non_exhaustive()
    }
}

fn recording_path(id: &str) -> Result<String> {
    Ok(format!("/recordings/{}", path_segment("recording's id", id)?))
}

/// Uploads the audio to the presigned address of a response. The address is its own permission: the
/// request does not contain the key, and keeps the signed query unchanged.
///
/// # Errors
/// `invalid_argument` for an address that is not http(s), or an invalid MIME type.
pub fn upload(upload_url: &str, content_type: &str) -> Result<HttpRequest> {
    let address = upload_url.split('#').next().unwrap_or_default();
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let host_at = place.find("://").map_or(0, |at| at + 3);
    let path_at = place.get(host_at..).and_then(|rest| rest.find('/')).map_or(place.len(), |at| host_at + at);
    let (base, path) = place.split_at(path_at);
    checked_base(base)?;
    checked_key("MIME type", content_type)?;
    if !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no address to upload to"));
    }
    let request = HttpRequest::new(HttpVerb::Put, base, path.to_owned()).with_query(query.to_owned());
    Ok(HttpRequest { body: RequestBody::File, ..request }.with_header("Content-Type", content_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Direction, Moment};
    use crate::provider::http::curl::CurlLine;

    fn api() -> McloudApi {
        McloudApi::new("crk_...").unwrap()
    }

    fn sample() -> NewRecording {
        NewRecording {
            data_id: "rec_2026_05_20_001".to_owned(),
            call_at: Moment::from_rfc3339("2026-05-20T08:14:00+07:00").unwrap(),
            direction: Direction::In,
            customer_phone: None,
            callcenter_number: None,
            callcenter_name: None,
            tag: None,
            score: None,
            note: None,
            content_type: None,
            audio_presigned_upload_url: true,
        }
    }

    #[test]
    fn each_curl_line_of_the_documents_is_a_request() {
        let list = ListQuery { limit: Some(10), direction: Some(Direction::In), ..ListQuery::default() };
        let with_phone = NewRecording { customer_phone: Some("+66812345678".to_owned()), ..sample() };
        let lines = [
            (
                r#"curl "https://phone.mcloud.co.th/api/v1/recordings?limit=10&direction=in" \
-H "Authorization: Bearer crk_...""#,
                api().list(&list).unwrap(),
            ),
            (
                r#"curl -X POST https://phone.mcloud.co.th/api/v1/recordings \
-H "Authorization: Bearer crk_..." \
-H "Content-Type: application/json" \
-d '{
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"audioPresignedUploadUrl": true
}'"#,
                api().create(&sample()).unwrap(),
            ),
            (
                r#"curl -X POST https://phone.mcloud.co.th/api/v1/recordings \
-H "Authorization: Bearer crk_..." \
-H "Content-Type: application/json" \
-d '{
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"customerPhone": "+66812345678",
"audioPresignedUploadUrl": true
}'"#,
                api().create(&with_phone).unwrap(),
            ),
            (
                r#"curl -X POST https://phone.mcloud.co.th/api/v1/recordings/$ID/reextract \
-H "Authorization: Bearer crk_...""#,
                api().reextract("ID").unwrap(),
            ),
            (
                r#"curl https://phone.mcloud.co.th/api/v1/meta/whoami \
-H "Authorization: Bearer crk_...""#,
                api().whoami(),
            ),
            (
                r#"curl https://phone.mcloud.co.th/api/v1/recordings \
-H "Authorization: Bearer crk_..." \
-H "X-Business-Id: b1...""#,
                api().of_business("b1...").unwrap().list(&ListQuery::default()).unwrap(),
            ),
        ];
        for (line, request) in lines {
            CurlLine::read(&line.replace("$ID", "ID")).assert_is(&request);
        }
    }

    #[test]
    fn the_curl_line_of_the_upload_is_a_request_with_its_type_said() {
        let address = "https://storage.example/b/call.wav?X-Amz-Signature=a%2Fb&x=1";
        let line = CurlLine::read(
            &"curl -X PUT \"<uploadUrl>\" \\\n--data-binary \"@call.wav\"".replace("<uploadUrl>", address),
        );
        let request = upload(address, "audio/wav").unwrap();
        let sent = CurlLine::of(&request);
        assert_eq!((sent.method, sent.url, sent.data), (line.method, line.url, line.data));
        assert_eq!(request.headers, [("Content-Type".to_owned(), "audio/wav".to_owned())]);
        assert_eq!((request.path.as_str(), request.header("Authorization")), ("/b/call.wav", None));
        for wrong in ["", "/b/call.wav", "ftp://h/a", "https://h/a b", "https://h/a\r\nX: y", "https://u@h/a"] {
            assert_eq!(upload(wrong, "audio/wav").unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
        assert!(upload(address, "audio/wav\r\nX: y").is_err());
    }

    #[test]
    fn the_request_of_the_documents_is_sent_as_it_stands_there() {
        let text = "GET /api/v1/recordings HTTP/1.1\nHost: phone.mcloud.co.th\nAuthorization: Bearer crk_a1b2c3d4...";
        let request = McloudApi::new("crk_a1b2c3d4...").unwrap().list(&ListQuery::default()).unwrap();
        let host = request.base.trim_start_matches("https://").split('/').next().unwrap();
        let path = request.url().split_once(host).unwrap().1.to_owned();
        let (name, value) = &request.headers[0];
        assert_eq!(format!("{} {path} HTTP/1.1\nHost: {host}\n{name}: {value}", request.method), text);
    }

    #[test]
    fn requests_without_a_line_go_by_their_tables() {
        let shown = |request: &HttpRequest| format!("{} {}", request.method, request.path);
        assert_eq!(shown(&api().recording("a/b").unwrap()), "GET /recordings/a%2Fb");
        assert_eq!(shown(&api().delete("a").unwrap()), "DELETE /recordings/a");
        for wrong in ["", "..", " "] {
            let review = api().review(wrong, &Review::default());
            for refused in [api().recording(wrong), api().delete(wrong), api().reextract(wrong), review] {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
            }
        }
        let review = Review { score: Some(86.0), ..Review::default() };
        let request = api().review("a", &review).unwrap();
        assert_eq!(
            (shown(&request), &request.body),
            ("PATCH /recordings/a".to_owned(), &RequestBody::Text(r#"{"score":86.0}"#.to_owned()))
        );
        assert!(api().review("a", &Review { score: Some(101.0), ..Review::default() }).is_err());
        assert_eq!(api().of_business("b1").unwrap().whoami().header("X-Business-Id"), None);
        assert!(api().create(&NewRecording { data_id: " ".to_owned(), ..sample() }).is_err());
        assert!(McloudApi::new("").is_err() && api().at("phone").is_err() && api().of_business(" ").is_err());
        assert!(!format!("{:?}", McloudApi::new("crk_1").unwrap()).contains("crk_1"));
    }

    #[test]
    fn scopes_are_those_of_the_documents() {
        use super::super::RecordLink;
        assert_eq!(Endpoint::List.any_of(), [Scope::ViewAll, Scope::ViewSelf]);
        assert_eq!(Endpoint::Create.any_of(), [Scope::ManageRecording]);
        assert_eq!(Endpoint::Whoami.any_of(), []);
        let link = Review { link: Some(RecordLink::Nobody), ..Review::default() };
        assert_eq!(link.scopes(), [Scope::ManageLink]);
        assert_eq!(Review { note: Some(String::new()), ..link }.scopes(), [Scope::ManageReview, Scope::ManageLink]);
    }
}
