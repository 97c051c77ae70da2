//! Classifies a response to a request.

use serde::{Deserialize, Serialize};

use super::retry_after;
use crate::provider::mcloud::{ApiCode, ApiError};
use crate::provider::wellcloud::Refusal;
use crate::units::Millis;

/// The result of a request: a server's response, or none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answered {
    /// The HTTP status. `None` if the connection failed, broke off or timed out.
    pub status: Option<u16>,
    /// The `Retry-After` header.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// The body as text; empty for audio.
    #[serde(default)]
    pub body: String,
}

impl Answered {
    /// Creates a response with a status and a body.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status: Some(status), retry_after: None, body: body.into() }
    }

    /// Creates the result of a failed connection.
    pub fn failed() -> Self {
        Self::default()
    }
}

/// What a response means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "judgement")]
pub enum Judgement {
    /// The request succeeded.
    Done,
    /// The same request may succeed later.
    Again {
        /// How long the server asks to wait.
        #[serde(rename = "waitMs")]
        wait: Option<Millis>,
    },
    /// The request is too early: its object has not been written.
    Early,
    /// The presigned URL has expired. Post the recording again to get another one.
    PostAgain,
    /// The object does not exist and never will.
    Gone {
        /// Stable code of the reason.
        reason: String,
    },
    /// The request is rejected permanently.
    Refused {
        /// Stable code of the reason.
        reason: String,
    },
}

/// Time after a call's end during which Wellcloud's 448 and 425 mean "not yet". According to the
/// documentation, a list is written 3 s after the end, and 4 s are advised; a minute leaves a
/// margin.
const EARLY_MS: i64 = 60_000;

/// Assumed time after a push during which a missing file may still appear, because a push may be
/// faster than its storage: an hour.
const FILE_MS: i64 = 3_600_000;

/// Classifies a response of MCloud's API.
pub fn judge_mcloud(answer: &Answered, now_ms: i64) -> Judgement {
    let Some(status) = answer.status else { return Judgement::Again { wait: None } };
    let Some(error) = ApiError::read(status, answer.body.as_bytes()) else { return Judgement::Done };
    if error.retryable() {
        return again(answer, now_ms);
    }
    let reason = error.code.map_or_else(|| format!("status_{status}"), |code| code.name().to_owned());
    match error.code {
        Some(ApiCode::NotFound) => Judgement::Gone { reason },
        None if status == 404 => Judgement::Gone { reason },
        _ => Judgement::Refused { reason },
    }
}

/// Classifies the response to an upload to a presigned URL. 403 means that the URL has expired (or
/// its signature is wrong); posting again gives another one.
pub fn judge_upload(answer: &Answered, now_ms: i64) -> Judgement {
    match answer.status {
        None => Judgement::Again { wait: None },
        Some(200..=299) => Judgement::Done,
        Some(401 | 403 | 404 | 410) => Judgement::PostAgain,
        // S3 returns 400 if a body broke off in transit, if the token has expired, or if the
        // request has timed out.
        Some(400) if answer.body.contains("IncompleteBody") => again(answer, now_ms),
        Some(400) if ["Expired", "RequestTimeout"].iter().any(|word| answer.body.contains(word)) => {
            Judgement::PostAgain
        }
        Some(408 | 425 | 429 | 500..=599) => again(answer, now_ms),
        Some(status) => Judgement::Refused { reason: format!("upload_{status}") },
    }
}

/// Classifies a response of Wellcloud about a call that ended at `ended_ms` (Unix milliseconds;
/// `None` means long ago).
pub fn judge_wellcloud(answer: &Answered, ended_ms: Option<i64>, now_ms: i64) -> Judgement {
    let Some(status) = answer.status else { return Judgement::Again { wait: None } };
    let fresh = ended_ms.is_some_and(|ended| now_ms.saturating_sub(ended) < EARLY_MS);
    match Refusal::read(status, answer.body.as_bytes()) {
        None => Judgement::Done,
        Some(Refusal::NoFile | Refusal::NoRecord) if fresh => Judgement::Early,
        Some(Refusal::NoFile) => Judgement::Gone { reason: "wellcloud_448".to_owned() },
        Some(Refusal::NoRecord) => Judgement::Gone { reason: "wellcloud_425".to_owned() },
        Some(refusal) if refusal.retryable() => again(answer, now_ms),
        Some(refusal) => Judgement::Refused { reason: format!("wellcloud_{}", refusal.code()) },
    }
}

/// Classifies a response of VoIPBin.
pub fn judge_voipbin(answer: &Answered, now_ms: i64) -> Judgement {
    match answer.status {
        None => Judgement::Again { wait: None },
        Some(200..=399) => Judgement::Done,
        Some(404 | 410) => Judgement::Gone { reason: "voipbin_404".to_owned() },
        Some(408 | 425 | 429 | 500..=599) => again(answer, now_ms),
        Some(status) => Judgement::Refused { reason: format!("voipbin_{status}") },
    }
}

/// Classifies the response to the download of a file whose push or record arrived at `told_ms`. A
/// missing file may still appear for an hour.
pub fn judge_audio(answer: &Answered, told_ms: Option<i64>, now_ms: i64) -> Judgement {
    let fresh = told_ms.is_some_and(|told| now_ms.saturating_sub(told) < FILE_MS);
    match answer.status {
        None => Judgement::Again { wait: None },
        Some(200..=299) => Judgement::Done,
        Some(404) if fresh => Judgement::Early,
        Some(404 | 410) => Judgement::Gone { reason: "file_gone".to_owned() },
        Some(408 | 416 | 425 | 429 | 500..=599) => again(answer, now_ms),
        Some(status) => Judgement::Refused { reason: format!("file_{status}") },
    }
}

/// Refines a judgement for a requested file: a success whose body is text ([`is_text`]) is a
/// rejection.
pub fn judge_file(judgement: Judgement, answer: &Answered) -> Judgement {
    match judgement {
        Judgement::Done if !answer.body.is_empty() => Judgement::Refused { reason: "not_audio".to_owned() },
        other => other,
    }
}

/// Returns `true` if data that begins with these bytes is text and not a recording: for example a
/// web page or a JSON error. Every recording contains bytes that text does not.
pub fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n'))
}

/// Returns `true` if a reason rejects the key (or its permissions), so that another key is needed.
pub fn needs_another_key(reason: &str) -> bool {
    let providers = ["wellcloud_401", "wellcloud_403", "voipbin_401", "voipbin_403", "status_401", "status_403"];
    let own = ApiCode::from_name(reason).is_some_and(|code| {
        code.status() == 401
            || matches!(code, ApiCode::InsufficientScope | ApiCode::ForbiddenBusiness | ApiCode::BusinessRequired)
    });
    own || providers.contains(&reason)
}

fn again(answer: &Answered, now_ms: i64) -> Judgement {
    Judgement::Again { wait: answer.retry_after.as_deref().and_then(|value| retry_after(value, now_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn again() -> Judgement {
        Judgement::Again { wait: None }
    }

    fn refused(reason: &str) -> Judgement {
        Judgement::Refused { reason: reason.to_owned() }
    }

    fn gone(reason: &str) -> Judgement {
        Judgement::Gone { reason: reason.to_owned() }
    }

    #[test]
    fn the_error_table_is_judged_row_by_row() {
        for code in ApiCode::ALL {
            let body = format!(r#"{{"error": {{"code": "{code}"}}}}"#);
            let expected = match code {
                ApiCode::RateLimited | ApiCode::InternalError => again(),
                ApiCode::NotFound => gone("not_found"),
                other => refused(other.name()),
            };
            assert_eq!(judge_mcloud(&Answered::new(code.status(), body), NOW), expected, "{code}");
        }
        assert_eq!(judge_mcloud(&Answered::new(201, "{}"), NOW), Judgement::Done);
        assert_eq!(judge_mcloud(&Answered::failed(), NOW), again());
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(judge_mcloud(&Answered::new(status, "<html>"), NOW), again(), "{status}");
        }
        assert_eq!(judge_mcloud(&Answered::new(400, "<html>"), NOW), refused("status_400"));
        let paced = Answered { retry_after: Some("7".to_owned()), ..Answered::new(429, "") };
        assert_eq!(judge_mcloud(&paced, NOW), Judgement::Again { wait: Some(Millis(7000.0)) });
    }

    #[test]
    fn an_expired_address_asks_for_another_post() {
        for status in [401, 403, 404, 410] {
            assert_eq!(judge_upload(&Answered::new(status, "<Error/>"), NOW), Judgement::PostAgain, "{status}");
        }
        assert_eq!(judge_upload(&Answered::new(400, "<Code>ExpiredToken</Code>"), NOW), Judgement::PostAgain);
        assert_eq!(judge_upload(&Answered::new(400, "<Code>IncompleteBody</Code>"), NOW), again());
        assert_eq!(judge_upload(&Answered::new(400, "<Code>BadDigest</Code>"), NOW), refused("upload_400"));
        assert_eq!(judge_upload(&Answered::new(413, ""), NOW), refused("upload_413"));
        assert_eq!(judge_upload(&Answered::new(503, ""), NOW), again());
        assert_eq!(judge_upload(&Answered::failed(), NOW), again());
        assert_eq!(judge_upload(&Answered::new(200, ""), NOW), Judgement::Done);
    }

    #[test]
    fn just_behind_a_call_448_and_425_are_early_and_later_gone() {
        for (code, reason) in [(448, "wellcloud_448"), (425, "wellcloud_425")] {
            let answers = [Answered::new(code, ""), Answered::new(200, format!(r#"{{"code": {code}}}"#))];
            for answer in answers {
                assert_eq!(judge_wellcloud(&answer, Some(NOW - 5_000), NOW), Judgement::Early);
                assert_eq!(judge_wellcloud(&answer, Some(NOW - 60_000), NOW), gone(reason));
                assert_eq!(judge_wellcloud(&answer, None, NOW), gone(reason));
            }
        }
        assert_eq!(judge_wellcloud(&Answered::new(200, "[]"), None, NOW), Judgement::Done);
        assert_eq!(judge_wellcloud(&Answered::new(502, ""), None, NOW), again());
        assert_eq!(judge_wellcloud(&Answered::new(401, ""), None, NOW), refused("wellcloud_401"));
    }

    #[test]
    fn a_file_may_come_behind_its_push() {
        let missing = Answered::new(404, "<Code>NoSuchKey</Code>");
        assert_eq!(judge_audio(&missing, Some(NOW - 1_000), NOW), Judgement::Early);
        assert_eq!(judge_audio(&missing, Some(NOW - 3_600_000), NOW), gone("file_gone"));
        assert_eq!(judge_audio(&missing, None, NOW), gone("file_gone"));
        assert_eq!(judge_audio(&Answered::new(403, ""), None, NOW), refused("file_403"));
        assert_eq!(judge_audio(&Answered::new(206, ""), None, NOW), Judgement::Done);
        assert_eq!(judge_audio(&Answered::failed(), None, NOW), again());
        assert_eq!(judge_voipbin(&Answered::new(404, ""), NOW), gone("voipbin_404"));
        assert_eq!(judge_voipbin(&Answered::new(307, ""), NOW), Judgement::Done);
        assert_eq!(judge_voipbin(&Answered::new(403, ""), NOW), refused("voipbin_403"));
        assert_eq!(judge_voipbin(&Answered::new(500, ""), NOW), again());
    }

    #[test]
    fn a_text_instead_of_a_file_is_a_refusal() {
        let judged = |answer: &Answered| judge_file(judge_audio(answer, None, NOW), answer);
        assert_eq!(judged(&Answered::new(200, "<html>log in</html>")), refused("not_audio"));
        assert_eq!(judged(&Answered::new(200, "")), Judgement::Done);
        assert_eq!(judged(&Answered::new(404, "<Code>")), gone("file_gone"));
        let code = Answered::new(200, r#"{"code": 401, "message": "token"}"#);
        assert_eq!(judge_file(judge_wellcloud(&code, None, NOW), &code), refused("wellcloud_401"));
        for text in
            [&b"<html>"[..], b"{\"code\": 448}", b"\xef\xbb\xbf[]", b"Unauthorized\r\n", b"\xe0\xb8\x81\xe0\xb8"]
        {
            assert!(is_text(text), "{text:?}");
        }
        for audio in [
            &b""[..],
            b"RIFF\x24\x08\0\0WAVE",
            b"ID3\x04\0\0",
            b"\xff\xfb\x90",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"\xd5\xd5",
        ] {
            assert!(!is_text(audio), "{audio:?}");
        }
    }

    #[test]
    fn another_key_ends_refusals_of_the_key_alone() {
        for code in ApiCode::ALL {
            let of_key = matches!(code.status(), 401 | 403) || *code == ApiCode::BusinessRequired;
            assert_eq!(needs_another_key(code.name()), of_key, "{code}");
        }
        assert!(["wellcloud_401", "wellcloud_403", "voipbin_401", "voipbin_403"].iter().all(|r| needs_another_key(r)));
        assert!(["wellcloud_448", "voipbin_404", "file_403", "upload_413", ""].iter().all(|r| !needs_another_key(r)));
    }

    #[test]
    fn judgements_are_read_back_from_json() {
        let cases = [again(), Judgement::Again { wait: Some(Millis(1.0)) }, Judgement::Early, gone("x"), refused("y")];
        for judgement in cases {
            let json = serde_json::to_string(&judgement).unwrap();
            assert_eq!(serde_json::from_str::<Judgement>(&json).unwrap(), judgement, "{json}");
        }
    }
}
