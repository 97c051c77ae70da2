//! Fetches a recording to a file: `download URL PATH`. Goes on where it broke off, checks the
//! length, and puts the file in its place once it is whole. When it tries again is the core's
//! policy.
//!
//! Give it addresses that you trust: nothing here keeps it from a private one. For https switch on
//! the feature `rustls` of `ureq`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callweave::provider::policy::{Answered, NextTry, Retries, RetryPolicy, is_text, judge_audio, judge_file};
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

/// A download: where it goes, and what is there of it between tries.
pub struct Download {
    agent: Agent,
    path: PathBuf,
}

impl Download {
    /// A download to a file. A part of it lies beside it, with the name that the server gave the
    /// file.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let agent = config.timeout_recv_response(Some(Duration::from_secs(30))).build().into();
        Self { agent, path: path.into() }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    /// Tries until the file is there, or will not be, or the policy says to come back later.
    pub fn fetch(&self, url: &str, policy: &RetryPolicy) -> io::Result<NextTry> {
        let mut retries = Retries::new(7);
        loop {
            let answer = match self.fetch_once(url) {
                Ok(answer) => answer,
                Err(error) if is_of_files(&error) => return Err(error),
                Err(_) => Answered::failed(),
            };
            let judgement = judge_file(judge_audio(&answer, None, now_ms()), &answer);
            match retries.next(policy, &judgement, now_ms()) {
                NextTry::Wait { wait } => std::thread::sleep(Duration::from_secs_f64(wait.0 / 1000.0)),
                next => return Ok(next),
            }
        }
    }

    /// One try, which goes on behind what is there if the server still has the same file.
    fn fetch_once(&self, url: &str) -> io::Result<Answered> {
        let (part, name) = (self.beside(".part"), self.beside(".part.name"));
        let have = fs::metadata(&part).map_or(0, |found| found.len());
        let known = fs::read_to_string(&name).ok().filter(|name| have > 0 && !name.is_empty());
        let mut request = self.agent.get(url);
        if let Some(known) = &known {
            request = request.header("Range", format!("bytes={have}-")).header("If-Range", known);
        }
        let response = request.call().map_err(io::Error::other)?;
        let start = match (response.status().as_u16(), &known) {
            (200, _) => 0,
            (206, Some(known)) if is_rest(response.headers(), have, known) => have,
            (206 | 416, _) => {
                // Another part than the one asked for: the next try begins anew.
                fs::remove_file(&name)?;
                return Ok(Answered::failed());
            }
            _ => return Ok(told(&response)),
        };
        self.keep(response, start, &part, &name)
    }

    /// Writes the body behind the first `start` bytes; a text where audio should be goes to the
    /// policy.
    fn keep(&self, response: Response<Body>, start: u64, part: &Path, name: &Path) -> io::Result<Answered> {
        let mut answer = told(&response);
        let total = text(response.headers(), "content-length").parse().ok().map(|rest: u64| start + rest);
        let known = text(response.headers(), "etag").to_owned();
        let mut body = response.into_body().into_reader();
        let mut head = Vec::new();
        body.by_ref().take(512).read_to_end(&mut head)?;
        if start == 0 && is_text(&head) {
            answer.body = String::from_utf8_lossy(&head).into_owned();
            return Ok(answer);
        }
        let mut out = if start > 0 { OpenOptions::new().append(true).open(part)? } else { begun(part, name, &known)? };
        out.write_all(&head)?;
        io::copy(&mut body, &mut out)?;
        out.sync_all()?;
        if total.is_some_and(|total| out.metadata().is_ok_and(|written| written.len() != total)) {
            return Ok(Answered::failed());
        }
        fs::rename(part, &self.path)?;
        fs::remove_file(name)?;
        Ok(answer)
    }
}

/// An empty part, and behind that the name of its file: at no moment is it another file's.
fn begun(part: &Path, name: &Path, known: &str) -> io::Result<File> {
    if name.exists() {
        fs::remove_file(name)?;
    }
    let out = File::create(part)?;
    fs::write(name, if known.starts_with("W/") { "" } else { known })?;
    Ok(out)
}

/// Whether a part is what is missing behind the first bytes of the same file.
fn is_rest(headers: &HeaderMap, have: u64, known: &str) -> bool {
    text(headers, "content-range").starts_with(&format!("bytes {have}-")) && text(headers, "etag") == known
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn told(response: &Response<Body>) -> Answered {
    let after = text(response.headers(), "retry-after");
    let retry_after = Some(after.to_owned()).filter(|after| !after.is_empty());
    Answered { retry_after, ..Answered::new(response.status().as_u16(), "") }
}

/// Whether an error is of a file here and not of the connection: then another try changes nothing.
fn is_of_files(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem | StorageFull)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[allow(dead_code, reason = "the tests have their own")]
fn main() -> io::Result<()> {
    let [url, path] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err(io::Error::other("download URL PATH"));
    };
    println!("{:?}", Download::to(path).fetch(url, &RetryPolicy::default())?);
    Ok(())
}
