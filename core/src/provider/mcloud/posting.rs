//! Posts a call to MCloud: determines the next request, and interprets its response.
//!
//! ```text
//! Post ──▶ Upload ──▶ Extract ──▶ Done
//!  ▲ ▲        │ address expired
//!  │ └────────┘
//!  └ Delete ◀─ Look ◀─ revised, or posted before without an address to upload to
//!                └──▶ Patch: the tag, if it is still ours and nobody has reviewed it
//! ```

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::standing_record::{differs, is_untouched, patch_of};
use super::{Created, McloudApi, NewRecording, Record, Review, upload};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::http::HttpRequest;
use crate::provider::policy::{Answered, Judgement, NextTry, Retries, RetryPolicy, judge_mcloud, judge_upload};
use crate::provider::wire_type::filled;
use crate::units::Millis;

/// The audio of a recording at MCloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadFile {
    /// The SHA-256 in hexadecimal, which identifies the file.
    pub sha256: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The MIME type, by the first bytes ([`content_type`](super::content_type)).
    pub content_type: String,
}

/// The next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Post,
    Upload,
    Extract,
    Look,
    Patch,
    Delete,
    Nothing,
}

/// The maximum number of times in a row that a recording is made again, because a repeated post
/// returned no upload address or because the recording is gone.
const MOST_REMADE: u8 = 3;

/// The posting of a call to MCloud. It is a plain value: store it before each request and after
/// each response. After an interruption, the work continues from the stored value. In the end there
/// is exactly one recording with the `dataId`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posting {
    /// The intended recording.
    body: NewRecording,
    audio: Option<UploadFile>,
    ask: Ask,
    recording_id: Option<String>,
    upload_url: Option<String>,
    /// What we stored at MCloud: the first body that may have arrived, with the tag and note that
    /// we have set since.
    ours: Option<NewRecording>,
    /// Whether the recording at MCloud must be compared with the intended one.
    unsure: bool,
    uploaded: Option<String>,
    patch: Option<(Option<crate::call::Tag>, Option<String>)>,
    remade: u8,
    /// Whether the last post may be the first of its recording.
    #[serde(default)]
    is_first: bool,
    /// Whether such a post returned no upload address.
    #[serde(default)]
    withheld: bool,
    /// Whether a post of an existing recording has returned an upload address.
    #[serde(default)]
    repeats_give: bool,
    warnings: Vec<String>,
    failed: Option<String>,
    retries: Retries,
}

impl Posting {
    /// Creates the posting of a recording with its audio. A body without a `contentType` gets the
    /// audio's.
    ///
    /// # Errors
    /// `invalid_argument` for a body whose `contentType` is not the audio's.
    pub fn new(body: NewRecording, audio: Option<UploadFile>) -> Result<Self> {
        let body = typed(body, audio.as_ref())?;
        let hash = Sha256::digest(body.data_id.as_bytes());
        let seed = hash.iter().take(8).fold(0u64, |seed, byte| (seed << 8) | u64::from(*byte));
        Ok(Self {
            body,
            audio,
            ask: Ask::Post,
            recording_id: None,
            upload_url: None,
            ours: None,
            unsure: false,
            uploaded: None,
            patch: None,
            remade: 0,
            is_first: false,
            withheld: false,
            repeats_give: false,
            warnings: Vec::new(),
            failed: None,
            retries: Retries::new(seed),
        })
    }

    /// Posts the same call again with another body or other audio, for example after a late leg
    /// arrived. The recording at MCloud is read first.
    ///
    /// # Errors
    /// `invalid_argument` for another `dataId`, or as [`Posting::new`].
    pub fn revise(&mut self, body: NewRecording, audio: Option<UploadFile>) -> Result<()> {
        let body = typed(body, audio.as_ref())?;
        if body.data_id != self.body.data_id {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "another dataId than the posting's"));
        }
        if body == self.body && audio == self.audio && self.failed.is_none() {
            return Ok(());
        }
        (self.body, self.audio, self.failed) = (body, audio, None);
        (self.upload_url, self.patch, self.remade, self.withheld) = (None, None, 0, false);
        self.warnings.clear();
        self.unsure = self.ours.is_some();
        self.ask = if self.recording_id.is_some() { Ask::Look } else { Ask::Post };
        self.fresh();
        Ok(())
    }

    /// Returns the `dataId`.
    pub fn data_id(&self) -> &str {
        &self.body.data_id
    }

    /// Returns the recording's id at MCloud, once it is known.
    pub fn recording_id(&self) -> Option<&str> {
        self.recording_id.as_deref()
    }

    /// Returns codes of what could not be done although the posting succeeded, such as
    /// `reviewed_before_change`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the reason why the posting stopped, if it did.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Returns the next request, or `None` if nothing is left to do. Store the posting before
    /// sending the request, because the request may arrive although its response is lost.
    ///
    /// # Errors
    /// `invalid_argument` for an invalid upload address, or an invalid id of MCloud's.
    pub fn request(&mut self, api: &McloudApi) -> Result<Option<HttpRequest>> {
        let id = self.recording_id.as_deref().unwrap_or_default();
        let request = match self.ask {
            Ask::Post => {
                let request = api.create(&self.body)?;
                self.is_first = self.ours.is_none();
                self.ours.get_or_insert_with(|| self.body.clone());
                request
            }
            Ask::Upload => {
                let kind = self.audio.as_ref().map(|audio| audio.content_type.as_str());
                upload(self.upload_url.as_deref().unwrap_or_default(), kind.unwrap_or_default())?
            }
            Ask::Extract => api.reextract(id)?,
            Ask::Look => api.recording(id)?,
            Ask::Patch => api.review(id, &self.review())?,
            Ask::Delete => api.delete(id)?,
            Ask::Nothing => return Ok(None),
        };
        Ok(Some(request))
    }

    /// Returns the file that the next request uploads, or `None` if it uploads nothing.
    pub fn uploads(&self) -> Option<&UploadFile> {
        self.audio.as_ref().filter(|_| self.ask == Ask::Upload)
    }

    /// Takes the response to the last request at `now_ms` (Unix milliseconds), and returns when to
    /// send the next one. [`NextTry::Wait`] of 0 means at once.
    pub fn answered(&mut self, answer: &Answered, policy: &RetryPolicy, now_ms: i64) -> NextTry {
        let judgement = match self.ask {
            Ask::Nothing => Judgement::Done,
            Ask::Upload => judge_upload(answer, now_ms),
            _ => judge_mcloud(answer, now_ms),
        };
        match (self.ask, judgement) {
            (_, Judgement::Done) => self.done(answer, policy, now_ms),
            (Ask::Delete, Judgement::Gone { .. }) => self.deleted(),
            // The recording was deleted at MCloud. It is posted again.
            (Ask::Look | Ask::Patch | Ask::Extract, Judgement::Gone { reason }) => self.vanished(reason),
            (Ask::Upload, Judgement::PostAgain) => {
                (self.ask, self.upload_url) = (Ask::Post, None);
                self.retries.next(policy, &Judgement::Again { wait: None }, now_ms)
            }
            (_, judgement) => match self.retries.next(policy, &judgement, now_ms) {
                NextTry::Stop { reason } => self.stop(reason),
                next => self.rested(next),
            },
        }
    }

    /// Continues a suspended upload with a post. Its address will have expired, and the response
    /// that says so can be lost if a connection ends before the file is sent.
    fn rested(&mut self, next: NextTry) -> NextTry {
        if self.ask == Ask::Upload && matches!(next, NextTry::Rest { .. }) {
            self.ask = Ask::Post;
        }
        next
    }

    fn done(&mut self, answer: &Answered, policy: &RetryPolicy, now_ms: i64) -> NextTry {
        let body = answer.body.as_bytes();
        match self.ask {
            Ask::Post => match Created::read(body) {
                Ok(created) if filled(created.id.as_ref()).is_some() => self.posted(&created),
                _ => self.retries.next(policy, &Judgement::Again { wait: None }, now_ms),
            },
            Ask::Look => match Record::read(body) {
                Ok(there) => self.looked(&there, policy),
                Err(_) => self.retries.next(policy, &Judgement::Again { wait: None }, now_ms),
            },
            Ask::Upload => {
                self.uploaded = self.audio.as_ref().map(|audio| audio.sha256.clone());
                self.upload_url = None;
                self.go(Ask::Extract)
            }
            Ask::Patch => {
                if let (Some(ours), Some((tag, note))) = (&mut self.ours, self.patch.take()) {
                    ours.tag = tag.or(ours.tag);
                    ours.note = note.or_else(|| ours.note.take());
                }
                self.go_to_audio()
            }
            Ask::Delete => self.deleted(),
            Ask::Extract | Ask::Nothing => self.go(Ask::Nothing),
        }
    }

    /// Takes the response to a post: the id, and possibly an upload address. A body that was not
    /// the first one of its recording changed nothing there.
    fn posted(&mut self, created: &Created) -> NextTry {
        let id = filled(created.id.as_ref()).map(str::to_owned);
        // An earlier address of the same recording that was not rejected is still valid.
        let known = self.upload_url.take().filter(|_| id == self.recording_id);
        let given = filled(created.upload_url.as_ref()).map(str::to_owned);
        if given.is_some() && !self.is_first {
            (self.repeats_give, self.remade) = (true, 0);
        }
        self.upload_url = given.or(known);
        self.recording_id = id;
        self.withheld = self.is_first && self.upload_url.is_none();
        if self.unsure {
            return self.go(Ask::Look);
        }
        self.go_to_audio()
    }

    /// Compares the recording at MCloud with the intended one.
    fn looked(&mut self, there: &Record, policy: &RetryPolicy) -> NextTry {
        let untouched = is_untouched(there, self.ours.as_ref()) || is_untouched(there, Some(&self.body));
        let homeless = !self.unsure && self.is_without_audio() && self.upload_url.is_none();
        if (differs(there, &self.body) || homeless) && untouched {
            return self.remake(policy);
        }
        if homeless {
            return self.homeless(policy);
        }
        if differs(there, &self.body) {
            self.warn("reviewed_before_change");
        }
        self.unsure = false;
        self.patch = patch_of(there, self.ours.as_ref(), &self.body);
        if self.patch.is_some() {
            return self.go(Ask::Patch);
        }
        if there.tag.as_deref() != self.body.tag.map(|tag| tag.name()) {
            self.warn("tag_is_not_ours");
        }
        self.go_to_audio()
    }

    /// Deletes the recording, so that it can be posted again. If answered posts return no address,
    /// the posting stops. If answers are lost, or addresses expire before the audio arrives, the
    /// connection or the machine is slow, and the work is suspended for a while.
    fn remake(&mut self, policy: &RetryPolicy) -> NextTry {
        self.remade += 1;
        if self.remade <= MOST_REMADE {
            return self.go(Ask::Delete);
        }
        if self.withheld {
            return self.stop("no_upload_address".to_owned());
        }
        self.remade = 0;
        self.go(Ask::Delete);
        self.retries.rest(policy, Millis(0.0))
    }

    /// Handles a recording that stays, because it has been reviewed, but has no upload address. If
    /// a post has returned an address that expired, another post may return one, and is made later.
    fn homeless(&mut self, policy: &RetryPolicy) -> NextTry {
        self.remade += 1;
        if !self.repeats_give || self.remade > MOST_REMADE {
            return self.stop("no_upload_address".to_owned());
        }
        self.ask = Ask::Post;
        self.retries.rest(policy, Millis(0.0))
    }

    /// Posts a recording again that was deleted at MCloud, a limited number of times.
    fn vanished(&mut self, reason: String) -> NextTry {
        self.remade += 1;
        if self.remade > MOST_REMADE { self.stop(reason) } else { self.deleted() }
    }

    fn deleted(&mut self) -> NextTry {
        (self.recording_id, self.upload_url, self.uploaded, self.ours) = (None, None, None, None);
        self.unsure = false;
        self.go(Ask::Post)
    }

    /// Continues with the audio, if it is missing or has changed. A post returns its address.
    fn go_to_audio(&mut self) -> NextTry {
        let next = match (self.is_without_audio(), &self.upload_url) {
            (false, _) => Ask::Nothing,
            (true, Some(_)) => Ask::Upload,
            (true, None) if self.ask == Ask::Post => Ask::Look,
            (true, None) => Ask::Post,
        };
        self.go(next)
    }

    fn is_without_audio(&self) -> bool {
        self.audio.as_ref().is_some_and(|audio| self.uploaded.as_ref() != Some(&audio.sha256))
    }

    fn review(&self) -> Review {
        let (tag, note) = self.patch.clone().unwrap_or_default();
        Review { tag, note, ..Review::default() }
    }

    fn warn(&mut self, code: &str) {
        if !self.warnings.iter().any(|known| known == code) {
            self.warnings.push(code.to_owned());
        }
    }

    fn go(&mut self, ask: Ask) -> NextTry {
        // If an address is rejected, the recording is posted again for another one. The post and
        // the upload share their attempts.
        let same_work = self.ask == Ask::Post && ask == Ask::Upload;
        self.ask = ask;
        if !same_work {
            self.fresh();
        }
        match ask {
            Ask::Nothing => NextTry::Done,
            _ => NextTry::Wait { wait: Millis(0.0) },
        }
    }

    fn stop(&mut self, reason: String) -> NextTry {
        self.ask = Ask::Nothing;
        self.failed = Some(reason.clone());
        NextTry::Stop { reason }
    }

    /// Gives a new request its own attempts.
    fn fresh(&mut self) {
        self.retries = self.retries.renewed();
    }
}

/// Returns a body with the type of its audio.
fn typed(body: NewRecording, audio: Option<&UploadFile>) -> Result<NewRecording> {
    let Some(kind) = audio.map(|audio| &audio.content_type) else { return Ok(body) };
    match &body.content_type {
        Some(said) if said != kind => {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "posting: wrong contentType")
                .with_mismatch(format!("\"{said}\""), format!("\"{kind}\", the audio's")))
        }
        _ => Ok(NewRecording { content_type: Some(kind.clone()), ..body }),
    }
}

#[cfg(test)]
#[path = "posting_tests.rs"]
mod tests;
