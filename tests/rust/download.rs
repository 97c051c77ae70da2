//! The example of a download, against a server on this machine that cuts the body.

#[path = "../examples/download.rs"]
mod example;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

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

/// A fresh path.
fn path(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("callweave-download-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("call.wav")
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
                let line = line.unwrap().to_ascii_lowercase();
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
    let path = path("cut");
    assert_eq!(Download::to(&path).fetch(&url, &quick()).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&path).unwrap(), whole());
    let asked: Vec<Option<u64>> = asked.try_iter().collect();
    assert_eq!(asked, [None, Some(60_000), Some(120_000), Some(180_000), Some(240_000)]);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn another_file_of_the_same_address_begins_anew() {
    let (url, asked) = served(|n, from, _, connection| match n {
        0 => send_file(connection, "old", None, 60_000),
        1 => send_file(connection, "new", from, usize::MAX),
        _ => send_file(connection, "new", None, usize::MAX),
    });
    let path = path("another");
    assert_eq!(Download::to(&path).fetch(&url, &quick()).unwrap(), NextTry::Done);
    assert_eq!(std::fs::read(&path).unwrap(), whole());
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
        let path = path("told");
        let short = RetryPolicy { budget: Millis(20.0), ..quick() };
        match (Download::to(&path).fetch(&url, &short).unwrap(), reason) {
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
    let nowhere = path("nowhere").with_file_name("none").join("call.wav");
    assert!(Download::to(&nowhere).fetch(&url, &quick()).is_err());
    assert_eq!(asked.try_iter().count(), 1);
}
