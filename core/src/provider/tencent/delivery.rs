//! Reads one push as it arrived over HTTP: its `action`, its UUID and its body.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Cdr;
use crate::call::named;
use crate::error::{Error, ErrorKind, Result, Stage};

named! {
    /// The kind of a push.
    DeliveryKind {
        /// A participant's recording.
        Record = "record",
        /// The record of the whole call.
        Cdr = "cdr",
        /// Another kind, such as a voice mail. It is kept, and makes no track.
        Other = "other",
    }
}

/// The largest accepted push, in bytes. A CDR of fifty participants has about 30,000.
const MAX_PUSH_BYTES: usize = 256 << 10;

/// One push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The query's `action`.
    pub action: String,
    /// The header `X-TCCC-PUSH-UUID`, which stays the same when a push is repeated.
    pub uuid: Option<String>,
    /// The JSON object in the body.
    pub body: Map<String, Value>,
}

impl Delivery {
    /// The header with the UUID of a push.
    pub const UUID_HEADER: &str = "X-TCCC-PUSH-UUID";

    /// Reads a push.
    ///
    /// # Errors
    /// `provider` for a body that is not a JSON object, `limit_exceeded` for a very large body.
    pub fn read(action: &str, uuid: Option<&str>, body: &str) -> Result<Self> {
        let refused = |kind| Error::new(kind, Stage::Provider, "no push of Tencent's");
        if body.len() > MAX_PUSH_BYTES {
            let size = format!("{} bytes", body.len());
            return Err(refused(ErrorKind::LimitExceeded).with_mismatch(size, format!("{MAX_PUSH_BYTES} at most")));
        }
        let body = serde_json::from_str(body).map_err(|e| refused(ErrorKind::Provider).caused_by(e))?;
        let uuid = uuid.map(str::trim).filter(|uuid| !uuid.is_empty()).map(str::to_owned);
        Ok(Self { action: action.trim().to_ascii_lowercase(), uuid, body })
    }

    /// Returns the id of the session.
    pub fn session_id(&self) -> Option<&str> {
        self.body.get("SessionId")?.as_str().map(str::trim).filter(|id| !id.is_empty())
    }

    /// Returns the kind of the push, by its action, or by its fields if it has no action. A push
    /// without a recording id and an address is not a recording.
    pub fn kind(&self) -> DeliveryKind {
        let said = |name: &&str| self.body.get(*name).is_some_and(|value| !value.is_null() && value != "");
        let recording = ["RecordId", "RecordURL", "CustomRecordURL"].iter().any(said);
        match &*self.action {
            "cdr" => DeliveryKind::Cdr,
            "" if Cdr::is_cdr(&self.body) => DeliveryKind::Cdr,
            "record" | "" if recording => DeliveryKind::Record,
            _ => DeliveryKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_what_its_action_says() {
        let kind = |action: &str, body: &str| Delivery::read(action, None, body).unwrap().kind();
        assert_eq!(kind("record", r#"{"RecordId": "1"}"#), DeliveryKind::Record);
        assert_eq!(kind("record", r#"{"RecordId": "", "RecordURL": null}"#), DeliveryKind::Other);
        assert_eq!(kind("CDR", r#"{"SessionId": "s"}"#), DeliveryKind::Cdr);
        assert_eq!(kind("voicemail", r#"{"RecordURL": "http://h/a.mp3"}"#), DeliveryKind::Other);
        assert_eq!(kind("", r#"{"RecordURL": "http://h/a.mp3"}"#), DeliveryKind::Record);
        assert_eq!(kind("", r#"{"Caller": "1", "RecordURL": "http://h/a.mp3"}"#), DeliveryKind::Cdr);
    }

    #[test]
    fn what_is_no_push_is_refused() {
        for wrong in ["", "[]", "1", "{", &"x".repeat(300 << 10)] {
            assert!(Delivery::read("record", None, wrong).is_err());
        }
        let push = Delivery::read("record", Some(" "), r#"{"SessionId": " s "}"#).unwrap();
        assert_eq!((push.uuid.as_deref(), push.session_id()), (None, Some("s")));
    }
}
