//! Reads the options of a body from JSON, for other languages. Unknown fields are rejected by name.

use serde::{Deserialize, Deserializer};

use super::body::{Outgoing, RecordLink, Review};
use super::{Dialling, ListQuery, Source};
use crate::call::{Direction, Moment, Tag};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::parse_offset;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenOutgoing {
    data_id: Option<String>,
    call_at: Option<Moment>,
    utc_offset: Option<String>,
    direction: Option<Direction>,
    country_code: Option<String>,
    trunk_prefix: Option<String>,
    customer_phone: Option<String>,
    callcenter_number: Option<String>,
    callcenter_name: Option<String>,
    tag: Option<Tag>,
    score: Option<f64>,
    note: Option<String>,
    content_type: Option<String>,
    upload: Option<bool>,
}

impl Outgoing {
    /// Reads the options from a JSON object: `dataId`, `callAt`, `utcOffset` (`+07:00`),
    /// `direction`, `countryCode` and `trunkPrefix` (`66` and `0`), `customerPhone`,
    /// `callcenterNumber`, `callcenterName`, `tag`, `score`, `note`, `contentType`, `upload`. A
    /// missing or null field keeps its default.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown field or an invalid value.
    pub fn from_json(json: &str) -> Result<Self> {
        let written: WrittenOutgoing = read(json)?;
        let dialling = match (written.country_code, written.trunk_prefix) {
            (None, None) => None,
            (Some(code), Some(prefix)) => Some(Dialling::new(&code, &prefix)?),
            (code, prefix) => {
                let found = format!("{} alone", code.or(prefix).unwrap_or_default());
                let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "countryCode and trunkPrefix");
                return Err(error.with_mismatch(found, "both or neither"));
            }
        };
        let default = Self::default();
        Ok(Self {
            data_id: written.data_id,
            call_at: written.call_at,
            offset_s: written.utc_offset.as_deref().map(parse_offset).transpose()?,
            direction: written.direction,
            dialling,
            customer_phone: written.customer_phone,
            callcenter_number: written.callcenter_number,
            callcenter_name: written.callcenter_name,
            tag: written.tag,
            score: written.score,
            note: written.note,
            content_type: written.content_type,
            upload: written.upload.unwrap_or(default.upload),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenReview {
    score: Option<f64>,
    tag: Option<Tag>,
    review_comment: Option<String>,
    note: Option<String>,
    #[serde(deserialize_with = "said")]
    linked_user_id: Option<Option<String>>,
    overwrite_tag: bool,
}

/// Reads a field that is present, including null.
fn said<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

impl Review {
    /// Reads the review from a JSON object: `score`, `tag`, `reviewComment`, `note`, `linkedUserId`
    /// (null means no user), and `overwriteTag`. The review contains the given `tag`. With
    /// `overwriteTag`, it contains the tag of `processed`. Without either, the reviewer's tag stays
    /// unchanged.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown field, an invalid value, or `overwriteTag` together with a
    /// `tag` or without a processed call.
    pub fn from_json(json: &str, processed: Option<Tag>) -> Result<Self> {
        let written: WrittenReview = read(json)?;
        let tag = match (written.overwrite_tag, written.tag, processed) {
            (true, None, Some(tag)) => Some(tag),
            (true, tag, _) => {
                let found = if tag.is_some() { "a tag beside it" } else { "no processed call" };
                let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "overwriteTag");
                return Err(error.with_mismatch(found, "a processed call whose tag it is"));
            }
            (false, tag, _) => tag,
        };
        let link = written.linked_user_id.map(|user| user.map_or(RecordLink::Nobody, RecordLink::To));
        let review =
            Self { score: written.score, tag, review_comment: written.review_comment, note: written.note, link };
        review.check().map(|()| review)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenQuery {
    limit: Option<u32>,
    offset: Option<u64>,
    direction: Option<Direction>,
    source_provider: Option<Source>,
    call_date_from: Option<Moment>,
    call_date_to: Option<Moment>,
    customer_phone: Option<String>,
    search: Option<String>,
}

impl ListQuery {
    /// Reads the query from a JSON object with the names of the API's parameters.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown field or a value of the wrong type.
    /// [`ListQuery::to_query`] checks ranges.
    pub fn from_json(json: &str) -> Result<Self> {
        let written: WrittenQuery = read(json)?;
        Ok(Self {
            limit: written.limit,
            offset: written.offset,
            direction: written.direction,
            source_provider: written.source_provider,
            call_date_from: written.call_date_from,
            call_date_to: written.call_date_to,
            customer_phone: written.customer_phone,
            search: written.search,
        })
    }
}

fn read<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::new(ErrorKind::InvalidArgument, Stage::Config, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused_by_name() {
        assert_eq!(Outgoing::from_json("{}").unwrap(), Outgoing::default());
        let json = r#"{"utcOffset": "+07:00", "direction": "in", "countryCode": "66", "trunkPrefix": "0", "upload": false,
                       "callAt": "2026-05-20T08:14:00+07:00", "contentType": null}"#;
        let read = Outgoing::from_json(json).unwrap();
        let expected = Outgoing {
            offset_s: Some(25_200),
            direction: Some(Direction::In),
            dialling: Some(Dialling::thailand()),
            upload: false,
            call_at: Moment::from_rfc3339("2026-05-20T08:14:00+07:00"),
            ..Outgoing::default()
        };
        assert_eq!(read, expected);
        for (wrong, word) in [
            (r#"{"direktion": "in"}"#, "direktion"),
            (r#"{"direction": "up"}"#, "up"),
            (r#"{"utcOffset": "7"}"#, "offset"),
            (r#"{"countryCode": "66"}"#, "66 alone"),
            ("[", "EOF"),
        ] {
            let error = Outgoing::from_json(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_tag_is_only_overwritten_when_asked() {
        let body = |json: &str, tag| Review::from_json(json, tag).and_then(|review| review.to_json());
        assert_eq!(body("{}", Some(Tag::Short)).unwrap(), "{}");
        assert_eq!(body(r#"{"note": "n"}"#, Some(Tag::Short)).unwrap(), r#"{"note":"n"}"#);
        assert_eq!(body(r#"{"overwriteTag": true}"#, Some(Tag::Short)).unwrap(), r#"{"tag":"short"}"#);
        assert_eq!(body(r#"{"tag": "other"}"#, None).unwrap(), r#"{"tag":"other"}"#);
        assert_eq!(body(r#"{"linkedUserId": null}"#, None).unwrap(), r#"{"linkedUserId":null}"#);
        for wrong in [
            r#"{"overwriteTag": true}"#,
            r#"{"overwriteTag": true, "tag": "other"}"#,
            r#"{"score": 101}"#,
            r#"{"linkedUserId": "anna"}"#,
            r#"{"tags": []}"#,
        ] {
            assert_eq!(body(wrong, None).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn a_query_is_read_with_the_names_of_the_api() {
        let json = r#"{"limit": 10, "direction": "in", "sourceProvider": "dtac", "customerPhone": "+66812345678"}"#;
        let query = ListQuery::from_json(json).unwrap().to_query().unwrap();
        assert_eq!(query, "limit=10&direction=in&sourceProvider=dtac&customerPhone=%2B66812345678");
        assert!(ListQuery::from_json(r#"{"limits": 1}"#).is_err());
        assert!(ListQuery::from_json(r#"{"limit": -1}"#).is_err());
    }
}
