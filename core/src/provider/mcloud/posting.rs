//! A call on its way to MCloud: which request is next, and what its answer leads to.
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

/// The audio that is to stand at MCloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadFile {
    /// SHA-256 in hexadecimal, by which another file is known for another.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Its MIME type, by its first bytes ([`content_type`](super::content_type)).
    pub content_type: String,
}

/// What is asked next.
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

/// How often a recording is made anew at once, because a repeated post gave no address to upload to
/// or because the recording is gone.
const MOST_REMADE: u8 = 3;

/// A call on its way to MCloud. A plain value: store it before each request is sent and behind each
/// answer. Whenever the work breaks off, it goes on from what was stored, and at the end there is
/// one recording of the `dataId`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posting {
    /// What is to stand there.
    body: NewRecording,
    audio: Option<UploadFile>,
    ask: Ask,
    recording_id: Option<String>,
    upload_url: Option<String>,
    /// What stands there by us: the first body that may have arrived, with the tag and note that we
    /// gave it since.
    ours: Option<NewRecording>,
    /// Whether what stands there has to be compared with what shall.
    unsure: bool,
    uploaded: Option<String>,
    patch: Option<(Option<crate::call::Tag>, Option<String>)>,
    remade: u8,
    /// Whether the last post may be the first of its recording.
    #[serde(default)]
    is_first: bool,
    /// Whether such a post gave no address.
    #[serde(default)]
    withheld: bool,
    /// Whether a post of a recording that is there has given an address.
    #[serde(default)]
    repeats_give: bool,
    warnings: Vec<String>,
    failed: Option<String>,
    retries: Retries,
}

impl Posting {
    /// A recording that is to be posted, with the audio that goes with it. A body that says no
    /// `contentType` gets the audio's.
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

    /// The same call made anew: with a leg that came later, say. What stands there is looked at
    /// first.
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

    /// The `dataId`.
    pub fn data_id(&self) -> &str {
        &self.body.data_id
    }

    /// The recording's id at MCloud, once it is known.
    pub fn recording_id(&self) -> Option<&str> {
        self.recording_id.as_deref()
    }

    /// What could not be done, though the posting succeeded: `reviewed_before_change`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why it stopped, if it did.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// The next request; none where nothing is left to do. Store the posting before it is sent: the
    /// request may arrive though its answer does not.
    ///
    /// # Errors
    /// `invalid_argument` for an address to upload to that is none, or an id of MCloud's that is
    /// none.
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

    /// The bytes of the file that the next request uploads; none where it uploads nothing.
    pub fn uploads(&self) -> Option<&UploadFile> {
        self.audio.as_ref().filter(|_| self.ask == Ask::Upload)
    }

    /// Takes the answer to the request that was given last, at `now_ms` (Unix milliseconds), and says
    /// when the next may go: at once is [`NextTry::Wait`] of 0.
    pub fn answered(&mut self, answer: &Answered, policy: &RetryPolicy, now_ms: i64) -> NextTry {
        let judgement = match self.ask {
            Ask::Nothing => Judgement::Done,
            Ask::Upload => judge_upload(answer, now_ms),
            _ => judge_mcloud(answer, now_ms),
        };
        match (self.ask, judgement) {
            (_, Judgement::Done) => self.done(answer, policy, now_ms),
            (Ask::Delete, Judgement::Gone { .. }) => self.deleted(),
            // Whoever took it away, it is not there: it is posted once more.
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

    /// An upload that is put down is gone on with by a post: its address will have expired, and the
    /// answer that says so can be lost where a connection ends before the file is sent.
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

    /// The answer of a post: the id, and perhaps where to upload. A body that did not come first
    /// changed nothing there.
    fn posted(&mut self, created: &Created) -> NextTry {
        let id = filled(created.id.as_ref()).map(str::to_owned);
        // An address of the same recording that was not refused is as good as another.
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

    /// What stands there, compared with what shall.
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

    /// The recording goes, so that it can be posted as it shall be. Where posts that are answered give
    /// no address, that is the end. Where answers are lost or addresses expire before the audio is
    /// there, a connection or a machine is slow, and the work is put down for a while.
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

    /// The recording stays, as somebody has reviewed it, and there is no address. Where a post has given
    /// one that expired, another may: it is asked for later.
    fn homeless(&mut self, policy: &RetryPolicy) -> NextTry {
        self.remade += 1;
        if !self.repeats_give || self.remade > MOST_REMADE {
            return self.stop("no_upload_address".to_owned());
        }
        self.ask = Ask::Post;
        self.retries.rest(policy, Millis(0.0))
    }

    /// Somebody took the recording away: it is posted once more, but not for ever.
    fn vanished(&mut self, reason: String) -> NextTry {
        self.remade += 1;
        if self.remade > MOST_REMADE { self.stop(reason) } else { self.deleted() }
    }

    fn deleted(&mut self) -> NextTry {
        (self.recording_id, self.upload_url, self.uploaded, self.ours) = (None, None, None, None);
        self.unsure = false;
        self.go(Ask::Post)
    }

    /// The audio, where another is there or none; an address for it comes with a post.
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
        // An address that is refused each time is posted for again: both are one work with its
        // tries.
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

    /// A new request has its own tries.
    fn fresh(&mut self) {
        self.retries = self.retries.renewed();
    }
}

/// A body with the type of its audio.
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
