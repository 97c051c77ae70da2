//! The example of a download, against a server on this machine that cuts the body.

#[path = "../examples/download.rs"]
mod example;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use callweave::provider::policy::{NextTry, RetryPolicy};
use callweave::units::Millis;

use example::Download;

fn quick() -> RetryPolicy {
    RetryPolicy { first: Millis(1.0), longest: Millis(5.0), budget: Millis(3_000.0), ..RetryPolicy::default() }
}

/// A file that no text is.
fn whole() -> Vec<u8> {
    (0..300_000u32).map(|n| (n % 251) as u8).collect()
}

/// A fresh path in a folder of its own, which goes with it.
struct Fresh(PathBuf);

impl Fresh {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("callweave-download-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join("call.wav"))
    }

    /// A file beside it.
    fn beside(&self, ending: &str) -> PathBuf {
        self.0.with_file_name(format!("call.wav{ending}"))
    }

    /// The names in its folder.
    fn names(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.0.parent().unwrap()).unwrap();
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl std::ops::Deref for Fresh {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// A server that gives each connection to `answer` with the number of the request, the first byte
/// that is asked for and the file's name in `If-Range`; its address, and what was asked for.
fn served(
    answer: impl Fn(usize, Option<u64>, &str, &mut TcpStream) + Send + 'static,
) -> (String, Receiver<Option<u64>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/call.wav", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for (n, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            let (mut from, mut name) = (None, String::new());
            for line in BufReader::new(connection.try_clone().unwrap()).lines() {
                // A client that waited too long is gone.
                let Ok(line) = line else { break };
                let line = line.to_ascii_lowercase();
                if let Some(range) = line.strip_prefix("range: bytes=") {
                    from = range.trim_end_matches('-').parse().ok();
                }
                name = line.strip_prefix("if-range: ").map_or(name, str::to_owned);
                if line.is_empty() {
                    break;
                }
            }
            let _ = tell.send(from);
            answer(n, from, &name, &mut connection);
        }
    });
    (url, told)
}

/// Sends a head and some of the body.
fn send(connection: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let _ = write!(connection, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    let _ = connection.write_all(body);
}

/// Sends the file from a byte on, as far as `most` bytes of it.
fn send_file(connection: &mut TcpStream, tag: &str, from: Option<u64>, most: usize) {
    let whole = whole();
    let rest = &whole[from.unwrap_or(0) as usize..];
    let range = from.map_or(String::new(), |from| format!("Content-Range: bytes {from}-{}/{}\r\n", 299_999, 300_000));
    let headers = format!("ETag: \"{tag}\"\r\nContent-Length: {}\r\n{range}", rest.len());
    let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
    send(connection, status, &headers, &rest[..rest.len().min(most)]);
}

#[test]
fn a_body_that_is_cut_is_gone_on_with_where_it_ended() {
    let (url, asked) = served(|n, from, name, connection| {
        assert_eq!(name, if from.is_some() { "\"a\"" } else { "" });
        send_file(connection, "a", from, if n < 4 { 60_000 } else { usize::MAX });
    });
    let path = Fresh::new("cut");
    assert_eq!(Download::to(&*path).fetch(&url, &quick()).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&*path).unwrap(), whole());
    let asked: Vec<Option<u64>> = asked.try_iter().collect();
    assert_eq!(asked, [None, Some(60_000), Some(120_000), Some(180_000), Some(240_000)]);
    assert_eq!(path.names(), ["call.wav"]);
}

#[test]
fn another_file_of_the_same_address_begins_anew() {
    let (url, asked) = served(|n, from, _, connection| match n {
        0 => send_file(connection, "old", None, 60_000),
        1 => send_file(connection, "new", from, usize::MAX),
        _ => send_file(connection, "new", None, usize::MAX),
    });
    let path = Fresh::new("another");
    assert_eq!(Download::to(&*path).fetch(&url, &quick()).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&*path).unwrap(), whole());
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [None, Some(60_000), None]);
}

#[test]
fn what_is_no_audio_or_gone_or_busy_is_told() {
    for (status, body, reason) in [
        ("200 OK", "<html>log in</html>", Some("not_audio")),
        ("410 Gone", "", Some("file_gone")),
        ("503 Service Unavailable", "", None),
    ] {
        let (url, _asked) = served(move |_, _, _, connection| {
            send(connection, status, &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
        });
        let path = Fresh::new("told");
        let short = RetryPolicy { budget: Millis(20.0), ..quick() };
        match (Download::to(&*path).fetch(&url, &short).unwrap(), reason) {
            (NextTry::Stop { reason: found }, Some(reason)) => assert_eq!(found, reason),
            (NextTry::Rest { .. }, None) => {}
            other => panic!("{status}: {other:?}"),
        }
        assert!(!path.exists());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_not_tried_again() {
    let (url, asked) = served(|_, from, _, connection| send_file(connection, "a", from, usize::MAX));
    let path = Fresh::new("nowhere");
    let nowhere = path.with_file_name("none").join("call.wav");
    assert!(Download::to(&nowhere).fetch(&url, &quick()).is_err());
    assert_eq!(asked.try_iter().count(), 1);
}

#[test]
fn a_part_that_is_shorter_than_asked_for_is_not_the_end() {
    let (url, asked) = served(|_, from, _, connection| match from {
        None => send_file(connection, "a", None, 60_000),
        Some(from) => {
            let (whole, last) = (whole(), (from + 99_999).min(299_999));
            let part = &whole[from as usize..=last as usize];
            let length = part.len();
            let headers =
                format!("ETag: \"a\"\r\nContent-Length: {length}\r\nContent-Range: bytes {from}-{last}/300000\r\n");
            send(connection, "206 Partial Content", &headers, part);
        }
    });
    let path = Fresh::new("short");
    assert_eq!(Download::to(&*path).fetch(&url, &quick()).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&*path).unwrap(), whole());
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [None, Some(60_000), Some(160_000), Some(260_000)]);
}

#[test]
fn a_range_that_nobody_asked_for_or_none_begins_anew() {
    for status in ["206 Partial Content", "416 Range Not Satisfiable"] {
        let (url, asked) = served(move |n, _, _, connection| match n {
            0 => send(connection, status, "Content-Length: 0\r\nContent-Range: bytes 0-9/*\r\n", b""),
            _ => send_file(connection, "a", None, usize::MAX),
        });
        let path = Fresh::new("unasked");
        // A part of which no name is known, as a kill leaves it, and none at all.
        if status.starts_with("416") {
            std::fs::write(path.beside(".part"), b"old").unwrap();
        }
        assert_eq!(Download::to(&*path).fetch(&url, &quick()).unwrap(), NextTry::Done);
        assert_eq!((asked.try_iter().count(), path.names()), (2, vec!["call.wav".to_owned()]));
    }
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    let (url, asked) = served(|n, from, _, connection| {
        send_file(connection, "a", from, if n == 0 { 60_000 } else { usize::MAX });
        if n == 0 {
            // Held open for ever: who waits for the rest never ends.
            std::mem::forget(connection.try_clone().unwrap());
        }
    });
    let path = Fresh::new("silent");
    let download = Download::patiently(&*path, Duration::from_secs(1));
    let policy = RetryPolicy { budget: Millis(60_000.0), ..quick() };
    assert_eq!(download.fetch(&url, &policy).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&*path).unwrap(), whole());
    // On a busy machine the server may be slow too, and is asked again.
    let asked: Vec<Option<u64>> = asked.try_iter().collect();
    let (first, rest) = asked.split_first().unwrap();
    assert!(first.is_none() && rest.iter().all(|from| from.is_none_or(|from| from == 60_000)), "{asked:?}");
    assert_eq!(asked.last(), Some(&Some(60_000)));
}
