//! This module's helpers for other languages: JSON in, JSON out, with the same checks and defaults.
//!
//! [`answer`] takes a helper's name and its arguments as an object. Unknown arguments are rejected
//! by name.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mcloud::{self, ApiCode, ApiError, Dialling, ListQuery, NewRecording, Outgoing, Review, e164};
use super::records::only;
use super::{CallDescription, Kind, Options, detect_text, parse_offset, read_all, read_as, threecx, vcon, wellcloud};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::report::Report;

mod requests;
mod service;

/// A document from another language.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    /// The kind of document. `None` means that its fields determine it.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The document's JSON, the XML of SIPREC, or the file name for [`Kind::Threecx`].
    pub text: String,
    /// The offset of times without one, such as `+08:00`.
    #[serde(default)]
    pub utc_offset: Option<String>,
    /// The index of the requested call, from 0. `None` means the only one.
    #[serde(default)]
    pub index: Option<usize>,
}

impl Document {
    /// Reads a document from a JSON object.
    ///
    /// # Errors
    /// `invalid_argument` if the object does not have the described form.
    pub fn from_json(json: &str) -> Result<Self> {
        arguments(json)
    }

    /// Reads all calls of the document.
    ///
    /// # Errors
    /// As [`read_all`].
    pub fn read_all(&self) -> Result<Vec<CallDescription>> {
        let options = Options { local_offset_s: self.utc_offset.as_deref().map(parse_offset).transpose()? };
        match self.kind {
            None => read_all(&self.text, &options),
            Some(Kind::Threecx) => threecx::describe(&self.text, &options)?.map(|call| vec![call]).ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, Stage::Provider, "no file name of 3CX")
                    .with_mismatch(format!("\"{}\"", self.text), "[Name]_FROM-TO_YYYYMMDDHHMMSS(id).wav")
            }),
            Some(kind) => read_as(kind, &self.text, &options),
        }
    }

    /// Reads the requested call.
    ///
    /// # Errors
    /// As [`read_all`]; `invalid_argument` if there are several calls and none is selected, or if
    /// the selected call does not exist.
    pub fn read(&self) -> Result<CallDescription> {
        let mut calls = self.read_all()?;
        let Some(index) = self.index else { return only(calls) };
        if index < calls.len() {
            return Ok(calls.swap_remove(index));
        }
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no such call in the document")
            .with_mismatch(index, format!("0 to {}", calls.len().saturating_sub(1))))
    }
}

/// A described call, and how the names of its audio were assigned.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinedDocument {
    #[serde(flatten)]
    described: CallDescription,
    missing: Vec<Value>,
    unused: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadArguments {
    document: Document,
    /// The names of the audio in memory. `None` means that there is no audio to join.
    keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProcessedJson {
    /// The JSON of a report.
    report: Option<String>,
    document: Option<Document>,
    #[serde(default = "nothing")]
    options: Value,
}

fn nothing() -> Value {
    json!({})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TextArgument {
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NumberArgument {
    text: String,
    country_code: Option<String>,
    trunk_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answer {
    status: u16,
    body: String,
}

/// Runs a helper: `detect`, `read`, `createBody`, `patchBody`, `dataId`, `listQuery`, `e164`,
/// `apiCode`, `apiError`, `wellcloudRefusal`, `wellcloudListPath`, `wellcloudStreamPath`,
/// `vconWithReport`; or a step of a service (`service`).
///
/// # Errors
/// The errors of the helper; `invalid_argument` for an unknown helper or unknown arguments.
pub fn answer(helper: &str, json: &str) -> Result<String> {
    let answer = match helper {
        "detect" => json!(detect_text(&arguments::<TextArgument>(json)?.text)?),
        "read" => read(arguments(json)?)?,
        "createBody" => create_body(&arguments(json)?)?,
        "patchBody" => patch_body(&arguments(json)?)?,
        "dataId" => {
            let processed: ProcessedJson = arguments(json)?;
            json!(mcloud::data_id(&processed.described()?)?)
        }
        "listQuery" => json!(ListQuery::from_json(json)?.to_query()?),
        "e164" => number(&arguments(json)?)?,
        "apiCode" => api_code(&arguments::<TextArgument>(json)?.text)?,
        "apiError" => {
            let Answer { status, body } = arguments(json)?;
            json!(ApiError::read(status, body.as_bytes()).as_ref().map(api_error))
        }
        "wellcloudRefusal" => {
            let Answer { status, body } = arguments(json)?;
            let refusal = wellcloud::Refusal::read(status, body.as_bytes());
            json!(refusal.map(|r| json!({"code": r.code(), "message": r.to_string(), "retryable": r.retryable()})))
        }
        "vconWithReport" => with_report(&arguments(json)?)?,
        "wellcloudListPath" => json!(wellcloud::list_path(&arguments::<TextArgument>(json)?.text)?),
        "wellcloudStreamPath" => json!(wellcloud::stream_path(&arguments::<TextArgument>(json)?.text)?),
        other => service::answer(other, json)?.ok_or_else(|| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no such helper");
            error.with_mismatch(format!("\"{other}\""), "one of the provider's")
        })?,
    };
    Ok(answer.to_string())
}

fn read(ReadArguments { document, keys }: ReadArguments) -> Result<Value> {
    let calls = match document.index {
        Some(_) => vec![document.read()?],
        None if keys.is_some() => vec![document.read()?],
        None => document.read_all()?,
    };
    let joined = calls.into_iter().map(|described| {
        let Some(keys) = &keys else { return JoinedDocument { described, missing: Vec::new(), unused: Vec::new() } };
        let matched = described.attach(keys.iter().map(|key| (key.clone(), ())));
        let missing = matched.missing.iter().map(|missing| {
            let recording = described.recordings.get(missing.recording);
            json!({
                "recording": missing.recording,
                "label": recording.map(super::Recording::label),
                "code": missing.error.code(),
                "message": missing.error.to_string(),
            })
        });
        JoinedDocument {
            missing: missing.collect(),
            unused: matched.unused.into_iter().map(|(key, ())| key).collect(),
            described,
        }
    });
    Ok(json!(joined.collect::<Vec<_>>()))
}

impl ProcessedJson {
    fn report(&self) -> Result<Option<Report>> {
        let read = |json: &String| serde_json::from_str(json);
        self.report.as_ref().map(read).transpose().map_err(|e| {
            Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("no report of this library: {e}"))
        })
    }

    /// Returns the call as its document describes it, or else as its report does.
    fn described(&self) -> Result<CallDescription> {
        match (&self.document, self.report()?) {
            (Some(document), _) => document.read(),
            (None, Some(report)) => Ok(CallDescription::from(&report)),
            (None, None) => Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no call")
                .with_mismatch("nothing", "a report or a document")),
        }
    }
}

fn create_body(processed: &ProcessedJson) -> Result<Value> {
    let options = Outgoing::from_json(&processed.options.to_string())?;
    let described = processed.described()?;
    let body = match processed.report()? {
        Some(report) => NewRecording::of_report(&report, Some(&described), &options)?,
        None => NewRecording::of(&described, None, &options)?,
    };
    Ok(json!(body))
}

fn with_report(processed: &ProcessedJson) -> Result<Value> {
    match (&processed.document, processed.report()?) {
        (Some(document), Some(report)) => Ok(json!(vcon::with_report(&document.text, &report)?)),
        (document, _) => {
            let found = if document.is_some() { "a vCon alone" } else { "no vCon" };
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Provider, "a vCon and a report");
            Err(error.with_mismatch(found, "both"))
        }
    }
}

fn patch_body(processed: &ProcessedJson) -> Result<Value> {
    let tag = processed.report()?.map(|report| report.tag.value);
    Ok(json!(Review::from_json(&processed.options.to_string(), tag)?))
}

fn number(number: &NumberArgument) -> Result<Value> {
    let dialling = match (&number.country_code, &number.trunk_prefix) {
        (None, None) => None,
        (code, prefix) => {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            Some(Dialling::new(&part(code), &part(prefix))?)
        }
    };
    Ok(json!(e164(&number.text, dialling.as_ref())))
}

fn api_code(name: &str) -> Result<Value> {
    let names: Vec<&str> = ApiCode::ALL.iter().map(|code| code.name()).collect();
    let unknown = || {
        Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no code of the error table")
            .with_mismatch(format!("\"{name}\""), names.join(", "))
    };
    let code = ApiCode::from_name(name).ok_or_else(unknown)?;
    let code_text = Some(name.to_owned());
    Ok(api_error(&ApiError { status: code.status(), code: Some(code), code_text, message: None }))
}

fn api_error(error: &ApiError) -> Value {
    json!({
        "status": error.status,
        "code": error.code_text,
        "known": error.code.is_some(),
        "message": error.message,
        "retryable": error.retryable(),
    })
}

fn arguments<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| {
        Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("arguments of a provider's helper: {e}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSHES: &str = r#"[{"SessionId": "s", "RecordId": "1608130650", "EndpointUser": "+66812345678",
                              "RecordURL": "http://h/a-1608130637.mp3"},
                             {"SessionId": "s", "RecordId": "2", "EndpointUser": "anna@example.com"}]"#;

    fn ask(helper: &str, arguments: Value) -> Result<Value> {
        answer(helper, &arguments.to_string()).map(|json| serde_json::from_str(&json).unwrap())
    }

    fn kind(helper: &str, arguments: Value) -> ErrorKind {
        ask(helper, arguments).unwrap_err().kind()
    }

    #[test]
    fn a_document_is_read_and_joined() {
        let document = json!({"kind": "tencent", "text": PUSHES});
        let calls = ask("read", json!({"document": document, "keys": ["2", "x"]})).unwrap();
        let call = &calls[0];
        assert_eq!((&call["kind"], &call["customer"]), (&json!("tencent"), &json!("+66812345678")));
        assert_eq!((call["missing"][0]["label"].as_str(), &call["unused"]), (Some("1608130650"), &json!(["x"])));
        assert_eq!(ask("detect", json!({"text": PUSHES})).unwrap(), "tencent");
        assert_eq!(ask("detect", json!({"text": "[]"})).unwrap(), Value::Null);
        let page = r#"{"items": [{"dataId": "a"}, {"dataId": "b"}]}"#;
        assert_eq!(ask("read", json!({"document": {"text": page}})).unwrap().as_array().unwrap().len(), 2);
        let second = ask("read", json!({"document": {"text": page, "index": 1}})).unwrap();
        assert_eq!((&second[0]["call"]["id"], second.as_array().unwrap().len()), (&json!("b"), 1));
        for wrong in
            [json!({"text": page, "index": 2}), json!({"text": page, "zone": 1}), json!({"kind": "x", "text": ""})]
        {
            assert_eq!(kind("read", json!({"document": wrong})), ErrorKind::InvalidArgument, "{wrong}");
        }
        assert_eq!(kind("read", json!({"document": {"text": page}, "keys": []})), ErrorKind::InvalidArgument);
    }

    #[test]
    fn a_vcon_takes_a_report() {
        let vcon = json!({"text": r#"{"parties": [], "dialog": []}"#});
        let report = include_str!("../../../fixtures/short/report.json");
        let with = ask("vconWithReport", json!({"document": vcon, "report": report})).unwrap();
        assert!(with.as_str().unwrap().starts_with(r#"{"parties": [], "dialog": [],"analysis":[{"type":"report","#));
        for wrong in [json!({"document": vcon}), json!({"report": report})] {
            assert_eq!(kind("vconWithReport", wrong), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn a_name_of_3cx_is_a_document() {
        let name = "[Anna]_0812345678-204_20260520081400(7).wav";
        let document = json!({"kind": "threecx", "text": name, "utcOffset": "+07:00"});
        let calls = ask("read", json!({"document": document, "keys": [name]})).unwrap();
        assert_eq!(calls[0]["call"]["startedAt"], "2026-05-20T08:14:00+07:00");
        assert_eq!(calls[0]["missing"], json!([]));
        assert_eq!(kind("read", json!({"document": {"kind": "threecx", "text": "a.wav"}})), ErrorKind::Unsupported);
    }

    #[test]
    fn bodies_and_ids_come_from_documents_and_reports() {
        let document = json!({"text": PUSHES});
        let options = json!({"direction": "in", "utcOffset": "+07:00"});
        let body = ask("createBody", json!({"document": document, "options": options})).unwrap();
        assert_eq!((&body["callAt"], &body["direction"]), (&json!("2020-12-16T21:57:17+07:00"), &json!("in")));
        assert_eq!(ask("dataId", json!({"document": document})).unwrap(), body["dataId"]);
        assert_eq!(ask("patchBody", json!({"options": {"note": "n"}})).unwrap(), json!({"note": "n"}));
        for (helper, arguments) in [
            ("createBody", json!({"document": document, "options": {}})),
            ("createBody", json!({"options": options})),
            ("createBody", json!({"report": "{}", "options": options})),
            ("patchBody", json!({"options": {"tags": 1}})),
            ("dataId", json!({})),
            ("nothing", json!({})),
        ] {
            assert_eq!(kind(helper, arguments.clone()), ErrorKind::InvalidArgument, "{helper} {arguments}");
        }
    }

    #[test]
    fn errors_refusals_queries_and_numbers() {
        let body = r#"{"error": {"code": "rate_limited"}}"#;
        let error = ask("apiError", json!({"status": 429, "body": body})).unwrap();
        let expected =
            json!({"status": 429, "code": "rate_limited", "known": true, "message": null, "retryable": true});
        assert_eq!(error, expected);
        assert_eq!(ask("apiCode", json!({"text": "rate_limited"})).unwrap(), expected);
        assert_eq!(ask("apiError", json!({"status": 201, "body": ""})).unwrap(), Value::Null);
        assert_eq!(kind("apiCode", json!({"text": "tired"})), ErrorKind::InvalidArgument);
        let refusal = ask("wellcloudRefusal", json!({"status": 448, "body": ""})).unwrap();
        assert_eq!((&refusal["code"], &refusal["retryable"]), (&json!(448), &json!(false)));
        assert_eq!(ask("wellcloudListPath", json!({"text": "a"})).unwrap(), wellcloud::list_path("a").unwrap());
        assert_eq!(ask("wellcloudStreamPath", json!({"text": "a"})).unwrap(), wellcloud::stream_path("a").unwrap());
        assert_eq!(kind("wellcloudListPath", json!({"text": ".."})), ErrorKind::InvalidArgument);
        assert_eq!(ask("listQuery", json!({"limit": 10})).unwrap(), "limit=10");
        let thai = json!({"text": "0812345678", "countryCode": "66", "trunkPrefix": "0"});
        assert_eq!(ask("e164", thai).unwrap(), "+66812345678");
        assert_eq!(ask("e164", json!({"text": "204"})).unwrap(), Value::Null);
    }
}
