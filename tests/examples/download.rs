//! Fetches a recording to a file: `download URL PATH`. Goes on where it broke off, checks the
//! length, and puts the file in its place once it is whole. When it tries again is the core's
//! policy.
//!
//! Give it addresses that you trust: nothing here keeps it from a private one. For https switch on
//! the feature `rustls` of `ureq`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callweave::provider::policy::{
    Answered, NextTry, Retries, RetryPolicy, is_text, judge_audio, judge_file, transfer_limit,
};
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

/// The largest file that is fetched.
const MAX_BYTES: u64 = 512 << 20;

/// A download: where it goes, and what is there of it between tries.
pub struct Download {
    agent: Agent,
    path: PathBuf,
}

impl Download {
    /// A download to a file. A part of it lies beside it, with the name that the server gave the
    /// file.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self::patiently(path, Duration::from_secs(30))
    }

    /// The same with another time for the address, the connection, the answer and each read of it.
    pub fn patiently(path: impl Into<PathBuf>, patience: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .timeout_recv_body(Some(time_for(MAX_BYTES)));
        Self { agent: config.build().into(), path: path.into() }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    /// Tries until the file is there, or will not be, or the policy says to come back later. An
    /// error is one of files: another try would not change it.
    pub fn fetch(&self, url: &str, policy: &RetryPolicy) -> io::Result<NextTry> {
        let mut retries = Retries::new(7);
        loop {
            let answer = self.fetch_once(url)?;
            let judgement = judge_file(judge_audio(&answer, None, now_ms()), &answer);
            match retries.next(policy, &judgement, now_ms()) {
                NextTry::Wait { wait } => std::thread::sleep(Duration::from_secs_f64(wait.0 / 1000.0)),
                next => return Ok(next),
            }
        }
    }

    /// One try, which goes on behind what is there if the server still has the same file.
    fn fetch_once(&self, url: &str) -> io::Result<Answered> {
        let have = fs::metadata(self.beside(".part")).map_or(0, |found| found.len());
        let known = fs::read_to_string(self.beside(".part.name")).ok();
        let known = known.filter(|name| have > 0 && !name.is_empty());
        let mut request = self.agent.get(url);
        if let Some(known) = &known {
            request = request.header("Range", format!("bytes={have}-")).header("If-Range", known);
        }
        let Ok(response) = request.call() else { return Ok(Answered::failed()) };
        let extent = match (response.status().as_u16(), &known) {
            (200, _) => Some((0, text(response.headers(), "content-length").parse().ok())),
            (206, Some(known)) => rest(response.headers(), have, known),
            (206 | 416, _) => None,
            _ => return Ok(told(&response)),
        };
        let Some((start, total)) = extent else {
            // Another part than the one asked for: the next try begins anew.
            self.forget()?;
            return Ok(Answered::failed());
        };
        self.keep(response, start, total)
    }

    /// Writes the body behind the first `start` bytes; a text where audio should be goes to the
    /// policy. A body that ends before the file does is one that broke off.
    fn keep(&self, response: Response<Body>, start: u64, total: Option<u64>) -> io::Result<Answered> {
        let mut answer = told(&response);
        let known = text(response.headers(), "etag").to_owned();
        let mut body = response.into_body().into_reader();
        let mut head = Vec::new();
        if body.by_ref().take(512).read_to_end(&mut head).is_err() {
            return Ok(Answered::failed());
        }
        if start == 0 && is_text(&head) {
            answer.body = String::from_utf8_lossy(&head).into_owned();
            return Ok(answer);
        }
        let mut out =
            if start > 0 { OpenOptions::new().append(true).open(self.beside(".part"))? } else { self.begun(&known)? };
        out.write_all(&head)?;
        let size = copied(&mut body, &mut out, start + head.len() as u64, total)?;
        out.sync_all()?;
        match (size, total) {
            (Some(size), _) if size > MAX_BYTES => {
                self.forget()?;
                return Err(io::Error::new(ErrorKind::FileTooLarge, format!("more than {MAX_BYTES} bytes")));
            }
            (Some(size), Some(total)) if size > total => {
                self.forget()?;
                return Ok(Answered::failed());
            }
            (Some(size), total) if total.is_none_or(|total| size == total) => {}
            _ => return Ok(Answered::failed()),
        }
        fs::rename(self.beside(".part"), &self.path)?;
        self.forget()?;
        Ok(answer)
    }

    /// An empty part, and behind that the name of its file: at no moment is it another file's.
    fn begun(&self, known: &str) -> io::Result<File> {
        gone(fs::remove_file(self.beside(".part.name")))?;
        let out = File::create(self.beside(".part"))?;
        fs::write(self.beside(".part.name"), if known.starts_with("W/") { "" } else { known })?;
        Ok(out)
    }

    /// Takes away what is there between tries.
    fn forget(&self) -> io::Result<()> {
        gone(fs::remove_file(self.beside(".part.name")))?;
        gone(fs::remove_file(self.beside(".part")))
    }
}

/// What is taken away may be gone already.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Copies a body behind the bytes that are there, within the time that its size may take. `None`:
/// it broke off.
fn copied(body: &mut impl Read, out: &mut File, from: u64, total: Option<u64>) -> io::Result<Option<u64>> {
    let (started, mut size, mut block) = (Instant::now(), from, vec![0; 64 << 10]);
    while size <= MAX_BYTES {
        let Ok(count) = body.read(&mut block) else { return Ok(None) };
        if count == 0 {
            break;
        }
        out.write_all(&block[..count])?;
        size += count as u64;
        if started.elapsed() > time_for(total.unwrap_or(size)) {
            return Ok(None);
        }
    }
    Ok(Some(size))
}

fn time_for(bytes: u64) -> Duration {
    Duration::from_secs_f64(transfer_limit(bytes).0 / 1000.0)
}

/// Where a part of the same file begins that is asked for behind the first bytes, and how long the
/// file is. `None` for any other part.
fn rest(headers: &HeaderMap, have: u64, known: &str) -> Option<(u64, Option<u64>)> {
    let (last, total) = text(headers, "content-range").strip_prefix(&format!("bytes {have}-"))?.split_once('/')?;
    let (last, total) = (last.parse::<u64>().ok()?, total.parse::<u64>().ok()?);
    (have <= last && last < total && text(headers, "etag") == known).then_some((have, Some(total)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn told(response: &Response<Body>) -> Answered {
    let after = text(response.headers(), "retry-after");
    let retry_after = Some(after.to_owned()).filter(|after| !after.is_empty());
    Answered { retry_after, ..Answered::new(response.status().as_u16(), "") }
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
