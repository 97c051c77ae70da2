//! The errors of MCloud's API, according to its table.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

use crate::call::named;
use crate::error::{Error, ErrorKind, Stage};

named! {
    /// The codes of the API's error table.
    ApiCode {
        /// 400: an account key without `X-Business-Id`.
        BusinessRequired = "business_required",
        /// 401: no `Authorization` header.
        MissingToken = "missing_token",
        /// 401: an invalid or expired token.
        InvalidToken = "invalid_token",
        /// 401: a revoked token.
        TokenDisabled = "token_disabled",
        /// 403: the token lacks a permission.
        InsufficientScope = "insufficient_scope",
        /// 403: a business that the key's owner cannot access, or an id in the wrong format.
        ForbiddenBusiness = "forbidden_business",
        /// 404: not found within the business.
        NotFound = "not_found",
        /// 422: an invalid payload.
        ValidationFailed = "validation_failed",
        /// 429: more than 600 requests per minute.
        RateLimited = "rate_limited",
        /// 500: the server failed.
        InternalError = "internal_error",
    }
}

impl ApiCode {
    /// Returns the code's HTTP status according to the table.
    pub const fn status(self) -> u16 {
        match self {
            Self::BusinessRequired => 400,
            Self::MissingToken | Self::InvalidToken | Self::TokenDisabled => 401,
            Self::InsufficientScope | Self::ForbiddenBusiness => 403,
            Self::NotFound => 404,
            Self::ValidationFailed => 422,
            Self::RateLimited => 429,
            Self::InternalError => 500,
        }
    }

    /// Returns `true` if the same request may succeed later.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::InternalError)
    }
}

/// Longest message kept, in characters.
const MAX_MESSAGE: usize = 500;

/// A response that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code, if it is in the table.
    pub code: Option<ApiCode>,
    /// The code as sent, if any.
    pub code_text: Option<String>,
    /// The first 500 characters of the message, if any.
    pub message: Option<String>,
}

impl ApiError {
    /// Reads the error of a response, or returns `None` for a success. A body that is not the API's
    /// (for example a proxy's page) leaves only the status.
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        if (200..300).contains(&status) {
            return None;
        }
        // A body that is not JSON contains no code and no message.
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| {
            let text = body.get("error")?.get(name)?.as_str()?;
            Some(text.chars().take(MAX_MESSAGE).collect::<String>())
        };
        let code_text = text("code");
        let code = code_text.as_deref().and_then(ApiCode::from_name);
        Some(Self { status, code, code_text, message: text("message") })
    }

    /// Returns `true` if the same request may succeed later: by the code or, without a known code,
    /// by the status.
    pub fn retryable(&self) -> bool {
        self.code.map_or(matches!(self.status, 408 | 429 | 500..=599), ApiCode::retryable)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MCloud answered {} {}", self.status, self.code_text.as_deref().unwrap_or("without a code"))?;
        self.message.iter().try_for_each(|message| write!(f, ": {message}"))
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::new(ErrorKind::Provider, Stage::Provider, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_answers_are_read_word_for_word() {
        let body = br#"{
"error": {
"code": "insufficient_scope",
"message": "Token lacks 'view_recording_all'"
}
}"#;
        let error = ApiError::read(403, body).unwrap();
        assert_eq!((error.code, error.retryable()), (Some(ApiCode::InsufficientScope), false));
        let message = "provider: MCloud answered 403 insufficient_scope: Token lacks 'view_recording_all'";
        assert_eq!(Error::from(error).to_string(), message);
        let bare = br#"{
"error": { "code": "missing_token" }
}"#;
        let error = ApiError::read(401, bare).unwrap();
        assert_eq!((error.code, error.message), (Some(ApiCode::MissingToken), None));
    }

    #[test]
    fn every_code_of_the_table_is_known_with_its_status() {
        // The table of the document: status, code, and whether a retry may succeed.
        let table = [
            (400, "business_required", false),
            (401, "missing_token", false),
            (401, "invalid_token", false),
            (401, "token_disabled", false),
            (403, "insufficient_scope", false),
            (403, "forbidden_business", false),
            (404, "not_found", false),
            (422, "validation_failed", false),
            (429, "rate_limited", true),
            (500, "internal_error", true),
        ];
        assert_eq!(table.len(), ApiCode::ALL.len());
        for (status, name, retryable) in table {
            let code = ApiCode::from_name(name).unwrap();
            assert_eq!((code.status(), code.retryable()), (status, retryable), "{name}");
        }
    }

    #[test]
    fn other_answers_are_judged_by_their_status() {
        let read = |status, body: &[u8]| ApiError::read(status, body);
        assert_eq!(read(201, b"{}"), None);
        assert!(read(502, b"<html>").unwrap().retryable());
        assert!(!read(400, b"").unwrap().retryable());
        let new = read(409, br#"{"error": {"code": "conflict"}}"#).unwrap();
        assert_eq!((new.code, new.code_text.as_deref(), new.retryable()), (None, Some("conflict"), false));
        assert_eq!(read(500, br#"{"error": "down"}"#).unwrap().code_text, None);
        let long = format!(r#"{{"error": {{"code": "x", "message": "{}"}}}}"#, "é".repeat(9000));
        assert_eq!(read(500, long.as_bytes()).unwrap().message.unwrap().chars().count(), MAX_MESSAGE);
    }
}
