//! Builds requests for other languages. Rejects fields that an endpoint does not take, and the lack
//! of fields that it needs, by name.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments;
use crate::error::{Error, ErrorKind, Result, Stage, unknown_name};
use crate::provider::http::HttpRequest;
use crate::provider::mcloud::{Endpoint, ListQuery, McloudApi, NewRecording, Review, upload};
use crate::provider::voipbin::{RecordingStart, VoipbinApi};
use crate::provider::wellcloud::WellcloudApi;

/// The account whose recordings a request concerns, as the other language gives it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ApiAccess {
    token: Option<String>,
    access_key: Option<String>,
    base: Option<String>,
    business: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct McloudAsk {
    api: Option<ApiAccess>,
    endpoint: Endpoint,
    id: Option<String>,
    query: Option<Value>,
    body: Option<Value>,
    upload_url: Option<String>,
    content_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WellcloudAsk {
    api: ApiAccess,
    endpoint: String,
    id: String,
    download: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VoipbinAsk {
    api: ApiAccess,
    endpoint: String,
    id: Option<String>,
    page_size: Option<u32>,
    page_token: Option<String>,
    start: Option<StartOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StartOptions {
    end_of_silence: Option<u32>,
    end_of_key: Option<String>,
    duration: Option<u32>,
    on_end_flow_id: Option<String>,
}

/// A field of a request, and whether it was given.
type RequestField<'a> = (&'a str, bool);

/// Rejects fields that a request does not take, and the lack of fields that it needs.
fn check(request: &str, given: &[RequestField<'_>], needed: &[&str], taken: &[&str]) -> Result<()> {
    let wrong = |name: &str, found: &str, expected: &str| {
        let what = format!("request {request}: {name}");
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, what).with_mismatch(found, expected))
    };
    for (name, there) in given {
        match (there, needed.contains(name), taken.contains(name)) {
            (true, false, false) => return wrong(name, "a value", "none: it is not used"),
            (false, true, _) => return wrong(name, "nothing", "a value"),
            _ => {}
        }
    }
    Ok(())
}

impl ApiAccess {
    /// Rejects fields that a provider's requests do not use.
    fn check(&self, provider: &str, taken: &[&str]) -> Result<()> {
        let given = [
            ("token", self.token.is_some()),
            ("accessKey", self.access_key.is_some()),
            ("business", self.business.is_some()),
        ];
        check(&format!("of {provider}"), &given, &[], taken)
    }
}

pub(super) fn mcloud_api(access: &ApiAccess) -> Result<McloudApi> {
    access.check("MCloud", &["token", "business"])?;
    let api = McloudApi::new(access.token.as_deref().unwrap_or_default())?;
    let api = access.base.iter().try_fold(api, |api, base| api.at(base))?;
    access.business.iter().try_fold(api, |api, business| api.of_business(business))
}

impl McloudAsk {
    fn check(&self) -> Result<()> {
        let given = [
            ("api", self.api.is_some()),
            ("id", self.id.is_some()),
            ("query", self.query.is_some()),
            ("body", self.body.is_some()),
            ("uploadUrl", self.upload_url.is_some()),
            ("contentType", self.content_type.is_some()),
        ];
        let (needed, taken): (&[&str], &[&str]) = match self.endpoint {
            Endpoint::Whoami => (&["api"], &[]),
            Endpoint::List => (&["api"], &["query"]),
            Endpoint::Create => (&["api", "body"], &[]),
            Endpoint::Recording | Endpoint::Delete | Endpoint::Reextract => (&["api", "id"], &[]),
            Endpoint::Review => (&["api", "id", "body"], &[]),
            Endpoint::Upload => (&["uploadUrl", "contentType"], &[]),
        };
        check(self.endpoint.name(), &given, needed, taken)
    }

    fn request(&self) -> Result<HttpRequest> {
        self.check()?;
        if self.endpoint == Endpoint::Upload {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            return upload(&text(&self.upload_url), &text(&self.content_type));
        }
        let api = mcloud_api(self.api.as_ref().unwrap_or(&ApiAccess::default()))?;
        let (id, empty) = (self.id.as_deref().unwrap_or_default(), json!({}));
        let written = |value: &Option<Value>| value.as_ref().unwrap_or(&empty).to_string();
        match self.endpoint {
            Endpoint::Whoami | Endpoint::Upload => Ok(api.whoami()),
            Endpoint::List => api.list(&ListQuery::from_json(&written(&self.query))?),
            Endpoint::Create => api.create(&arguments::<NewRecording>(&written(&self.body))?),
            Endpoint::Recording => api.recording(id),
            Endpoint::Review => api.review(id, &Review::from_json(&written(&self.body), None)?),
            Endpoint::Delete => api.delete(id),
            Endpoint::Reextract => api.reextract(id),
        }
    }
}

pub(super) fn mcloud_request(json: &str) -> Result<Value> {
    Ok(json!(arguments::<McloudAsk>(json)?.request()?))
}

pub(super) fn wellcloud_request(json: &str) -> Result<Value> {
    let ask: WellcloudAsk = arguments(json)?;
    ask.api.check("Wellcloud", &["token"])?;
    let api = WellcloudApi::new(ask.api.token.as_deref().unwrap_or_default())?;
    let api = ask.api.base.iter().try_fold(api, |api, base| api.at(base))?;
    let download = ask.download.unwrap_or(false);
    let request = match &*ask.endpoint {
        "recordings" => {
            check("recordings", &[("download", ask.download.is_some())], &[], &[])?;
            api.recordings(&ask.id)
        }
        "audio" => api.audio(&ask.id, download),
        "audioOfCall" => api.audio_of_call(&ask.id, download),
        other => Err(unknown_name(other, ["recordings", "audio", "audioOfCall"].into_iter())),
    };
    Ok(json!(request?))
}

fn voipbin_api(access: &ApiAccess) -> Result<VoipbinApi> {
    let taken = if access.access_key.is_some() { "accessKey" } else { "token" };
    access.check("VoIPBin", &[taken])?;
    let api = match (&access.access_key, &access.token) {
        (Some(key), _) => VoipbinApi::with_access_key(key)?,
        (None, token) => VoipbinApi::with_token(token.as_deref().unwrap_or_default())?,
    };
    access.base.iter().try_fold(api, |api, base| api.at(base))
}

pub(super) fn voipbin_request(json: &str) -> Result<Value> {
    let ask: VoipbinAsk = arguments(json)?;
    let given = [
        ("id", ask.id.is_some()),
        ("pageSize", ask.page_size.is_some()),
        ("pageToken", ask.page_token.is_some()),
        ("start", ask.start.is_some()),
    ];
    let (needed, taken): (&[&str], &[&str]) = match &*ask.endpoint {
        "recordings" => (&[], &["pageSize", "pageToken"]),
        "recording" | "recordingFile" => (&["id"], &[]),
        "recordingStart" => (&["id"], &["start"]),
        other => {
            let known = ["recordings", "recording", "recordingFile", "recordingStart"];
            return Err(unknown_name(other, known.into_iter()));
        }
    };
    check(&ask.endpoint, &given, needed, taken)?;
    let (api, id) = (voipbin_api(&ask.api)?, ask.id.unwrap_or_default());
    let request = match &*ask.endpoint {
        "recordings" => Ok(api.recordings(ask.page_size, ask.page_token.as_deref())),
        "recording" => api.recording(&id),
        "recordingFile" => api.recording_file(&id),
        _ => api.recording_start(&id, &ask.start.map_or_else(RecordingStart::default, RecordingStart::from)),
    };
    Ok(json!(request?))
}

impl From<StartOptions> for RecordingStart {
    fn from(start: StartOptions) -> Self {
        let plain = Self::default();
        Self {
            end_of_silence: start.end_of_silence.unwrap_or(plain.end_of_silence),
            end_of_key: start.end_of_key.unwrap_or(plain.end_of_key),
            duration: start.duration.unwrap_or(plain.duration),
            on_end_flow_id: start.on_end_flow_id.unwrap_or(plain.on_end_flow_id),
            ..plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer;
    use super::*;

    fn ask(helper: &str, arguments: &Value) -> Value {
        serde_json::from_str(&answer(helper, &arguments.to_string()).unwrap()).unwrap()
    }

    /// Asserts that a request is rejected, and checks the words of its error.
    fn refused(helper: &str, arguments: &Value, words: &str) {
        let error = answer(helper, &arguments.to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{helper} {arguments}: {error}");
        assert!(error.to_string().contains(words), "{helper} {arguments}: {error}");
    }

    /// Returns the arguments with some added or replaced.
    fn with(arguments: &Value, more: &Value) -> Value {
        let mut all = arguments.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    }

    #[test]
    fn requests_of_every_endpoint_take_what_they_use() {
        let api = json!({"token": "crk_1", "base": "http://h/api/v1", "business": "b1"});
        let recording = json!({"dataId": "d", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in"});
        let own = [
            ("whoami", "GET http://h/api/v1/meta/whoami", json!({})),
            ("list", "GET http://h/api/v1/recordings?limit=5", json!({"query": {"limit": 5}})),
            ("create", "POST http://h/api/v1/recordings", json!({"body": recording})),
            ("recording", "GET http://h/api/v1/recordings/a", json!({"id": "a"})),
            ("review", "PATCH http://h/api/v1/recordings/a", json!({"id": "a", "body": {}})),
            ("delete", "DELETE http://h/api/v1/recordings/a", json!({"id": "a"})),
            ("reextract", "POST http://h/api/v1/recordings/a/reextract", json!({"id": "a"})),
        ];
        let every = json!({"id": "a", "query": {}, "body": {}, "uploadUrl": "https://s/a", "contentType": "audio/wav"});
        for (endpoint, url, fields) in own {
            let asked = with(&json!({"api": api, "endpoint": endpoint}), &fields);
            let request = ask("mcloudRequest", &asked);
            let shown = format!("{} {}", request["method"].as_str().unwrap(), request["url"].as_str().unwrap());
            assert_eq!(shown, url);
            for (name, value) in every.as_object().unwrap() {
                if fields.get(name).is_none() {
                    refused("mcloudRequest", &with(&asked, &json!({name: value})), &format!("{endpoint}: {name}"));
                } else if name != "query" {
                    refused("mcloudRequest", &with(&asked, &json!({name: null})), &format!("{endpoint}: {name}"));
                }
            }
        }
    }

    #[test]
    fn what_a_request_of_mcloud_does_not_use_or_lacks_is_named() {
        let put = json!({"endpoint": "upload", "uploadUrl": "https://s/a?b", "contentType": "audio/flac"});
        let made = ask("mcloudRequest", &put);
        assert_eq!((&made["file"], &made["headers"][0][1]), (&json!(true), &json!("audio/flac")));
        refused("mcloudRequest", &with(&put, &json!({"contentType": null})), "contentType");
        refused("mcloudRequest", &with(&put, &json!({"api": {"token": "t"}})), "api");
        refused("mcloudRequest", &json!({"endpoint": "whoami"}), "api");
        refused("mcloudRequest", &json!({"endpoint": "whoami", "key": 1}), "key");
        let api = json!({"token": "t"});
        let keyed = json!({"token": "t", "accessKey": "k"});
        refused("mcloudRequest", &json!({"endpoint": "whoami", "api": keyed}), "accessKey");
        for id in ["", " ", ".."] {
            refused("mcloudRequest", &json!({"endpoint": "delete", "api": api, "id": id}), "no recording's id");
        }
        let body = json!({"dataId": "d", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "phone": "1"});
        refused("mcloudRequest", &json!({"endpoint": "create", "api": api, "body": body}), "phone");
    }

    #[test]
    fn what_a_request_of_wellcloud_or_voipbin_does_not_use_is_named() {
        let api = json!({"token": "t"});
        let well = json!({"api": api, "endpoint": "audio", "id": "a"});
        assert_eq!(ask("wellcloudRequest", &well)["query"], "download=false");
        refused("wellcloudRequest", &with(&well, &json!({"endpoint": "x"})), "x");
        refused("wellcloudRequest", &with(&well, &json!({"endpoint": "recordings", "download": true})), "download");
        refused("wellcloudRequest", &with(&well, &json!({"api": {"token": "t", "business": "b"}})), "business");
        refused("wellcloudRequest", &with(&well, &json!({"id": ".."})), "no recording's id");
        let key = json!({"accessKey": "k"});
        let start = json!({"api": key, "endpoint": "recordingStart", "id": "c", "start": {"duration": 60}});
        assert!(ask("voipbinRequest", &start)["body"].as_str().unwrap().contains("\"duration\":60"));
        let page = json!({"api": api, "endpoint": "recordings", "pageSize": 9});
        assert_eq!(ask("voipbinRequest", &page)["query"], "token=t&page_size=9");
        refused("voipbinRequest", &with(&page, &json!({"id": "a"})), "recordings: id");
        refused("voipbinRequest", &with(&page, &json!({"endpoint": "recording"})), "recording: id");
        refused("voipbinRequest", &with(&start, &json!({"pageSize": 9})), "recordingStart: pageSize");
        refused("voipbinRequest", &with(&page, &json!({"api": {"token": "t", "accessKey": "k"}})), "token");
        refused("voipbinRequest", &with(&page, &json!({"api": {"token": "t", "business": "b"}})), "business");
        refused("voipbinRequest", &with(&page, &json!({"endpoint": "x"})), "x");
    }
}
