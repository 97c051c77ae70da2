//! Reads MCloud's responses: the identity of a key, pages, recordings, and the state of their
//! transcription.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::requests::{Endpoint, Scope};
use super::{Created, Record};
use crate::call::named;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::wire_type::{filled, wire};

named! {
    /// The level of a key.
    KeyLevel {
        /// The key belongs to one business.
        Business = "business",
        /// The key belongs to an account, and a request names its business.
        Account = "account",
    }
}

wire! {
    /// A business in the response of `whoami`.
    Business {
        /// The business's id, for `X-Business-Id`.
        id: String = "id",
        /// The business's name.
        name: String = "name",
        /// The business's short name.
        slug: String = "slug",
    }
}

/// The response to `GET /meta/whoami`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Whoami {
    /// The level of the key. `None` if the response has an undocumented value.
    pub level: Option<KeyLevel>,
    /// The id of an account's user.
    pub user_id: Option<String>,
    /// The key's permissions, as written.
    pub scopes: Vec<String>,
    /// The one business, or the businesses of an account.
    pub businesses: Vec<Business>,
}

impl Whoami {
    /// Reads the response.
    ///
    /// # Errors
    /// `provider` if it is not an object.
    pub fn read(body: &[u8]) -> Result<Self> {
        let fields = object(body, "whoami")?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let list = |name: &str| fields.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let listed = list("businesses").into_iter().chain(fields.get("business").cloned());
        let business = |value: Value| match value {
            Value::Object(fields) => Some(Business::from(fields)),
            _ => None,
        };
        Ok(Self {
            level: text("level").and_then(KeyLevel::from_name),
            user_id: text("userId").map(str::to_owned),
            scopes: list("scopes").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            businesses: listed.filter_map(business).collect(),
        })
    }

    /// Returns `true` if the key may use an endpoint.
    pub fn may(&self, endpoint: Endpoint) -> bool {
        let needed = endpoint.any_of();
        let has = |scope: &Scope| self.scopes.iter().any(|name| name == scope.name());
        needed.is_empty() || has(&Scope::ManageAll) || needed.iter().any(has)
    }
}

named! {
    /// The state of MCloud's own processing of a recording. The documents show only `completed`.
    /// Other words are mapped by their meaning.
    ProcessingStatus {
        /// The processing has not begun.
        Waiting = "waiting",
        /// The processing is in progress.
        Running = "running",
        /// Transcript and summary are available.
        Completed = "completed",
        /// The processing failed. [`McloudApi::reextract`](super::McloudApi::reextract) starts it
        /// again.
        Failed = "failed",
    }
}

impl ProcessingStatus {
    /// Returns the status for a value of `processingStatus`, ignoring case, or `None` for an
    /// unknown value.
    pub fn of(word: &str) -> Option<Self> {
        Some(match &*word.trim().to_ascii_lowercase() {
            "completed" | "complete" | "done" | "success" | "succeeded" => Self::Completed,
            "failed" | "failure" | "error" => Self::Failed,
            "pending" | "waiting" | "queued" | "created" | "uploaded" | "new" => Self::Waiting,
            "processing" | "running" | "in_progress" | "transcribing" | "summarizing" | "extracting" => Self::Running,
            _ => return None,
        })
    }
}

impl Record {
    /// Reads the response to `GET /recordings/{id}`.
    ///
    /// # Errors
    /// `provider` if it is not an object.
    pub fn read(body: &[u8]) -> Result<Self> {
        object(body, "recording").map(Self::from)
    }

    /// Returns the state of the API's own processing, or `None` for an unknown value.
    pub fn processing(&self) -> Option<ProcessingStatus> {
        ProcessingStatus::of(filled(self.processing_status.as_ref())?)
    }
}

impl Created {
    /// Reads the response to `POST /recordings`.
    ///
    /// # Errors
    /// `provider` if it is not an object or has no id.
    pub fn read(body: &[u8]) -> Result<Self> {
        let created = object(body, "created recording").map(Self::from)?;
        match filled(created.id.as_ref()) {
            Some(_) => Ok(created),
            None => Err(unread("created recording", "no id")),
        }
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordingPage {
    /// The recordings of the page.
    pub items: Vec<Record>,
    /// The number of recordings on all pages.
    pub total: u64,
}

impl RecordingPage {
    /// Reads the response to `GET /recordings`.
    ///
    /// # Errors
    /// `provider` if it is not a page.
    pub fn read(body: &[u8]) -> Result<Self> {
        let mut fields = object(body, "page of recordings")?;
        let Some(Value::Array(items)) = fields.remove("items") else {
            return Err(unread("page of recordings", "no items"));
        };
        let record = |item: Value| match item {
            Value::Object(fields) => Ok(Record::from(fields)),
            _ => Err(unread("page of recordings", "an item that is no object")),
        };
        let items = items.into_iter().map(record).collect::<Result<Vec<_>>>()?;
        let total = fields.get("total").and_then(Value::as_u64).unwrap_or(items.len() as u64);
        Ok(Self { items, total })
    }
}

fn object(body: &[u8], what: &str) -> Result<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unread(what, "no object")),
        Err(error) => Err(unread(what, "no JSON").caused_by(error)),
    }
}

fn unread(what: &str, found: &str) -> Error {
    Error::new(ErrorKind::Provider, Stage::Provider, format!("MCloud's answer is no {what}"))
        .with_mismatch(found, "as documented")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_an_account_is_is_read_word_for_word() {
        let sample = br#"{
"level": "account",
"userId": "...",
"scopes": ["manage_all"],
"businesses": [
{ "id": "b1...", "name": "Acme Sales", "slug": "acme-sales" },
{ "id": "b2...", "name": "Acme Support", "slug": "acme-support" }
]
}"#;
        let who = Whoami::read(sample).unwrap();
        assert_eq!((who.level, who.user_id.as_deref()), (Some(KeyLevel::Account), Some("...")));
        let slugs: Vec<_> = who.businesses.iter().map(|b| b.slug.as_deref().unwrap()).collect();
        assert_eq!((slugs, who.scopes.len()), (vec!["acme-sales", "acme-support"], 1));
        assert!(Endpoint::ALL.iter().all(|endpoint| who.may(*endpoint)));
    }

    #[test]
    fn a_business_key_may_what_its_scopes_say() {
        let who =
            Whoami::read(br#"{"level": "business", "business": {"id": "b1"}, "scopes": ["manage_call_recording"]}"#);
        let who = who.unwrap();
        assert_eq!((who.level, who.businesses[0].id.as_deref()), (Some(KeyLevel::Business), Some("b1")));
        let may: Vec<Endpoint> = Endpoint::ALL.iter().copied().filter(|endpoint| who.may(*endpoint)).collect();
        assert_eq!(may, [Endpoint::Whoami, Endpoint::Create, Endpoint::Upload, Endpoint::Delete, Endpoint::Reextract]);
    }

    #[test]
    fn pages_and_made_recordings_are_read_and_others_refused() {
        let page = RecordingPage::read(br#"{"items": [{"id": "a", "processingStatus": "completed"}], "total": 1284}"#);
        let page = page.unwrap();
        assert_eq!((page.items[0].processing(), page.total), (Some(ProcessingStatus::Completed), 1284));
        let made = Created::read(br#"{"id": "a", "uploadUrl": "https://h/a"}"#).unwrap();
        assert_eq!((made.id.as_deref(), made.upload_url.as_deref()), (Some("a"), Some("https://h/a")));
        for wrong in ["", "[]", "<html>", r#"{"id": ""}"#] {
            assert_eq!(Created::read(wrong.as_bytes()).unwrap_err().kind(), ErrorKind::Provider, "{wrong}");
        }
        assert!(RecordingPage::read(br#"{"items": 1}"#).is_err() && RecordingPage::read(br#"{"items": [1]}"#).is_err());
        assert!(Whoami::read(b"[]").is_err() && Record::read(b"1").is_err());
    }

    #[test]
    fn a_status_that_is_not_known_is_none() {
        assert_eq!(ProcessingStatus::of(" Completed "), Some(ProcessingStatus::Completed));
        assert_eq!(ProcessingStatus::of("processing"), Some(ProcessingStatus::Running));
        assert_eq!(ProcessingStatus::of("pending"), Some(ProcessingStatus::Waiting));
        assert_eq!(ProcessingStatus::of("failed"), Some(ProcessingStatus::Failed));
        assert_eq!(ProcessingStatus::of("half"), None);
    }
}
